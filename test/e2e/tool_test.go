package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// theTool: the verbs of paxosctl --kube, from outside of the cluster, and the
// same program as a plugin of kubectl.
func theTool(w *world) {
	must := func(want string, args ...string) process {
		w.t.Helper()
		p := w.paxosctl(args...)
		w.t.Logf("%v: %v", args, p.took.Round(time.Millisecond))
		if p.exit != 0 || !strings.Contains(p.stdout, want) {
			w.t.Errorf("it must succeed and say %q: %v", want, p)
		}
		return p
	}
	must("before", "init")
	must("applied", "send", "from the tool")
	must("from the tool", "read", "--all")
	must("", "put", "e2e/colour", "green")
	must("green", "get", "e2e/colour", "-o", "value")
	must("e2e/colour", "get", "e2e/", "--prefix", "-o", "table")
	must("", "incr", "e2e/count")
	must("held\n", "lock", "e2e", "--", "echo", "held")
	must(string(w.leader().Node), "leader")
	must("acceptor3", "members")
	must("applied", "logs", "--kind", "applied")
	for _, verb := range []string{"status", "explain"} {
		if p := must("acceptor1", verb); !strings.Contains(p.stdout, "learner2") && verb == "status" {
			w.t.Errorf("not all nodes are there: %v", p)
		}
	}
	var any json.RawMessage
	for _, verb := range []string{"status", "explain", "leader", "members"} {
		if p := must("{", verb, "-o", "json"); json.Unmarshal([]byte(p.stdout), &any) != nil {
			w.t.Errorf("it is no JSON: %v", p)
		}
	}
	w.watches()
	w.plugin()
}

// watches: a watch from the beginning shows what was put, until it is ended.
func (w *world) watches() {
	w.t.Helper()
	ctx, cancel := w.ctx()
	defer cancel()
	watch := exec.CommandContext(ctx, tool(w.t), "watch", "--kube", "--context", kubectx, "--key", "e2e/colour", "--from", "2", "-o", "value")
	out, err := watch.StdoutPipe()
	w.must(err)
	w.must(watch.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	cancel()
	_ = watch.Wait() // it was ended
	if err != nil || strings.TrimSpace(line) != "green" {
		w.t.Errorf("the watch must show the change, not %q (%v)", line, err)
	}
}

// plugin: found by kubectl by its name.
func (w *world) plugin() {
	w.t.Helper()
	dir := w.t.TempDir()
	w.must(os.Symlink(tool(w.t), filepath.Join(dir, "kubectl-paxos")))
	w.t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if p := w.run(kubectlLimit, "", "kubectl", "paxos", "--context", kubectx, "get", "e2e/colour", "-o", "value"); p.exit != 0 || strings.TrimSpace(p.stdout) != "green" {
		w.t.Errorf("kubectl paxos get: %v", p)
	}
}
