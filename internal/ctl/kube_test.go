package ctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paxos/client"
)

// onKube puts a hamlet behind an API server, to which the context "here" leads;
// those of its nodes that do not answer are scaled to zero.
func (h *hamlet) onKube() map[string]string {
	return h.onKubeBut(func(string) string { return "" })
}

// The API server forbids a node, or breaks off.
const (
	forbidden  = "forbidden"
	brokenOff  = "broken off"
	closesDown = "closes down"
)

// onKubeBut is with an API server that does something else instead, where instead
// does not give "" for the Service or pod that is asked.
func (h *hamlet) onKubeBut(instead func(name string) string) map[string]string {
	h.t.Helper()
	addresses, entry := h.start(func(i int, address string) string {
		if i == 5 {
			return "10.244.0.99:4000" // acceptor3 has another address by now
		}
		return fmt.Sprintf("10.244.0.%d:%s", i, strings.Split(address, ":")[1])
	})
	at := map[string]string{} // of Services and pods
	var deployments, pods []any
	for i, id := range h.order {
		role, replicas := string(hamletRoles[string(id[:1])]), 1
		labels := map[string]any{"app": id, "role": role}
		if h.health[id] == nil {
			replicas = 0
		} else {
			at[string(id)+":http"] = addresses[id]
			at[fmt.Sprintf("%s-x:%s", id, strings.Split(addresses[id], ":")[1])] = addresses[id]
			pods = append(pods, map[string]any{"metadata": map[string]any{"name": id + "-x", "labels": labels},
				"status": map[string]any{"phase": "Running", "podIP": fmt.Sprintf("10.244.0.%d", i), "conditions": []any{map[string]any{"type": "Ready", "status": "True"}}}})
		}
		deployments = append(deployments, map[string]any{"metadata": map[string]any{"name": id},
			"spec": map[string]any{"replicas": replicas, "template": map[string]any{"metadata": map[string]any{"labels": labels}}}})
	}
	apiServer(h.t, func(path string) any {
		return map[string]any{"/api/v1/namespaces/paxos/pods": map[string]any{"items": pods}, "/apis/apps/v1/namespaces/paxos/deployments": map[string]any{"items": deployments}}[path]
	}, func(name, path string) string {
		if other := instead(name); other != "" {
			return other
		}
		if path == "gossip/nodes" && at[name] != "" {
			return entry
		}
		return at[name]
	})
	return at
}

