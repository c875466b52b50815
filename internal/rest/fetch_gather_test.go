package rest

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"paxos/client/wire"
)

// TestFewReadsWaitForTheAnswersOfMany, if they ask the same acceptors the same.
func TestFewReadsWaitForTheAnswersOfMany(t *testing.T) { synctest.Test(t, fewReadsWait) }

func fewReadsWait(t *testing.T) {
	l := newLines(nil).to("nobody")
	l.open, l.waiting = true, map[uint64]*waiting{}
	var ids []uint64
	enter := func(fresh wire.Freshness) {
		t.Helper()
		id, err := l.enter(&waiting{told: make(chan struct{}, 1)}, question{hot: &wire.Read{Freshness: fresh}, key: "k"}, time.Second)
		if id == 0 {
			t.Fatalf("it is not taken: %v", err)
		}
		ids = append(ids, id)
	}
	writes := func(want bool, when string) { t.Helper(); wroteDown(t, l, want, when) }
	enter(wire.Linearizable)
	writes(true, "the first one")
	for range 19 {
		enter(wire.Linearizable)
	}
	writes(true, "as many as are under way")
	for i := range 9 {
		enter(wire.Linearizable)
		writes(false, fmt.Sprintf("%d beside 20", i+1))
	}
	if !l.leave(ids[0]) {
		t.Fatal("an answer came")
	}
	writes(true, "9 beside 19")
	enter(wire.Linearizable)
	writes(false, "one beside 28")
	enter(wire.Stale)
	writes(true, "with a stale one")
	enter(wire.Linearizable)
	writes(false, "one beside 29")
	<-time.After(gatherMost / 2)
	l.leave(ids[1])
	enter(wire.Linearizable)
	writes(false, "two beside 28, some time later")
	<-time.After(gatherMost - gatherMost/2 - 1)
	writes(false, "after most of the time")
	<-time.After(1)
	synctest.Wait()
	writes(true, "after a while, without an answer,")
	enter(wire.Linearizable)
	writes(false, "one beside 30")
	for _, id := range ids[:len(ids)-1] {
		l.leave(id)
	}
	writes(true, "when nothing is under way any more")

	enter(wire.Linearizable) // nothing else is under way
	writes(true, "the next one")
	l.strong = 10_000
	for range gathered - 1 {
		enter(wire.Linearizable)
		writes(false, "few")
	}
	enter(wire.Linearizable)
	writes(true, "enough for a write of their own")
}

// wroteDown looks whether what is queued is to be written, and takes it then.
func wroteDown(t *testing.T, l *line, want bool, when string) {
	t.Helper()
	select {
	case <-l.wake:
		if !want {
			t.Errorf("%s they are written", when)
		}
		l.takeQueued(nil)
	default:
		if want {
			t.Errorf("%s they are not written", when)
		}
	}
}
