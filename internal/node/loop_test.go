package node_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/acceptor"
	"paxos/internal/node"
	"paxos/paxos"
)

// drawn makes random effects; every record and message is told apart by a number.
type drawn struct {
	n    int
	kept []paxos.Record
	sent []paxos.Envelope
}

func (d *drawn) effects(t *rapid.T) (out paxos.Effects) {
	for range rapid.IntRange(0, 3).Draw(t, "records") {
		d.n++
		out.Persist = append(out.Persist, paxos.FloorRecord{Floor: paxos.Slot(d.n)})
	}
	for range rapid.IntRange(0, 3).Draw(t, "messages") {
		d.n++
		out.Send = append(out.Send, header.Envelope(named(d.n%3), paxos.Heard{Count: paxos.Number(d.n)}))
	}
	for range rapid.IntRange(0, 2).Draw(t, "events") {
		out.Events = append(out.Events, paxos.Event{Kind: paxos.EventAccept})
	}
	d.kept, d.sent = append(d.kept, out.Persist...), append(d.sent, out.Send...)
	return out
}

// want is what a turn with these effects does: one Keep of all records, then
// one Send of all messages.
func (d *drawn) want() (acts []act) {
	if len(d.kept) > 0 {
		acts = append(acts, act{kept: d.kept})
	}
	if len(d.sent) > 0 {
		acts = append(acts, act{sent: d.sent})
	}
	d.kept, d.sent = nil, nil
	return acts
}

func TestATurnKeepsEverythingAtOnceAndThenSends(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d drawn
		some := func() paxos.Effects { return d.effects(t) }
		w := &world{}
		l := newLoop(&puppet{step: func(paxos.Envelope) paxos.Effects { return some() }, flush: some, tick: some}, w)
		turns := rapid.IntRange(1, 6).Draw(t, "turns")
		broken := rapid.IntRange(0, turns).Draw(t, "the disk breaks")
		for turn := 1; turn <= turns; turn++ {
			if turn == broken {
				w.fail = errDisk
			}
			batch := make([]node.Item, rapid.IntRange(0, 4).Draw(t, "batch"))
			for i := range batch {
				batch[i] = node.Item{Envelope: beat(i)}
			}
			err := l.Turn(batch, rapid.IntRange(0, 2).Draw(t, "ticks"))
			keeps := len(d.kept) > 0
			want := d.want()
			if keeps && w.fail != nil {
				want = want[:1] // nothing of the turn is sent
				if !errors.Is(err, errDisk) {
					t.Fatalf("the disk broke, and the turn says %v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, w.did(), cmp.AllowUnexported(act{})); diff != "" {
				t.Fatalf("turn %d: %s", turn, diff)
			}
			if err != nil {
				return
			}
		}
	})
}

// script is the same input for two loops.
type script [][]node.Item

func drawScript(t *rapid.T) (s script) {
	ballot := func() paxos.Ballot {
		return paxos.Ballot{Number: paxos.Number(rapid.IntRange(0, 4).Draw(t, "number")), Proposer: "p1", Start: 1}
	}
	for range rapid.IntRange(1, 5).Draw(t, "turns") {
		var batch []node.Item
		for range rapid.IntRange(0, 5).Draw(t, "messages") {
			var m paxos.Message = paxos.Prepare{Ballot: ballot(), First: 1}
			if rapid.Bool().Draw(t, "accept") {
				slot := paxos.Slot(rapid.IntRange(1, 4).Draw(t, "slot"))
				m = paxos.Accept{Ballot: ballot(), Proposals: []paxos.Proposal{{Slot: slot}}}
			}
			batch = append(batch, node.Item{Envelope: member.Envelope("a1", m)})
		}
		s = append(s, batch)
	}
	return s
}

