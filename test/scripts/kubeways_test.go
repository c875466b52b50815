package scripts

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestKubernetesByProxy: no NodePorts; every node is reached through the API
// server, whose own answers are not taken for a node's.
func TestKubernetesByProxy(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	s := script{name: "paxos-client.sh", env: k.env()}
	s.run(t, "--kube", "send", "on kubernetes").want(t, 0, "Applied at slot", "Kubernetes: context kind-paxos, namespace paxos, by the API server (kubectl proxy)\n")
	s.run(t, "--kube", "read").want(t, 0, `"on kubernetes"`)
	s.run(t, "--kube", "system").want(t, 0, "10 of 10 nodes answer")
	s.run(t, "--context", "kind-paxos", "get", "none").want(t, 3)
	k.ended(t)
	k.zero["acceptor1"], k.zero["client1"] = true, true
	s.run(t, "--kube", "system").want(t, 1, "8 of 10 nodes answer", "scaled to zero", "leads at")
	s.run(t, "--kube", "send", "x").want(t, 5, `Not applied: the API server says: no endpoints available for service "client1:http"`)
	s.run(t, "--kube", "--client", "client2", "send", "x").want(t, 0, "Applied")
	k.zero["client1"] = false
	// The request was sent: whatever is said then, it may have arrived.
	k.cut = "error trying to reach service: EOF"
	s.run(t, "--kube", "--key", "cut1", "send", "cut").want(t, 6, "UNKNOWN", "EOF")
	k.cut = "error trying to reach service: dial tcp 10.0.0.1:6000: connect: connection refused"
	s.run(t, "--kube", "--key", "cut2", "send", "cut").want(t, 5, "Not applied", "connection refused")
	// Of a request that is sent again by itself, it is the second copy that
	// had no connection.
	s.run(t, "--kube", "--key", "cut3", "put", "cut", "v").want(t, 5, "Not applied", "connection refused")
	s.run(t, "--kube", "--key", "cut4", "delete", "cut").want(t, 6, "UNKNOWN", "connection refused")
	k.cut = ""
	k.zero["client1"] = true
	s.run(t, "--kube", "delete", "cut").want(t, 5, "Not applied", "no endpoints")
	k.zero["client1"] = false
	s.run(t, "outcome", "cut4").want(t, 0, "applied at slot")
	s.run(t, "outcome", "cut1").want(t, 0, "applied at slot")
	// The API server would make another key of it.
	for _, key := range []string{"a//b", "a/../b", "./a", "a/", "/a"} {
		s.run(t, "--kube", "put", key, "v").want(t, 2, "--via forward")
		s.run(t, "--kube", "delete", key).want(t, 2, "--via forward")
	}
	s.run(t, "--kube", "put", "kube/a?b%2Fc", "v").want(t, 0)
	s.run(t, "--kube", "get", "kube/a?b%2Fc").want(t, 0, `"v"`)
	s.run(t, "--via", "forward", "put", "kube//b", "v").want(t, 0, "by kubectl port-forward")
	k.ended(t)
}

