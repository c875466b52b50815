package scripts

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"paxos/internal/local"
	"paxos/paxos"
)

// kubernetes is a stand-in for a cluster of Kubernetes around a local one: an
// API server that lists, scales, deletes and passes requests on as the real one
// does, behind a kubectl that asks it. What it leaves out is everything that
// the scripts do not use; the real thing is tested in test/e2e.
type kubernetes struct {
	*httptest.Server
	t     *testing.T
	nodes *local.Cluster
	bin   string // a directory with a kubectl
	name  string // of the context that it is

	mu        sync.Mutex
	zero      map[string]bool
	unready   map[string]bool
	run       map[string]int // how many pods a node had, for their names
	nodeports map[string]string
	noProxy   bool
	walled    map[string]string             // nodes that the API server does not reach: what it says of them, nothing for ever if ""
	refuse    map[string]int                // how often a node's scaling up is refused
	cut       string                        // what is said instead of a node's answer, except to a GET
	also      map[paxos.NodeID]paxos.NodeID // what goes and comes with a node, unasked
	restless  bool                          // whether pods are restarted with every scaling
	restarts  int
	stay      bool // whether nodes run on that are scaled to zero
	calls     []string
}

func onKubernetes(t *testing.T, c *local.Cluster) *kubernetes {
	t.Helper()
	k := &kubernetes{t: t, nodes: c, bin: t.TempDir(), name: "kind-paxos", zero: map[string]bool{}, unready: map[string]bool{}, run: map[string]int{}, nodeports: map[string]string{},
		walled: map[string]string{}, refuse: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/kubectl", k.kubectl)
	mux.HandleFunc("/api/v1/namespaces/paxos/services/{service}/proxy/{path...}", k.proxy)
	k.Server = httptest.NewServer(mux)
	t.Cleanup(k.Close)
	stub := "#!/bin/bash\n" +
		"IFS=$'\\n'\n" +
		"echo $$ >>" + filepath.Join(k.bin, "pids") + "\n" +
		"out=$(curl -s -q --noproxy '*' -w '\\n%{http_code}' --data-binary \"$*\" " + k.URL + "/kubectl) || exit 1\n" +
		"[[ -z ${out%$'\\n'*} ]] || printf '%s\\n' \"${out%$'\\n'*}\"\n" +
		"[[ ${out##*$'\\n'} == 200 ]] || exit 1\n" +
		"[[ \" $* \" != *$'\\nproxy\\n'* && \" $* \" != *$'\\nport-forward\\n'* && \" $* \" != *$'\\nlogs\\n-f'* ]] || exec sleep 300\n"
	if err := os.WriteFile(filepath.Join(k.bin, "kubectl"), []byte(stub), 0o700); err != nil {
		t.Fatal(err)
	}
	return k
}

// env leads the scripts to it: nothing but the PATH and what is given.
func (k *kubernetes) env(more ...string) []string {
	return append([]string{"PATH=" + k.bin + ":" + os.Getenv("PATH")}, more...)
}

// status is an answer of the API server itself.
func status(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure", "message": message, "reason": reason, "code": code})
}

// proxy passes a request on to a node, its path tidied up as the API server does.
func (k *kubernetes) proxy(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	name, port, _ := strings.Cut(r.PathValue("service"), ":")
	zero, refused, cut := k.zero[name], k.noProxy, k.cut
	said, walled := k.walled[name]
	k.mu.Unlock()
	if refused {
		status(w, http.StatusForbidden, "Forbidden", `services "`+name+`:http" is forbidden: User "u" cannot get resource "services/proxy"`)
		return
	}
	node, ok := k.nodes.Node(paxos.NodeID(name))
	if !ok || port != "http" {
		status(w, http.StatusNotFound, "NotFound", fmt.Sprintf("services %q not found", name))
		return
	}
	if zero {
		status(w, http.StatusServiceUnavailable, "ServiceUnavailable", fmt.Sprintf("no endpoints available for service %q", name+":http"))
		return
	}
	if walled {
		if said == "" {
			<-r.Context().Done()
		}
		status(w, http.StatusServiceUnavailable, "ServiceUnavailable", said)
		return
	}
	pass := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: node.Address})
			p.Out.URL.Path, p.Out.URL.RawPath = "/"+p.In.PathValue("path"), ""
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			status(w, http.StatusServiceUnavailable, "ServiceUnavailable", "error trying to reach service: "+err.Error())
		},
	}
	if cut == "" || r.Method == http.MethodGet {
		pass.ServeHTTP(w, r)
		return
	}
	pass.ServeHTTP(httptest.NewRecorder(), r)
	status(w, http.StatusServiceUnavailable, "ServiceUnavailable", cut)
}

func (k *kubernetes) kubectl(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		k.t.Error(err)
	}
	line := string(body)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, strings.ReplaceAll(line, "\n", " "))
	if strings.HasPrefix(line, "config\nget-contexts") {
		_, _ = io.WriteString(w, "kind-other\n"+k.name)
		return
	}
	if strings.HasPrefix(line, "config\nview") {
		_, _ = io.WriteString(w, "kind-other|\n"+k.name+"|")
		return
	}
	args := strings.Split(line, "\n")
	if len(args) < 2 || args[0] != "--context" || args[1] != k.name {
		k.t.Errorf("kubectl without our context: %q", args)
	}
	if !strings.Contains(line, "\n--namespace\npaxos\n") && !slices.Contains(args, "/readyz") && !slices.Contains(args, "nodes") && !slices.Contains(args, "proxy") {
		k.t.Errorf("kubectl without our namespace: %q", args)
	}
	answers := []struct {
		words  string
		answer func(http.ResponseWriter, []string)
	}{
		{"/readyz", func(http.ResponseWriter, []string) {}}, {"get services,deployments", k.list}, {"get deployments", k.deployments},
		{"get pods", k.pods}, {"get nodes", func(w http.ResponseWriter, _ []string) { _, _ = io.WriteString(w, "127.0.0.2\n") }},
		{" scale ", k.scale}, {"delete pod", k.delete}, {"logs ", k.logs}, {"port-forward", k.forward},
		{" proxy ", func(w http.ResponseWriter, _ []string) {
			_, _ = io.WriteString(w, "Starting to serve on "+k.Listener.Addr().String())
		}},
	}
	for _, a := range answers {
		if strings.Contains(strings.Join(args, " "), a.words) {
			a.answer(w, args)
			return
		}
	}
	k.t.Errorf("kubectl %q is not expected", args)
	w.WriteHeader(http.StatusInternalServerError)
}

