package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// apiServer does what a real one does on the way to a node: it looks for the
// target, unescapes and cleans the path, and passes the request on.
type apiServer struct {
	t        *testing.T
	mu       sync.Mutex
	looks    int
	pods     []map[string]any
	deployed []map[string]any
	nodes    map[string]string // where "client1:http" or "pod:4000" is; "" for nowhere
	forbids  string            // the end of paths that are forbidden
	says     func(w http.ResponseWriter, r *http.Request) bool
	server   *httptest.Server
}

func (s *apiServer) status(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer func() { s.mu.Unlock() }()
	if r.Header.Get("Authorization") != "Bearer secret" {
		s.status(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	if s.forbids != "" && strings.Contains(r.URL.Path, s.forbids) {
		s.status(w, http.StatusForbidden, `User "ana" cannot do that`)
		return
	}
	if s.says != nil && strings.Contains(r.URL.Path, "/proxy") && s.says(w, r) {
		return
	}
	switch r.URL.Path {
	case "/api/v1/namespaces/paxos/pods":
		s.looks++
		_ = json.NewEncoder(w).Encode(map[string]any{"items": s.pods})
		return
	case "/apis/apps/v1/namespaces/paxos/deployments":
		_ = json.NewEncoder(w).Encode(map[string]any{"items": s.deployed})
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 7 || parts[6] != "proxy" {
		s.status(w, http.StatusNotFound, fmt.Sprintf("%s not found", r.URL.Path))
		return
	}
	at, known := s.nodes[parts[5]]
	switch {
	case !known:
		s.status(w, http.StatusNotFound, fmt.Sprintf("%s %q not found", parts[4], parts[5]))
		return
	case at == "":
		s.status(w, http.StatusServiceUnavailable, fmt.Sprintf("no endpoints available for service %q", parts[5]))
		return
	}
	s.pass(w, r, at, parts[7:])
}

// pass does what k8s.io/apimachinery/pkg/util/proxy does.
func (s *apiServer) pass(w http.ResponseWriter, r *http.Request, at string, parts []string) {
	location := &url.URL{Scheme: "http", Host: at, Path: path.Join("/", strings.Join(parts, "/")), RawQuery: r.URL.RawQuery}
	if strings.HasSuffix(r.URL.Path, "/") && !strings.HasSuffix(location.Path, "/") {
		location.Path += "/"
	}
	passed := r.Clone(r.Context())
	passed.URL = location
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: at})
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
		s.status(w, http.StatusServiceUnavailable, "error trying to reach service: "+err.Error())
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	proxy.ServeHTTP(w, passed)
}

func deploymentOf(id, role string, replicas int) map[string]any {
	return map[string]any{"metadata": map[string]any{"name": id},
		"spec": map[string]any{"replicas": replicas, "template": map[string]any{"metadata": map[string]any{"labels": map[string]string{"app": id, "role": role}}}}}
}

func podOf(name, id, role, ip string) map[string]any {
	return map[string]any{"metadata": map[string]any{"name": name, "labels": map[string]string{"app": id, "role": role}},
		"status": map[string]any{"phase": "Running", "podIP": ip, "conditions": []map[string]string{{"type": "Ready", "status": "True"}}}}
}

// newAPIServer has one client service, one acceptor, and one acceptor that is
// scaled to zero; $KUBECONFIG has the context "here" to it.
func newAPIServer(t *testing.T) *apiServer {
	s := &apiServer{t: t,
		deployed: []map[string]any{deploymentOf("acceptor2", "acceptor", 0), deploymentOf("client1", "client", 1), deploymentOf("acceptor1", "acceptor", 1), {"metadata": map[string]any{"name": "grafana"}}},
		pods:     []map[string]any{podOf("acceptor1-x", "acceptor1", "acceptor", "10.244.0.7"), podOf("client1-x", "client1", "client", "10.244.0.8")},
		nodes:    map[string]string{"acceptor2:http": ""}}
	s.server = httptest.NewUnstartedServer(s)
	s.server.EnableHTTP2 = true
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	kubeconfig(t, s.server.URL, "here", "elsewhere")
	return s
}

// kubeconfig writes one whose contexts all lead to a server.
func kubeconfig(t *testing.T, server string, contexts ...string) {
	t.Helper()
	text := "apiVersion: v1\nkind: Config\nusers: [{name: ana, user: {token: secret}}]\nclusters: [{name: c, cluster: {server: '" + server + "', insecure-skip-tls-verify: true}}]\n"
	if len(contexts) > 0 {
		text += "current-context: " + contexts[0] + "\ncontexts:\n"
	}
	for _, name := range contexts {
		text += "- {name: " + name + ", context: {cluster: c, user: ana}}\n"
	}
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
}

// open gives the cluster, looked at.
func (s *apiServer) open() *Cluster {
	s.t.Helper()
	c, err := Open(Options{})
	if err == nil {
		err = c.Look(context.Background())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// node starts a node that answers to a target of the proxy.
func (s *apiServer) node(at string, handler http.HandlerFunc) *httptest.Server {
	n := httptest.NewServer(handler)
	s.t.Cleanup(n.Close)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[at] = strings.TrimPrefix(n.URL, "http://")
	return n
}