// apiServer answers with objects, and passes on what is for a node.
func apiServer(t *testing.T, object func(path string) any, node func(name, path string) string) {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		if o := object(r.URL.Path); o != nil {
			_ = json.NewEncoder(w).Encode(o)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if len(parts) < 8 || parts[6] != "proxy" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","message":"not found"}`)
			return
		}
		address := node(parts[5], strings.Join(parts[7:], "/"))
		switch address {
		case "":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","message":"no endpoints available for service"}`)
			return
		case forbidden:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","message":"User \"ana\" cannot get services/proxy"}`)
			return
		case closesDown:
			_ = s.Listener.Close()
			panic(http.ErrAbortHandler)
		case brokenOff:
			panic(http.ErrAbortHandler)
		}
		w.Header().Del("Content-Type")
		r.URL = &url.URL{Path: "/" + strings.Join(parts[7:], "/"), RawQuery: r.URL.RawQuery}
		httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address}).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "config")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: here\nusers: [{name: ana, user: {token: secret}}]\n" +
		"clusters: [{name: c, cluster: {server: '" + s.URL + "', insecure-skip-tls-verify: true}}]\n" +
		"contexts: [{name: here, context: {cluster: c, user: ana}}, {name: there, context: {cluster: c, user: ana}}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
}

func TestExplainOnKubernetesNamesKubectl(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newHamlet(t)
	h.dies("acceptor1", "acceptor2", "client2")
	h.nobodyLeads(1)
	h.everyProposerSees("acceptor1", map[string]any{"heard": true, "silent_ms": "3240"})
	h.onKube()
	got := run(t.Context(), nil, "explain", "--kube")
	for _, want := range []string{"writes: NO: 1 of 3 acceptors answers and 2 are needed", "acceptor1  silent  -         silent for 3.2s ", " scaled to zero\n",
		"kubectl --context here -n paxos scale deployment acceptor1 acceptor2 --replicas=1  # acceptor1: scaled to zero; acceptor2: scaled to zero\n",
		"kubectl --context here -n paxos scale deployment client2 --replicas=1 "} {
		if !strings.Contains(got.out, want) {
			t.Errorf("want %q", want)
		}
	}
	if got.code != ExitUnavailable || !strings.HasSuffix(got.err, "\nkubectl --context here -n paxos scale deployment acceptor1 acceptor2 --replicas=1\n") {
		t.Errorf("%v", got)
	}
	if got := run(t.Context(), nil, "status", "--context", "there"); got.code != ExitUnavailable || !strings.Contains(got.out, "acceptor1  acceptor1:4000") || !strings.Contains(got.out, "acceptor3  acceptor3:4000") || !strings.Contains(got.out, "learner1   10.244.0.6:") || !strings.Contains(got.out, "silent  -          scaled to zero") {
		t.Errorf("%v", got)
	}
}

func TestALostDiskOnKubernetesIsExplained(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newHamlet(t)
	explainScenes["lost-disk"].happen(h)
	h.onKube()
	if got := run(t.Context(), nil, "explain", "--kube"); got.code != ExitOK || !strings.Contains(got.out, "lost its disk, and never votes by design") || !strings.Contains(got.out, "PersistentVolumeClaim acceptor1") {
		t.Errorf("%v", got)
	}
}

// TestNothingIsConcludedFromNodesThatWereNotAsked: their silence is the API
// server's, which lets this user list them and no more, or goes away.
func TestNothingIsConcludedFromNodesThatWereNotAsked(t *testing.T) {
	t.Chdir(t.TempDir())
	for about, x := range map[string]struct {
		instead func(name string) string
		code    int
		says    []string
	}{
		"a user who may only look":    {func(string) string { return forbidden }, ExitUsage, []string{`refuses: User "ana" cannot get services/proxy`, "\nit takes the verbs list of pods"}},
		"an API server that ended":    {func(string) string { return closesDown }, ExitUnavailable, []string{"cannot be asked: ", "connection refused\nnothing was changed; does Kubernetes run?"}},
		"one that answers no request": {func(string) string { return brokenOff }, ExitUnavailable, []string{"gave no answer: EOF\nno node was heard through it", "NetworkPolicies"}},
	} {
		for _, verb := range []string{"explain", "status"} {
			newHamlet(t).onKubeBut(x.instead)
			got := run(t.Context(), nil, verb, "--kube")
			if got.code != x.code || got.out != "" || !strings.Contains(got.err, x.says[0]) || !strings.Contains(got.err, x.says[1]) {
				t.Errorf("%s, %s: %v", about, verb, got)
			}
		}
	}
	// One that was not asked is too many to conclude from, and none to show.
	newHamlet(t).onKubeBut(func(name string) string {
		if strings.HasPrefix(name, "acceptor1-x") {
			return forbidden
		}
		return ""
	})
	if got := run(t.Context(), nil, "explain", "--kube"); got.code != ExitUsage || got.out != "" || !strings.Contains(got.err, "cannot get services/proxy") {
		t.Errorf("%v", got)
	}
	if got := run(t.Context(), nil, "status", "--kube"); got.code != ExitOK || !strings.Contains(got.out, "cannot get services/proxy") {
		t.Errorf("%v", got)
	}
	// Of a single node a broken connection is its own silence.
	newHamlet(t).onKubeBut(func(name string) string {
		if strings.HasPrefix(name, "acceptor1-x") {
			return brokenOff
		}
		return ""
	})
	if got := run(t.Context(), nil, "explain", "--kube"); got.code != ExitOK || !strings.Contains(got.out, "acceptor1  silent") {
		t.Errorf("%v", got)
	}
}

func TestCommandsOfAnExplanationSayWhere(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newHamlet(t)
	explainScenes["not-initialised"].happen(h)
	h.onKube()
	for line, want := range map[string]string{"paxosctl --kube": "paxosctl init --kube", "paxosctl --context there": "paxosctl init --context there", "kubectl-paxos --kube": "kubectl paxos init"} {
		name, flags, _ := strings.Cut(line, " ")
		got := runAs(t, name, append([]string{"explain"}, strings.Fields(flags)...)...)
		if !strings.Contains(got.out, "\n  "+want+"  # initialises the cluster, once and for ever\n") || !strings.HasSuffix(got.err, "\n"+want+"\n") {
			t.Errorf("%s: want %q: %v", line, want, got)
		}
	}
}

// TestWhoIsNotThereIsSaidInKubectlsWords: nobody answers, and how that is mended.
func TestWhoIsNotThereIsSaidInKubectlsWords(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newHamlet(t)
	h.dies("client1", "client2")
	h.onKube()
	for _, line := range []string{"send v --timeout 1s", "read --timeout 1s", "get k --timeout 1s", "watch k --timeout 500ms"} {
		got := run(t.Context(), nil, append(strings.Fields(line), "--kube")...)
		if got.code != ExitUnavailable || !strings.Contains(got.err, "no endpoints available") || !strings.Contains(got.err, ": scaled to zero)") ||
			!strings.HasSuffix(got.err, "\nnothing was changed; kubectl --context here -n paxos scale deployment client1 client2 --replicas=1\n") {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestVerbsGoThroughTheAPIServer(t *testing.T) {
	t.Chdir(t.TempDir())
	var asked string
	service := made(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.Path + " " + string(body)
		if r.URL.Path == "/send" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusGatewayTimeout)
			_ = json.NewEncoder(w).Encode(client.Problem{Type: "urn:paxos:unknown", Status: 504, Detail: "it is unknown"})
			return
		}
		_ = json.NewEncoder(w).Encode(client.Written{})
	})
	apiServer(t, func(path string) any {
		return map[string]any{"/api/v1/namespaces/mine/pods": map[string]any{}, "/apis/apps/v1/namespaces/mine/deployments": map[string]any{"items": []any{map[string]any{
			"metadata": map[string]any{"name": "client1", "labels": map[string]any{"role": "client"}}}}}}[path]
	}, func(string, string) string { return service })
	if got := run(t.Context(), nil, "put", "--kube", "-n", "mine", "a/b", "green"); got.code != ExitOK || asked != "PUT /kv/a/b green" {
		t.Errorf("%s: %v", asked, got)
	}
	if got := run(t.Context(), nil, "put", "--kube", "-n", "mine", "/a", "green"); got.code != ExitUsage || !strings.Contains(got.err, "does not pass") || !strings.Contains(got.err, "kubectl --context here -n mine port-forward") {
		t.Errorf("a key that does not pass: %v", got)
	}
	for name, want := range map[string]string{"paxosctl": "\npaxosctl outcome --context there -n mine k tells, paxosctl burn --context there -n mine k makes sure",
		"/opt/bin/kubectl-paxos": "\nkubectl paxos outcome --context there -n mine k tells, kubectl paxos burn"} {
		got := runAs(t, name, "send", "--key", "k", "--context", "there", "-n", "mine", "v")
		if got.code != ExitUnknown || !strings.Contains(got.err, want) {
			t.Errorf("%s: want %q: %v", name, want, got)
		}
	}
}

func runAs(t *testing.T, name string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(t.Context(), append([]string{name}, args...), Streams{Out: &out, Err: &errs})
	return result{code, out.String(), errs.String()}
}

func TestTheFlagsOfKubernetes(t *testing.T) {
	t.Chdir(t.TempDir())
	newHamlet(t).onKube()
	other := answers(t, http.StatusOK, client.Members{Members: []client.Member{{ID: "proposer99", Role: "proposer"}}})
	for _, x := range []struct {
		name, line, context string // the program's name, and $PAXOS_CONTEXT
		code                int
		says                string
	}{
		{"paxosctl", "members --kube --endpoints " + other, "", ExitUsage, "--kube and --endpoints do not go together"},
		{"paxosctl", "members --context here --data x", "", ExitUsage, "--context and --data do not go together"},
		{"paxosctl", "members --context here --kube=false", "", ExitUsage, "--context and --kube=false do not go together"},
		{"paxosctl", "members -n paxos", "", ExitUsage, "--namespace is of a cluster on Kubernetes: say --kube too"},
		{"paxosctl", "members --context nowhere", "", ExitUsage, `no context "nowhere"` + "\nthere are here, there"},
		{"paxosctl", "members --kube", "nowhere", ExitUsage, `no context "nowhere"`},
		{"paxosctl", "members --kube", "", ExitOK, "proposer1"},
		{"paxosctl", "members --context there", "nowhere", ExitOK, "proposer1"},
		{"paxosctl", "members --kube -n other", "", ExitNotFound, "deploy first: scripts/deploy-paxos-k8s.sh --context here"},
		{"paxosctl", "local status --kube", "", ExitUsage, "unknown flag: --kube"},
		{"paxosctl", "members", "here", ExitUnavailable, "paxosctl local up"}, // the environment alone says where, not that
		{"kubectl-paxos", "members", "", ExitOK, "proposer1"},
		{"kubectl-paxos.exe", "members --context there", "", ExitOK, "proposer1"},
		{"kubectl-paxos", "members --endpoints " + other, "", ExitOK, "proposer99"},
		{"kubectl-paxos", "members --kube=false", "", ExitUnavailable, "paxosctl local up"},
		{"kubectl-paxos", "send --help", "", ExitOK, "kubectl paxos send VALUE [flags]"},
		{"kubectl-paxos", "nonsense", "", ExitUsage, `"kubectl paxos"`},
	} {
		t.Setenv("PAXOS_CONTEXT", x.context)
		got := runAs(t, x.name, strings.Fields(x.line)...)
		if got.code != x.code || !strings.Contains(got.out+got.err, x.says) {
			t.Errorf("%s %s: want exit code %d and %q\n%v", x.name, x.line, x.code, x.says, got)
		}
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	if got := runAs(t, "kubectl-paxos", "status", "-o", "json"); got.code != ExitUsage || !strings.Contains(got.err, `"detail":"there is no kubeconfig with a context"`) {
		t.Errorf("%v", got)
	}
}

func TestTheLeaderIsFoundThroughServices(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newHamlet(t)
	h.dies("proposer1", "client1", "client2") // who would tell what gossip knows
	h.onKube()
	// Whatever is asked, each made-up node answers with its health.
	if got := run(t.Context(), nil, "leader", "--kube"); !strings.Contains(got.err, "no proposer leads: ") || !strings.Contains(got.err, "proposer2 hears ") || !strings.Contains(got.err, "proposer1: scaled to zero") {
		t.Errorf("%v", got)
	}
}

func TestWhereTheClusterIsMayBeSaidFirst(t *testing.T) {
	for said, want := range map[string]string{
		"explain":                                 "explain",
		"--kube explain":                          "explain --kube",
		"--kube --context c -n=x lease grant 5":   "lease grant 5 --kube --context c -n=x",
		"--context=c lock deploy -- echo --kube":  "lock deploy --context=c -- echo --kube",
		"--endpoints 127.0.0.1:1 get key -o json": "get key -o json --endpoints 127.0.0.1:1",
		"--kube":                   "--kube",
		"--context":                "--context",
		"--kube --help":            "--kube --help",
		"--unknown --kube explain": "--unknown --kube explain",
		"send --kube value":        "send --kube value",
		"--context explain":        "--context explain",
	} {
		if got := strings.Join(verbFirst(strings.Fields(said)), " "); got != want {
			t.Errorf("%q becomes %q, not %q", said, got, want)
		}
	}
}