// TestKubernetesByNodePort: a NodePort is used if the right node of the right
// cluster answers there.
func TestKubernetesByNodePort(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	k := onKubernetes(t, c)
	s := script{name: "paxos-client.sh", env: k.env()}
	k.expose(nil)
	s.run(t, "--kube", "clients").want(t, 0, "by NodePort\n", addressOf(t, k, "client1"))
	k.ended(t)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"node":"client1","role":"client","cluster":"00000000000000000000000000000000","status":"ok","start":"X","started":"2026-01-01T00:00:00Z"}`)
	}))
	t.Cleanup(foreign.Close)
	k.expose(map[string]string{"client1": foreign.Listener.Addr().String()})
	got := s.run(t, "--kube", "clients")
	got.want(t, 0, "by NodePort+the API server", "/services/client1:http/proxy", addressOf(t, k, "client2"))
	k.expose(map[string]string{"client1": addressOf(t, k, "client2")})
	s.run(t, "--kube", "clients").want(t, 0, "/services/client1:http/proxy")
	// One that is scaled to zero keeps the port at which it will be back.
	k.expose(map[string]string{"client1": "127.0.0.1:1"})
	k.zero["client1"] = true
	s.run(t, "--kube", "clients").want(t, 0, "by NodePort\n", "127.0.0.1:1 unreachable")
	k.zero["client1"] = false
	// The API server reaches it, and its port is dead: not by that port.
	s.run(t, "--kube", "clients").want(t, 0, "/services/client1:http/proxy")
	all := map[string]string{}
	for _, n := range c.Nodes() {
		all[string(n.ID)] = "127.0.0.1:1"
	}
	k.expose(all)
	s.run(t, "--kube", "clients").want(t, 0, "by the API server (kubectl proxy)\n")
	if !k.called(t, "get nodes") {
		t.Error("the nodes' own addresses were not tried")
	}
	s.run(t, "--via", "nodeport", "clients").want(t, 1, "no node of the context kind-paxos answers at its NodePort")
	k.ended(t)
}

func addressOf(t *testing.T, k *kubernetes, name string) string {
	t.Helper()
	for _, n := range k.nodes.Nodes() {
		if string(n.ID) == name {
			return n.Address
		}
	}
	t.Fatalf("no %s", name)
	return ""
}

// TestKubernetesByForward: whoever may not use the proxy gets ports of his own.
func TestKubernetesByForward(t *testing.T) {
	t.Parallel()
	k := onKubernetes(t, cluster(t))
	k.noProxy = true
	s := script{name: "paxos-client.sh", env: k.env()}
	s.run(t, "--kube", "send", "forwarded").want(t, 0, "by kubectl port-forward\n", "Applied at slot")
	k.ended(t)
	k.zero["client2"] = true
	s.run(t, "--kube", "clients").want(t, 0, "127.0.0.1:0 unreachable")
	s.run(t, "--via", "proxy", "system").want(t, 1, "0 of 10 nodes answer", "is forbidden")
	k.ended(t)
	s.name = "fault-test.sh"
	s.run(t).want(t, 5, "a forwarded port ends with its pod")
	s.run(t, "--via", "forward").want(t, 2, "a forwarded port ends with its pod")
}

// TestKubernetesWalled: a network policy keeps the API server from nodes whose
// pods are ready, so they are forwarded to; and only they.
func TestKubernetesWalled(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	refused := "error trying to reach service: dial tcp 10.0.0.1:3000: connect: connection refused"
	for _, n := range c.Nodes() {
		if name := string(n.ID); role(name) != "client" {
			k.walled[name] = refused
		}
	}
	k.walled["learner2"] = "" // dropped without a word
	s := script{name: "paxos-client.sh", env: k.env("PAXOS_MAX_WAIT=2")}
	s.run(t, "--kube", "system").want(t, 0, "10 of 10 nodes answer", "by the API server (kubectl proxy)+kubectl port-forward\n")
	if k.called(t, "port-forward .*service/client") {
		t.Error("a node was forwarded to that the API server reaches")
	}
	k.ended(t)
	// Whoever insists on the proxy is told what it says.
	s.run(t, "--via", "proxy", "system").want(t, 1, "2 of 10 nodes answer", "the API server says: "+refused)
	// A pod that is not ready is not what a policy hides.
	k.unready["acceptor3"] = true
	s.run(t, "--kube", "system").want(t, 1, "9 of 10 nodes answer")
	if n := k.forwards(t, "acceptor3"); n != 1 {
		t.Errorf("forwarded to acceptor3 %d times; the first time its pod was ready", n)
	}
	k.ended(t)
	script{name: "fault-test.sh", env: k.env("PAXOS_MAX_WAIT=2")}.run(t).want(t, 5, "a forwarded port ends with its pod")
	// What has a NodePort that answers needs no port of ours.
	k.unready["acceptor3"] = false
	k.expose(nil)
	s.run(t, "--kube", "system").want(t, 0, "10 of 10 nodes answer", "by NodePort\n")
	k.ended(t)
}

// forwards counts how often a node was forwarded to.
func (k *kubernetes) forwards(t *testing.T, name string) (n int) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, call := range k.calls {
		if strings.Contains(call, "port-forward") && strings.Contains(call, "service/"+name+" ") {
			n++
		}
	}
	return n
}

// TestKubernetesOrAddresses: who goes first.
func TestKubernetesOrAddresses(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	k := onKubernetes(t, c)
	k.expose(nil)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "addresses"), []byte("client1=127.0.0.1:9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kube, other := "Kubernetes: context kind-paxos", "127.0.0.1:9 "
	for _, c := range []struct {
		env  []string
		args []string
		code int
		want string
	}{
		{nil, nil, 0, kube},
		{[]string{"PAXOS_DATA=" + dir}, nil, 0, other},
		{[]string{"PAXOS_DATA=" + dir, "PAXOS_CONTEXT=kind-paxos"}, nil, 0, kube},
		{[]string{"PAXOS_ENDPOINTS=127.0.0.1:9", "PAXOS_CONTEXT=kind-paxos"}, nil, 0, other},
		{[]string{"PAXOS_CLIENT_ADDRESSES=127.0.0.1:9", "PAXOS_CONTEXT=kind-paxos"}, nil, 0, other},
		{[]string{"PAXOS_CLIENT_ADDRESSES=127.0.0.1:9"}, []string{"--kube"}, 0, kube},
		{[]string{"PAXOS_CONTEXT=nowhere"}, nil, 2, "nowhere"},
		{nil, []string{"--context=\x1b[31m"}, 2, `\u001b[31m`},
		{nil, []string{"--context", "-x"}, 2, "--context"},
		{nil, []string{"--via", "exec"}, 2, "nodeport, proxy or forward"},
	} {
		for _, name := range []string{"paxos-client.sh", "monitor.sh"} {
			args, code := append(c.args, "clients"), c.code
			if name == "monitor.sh" {
				args = append(c.args, "--no-follow", "--clients")
				if c.want == other {
					code = 1
				}
			}
			got := script{name: name, env: k.env(c.env...)}.run(t, args...)
			got.want(t, code, strings.TrimSpace(c.want))
			if strings.Contains(got.err, kube) != (c.want == kube) {
				t.Errorf("%s %q %q: %s", name, c.env, c.args, got.err)
			}
		}
	}
	for _, args := range k.calls {
		if strings.Contains(args, " exec ") {
			t.Errorf("kubectl %s", args)
		}
	}
	k.ended(t)
}

// TestMonitorOnKubernetes: the events, and the pods' own logs among them.
func TestMonitorOnKubernetes(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	s := script{name: "monitor.sh", env: k.env()}
	s.run(t, "--kube", "--no-follow").want(t, 0, "by the API server", " applied ")
	got := s.run(t, "--kubectl-logs", "--no-follow", "--acceptors")
	got.want(t, 0)
	for i := 1; i <= 3; i++ {
		want := fmt.Sprintf("03:04:05.600000 acceptor%d  log          acceptor%d-abc-0 | level=info msg=\"\\u001b[31mlog of acceptor%d-abc-0\"\n", i, i, i)
		if strings.Count(got.out, want) != 1 {
			t.Errorf("%q is not in\n%s", want, got.out)
		}
	}
	if strings.Contains(got.out, "learner1-abc") {
		t.Error("the log of a role that was not asked for")
	}
	k.zero["acceptor2"] = true
	s.run(t, "--kube", "--no-follow", "--acceptors").want(t, 0, "acceptor2 is unreachable", "scaled to zero")
	k.ended(t)
}

// TestPodLogsGoOn: a pod that takes the place of another is followed, too.
func TestPodLogsGoOn(t *testing.T) {
	t.Parallel()
	k := onKubernetes(t, cluster(t))
	cmd := script{name: "monitor.sh", env: k.env()}.command(t, "--kubectl-logs", "--acceptors", "--interval", "0.2", "--last", "0")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 3 && fields[2] == "log" {
			seen[fields[3]]++
		}
		k.mu.Lock()
		k.run["acceptor1"] = 1 // from the first line on
		k.mu.Unlock()
		if seen["acceptor1-abc-1"] > 0 {
			break
		}
	}
	if seen["acceptor1-abc-1"] != 1 || seen["acceptor2-abc-0"] > 1 {
		t.Errorf("lines of pods: %v", seen)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, pipe)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 143 {
		t.Errorf("%v", err)
	}
	k.ended(t)
}
