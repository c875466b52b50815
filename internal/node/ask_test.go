package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"paxos/internal/node"
	"paxos/paxos"
)

func TestEveryAskerGetsItsOwnAnswer(t *testing.T) {
	w := &world{}
	l := newLoop(&puppet{step: echo}, w)
	_, _ = run(t, l)
	var group errgroup.Group
	for i := range 50 {
		group.Go(func() error {
			got, err := l.Do(within(t), beat(i))
			if err != nil {
				return err
			}
			if m := got.Message.(paxos.Heard); m.Count != paxos.Number(i) {
				return fmt.Errorf("asker %d got the answer of %d", i, m.Count)
			}
			return nil
		})
	}
	must(t, group.Wait())
	if acts := w.did(); len(acts) != 0 {
		t.Fatalf("answers went to the network: %+v", acts)
	}
}

func TestAnAnswerWaitsForTheDisk(t *testing.T) {
	w := &world{hold: make(chan struct{})}
	l := newLoop(&puppet{step: promising}, w)
	_, _ = run(t, l)
	answered, looked := make(chan error, 1), make(chan error, 1)
	go func() { _, err := l.Do(within(t), beat(1)); answered <- err }()
	until(t, "the write", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.acts) == 1 })
	go func() { looked <- l.Inspect(within(t), func() {}) }()
	select {
	case <-answered:
		t.Fatal("the answer came before the record was durable")
	case <-looked:
		t.Fatal("a look inside came before the record was durable")
	case <-time.After(50 * time.Millisecond):
	}
	close(w.hold)
	must(t, wait(t, answered, "the answer"))
	must(t, wait(t, looked, "the look"))
}

func TestAMessageWithoutAnAnswerIsTaken(t *testing.T) {
	l := newLoop(&puppet{}, &world{})
	_, _ = run(t, l)
	got, err := l.Do(within(t), to(paxos.Learn{}))
	must(t, err)
	if got.Message != nil {
		t.Fatalf("the answer is %+v", got)
	}
}

func TestWhatIsNotMeantForThisNodeIsRefusedAndCounted(t *testing.T) {
	stepped := 0
	l := node.New(node.Options{Role: &puppet{step: func(paxos.Envelope) paxos.Effects { stepped++; return paxos.Effects{} }},
		Network: &world{}, Tick: time.Hour, Now: time.Now, Admit: func(e paxos.Envelope) error {
			if _, bad := e.Message.(paxos.Propose); bad {
				return errors.New("not admitted")
			}
			return nil
		}})
	_, _ = run(t, l)
	for name, c := range map[string]struct {
		change func(*paxos.Envelope)
		want   string
	}{
		"another node":          {func(e *paxos.Envelope) { e.To = "a2" }, "this is a1, not a2"},
		"another cluster":       {func(e *paxos.Envelope) { e.Cluster[0] = 2 }, "belongs to cluster 01"},
		"no cluster":            {func(e *paxos.Envelope) { e.Cluster = paxos.ClusterID{} }, "not (none yet)"},
		"another configuration": {func(e *paxos.Envelope) { e.Config.Acceptors++ }, "acceptor configuration"},
		"not admitted":          {func(e *paxos.Envelope) { e.Message = paxos.Propose{} }, "not admitted"},
	} {
		e := beat(1)
		c.change(&e)
		_, err := l.Do(within(t), e)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := l.Counts().Rejected.Load(); n != 5 || stepped != 0 {
		t.Fatalf("%d rejected, %d stepped", n, stepped)
	}
	if events, _, _ := l.Events(0, 10, false, func(k paxos.EventKind) bool { return k == paxos.EventRejected }); len(events) != 5 {
		t.Fatalf("the events are %+v", events)
	}
}

// late answers when it is told to.
type late struct {
	puppet
	asker paxos.NodeID
}

func TestALateAnswerFindsNobody(t *testing.T) {
	w := &world{}
	r := &late{}
	r.step = func(e paxos.Envelope) paxos.Effects {
		if _, now := e.Message.(paxos.Learn); now {
			return paxos.Effects{Send: []paxos.Envelope{header.Envelope(r.asker, paxos.Heard{})}}
		}
		r.asker = e.From
		return paxos.Effects{}
	}
	l := newLoop(r, w)
	_, _ = run(t, l)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := l.Do(ctx, beat(1))
	wantError(t, err, context.DeadlineExceeded)
	must(t, l.Inspect(within(t), func() {})) // by now the question is forgotten
	must(t, l.Submit(within(t), to(paxos.Learn{})))
	must(t, l.Inspect(within(t), func() {}))
	acts := w.did()
	if len(acts) != 1 || len(acts[0].sent) != 1 || !strings.HasPrefix(string(acts[0].sent[0].To), "local-") {
		t.Fatalf("the loop still keeps a question that nobody waits for: %+v", acts)
	}
}

func TestAForgottenQuestionDoesNotWaitForAFullInbox(t *testing.T) {
	w := &world{hold: make(chan struct{})}
	l := newLoop(&puppet{step: promising}, w)
	stop, ended := run(t, l)
	ctx, cancel := context.WithCancel(context.Background())
	asked := make(chan error, 1)
	go func() { _, err := l.Do(ctx, beat(1)); asked <- err }()
	until(t, "the write", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.acts) == 1 })
	// The loop stands still: who has to wait for long finds the inbox full.
	for full := false; !full; {
		waiting, over := context.WithTimeout(context.Background(), 200*time.Millisecond)
		full = errors.Is(l.Submit(waiting, beat(2)), context.DeadlineExceeded)
		over()
	}
	cancel()
	wantError(t, wait(t, asked, "the asker"), context.Canceled)
	stop()
	close(w.hold)
	must(t, wait(t, ended, "the loop's end"))
}

