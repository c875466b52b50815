package metrics_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"paxos/paxos"
)

const monitoring = "../../k8s/components/monitoring"

// asked is one expression that somebody shows or alerts on.
type asked struct{ where, expression string }

type alert struct {
	Alert, Expr string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (list []alert) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(monitoring, "rules.yaml"))
	must(t, err)
	var rules struct {
		Groups []struct {
			Name  string
			Rules []alert
		}
	}
	must(t, yaml.UnmarshalWithOptions(b, &rules, yaml.Strict()))
	for _, g := range rules.Groups {
		list = append(list, g.Rules...)
	}
	return list
}

type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct{ Expr, LegendFormat string }
	Panels      []panel
}

func panels(t *testing.T) []panel {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(monitoring, "dashboard.json"))
	must(t, err)
	var board struct{ Panels []panel }
	must(t, json.Unmarshal(b, &board))
	return board.Panels
}

func expressions(t *testing.T) (list []asked) {
	t.Helper()
	for _, a := range alerts(t) {
		list = append(list, asked{"rules.yaml, " + a.Alert, a.Expr})
	}
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			list = append(list, asked{"dashboard.json, " + p.Title, target.Expr})
		}
	}
	if len(list) < 60 {
		t.Fatalf("only %d expressions were found", len(list))
	}
	return list
}

var (
	// selector is a metric and the labels it is chosen by.
	selector = regexp.MustCompile(`\b([a-z_][a-z0-9_]*)\{([^}]*)\}`)
	metric   = regexp.MustCompile(`\bpaxos_[a-z0-9_]+`)
	matcher  = regexp.MustCompile(`^\s*([a-z_]+)\s*(?:=~|!~|!=|=)\s*"[^"]*"\s*$`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	legend   = regexp.MustCompile(`\{\{\s*([a-z_]+)\s*\}\}`)
)

// Labels that the scrape adds, that a Prometheus of several clusters adds, that the
// kubelet gives to volumes, or that all have.
var everywhere = []string{"node", "role", "le", "job", "namespace", "pod", "cluster", "persistentvolumeclaim"}

// TestEveryMetricThatIsAskedForExists: in the dashboard and the alert rules.
func TestEveryMetricThatIsAskedForExists(t *testing.T) {
	list, _ := shownBy(t)
	used := map[string]bool{}
	for _, a := range expressions(t) {
		labels := map[string]bool{}
		for _, name := range metric.FindAllString(a.expression, -1) {
			f := find(list, name)
			if f == nil {
				t.Errorf("%s: no node shows %s", a.where, name)
				continue
			}
			used[f.name] = true
			if strings.Contains(a.expression, "rate("+name) && f.kind == "gauge" || f.kind == "counter" && !strings.Contains(a.expression, "("+name) {
				t.Errorf("%s: %s is a %s and not used like one", a.where, name, f.kind)
			}
			for l := range f.labels {
				labels[l] = true
			}
		}
		for _, l := range everywhere {
			labels[l] = true
		}
		for _, l := range labelsIn(t, a) {
			if !labels[l] {
				t.Errorf("%s: nothing in %s has a label %q", a.where, a.expression, l)
			}
		}
	}
	for _, name := range []string{"paxos_leading", "paxos_failures_tolerated", "paxos_voting", "paxos_lag_slots", "paxos_journal_sync_seconds", "paxos_disk_full",
		"paxos_gossip_members", "paxos_http_request_seconds", "paxos_quorum_reads_total", "paxos_snapshot_slot", "paxos_messages_lost_total"} {
		if !used[name] {
			t.Errorf("nobody looks at %s", name)
		}
	}
}

// TestGoTellsOfMemory: the rules compare what Go and the process show.
func TestGoTellsOfMemory(t *testing.T) {
	_, text := start(t, paxos.ClientRole, "127.0.0.1:0").get("/metrics")
	for _, name := range []string{"process_resident_memory_bytes", "go_gc_gomemlimit_bytes"} {
		asks := slices.ContainsFunc(alerts(t), func(a alert) bool { return strings.Contains(a.Expr, name) })
		if !asks || !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("%s: no rule asks for it, or no node shows it", name)
		}
	}
}

// find gives the family of a name, which may be one of a histogram's samples.
func find(list map[string]*family, name string) *family {
	for _, suffix := range suffixes {
		if f := list[strings.TrimSuffix(name, suffix)]; f != nil && f.kind == "histogram" && f.name != name {
			return f
		}
	}
	if f := list[name]; f != nil && f.kind != "histogram" {
		return f
	}
	return nil
}

