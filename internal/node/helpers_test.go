package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"paxos/internal/node"
	"paxos/paxos"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

var header = paxos.Header{Node: "a1", Cluster: paxos.ClusterID{1}, Config: paxos.Stamp{Acceptors: 7}}

// puppet is a role that does what a test says; nil does nothing.
type puppet struct {
	step        func(paxos.Envelope) paxos.Effects
	flush, tick func() paxos.Effects
}

func (p *puppet) Step(e paxos.Envelope) paxos.Effects {
	if p.step == nil {
		return paxos.Effects{}
	}
	return p.step(e)
}

func (p *puppet) Flush() paxos.Effects {
	if p.flush == nil {
		return paxos.Effects{}
	}
	return p.flush()
}

func (p *puppet) Tick() paxos.Effects {
	if p.tick == nil {
		return paxos.Effects{}
	}
	return p.tick()
}

func (p *puppet) Header() paxos.Header { return header }

// echo answers every message to its sender, with a Heard of the same count.
func echo(e paxos.Envelope) paxos.Effects {
	count := e.Message.(paxos.Heartbeat).Count
	return paxos.Effects{Send: []paxos.Envelope{header.Envelope(e.From, paxos.Heard{Count: count})}}
}

// act is one thing that the loop did to the world.
type act struct {
	kept []paxos.Record
	sent []paxos.Envelope
}

// world records what is kept and what is sent, in order.
type world struct {
	mu   sync.Mutex
	acts []act
	fail error         // what Keep answers
	hold chan struct{} // Keep waits for it, if it is not nil
}

var errDisk = errors.New("the disk is broken")

func (w *world) Keep(records []paxos.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acts = append(w.acts, act{kept: slices.Clone(records)})
	if w.hold != nil {
		hold := w.hold
		w.mu.Unlock()
		<-hold
		w.mu.Lock()
	}
	return w.fail
}

func (w *world) Send(envelopes []paxos.Envelope) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acts = append(w.acts, act{sent: slices.Clone(envelopes)})
}

// did gives what happened since it was asked last.
func (w *world) did() []act {
	w.mu.Lock()
	defer w.mu.Unlock()
	acts := w.acts
	w.acts = nil
	return acts
}

func newLoop(r paxos.Role, w *world) *node.Loop {
	return node.New(node.Options{Role: r, Store: w, Network: w, Tick: time.Millisecond, Now: time.Now})
}

// run moves a loop until the test ends; the channel gets what Run returned.
func run(t *testing.T, l *node.Loop) (stop func(), ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(cancel)
	return cancel, ended
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func to(m paxos.Message) paxos.Envelope {
	h := header
	h.Node = "p1"
	return h.Envelope("a1", m)
}

func beat(n int) paxos.Envelope { return to(paxos.Heartbeat{Count: paxos.Number(n)}) }

// wait gives what comes, or fails the test.
func wait[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s: nothing after %v", what, patience)
	}
	return v
}

// until looks again and again until ok reports true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("the error is %v, not %v", got, want)
	}
}

func named(i int) paxos.NodeID { return paxos.NodeID(fmt.Sprintf("p%d", i)) }