func TestTheSameTurnsGiveTheSameRecordsAndMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScript(t)
		play := func() []act {
			w := &world{}
			l := newLoop(acceptor.New(memberConfig, memberIdentity), w)
			for _, batch := range s {
				if err := l.Turn(batch, 1); err != nil {
					t.Fatal(err)
				}
			}
			return w.did()
		}
		if diff := cmp.Diff(play(), play(), cmp.AllowUnexported(act{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func promising(e paxos.Envelope) paxos.Effects {
	out := echo(e)
	out.Persist = []paxos.Record{paxos.PromisedRecord{}}
	return out
}

func TestAFailedWriteEndsTheLoopAndIsNeverRetried(t *testing.T) {
	w := &world{fail: errDisk}
	l := newLoop(&puppet{step: promising}, w)
	_, ended := run(t, l)
	_, err := l.Do(within(t), beat(1))
	wantError(t, err, node.ErrStopped)
	wantError(t, wait(t, ended, "the loop's end"), errDisk)
	for range 3 {
		wantError(t, l.Submit(within(t), beat(2)), node.ErrStopped)
	}
	if acts := w.did(); len(acts) != 1 || acts[0].sent != nil {
		t.Fatalf("after a failed write the loop did %+v", acts)
	}
}

func TestABrokenInvariantKeepsAndSendsNothing(t *testing.T) {
	broken := errors.New("two values in one slot")
	w := &world{}
	l := newLoop(&puppet{step: func(e paxos.Envelope) paxos.Effects {
		out := promising(e)
		out.Events = []paxos.Event{{Kind: paxos.EventChosen, Slot: 9}}
		if e.Message.(paxos.Heartbeat).Count == 2 {
			out.Broken = broken
		}
		return out
	}}, w)
	err := l.Turn([]node.Item{{Envelope: beat(1)}, {Envelope: beat(2)}, {Envelope: beat(3)}}, 0)
	wantError(t, err, broken)
	if acts := w.did(); len(acts) != 0 {
		t.Fatalf("the loop did %+v", acts)
	}
	if events, _, _ := l.Events(0, 10, false, all); len(events) != 3 {
		t.Fatalf("what led to the end is not to be seen: %+v", events)
	}
}

func TestATurnWithoutRecordsDoesNotTouchTheDisk(t *testing.T) {
	w := &world{fail: errDisk}
	l := newLoop(&puppet{step: echo}, w)
	must(t, l.Turn([]node.Item{{Envelope: beat(1)}}, 1))
	if acts := w.did(); len(acts) != 1 || len(acts[0].sent) != 1 {
		t.Fatalf("the loop did %+v", acts)
	}
	c := l.Counts()
	if c.Turns.Load() != 1 || c.Steps.Load() != 1 || c.Sent.Load() != 1 || c.Syncs.Load() != 0 || c.Records.Load() != 0 {
		t.Fatalf("the counters do not add up")
	}
}

// meter keeps what it is told.
type meter struct {
	at     time.Time
	items  []int
	events []paxos.Event
}

func (m *meter) Turned(at time.Time, items int, events []paxos.Event) {
	m.at, m.items, m.events = at, append(m.items, items), append(m.events, events...)
}

func TestTheMeterIsToldOfEveryTurnAndMessagesAreCountedByKind(t *testing.T) {
	r := &puppet{step: func(e paxos.Envelope) paxos.Effects {
		out := paxos.Effects{Events: []paxos.Event{{Kind: paxos.EventLearn, Count: 3}}}
		if _, ask := e.Message.(paxos.Heartbeat); ask {
			out.Send = []paxos.Envelope{header.Envelope("p1", paxos.Heard{}), header.Envelope("p2", paxos.Heard{}), header.Envelope("l1", paxos.Learn{})}
		}
		return out
	}}
	m, now := &meter{}, time.Unix(7, 0)
	l := node.New(node.Options{Role: r, Network: &world{}, Tick: 1, Now: func() time.Time { return now }, Meter: m})
	must(t, l.Turn([]node.Item{{Envelope: beat(1)}, {Envelope: to(paxos.Learn{})}}, 1))
	must(t, l.Turn(nil, 1))
	if !m.at.Equal(now) || !slices.Equal(m.items, []int{2, 0}) || len(m.events) != 2 || m.events[0].Count != 3 {
		t.Errorf("it is told %+v", m)
	}
	c := l.Counts()
	for kind := range paxos.KindCount {
		steps, sent := c.StepsOf[kind].Load(), c.SentOf[kind].Load()
		switch paxos.Kind(kind) {
		case paxos.KindHeartbeat:
			steps--
		case paxos.KindLearn:
			steps, sent = steps-1, sent-1
		case paxos.KindHeard:
			sent -= 2
		}
		if steps != 0 || sent != 0 {
			t.Errorf("%v: %d steps and %d sent do not add up", paxos.Kind(kind), int64(steps), int64(sent))
		}
	}
	if c.Steps.Load() != 2 || c.Sent.Load() != 3 {
		t.Errorf("%d steps, %d sent", c.Steps.Load(), c.Sent.Load())
	}
}

func TestManyWaitingMessagesShareOneSync(t *testing.T) {
	w := &world{hold: make(chan struct{})}
	l := newLoop(&puppet{step: promising}, w)
	_, _ = run(t, l)
	must(t, l.Submit(within(t), beat(0)))
	until(t, "the first write", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.acts) == 1 })
	for i := range 500 {
		must(t, l.Submit(within(t), beat(i)))
	}
	close(w.hold)
	until(t, "all written", func() bool { return l.Counts().Steps.Load() == 501 && l.Counts().Turns.Load() >= 2 })
	if n := l.Counts().Syncs.Load(); n != 2 {
		t.Fatalf("%d syncs for one message and then 500 that waited", n)
	}
}

func TestALoopThatHangsInItsDiskIsIdle(t *testing.T) {
	w := &world{hold: make(chan struct{})}
	l := newLoop(&puppet{step: promising}, w)
	_, _ = run(t, l)
	must(t, l.Submit(within(t), beat(0)))
	until(t, "an idle time that grows", func() bool { return l.Idle() > 50*time.Millisecond })
	close(w.hold)
	until(t, "a loop that turns again", func() bool { return l.Idle() < 20*time.Millisecond })
}
