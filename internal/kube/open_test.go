package kube

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsWrongWithTheWayIsToldApart(t *testing.T) {
	for about, x := range map[string]struct {
		prepare func(*testing.T, *apiServer)
		options Options
		kind    Kind
		words   []string
	}{
		"no such context":        {nil, Options{Context: "nowhere"}, NoContext, []string{`no context "nowhere"`, "there are elsewhere, here"}},
		"no kubeconfig":          {func(t *testing.T, _ *apiServer) { t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none")) }, Options{}, NoContext, []string{"there is no kubeconfig", "$KUBECONFIG"}},
		"no kubeconfig, by name": {func(t *testing.T, _ *apiServer) { t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none")) }, Options{Context: "a"}, NoContext, []string{`no context "a", and no other`}},
		"no API server":          {func(t *testing.T, _ *apiServer) { kubeconfig(t, "http://127.0.0.1:1", "here") }, Options{}, Unreachable, []string{"context here at http://127.0.0.1:1 cannot be asked: ", "connection refused"}},
		"not its user":           {func(_ *testing.T, s *apiServer) { s.forbids = "/pods" }, Options{}, Forbidden, []string{`User "ana" cannot do that`, "services/proxy"}},
		"no namespace":           {nil, Options{Namespace: "other"}, NotDeployed, []string{"not found", "deploy first: scripts/deploy-paxos-k8s.sh --context here"}},
		"no nodes":               {func(_ *testing.T, s *apiServer) { s.pods, s.deployed = nil, s.deployed[3:] }, Options{}, NotDeployed, []string{"deploy first"}},
	} {
		t.Run(about, func(t *testing.T) {
			s := newAPIServer(t)
			if x.prepare != nil {
				x.prepare(t, s)
			}
			c, err := Open(x.options)
			if err == nil {
				err = c.Look(t.Context())
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != x.kind || !e.General() {
				t.Fatalf("want %s: %v", x.kind, err)
			}
			for _, words := range x.words {
				if !strings.Contains(e.Detail+"\n"+e.Hint, words) {
					t.Errorf("want %q: %s\n%s", words, e.Detail, e.Hint)
				}
			}
		})
	}
}

func TestTheContextIsTheOneThatIsNamedElseTheCurrentOne(t *testing.T) {
	newAPIServer(t)
	for named, want := range map[string]string{"": "here", "elsewhere": "elsewhere"} {
		c, err := Open(Options{Context: named})
		if err != nil || c.Context != want || c.Kubectl("get pods") != "kubectl --context "+want+" -n paxos get pods" {
			t.Errorf("%q: %+v, %v", named, c, err)
		}
	}
}

func TestNodesAreTheDeploymentsAndTheirPods(t *testing.T) {
	list := newAPIServer(t).open().Nodes()
	var got []string
	for _, n := range list {
		got = append(got, n.Address()+" "+n.State())
	}
	if want := "acceptor1:4000 Running, acceptor2:4000 scaled to zero, client1:6000 Running"; strings.Join(got, ", ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestThePodsSayWhyTheyDoNotRun(t *testing.T) {
	for about, x := range map[string]struct{ status, state, remedy string }{
		"a claim that is missing": {`{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"persistentvolumeclaim \"acceptor1\" not found"}]}`,
			`Pending: Unschedulable: persistentvolumeclaim "acceptor1" not found`, "describe pod p"},
		"a crash loop": {`{"phase":"Running","containerStatuses":[{"restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 40s"}},"lastState":{"terminated":{"reason":"Error","exitCode":2}}}]}`,
			"Running: CrashLoopBackOff: back-off 40s (it ended with exit code 2, Error); 3 restarts", "logs p --previous"},
		"no image":  {`{"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ErrImageNeverPull"}}}]}`, "Pending: ErrImageNeverPull", "describe pod p"},
		"starting":  {`{"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]}`, "Pending", "describe pod p"},
		"not ready": {`{"phase":"Running","conditions":[{"type":"Ready","status":"False"}]}`, "Running, not ready", "describe pod p"},
		"evicted":   {`{"phase":"Failed","reason":"Evicted","message":"no room"}`, "Failed: Evicted: no room", "describe pod p"},
		"ready":     {`{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}`, "Running", ""},
	} {
		var p pod
		if err := json.Unmarshal([]byte(`{"metadata":{"name":"p","labels":{"app":"acceptor1","role":"acceptor"}},"status":`+x.status+`}`), &p); err != nil {
			t.Fatal(err)
		}
		n := nodesOf(nil, []pod{p})[0]
		n.Deployed, n.Replicas = true, 1
		c := &Cluster{Namespace: "paxos"}
		if remedy := strings.TrimPrefix(c.Remedy(n), "kubectl -n paxos "); n.State() != x.state || remedy != x.remedy {
			t.Errorf("%s: %q and %q, want %q and %q", about, n.State(), remedy, x.state, x.remedy)
		}
	}
	c := &Cluster{Namespace: "paxos"}
	if n := (Node{ID: "a", Deployed: true, Replicas: 1, Why: "quota"}); n.State() != "no pod yet: quota" || !strings.HasSuffix(c.Remedy(n), "describe deployment a") {
		t.Error(n.State(), c.Remedy(n))
	}
}

// TestAPasswordInTheServersAddressIsNotTold: it is used, and in no error.
func TestAPasswordInTheServersAddressIsNotTold(t *testing.T) {
	for _, server := range []string{"http://ana:hush@127.0.0.1:1/k8s", "http://ana:hush@127.0.0.1:port"} {
		kubeconfig(t, server, "here")
		c, err := Open(Options{})
		if err == nil {
			err = c.Look(t.Context())
		}
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", server, err)
		}
	}
}
