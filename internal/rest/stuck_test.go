package rest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/internal/node"
	"paxos/paxos"
)

// TestAStuckLoopIsSaidToBeStuck: a node whose disk hangs, say, still answers
// every request, in time and never with what is not so.
func TestAStuckLoopIsSaidToBeStuck(t *testing.T) {
	book := newBook()
	for _, id := range []paxos.NodeID{"acceptor1", "proposer1", "learner1", "client1"} {
		n := start(t, book, id, "--request-timeout", "50ms")
		held, release := make(chan struct{}), make(chan struct{})
		go func() { _ = n.loop.Inspect(context.Background(), func() { close(held); <-release }) }()
		<-held
		for _, route := range n.server.http.Handler.(*gin.Engine).Routes() {
			switch route.Path {
			case "/livez", "/metrics", "/gossip/nodes", "/gossip", "/openapi.yaml":
				continue // they do not ask the loop
			}
			if route.Method == http.MethodHead {
				continue // like GET
			}
			if roleOf(id) == paxos.ClientRole && route.Method == http.MethodGet && (route.Path == "/read" || strings.HasPrefix(route.Path, "/outcome")) {
				continue // a learner answers these
			}
			path := concrete(route.Path)
			body := map[string]string{"/propose": `{"value":"x"}`, "/send": `{"value":"x"}`, "/accept": `{"proposals":[{"slot":"1"}]}`, "/kv/k": `{"increment":"1"}`, "/kv": `{"commands":[{"value":"x"}]}`,
				"/lease": `{"ttl":"10s"}`, "/compact": `{"revision":"1"}`}[path]
			if body == "" && route.Method == http.MethodPost {
				body = "{}"
			}
			path += map[string]string{"/watch": "?prefix", "/kv": "?prefix", "DELETE /lock/x": "?token=1", "DELETE /election/x": "?token=1", "PUT /election/x": "?token=1"}[strings.TrimPrefix(route.Method+" "+path, "GET ")]
			began := time.Now()
			r, b := n.call(t, route.Method, path, []byte(body))
			status := http.StatusServiceUnavailable // of a client service's read, since it knows no learner
			if roleOf(id) == paxos.ClientRole && route.Method != http.MethodGet && !isMessage(route.Path) {
				status = http.StatusGatewayTimeout // the command may have been taken
			}
			if path == "/outcome" {
				status = http.StatusBadRequest
			}
			wantProblem(t, fmt.Sprintf("%s %s at %s", route.Method, path, id), r, b, status)
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s %s at %s took %v", route.Method, path, id, took)
			}
		}
		if status, b := n.get(t, "/livez"); status != http.StatusOK {
			t.Errorf("/livez says %d %s so soon", status, b)
		}
		close(release)
		n.lives(t)
	}
}

func isMessage(path string) bool {
	return slices.ContainsFunc(taken[paxos.ClientRole], func(k paxos.Kind) bool { return "/"+k.String() == path })
}

// concrete gives a route's path with something in the place of its parameters.
func concrete(path string) string {
	return strings.NewReplacer(":key", "0000000000000001", ":sequence", "1", ":id", "0000000000000001", ":name", "x", "*key", "k").Replace(path)
}

// TestWhoeverStopsDoesNotCallACommandNotApplied (docs/protocol.md, Once, and the truth).
func TestWhoeverStopsDoesNotCallACommandNotApplied(t *testing.T) {
	n := start(t, newBook(), "client1")
	for _, err := range []error{node.ErrStopped, context.DeadlineExceeded, context.Canceled} {
		if p := n.server.failed(err, paxos.KindPropose); p.Status != http.StatusGatewayTimeout || p.Type != "urn:paxos:unknown" {
			t.Errorf("%v: a command that was taken is said to be %+v", err, p)
		}
	}
	if p := n.server.failed(node.ErrStopped, paxos.KindPrepare); p.Status != http.StatusServiceUnavailable {
		t.Errorf("a question to a node that stops: %+v", p)
	}
	if p := n.server.failed(fmt.Errorf("%w: %w", errIdle, context.DeadlineExceeded), paxos.KindPropose); p.Status != http.StatusServiceUnavailable {
		t.Errorf("a command that was never taken: %+v", p)
	}
	asked := make(chan string, 1)
	go func() {
		r, err := web.Post("http://"+n.address+"/send?timeout=20s", "application/json", strings.NewReader(`{"value":"x"}`))
		if err != nil {
			asked <- err.Error()
			return
		}
		asked <- r.Status
		_ = r.Body.Close()
	}()
	until(t, "the send is taken", func() bool { return n.loop.Counts().Steps.Load() > 0 })
	n.stop()
	// Not only hung up on: told.
	if got := <-asked; !strings.HasPrefix(got, "504 ") {
		t.Errorf("a send under way when the node stops: %s", got)
	}
}

func TestANodeThatKnowsNoClusterSaysSo(t *testing.T) {
	n := start(t, newBook(), "proposer1")
	r, b := n.call(t, http.MethodPost, "/propose", []byte(`{"value":"x"}`))
	wantProblem(t, "a proposal", r, b, http.StatusServiceUnavailable, "not-initialised", "proposer1 does not know yet which cluster it belongs to")
	if r.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to come again")
	}
	r, b = n.call(t, http.MethodPost, "/handover", []byte(`{"cluster":"000102030405060708090a0b0c0d0e0f"}`))
	wantProblem(t, "another cluster's message", r, b, http.StatusConflict, "wrong-cluster", "belongs to cluster (none yet), not 0001")
}