func labelsIn(t *testing.T, a asked) (names []string) {
	t.Helper()
	for _, m := range selector.FindAllStringSubmatch(a.expression, -1) {
		for part := range strings.SplitSeq(m[2], ",") {
			l := matcher.FindStringSubmatch(part)
			if l == nil {
				t.Errorf("%s: %q chooses nothing", a.where, part)
				continue
			}
			names = append(names, l[1])
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(a.expression, -1) {
		for part := range strings.SplitSeq(m[1], ",") {
			if part = strings.TrimSpace(part); part != "" {
				names = append(names, part)
			}
		}
	}
	return names
}

// TestExpressionsAreWellFormed: brackets and quotes close, and histograms are
// asked for their buckets. A parser of PromQL has the last word.
func TestExpressionsAreWellFormed(t *testing.T) {
	for _, a := range expressions(t) {
		var open []rune
		quoted := false
		for _, r := range a.expression {
			switch {
			case r == '"':
				quoted = !quoted
			case quoted:
			case strings.ContainsRune("([{", r):
				open = append(open, r)
			case strings.ContainsRune(")]}", r):
				if len(open) == 0 || strings.IndexRune("([{", open[len(open)-1]) != strings.IndexRune(")]}", r) {
					t.Fatalf("%s: brackets of %s", a.where, a.expression)
				}
				open = open[:len(open)-1]
			}
		}
		if quoted || len(open) > 0 {
			t.Errorf("%s: something stays open in %s", a.where, a.expression)
		}
		if strings.Contains(a.expression, "histogram_quantile") && (!strings.Contains(a.expression, "_bucket") || !strings.Contains(a.expression, "le)")) {
			t.Errorf("%s: a quantile of what is no bucket: %s", a.where, a.expression)
		}
	}
}

// TestEachAlertSaysWhatToDo: its runbook is a heading of its name, below the one
// for all, and there is no such heading without an alert.
func TestEachAlertSaysWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range alerts(t) {
		if seen[a.Alert] {
			t.Errorf("%s is there twice", a.Alert)
		}
		seen[a.Alert] = true
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%s has severity %q", a.Alert, a.Labels["severity"])
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s lacks a summary or a description", a.Alert)
		}
		if want := "docs/metrics.md#" + strings.ToLower(a.Alert); a.Annotations["runbook"] != want {
			t.Errorf("%s: its runbook is %q, not %q", a.Alert, a.Annotations["runbook"], want)
		}
	}
	text, err := os.ReadFile(page)
	must(t, err)
	_, headings, _ := strings.Cut(string(text), "\n## What to do when an alert fires\n")
	said := map[string]bool{}
	for line := range strings.Lines(headings) {
		if title, heading := strings.CutPrefix(line, "### "); heading {
			said[strings.TrimSpace(title)] = true
		}
	}
	for name := range said {
		if !seen[name] {
			t.Errorf("%s has the heading %s, and there is no such alert", page, name)
		}
	}
	for name := range seen {
		if !said[name] {
			t.Errorf("%s does not say what to do about %s", page, name)
		}
	}
	for _, name := range []string{"PaxosNoLeader", "PaxosNoFailureTolerated", "PaxosAcceptorNotVoting", "PaxosLearnerLags", "PaxosSyncSlow", "PaxosDiskFull",
		"PaxosDiskNearlyFull", "PaxosElectionsOften", "PaxosNoSession", "PaxosAcceptorsMissing", "PaxosMemoryNearlyFull", "PaxosMessagesLost", "PaxosNodeSilent", "PaxosSnapshotOld", "PaxosLearnersGone"} {
		if !seen[name] {
			t.Errorf("there is no alert %s", name)
		}
	}
}

// TestTheDashboardIsInOrder: panels lie beside each other, and say what they show.
func TestTheDashboardIsInOrder(t *testing.T) {
	ids, taken, rows := map[int]bool{}, map[string]string{}, 0
	for _, p := range panels(t) {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s: id %d is there twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		if len(p.Panels) > 0 {
			t.Errorf("%s hides panels that this test does not see", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				cell := fmt.Sprintf("%d,%d", x, y)
				if other, there := taken[cell]; there || x >= 24 {
					t.Fatalf("%s lies on %q", p.Title, other)
				}
				taken[cell] = p.Title
			}
		}
		if p.Type == "row" {
			rows++
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d (%s) does not say what it shows", p.ID, p.Title)
		}
		for _, target := range p.Targets {
			for _, l := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				if strings.Contains(target.Expr, "sum") && !slices.ContainsFunc(labelsIn(t, asked{p.Title, target.Expr}), func(n string) bool { return n == l[1] }) {
					t.Errorf("%s: the label %s is lost in %s", p.Title, l[1], target.Expr)
				}
			}
		}
	}
	if rows < 7 {
		t.Errorf("only %d rows", rows)
	}
}

// TestTheScrapeFindsEveryNode by the names that pods have here.
func TestTheScrapeFindsEveryNode(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(monitoring, "scrape.yaml"))
	must(t, err)
	var scrape struct {
		Configs []struct {
			HonorLabels bool   `yaml:"honor_labels"`
			Path        string `yaml:"metrics_path"`
			Kubernetes  []struct {
				Role       string
				Namespaces struct{ Names []string }
			} `yaml:"kubernetes_sd_configs"`
			Relabel []struct {
				From   []string `yaml:"source_labels"`
				To     string   `yaml:"target_label"`
				Action string
				Regex  string
			} `yaml:"relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	must(t, yaml.Unmarshal(b, &scrape))
	if len(scrape.Configs) != 1 || !scrape.Configs[0].HonorLabels || scrape.Configs[0].Path != "/metrics" || len(scrape.Configs[0].Kubernetes) != 1 {
		t.Fatalf("%+v", scrape)
	}
	c := scrape.Configs[0]
	if k := c.Kubernetes[0]; k.Role != "pod" || !slices.Equal(k.Namespaces.Names, []string{"paxos"}) {
		t.Errorf("it looks at %+v", k)
	}
	got := map[string]string{}
	for _, r := range c.Relabel {
		got[strings.Join(r.From, ",")] = r.Action + r.Regex + r.To
	}
	for from, want := range map[string]string{"__meta_kubernetes_pod_container_port_name": "keephttp", "__meta_kubernetes_pod_label_app": "node", "__meta_kubernetes_pod_label_role": "role",
		"__meta_kubernetes_namespace": "namespace", "__meta_kubernetes_pod_name": "pod", "__meta_kubernetes_pod_label_app_kubernetes_io_name": "keeppaxos"} {
		if got[from] != want {
			t.Errorf("%s becomes %q, not %q", from, got[from], want)
		}
	}
}
