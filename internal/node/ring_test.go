package node_test

import (
	"fmt"
	"math"
	"testing"

	"golang.org/x/sync/errgroup"

	"paxos/internal/node"
	"paxos/paxos"
)

func all(paxos.EventKind) bool { return true }

// talker publishes as many events as each message counts.
func talker() *puppet {
	slot := paxos.Slot(0)
	return &puppet{step: func(e paxos.Envelope) (out paxos.Effects) {
		for range e.Message.(paxos.Heartbeat).Count {
			slot++
			kind := paxos.EventAccept
			if slot%2 == 0 {
				kind = paxos.EventAccepted
			}
			out.Events = append(out.Events, paxos.Event{Kind: kind, Slot: slot})
		}
		return out
	}}
}

func talk(t testing.TB, l *node.Loop, events int) {
	t.Helper()
	must(t, l.Turn([]node.Item{{Envelope: beat(events)}}, 0))
}

// gapless checks that the events follow one another from the given number on,
// and are those of these numbers.
func gapless(events []node.Stamped, from uint64) error {
	for i, e := range events {
		if e.Number != from+uint64(i) || e.Slot != paxos.Slot(e.Number) || e.At.IsZero() {
			return fmt.Errorf("event %d after %d is %+v", i, from, e)
		}
	}
	return nil
}

func TestEventsAreNumberedWithoutGaps(t *testing.T) {
	l := newLoop(talker(), &world{})
	if events, _, lost := l.Events(0, 10, true, all); len(events) != 0 || lost != 0 {
		t.Fatalf("a new loop has the events %v", events)
	}
	for _, n := range []int{1, 3, 0, 5} {
		talk(t, l, n)
	}
	for _, c := range []struct {
		after       uint64
		limit       int
		latest      bool
		first, want int
	}{
		{0, 100, false, 1, 9}, {0, 100, true, 1, 9}, {0, 4, false, 1, 4}, {0, 4, true, 6, 4}, {2, 3, false, 3, 3},
		{8, 10, false, 9, 1}, {9, 10, false, 0, 0}, {1000, 10, true, 0, 0}, {math.MaxUint64, 10, false, 0, 0},
	} {
		events, _, lost := l.Events(c.after, c.limit, c.latest, all)
		if len(events) != c.want || lost != 0 {
			t.Errorf("%+v: %d events, %d lost", c, len(events), lost)
		}
		if err := gapless(events, uint64(c.first)); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	some, _, _ := l.Events(0, 3, true, func(k paxos.EventKind) bool { return k == paxos.EventAccepted })
	if len(some) != 3 || some[0].Number != 4 || some[2].Number != 8 {
		t.Errorf("the last three of one kind are %+v", some)
	}
}

func TestEventsThatAreNoLongerKeptAreCountedAsLost(t *testing.T) {
	for name, c := range map[string]struct{ turns, each int }{
		"many small turns":  {10_000, 1},
		"turns of some":     {5_000, 30},
		"a few large turns": {7, 30_000},
		"one huge turn":     {1, 100_000},
	} {
		l := newLoop(talker(), &world{})
		for range c.turns {
			talk(t, l, c.each)
		}
		made := uint64(c.turns * c.each)
		events, _, lost := l.Events(0, math.MaxInt, false, all)
		if lost+uint64(len(events)) != made || len(events) == 0 {
			t.Fatalf("%s: %d events made, %d kept, %d lost", name, made, len(events), lost)
		}
		must(t, gapless(events, lost+1))
		if most := 1<<16 + c.each; len(events) > most && c.turns > 1 {
			t.Errorf("%s: %d events are kept, at most %d should be", name, len(events), most)
		}
		if _, _, lost := l.Events(made-1, 1, false, all); lost != 0 {
			t.Errorf("%s: who has all but the last event has lost %d", name, lost)
		}
	}
}

func TestReadersMayFollowWhileEventsArePublished(t *testing.T) {
	l := newLoop(talker(), &world{})
	const made = 60_000
	var group errgroup.Group
	ctx := within(t)
	for range 3 {
		group.Go(func() error {
			for last := uint64(0); last < made; {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				events, _, lost := l.Events(last, 1000, false, all)
				if len(events) == 0 {
					continue
				}
				if err := gapless(events, last+lost+1); err != nil {
					return err
				}
				last = events[len(events)-1].Number
			}
			return nil
		})
	}
	for i := 0; i < made; i += 3 {
		talk(t, l, 3)
	}
	must(t, group.Wait())
}