func TestAwaitEndsWhenItsConditionHolds(t *testing.T) {
	count := 0
	l := newLoop(&puppet{step: func(paxos.Envelope) paxos.Effects { count++; return paxos.Effects{} }}, &world{})
	_, _ = run(t, l)
	reached := make(chan error, 2)
	go func() { reached <- l.Await(within(t), func() bool { return count >= 3 }) }()
	gone, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	wantError(t, l.Await(gone, func() bool { return false }), context.DeadlineExceeded)
	for range 2 {
		must(t, l.Submit(within(t), beat(1)))
	}
	must(t, l.Inspect(within(t), func() {}))
	select {
	case <-reached:
		t.Fatal("it ended before its condition held")
	default:
	}
	must(t, l.Submit(within(t), beat(1)))
	must(t, wait(t, reached, "the condition"))
	must(t, l.Await(within(t), func() bool { return true }))
}

func TestAStoppedLoopAnswersNobody(t *testing.T) {
	w := &world{hold: make(chan struct{})}
	l := newLoop(&puppet{step: promising}, w)
	stop, ended := run(t, l)
	must(t, l.Submit(within(t), beat(1)))
	until(t, "the write", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.acts) == 1 })
	calls := map[string]func() error{
		"Do":      func() error { _, err := l.Do(within(t), to(paxos.Survey{})); return err },
		"Inspect": func() error { return l.Inspect(within(t), func() {}) },
		"Await":   func() error { return l.Await(within(t), func() bool { return false }) },
	}
	waiting := make(chan error, len(calls))
	for _, call := range calls {
		go func() { waiting <- call() }()
	}
	w.fail = errDisk
	stop()
	close(w.hold)
	wantError(t, wait(t, ended, "the loop's end"), errDisk)
	for range calls {
		wantError(t, wait(t, waiting, "who waited"), node.ErrStopped)
	}
	calls["Submit"] = func() error { return l.Submit(within(t), beat(1)) }
	for name, call := range calls {
		if err := call(); !errors.Is(err, node.ErrStopped) {
			t.Errorf("%s on a loop that has ended: %v", name, err)
		}
	}
}
