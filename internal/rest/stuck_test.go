package rest

import (
	"context"
	"fmt"
	"net/http"
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
			case "/livez", "/metrics", "/gossip/nodes", "/gossip":
				continue // they do not ask the loop
			}
			if roleOf(id) == paxos.ClientRole && (route.Path == "/read" || route.Method == http.MethodGet && strings.HasPrefix(route.Path, "/outcome")) {
				continue // a learner answers these
			}
			path := strings.NewReplacer(":key", "0000000000000001", ":sequence", "1").Replace(route.Path)
			body := map[string]string{"/propose": `{"value":"x"}`, "/send": `{"value":"x"}`, "/accept": `{"proposals":[{"slot":"1"}]}`}[path]
			if body == "" && route.Method == http.MethodPost {
				body = "{}"
			}
			if route.Method == http.MethodHead {
				continue // like GET
			}
			began := time.Now()
			r, b := n.call(t, route.Method, path, []byte(body))
			status := http.StatusServiceUnavailable
			if path == "/send" || route.Method == http.MethodDelete {
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
