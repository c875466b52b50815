package node_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/internal/node"
	"paxos/paxos"
)

// heard is what an asker who does not wait was told, call by call.
type heard struct {
	envelope paxos.Envelope
	err      error
}

func listen() (told func(paxos.Envelope, error), calls chan heard) {
	calls = make(chan heard, 8)
	return func(e paxos.Envelope, err error) { calls <- heard{e, err} }, calls
}

func TestWhoAsksAndDoesNotWaitIsToldOnce(t *testing.T) {
	l := newLoop(&puppet{step: func(e paxos.Envelope) paxos.Effects {
		if _, beat := e.Message.(paxos.Heartbeat); !beat {
			return paxos.Effects{}
		}
		return echo(e)
	}}, &world{})
	stop, ended := run(t, l)
	told, calls := listen()
	must(t, l.Ask(within(t), beat(7), told))
	if got := wait(t, calls, "the answer"); got.err != nil || got.envelope.Message.(paxos.Heard).Count != 7 {
		t.Fatalf("told %+v", got)
	}
	must(t, l.TryAsk(beat(8), told))
	if got := wait(t, calls, "the answer"); got.err != nil || got.envelope.Message.(paxos.Heard).Count != 8 {
		t.Fatalf("told %+v", got)
	}
	// No answer is addressed to it, and it learns that it was taken.
	must(t, l.Ask(within(t), to(paxos.Notify{}), told))
	if got := wait(t, calls, "that it was taken"); got.err != nil || got.envelope.Message != nil {
		t.Fatalf("told %+v", got)
	}
	foreign := beat(9)
	foreign.To = "a2"
	must(t, l.Ask(within(t), foreign, told))
	if got := wait(t, calls, "the refusal"); got.err == nil {
		t.Fatalf("told %+v", got)
	}
	stop()
	must(t, wait(t, ended, "the loop's end"))
	if len(calls) > 0 {
		t.Fatalf("told again: %+v", <-calls)
	}
}

func TestNobodyIsToldBeforeTheDiskHasIt(t *testing.T) {
	w := &world{hold: make(chan struct{})}
	l := newLoop(&puppet{step: promising}, w)
	_, _ = run(t, l)
	told, calls := listen()
	must(t, l.Ask(within(t), beat(1), told))
	until(t, "the write", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.acts) == 1 })
	select {
	case <-calls:
		t.Fatal("told before the record was durable")
	case <-time.After(50 * time.Millisecond):
	}
	close(w.hold)
	wait(t, calls, "the answer")
}

func TestALoopThatEndsTellsWhoStillWaits(t *testing.T) {
	w := &world{hold: make(chan struct{}), fail: errDisk}
	l := newLoop(&puppet{step: promising}, w)
	_, ended := run(t, l)
	told, calls := listen()
	must(t, l.Ask(within(t), beat(1), told))
	until(t, "the write", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.acts) == 1 })
	must(t, l.Ask(within(t), beat(2), told)) // this one never gets its turn
	close(w.hold)
	wantError(t, wait(t, ended, "the loop's end"), errDisk)
	for range 2 {
		wantError(t, wait(t, calls, "the end").err, node.ErrStopped)
	}
	wantError(t, l.Ask(within(t), beat(3), told), node.ErrStopped)
	wantError(t, l.TryAsk(beat(3), told), node.ErrStopped)
	if len(calls) > 0 {
		t.Fatalf("told of a message that was not taken: %+v", <-calls)
	}
}

func TestAFullInboxIsSaidAtOnceToWhoDoesNotWait(t *testing.T) {
	w := &world{hold: make(chan struct{})}
	l := node.New(node.Options{Role: &puppet{step: promising}, Store: w, Network: w, Tick: time.Hour, Now: time.Now, Room: 3})
	_, _ = run(t, l)
	told, calls := listen()
	must(t, l.TryAsk(beat(0), told))
	until(t, "the write", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.acts) == 1 })
	for i := range 3 {
		must(t, l.TryAsk(beat(1+i), told))
	}
	wantError(t, l.TryAsk(beat(4), told), node.ErrFull)
	if n := l.Waiting(); n != 3 {
		t.Fatalf("%d wait, there is room for 3", n)
	}
	// Who waits gets in when the turn is over, all of them in the end.
	var waiting sync.WaitGroup
	var in atomic.Int32
	for i := range 10 {
		waiting.Go(func() {
			if _, err := l.Do(within(t), beat(5+i)); err == nil {
				in.Add(1)
			}
		})
	}
	close(w.hold)
	waiting.Wait()
	if in.Load() != 10 {
		t.Fatalf("%d of 10 who waited for room got an answer", in.Load())
	}
	for range 4 {
		must(t, wait(t, calls, "an answer").err)
	}
}

// TestWhatIsAskedTogetherComesInOneTurn, where there is room, and in several
// where there is not; each is answered.
func TestWhatIsAskedTogetherComesInOneTurn(t *testing.T) {
	l := node.New(node.Options{Role: &puppet{step: promising}, Store: &world{}, Network: &world{}, Tick: time.Hour, Now: time.Now, Room: 8})
	told, calls := listen()
	ask := func(n int) (questions []node.Question) {
		for i := range n {
			questions = append(questions, node.Question{Envelope: beat(i), Told: told})
		}
		return questions
	}
	taken, err := l.AskAll(within(t), ask(5))
	if must(t, err); taken != 5 || l.Waiting() != 5 {
		t.Fatalf("%d taken, %d wait", taken, l.Waiting())
	}
	_, _ = run(t, l)
	for range 5 {
		must(t, wait(t, calls, "an answer").err)
	}
	if n := l.Counts().Turns.Load(); n != 1 {
		t.Errorf("%d turns", n)
	}
	taken, err = l.AskAll(within(t), ask(16))
	if must(t, err); taken != 16 {
		t.Errorf("%d of 16 taken", taken)
	}
	for range 16 {
		must(t, wait(t, calls, "an answer").err)
	}
}

// TestAnAskerGetsNoAnswerToAQuestionBeforeIt: waiters are used again, their ids
// are not.
func TestAnAskerGetsNoAnswerToAQuestionBeforeIt(t *testing.T) {
	twice := func(e paxos.Envelope) paxos.Effects {
		out := echo(e)
		out.Send = append(out.Send, out.Send...)
		return out
	}
	l := newLoop(&puppet{step: twice}, &world{})
	_, _ = run(t, l)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				if i%3 == 0 {
					cancel() // one that takes its question back
				}
				got, err := l.Do(ctx, beat(i))
				cancel()
				switch {
				case errors.Is(err, context.Canceled):
				case err != nil:
					t.Errorf("question %d: %v", i, err)
				case got.Message.(paxos.Heard).Count != paxos.Number(i):
					t.Errorf("question %d got the answer to %d", i, got.Message.(paxos.Heard).Count)
				}
			}
		})
	}
	asking.Wait()
}
