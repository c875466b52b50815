package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"paxos/test/markdown"
)

// manuals are the pages that are played, with the number of lines that they have
// at least. Of the last two, most is about a local cluster, and is played by
// test/docs.
var manuals = []struct {
	page  string
	least int
	about func(line string) bool
}{
	{"docs/kubernetes.md", 40, always}, {"docs/troubleshooting.md", 20, always}, {"README.md", 6, aboutKubernetes}, {"docs/cli.md", 1, aboutKubernetes},
}

func always(string) bool { return true }

var kubernetesPattern = regexp.MustCompile(`^kubectl |k8s|--kube|kind-paxos|^scripts/(run|fault-test)\.sh`)

func aboutKubernetes(line string) bool { return kubernetesPattern.MatchString(line) }

// handbook plays the pages that are about Kubernetes: every line of their sh
// blocks, as it stands but for what change does, in order, from nothing deployed
// on. It must end with exit code 0; everything else is said in plan.
func handbook(w *world) {
	w.nothing()
	used, seen := map[int]bool{}, map[string]int{}
	for _, m := range manuals {
		page := m.page
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(page)))
		w.must(err)
		n := 0
		for _, b := range markdown.Blocks(strings.Split(string(text), "\n")) {
			for i, line := range b.Commands {
				if !m.about(line) {
					continue
				}
				seen[page+line]++
				e, index := expected(page, line, seen[page+line])
				w.line(fmt.Sprintf("%s:%d", page, b.Line+i), line, e)
				used[index] = true
				n++
			}
		}
		if n < m.least {
			w.t.Errorf("%s: only %d command lines found: the test looks for the wrong thing", page, n)
		}
		// Whatever a page breaks, it puts back.
		w.within(podLimit, "all is whole after "+page, w.healthy)
	}
	for i, e := range plan {
		if !used[i] {
			w.t.Errorf("the plan expects something of %q, which %s does not show", e.line, e.page)
		}
	}
}

// expected gives what is expected of the nth occurrence of a line, and which
// expectation says so, -1 for the rule.
func expected(page, line string, nth int) (expectation, int) {
	for i, e := range plan {
		if e.page == page && e.line == line && (e.nth == 0 || e.nth == nth) {
			return e, i
		}
	}
	return expectation{}, -1
}

// line runs one line.
func (w *world) line(where, line string, e expectation) {
	w.t.Helper()
	if e.elsewhere != "" {
		w.t.Logf("%s: not run here: the drill %q does: %s", where, e.elsewhere, line)
		return
	}
	began := time.Now()
	p, wrong := w.play(line, e)
	for ; wrong != "" && e.soon && time.Since(began) < 15*time.Second; time.Sleep(200 * time.Millisecond) {
		p, wrong = w.play(line, e)
	}
	w.t.Logf("%s: %v: %s", where, time.Since(began).Round(10*time.Millisecond), line)
	if wrong != "" {
		w.t.Errorf("%s: %s: %v", where, wrong, p)
	}
}

// play runs a line once, and says how it is not as expected.
func (w *world) play(line string, e expectation) (p process, wrong string) {
	w.t.Helper()
	p = w.run(5*time.Minute, "", "bash", "-c", change(w, line))
	if p.exit != e.exit {
		return p, fmt.Sprintf("exit code %d is expected", e.exit)
	}
	for _, text := range e.contains {
		if !strings.Contains(p.all(), text) {
			return p, fmt.Sprintf("it must say %q", text)
		}
	}
	return p, ""
}

// change turns a line into the one that is run: on this test's cluster instead
// of the users', and with the program that "go run" would build each time.
func change(w *world, line string) string {
	line = strings.ReplaceAll(line, "kind-paxos", kubectx)
	line = strings.ReplaceAll(line, "go run ./cmd/paxosctl", tool(w.t))
	if rest, ok := strings.CutPrefix(line, "paxosctl "); ok {
		line = tool(w.t) + " " + rest
	}
	for script, option := range map[string]string{"scripts/deploy-paxos-k8s.sh": " --cluster " + name, "scripts/run.sh": " --context " + kubectx,
		"scripts/paxos-client.sh": " --context " + kubectx, "scripts/monitor.sh": " --context " + kubectx,
		"scripts/fault-test.sh": " --context " + kubectx, "scripts/cleanup-paxos-k8s.sh": " --yes --context " + kubectx} {
		if line == script || strings.HasPrefix(line, script+" ") {
			line = script + option + strings.TrimPrefix(line, script)
		}
	}
	return line
}

// expectation is what a command line does that is not the rule.
type expectation struct {
	page, line string
	nth        int // which occurrence of the line is meant, from 1; 0 for all
	exit       int
	contains   []string // of what it prints, on either stream
	soon       bool     // it may take some seconds until it is so
	elsewhere  string   // the drill that runs it, so that this one need not
}

var plan = []expectation{
	{page: "docs/kubernetes.md", line: "scripts/run.sh", contains: []string{" leads."}},
	{page: "docs/kubernetes.md", line: "scripts/paxos-client.sh --kube read", contains: []string{`"teste123"`}},
	{page: "docs/kubernetes.md", line: "curl -s 127.0.0.1:30601/kv/greeting", contains: []string{"olá"}},
	{page: "docs/kubernetes.md", line: "scripts/fault-test.sh", elsewhere: "verdict"},
	{page: "docs/kubernetes.md", line: `curl -s -X POST 127.0.0.1:30601/send -d '{"value":"with one acceptor"}'`, contains: []string{`"status":50`}},
	{page: "docs/kubernetes.md", line: "go run ./cmd/paxosctl explain --context kind-paxos", nth: 3, exit: 5, contains: []string{"writes: NO"}},
	{page: "docs/kubernetes.md", line: "go run ./cmd/paxosctl explain --context kind-paxos", nth: 4, contains: []string{"lost disk"}},
	{page: "docs/kubernetes.md", line: "kubectl --context kind-paxos -n paxos scale deployment acceptor1 --replicas=2", exit: 1, contains: []string{policy}},
	{page: "docs/kubernetes.md", line: "curl -s 127.0.0.1:30403/readyz", contains: []string{"urn:paxos:mute"}},
	{page: "docs/kubernetes.md", line: "go run ./cmd/paxosctl leader --context kind-paxos", soon: true, contains: []string{"proposer"}},
	{page: "docs/kubernetes.md", line: "kubectl --context kind-paxos create -k k8s/base/nodes/acceptor3", exit: 1,
		contains: []string{"persistentvolumeclaim/acceptor3 created", "already exists"}}, // the Service and the Deployment are there still
	{page: "docs/kubernetes.md", line: "kubectl --context kind-paxos drain -l kubernetes.io/os=linux --pod-selector=app.kubernetes.io/part-of=paxos --timeout=20s", exit: 1,
		contains: []string{"disruption budget"}}, // the last machine cannot be drained
	{page: "README.md", line: "scripts/fault-test.sh", elsewhere: "verdict"},
	{page: "README.md", line: "scripts/cleanup-paxos-k8s.sh", elsewhere: "cleanup"},
	{page: "docs/kubernetes.md", line: "go run ./cmd/paxosctl read --context kind-paxos", contains: []string{"teste123\n", "healed\n", "everything is back\n"}},
}
