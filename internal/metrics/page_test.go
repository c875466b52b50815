package metrics_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"paxos/paxos"
)

const (
	page  = "../../docs/metrics.md"
	begin = "<!-- the table begins: go test ./internal/metrics -run Page -rewrite -->\n"
	end   = "<!-- the table ends -->\n"
)

var rewrite = flag.Bool("rewrite", false, "write the table of docs/metrics.md anew")

// shownBy gives every metric, and which roles show it.
func shownBy(t *testing.T) (list map[string]*family, shown map[string][]paxos.RoleName) {
	t.Helper()
	w := newTown(t)
	w.initialise(t) // what is by route or by learner is there once there was one
	if code, b := w.client.get("/kv/first"); code != http.StatusOK {
		t.Fatalf("a read: %d %s", code, b)
	}
	list, shown = map[string]*family{}, map[string][]paxos.RoleName{}
	for _, n := range w.all() {
		for name, f := range n.scrape(t) {
			if other := list[name]; other != nil && (other.kind != f.kind || other.help != f.help) {
				t.Errorf("%s is not the same at the %s as elsewhere", name, n.role)
			}
			shown[name] = append(shown[name], n.role)
			if list[name] == nil {
				list[name] = f
			}
			for l := range f.labels {
				list[name].labels[l] = true
			}
		}
	}
	return list, shown
}

// table is the part of the page that is made of what nodes show.
func table(list map[string]*family, shown map[string][]paxos.RoleName) string {
	var names []string
	for name := range list {
		names = append(names, name)
	}
	// What all have comes first, then role by role.
	slices.SortFunc(names, func(a, b string) int {
		if d := place(shown[a]) - place(shown[b]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	b.WriteString("| metric | type | role | what it answers |\n| --- | --- | --- | --- |\n")
	for _, name := range names {
		f := list[name]
		var extra []string
		for l := range f.labels {
			if !slices.Contains([]string{"node", "role", "le"}, l) {
				extra = append(extra, l)
			}
		}
		slices.Sort(extra)
		called := "`" + name + "`"
		if len(extra) > 0 {
			called += " by " + strings.Join(extra, ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", called, f.kind, who(shown[name]), strings.ReplaceAll(f.help, "|", `\|`))
	}
	return b.String()
}

func who(roles []paxos.RoleName) string {
	if len(roles) == 4 {
		return "every node"
	}
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	return strings.Join(words, ", ")
}

func place(roles []paxos.RoleName) int {
	if len(roles) == 4 {
		return 0
	}
	return 1 + slices.Index([]paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole}, roles[0])
}

// TestThePageListsEveryMetricAndNoOther compares docs/metrics.md with what nodes
// of each role show, word for word: names, labels, types, roles and help.
func TestThePageListsEveryMetricAndNoOther(t *testing.T) {
	want := table(shownBy(t))
	text, err := os.ReadFile(page)
	must(t, err)
	head, rest, ok := strings.Cut(string(text), begin)
	got, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no table between its two marks", page)
	}
	if *rewrite {
		must(t, os.WriteFile(page, []byte(head+begin+want+end+tail), 0o644))
		return
	}
	have := map[string]bool{}
	for line := range strings.Lines(got) {
		have[line] = true
	}
	for line := range strings.Lines(want) {
		if !have[line] {
			t.Errorf("%s lacks: %s", page, line)
		}
		delete(have, line)
	}
	for line := range have {
		t.Errorf("no node shows this: %s", line)
	}
	if t.Failed() {
		t.Log("go test ./internal/metrics -run Page -rewrite writes it anew")
	} else if got != want {
		t.Error("the rows are in another order")
	}
}