func (k *kubernetes) replicas(name string) int {
	if k.zero[name] {
		return 0
	}
	return 1
}

func (k *kubernetes) pod(name string) string { return fmt.Sprintf("%s-abc-%d", name, k.run[name]) }

func role(name string) string { return strings.TrimRight(name, "0123456789") }

func (k *kubernetes) list(w http.ResponseWriter, _ []string) {
	for _, n := range k.nodes.Nodes() {
		name, port := string(n.ID), "0"
		if _, p, err := net.SplitHostPort(k.nodeports[name]); err == nil {
			port = p
		}
		_, _ = fmt.Fprintf(w, "Service %s %s %s\nDeployment %s %s %d\n", name, role(name), port, name, role(name), k.replicas(name))
	}
	_, _ = io.WriteString(w, "Service client client 0\n")
}

func (k *kubernetes) deployments(w http.ResponseWriter, _ []string) {
	for _, n := range k.nodes.Nodes() {
		_, _ = fmt.Fprintf(w, "%s %d\n", n.ID, k.replicas(string(n.ID)))
	}
}

func (k *kubernetes) pods(w http.ResponseWriter, args []string) {
	logs := !strings.Contains(args[len(args)-1], "Ready")
	for _, n := range k.nodes.Nodes() {
		switch name := string(n.ID); {
		case k.zero[name]:
		case logs:
			_, _ = fmt.Fprintf(w, "%s %s 0\n", k.pod(name), name)
		default:
			ready := map[bool]string{true: "False", false: "True"}[k.unready[name]]
			_, _ = fmt.Fprintf(w, "%s %s %s %d\n", name, k.pod(name), ready, k.restarts)
		}
	}
}

func (k *kubernetes) scale(w http.ResponseWriter, args []string) {
	var names []paxos.NodeID
	for name, times := range k.refuse {
		if times > 0 && slices.Contains(args, "deployment/"+name) && slices.Contains(args, "--replicas=1") {
			k.refuse[name]--
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	for _, a := range args {
		if name, ok := strings.CutPrefix(a, "deployment/"); ok {
			names = append(names, paxos.NodeID(name))
			k.run[name]++
			k.zero[name] = slices.Contains(args, "--replicas=0")
			if other, ok := k.also[paxos.NodeID(name)]; ok {
				names = append(names, other)
			}
		}
	}
	if k.restless {
		k.restarts++
	}
	act := k.nodes.Start
	if slices.Contains(args, "--replicas=0") {
		act = k.nodes.Kill
	}
	if k.stay {
		return
	}
	if err := act(names...); err != nil {
		k.t.Error(err)
	}
}

func (k *kubernetes) delete(_ http.ResponseWriter, args []string) {
	pod := args[slices.Index(args, "pod")+1]
	name, _, _ := strings.Cut(pod, "-")
	if pod != k.pod(name) {
		k.t.Errorf("no pod %s", pod)
		return
	}
	k.run[name]++
	if err := k.nodes.Kill(paxos.NodeID(name)); err != nil {
		k.t.Error(err)
	}
	if err := k.nodes.Start(paxos.NodeID(name)); err != nil {
		k.t.Error(err)
	}
}

func (k *kubernetes) logs(w http.ResponseWriter, args []string) {
	pod := args[len(args)-1]
	_, _ = fmt.Fprintf(w, "[pod/%s/acceptor] 2026-01-02T03:04:05.6Z level=info msg=\"\x1b[31mlog of %s\"", pod, pod)
}

func (k *kubernetes) forward(w http.ResponseWriter, args []string) {
	name := strings.TrimPrefix(args[len(args)-2], "service/")
	node, ok := k.nodes.Node(paxos.NodeID(name))
	if !ok {
		k.t.Errorf("forward to %q", name)
	}
	// The local node's own port is as good as one that leads to it.
	_, _ = io.WriteString(w, "Forwarding from "+node.Address+" -> 1")
}

// expose gives NodePorts to nodes: their own ports, or somebody else's.
func (k *kubernetes) expose(at map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.nodes.Nodes() {
		k.nodeports[string(n.ID)] = n.Address
	}
	maps.Copy(k.nodeports, at)
}

// ended checks that no kubectl is left of those that were started.
func (k *kubernetes) ended(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(k.bin, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for pid := range strings.FieldsSeq(string(b)) {
		for ; ; time.Sleep(20 * time.Millisecond) {
			if line, err := os.ReadFile("/proc/" + pid + "/cmdline"); err != nil || len(line) == 0 || !strings.Contains(string(line), "sleep") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("kubectl, process %s, is still there", pid)
			}
		}
	}
}

func (k *kubernetes) called(t *testing.T, pattern string) bool {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.calls, regexp.MustCompile(pattern).MatchString)
}
