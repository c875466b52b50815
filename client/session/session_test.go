package session_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/paxos"
)

func TestNothingIsSentBeforeTheClusterAndAWatermarkAreKnown(t *testing.T) {
	d := newStranger(t)
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1"}, Leader: "p1"})
	d.submit("u1", "x", 100)
	d.tick(5)
	if len(d.sent) != 9 {
		t.Errorf("in 5 ticks 3 surveys of 3 acceptors, not %+v", d.sent)
	}
	d.meet()
	d.tick(5)
	if got := d.proposes(); len(got) > 0 {
		t.Fatalf("without a watermark it sent %+v", got)
	}
	d.from("l1", paxos.Notify{Applied: 5})
	d.flush()
	a := d.propose()
	want := []paxos.Command{{Session: mine, Sequence: 1, Confirmed: 1, Admitted: 5, Client: "c1", Body: []byte("x")}}
	if diff := cmp.Diff(want, a.Commands); diff != "" || a.to != "p1" {
		t.Errorf("to %s: %s", a.to, diff)
	}
}

func TestACopyKeepsItsNameAndItsAdmission(t *testing.T) {
	d := newDesk(t)
	d.from("u1", paxos.Submit{Key: "k", Body: []byte("x"), Ticks: 1000})
	d.flush()
	first := d.propose()
	seen := map[paxos.Number]bool{first.Attempt: true}
	for n := range 5 {
		d.from("l1", paxos.Notify{Applied: paxos.Slot(100 * (n + 1))})
		d.tick(resendTicks)
		again := d.propose()
		if diff := cmp.Diff(first.Commands, again.Commands); diff != "" {
			t.Error(diff)
		}
		if seen[again.Attempt] {
			t.Errorf("attempt %d is used twice", again.Attempt)
		}
		seen[again.Attempt] = true
	}
	d.submit("u2", "y", 1000)
	d.flush()
	if c := d.propose().Commands[0]; c.Admitted != 500 || c.Sequence != 2 || c.Confirmed != 1 {
		t.Errorf("%+v", c)
	}
}

func TestWhoeverDidNotAnswerIsNotAskedAgainAtOnce(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "x", 1000)
	d.flush()
	if a := d.propose(); a.to != "p1" {
		t.Fatalf("asked %s", a.to)
	}
	d.tick(resendTicks)
	if a := d.propose(); a.to == "p1" {
		t.Error("the silent one is asked again, though others are there")
	}
}

func TestTheOutcomeSettlesACommandOnce(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "x", 100)
	d.flush()
	other := outcome(1)
	other.Session++
	d.from("p1", paxos.Notify{Applied: 7, Outcomes: []paxos.Outcome{outcome(1)}})
	d.from("a1", paxos.Notify{Applied: 7, Outcomes: []paxos.Outcome{outcome(1)}})
	d.from("l1", paxos.Notify{Applied: 7, Outcomes: []paxos.Outcome{other, outcome(2), outcome(0)}})
	d.from("p1", paxos.Proposed{Placed: []paxos.Placed{{Session: mine, Sequence: 1, Slot: 9}}})
	if got := d.settled("u1"); len(got) > 0 {
		t.Fatalf("told %+v by somebody who cannot know", got)
	}
	for range 2 {
		d.from("l1", paxos.Notify{Applied: 10, Outcomes: []paxos.Outcome{outcome(1)}})
		d.from("l2", paxos.Notify{Applied: 10, Outcomes: []paxos.Outcome{outcome(1)}})
	}
	want := paxos.Settled{Fate: paxos.FateKnown, Name: paxos.CommandName{Session: mine, Sequence: 1}, Outcome: outcome(1)}
	if diff := cmp.Diff(want, d.told("u1")); diff != "" {
		t.Error(diff)
	}
	d.sent = nil
	d.tick(200)
	if got := d.proposes(); len(got) > 0 || len(d.settled("u1")) > 0 {
		t.Errorf("settled, and sent again: %+v", got)
	}
}

func TestOnlyIfEveryAttemptWasRefusedForCertainIsItNotApplied(t *testing.T) {
	for name, c := range map[string]struct {
		play func(d *desk, first, second asked)
		want paxos.Fate
	}{
		"both refused": {func(d *desk, a, b asked) {
			d.refuse(a, paxos.NoQuorum, false, "")
			d.refuse(b, paxos.NoQuorum, false, "")
		}, paxos.FateNotApplied},
		"neither answered":    {func(*desk, asked, asked) {}, paxos.FateUnknown},
		"the first was lost":  {func(d *desk, _, b asked) { d.refuse(b, paxos.NoQuorum, false, "") }, paxos.FateUnknown},
		"the second was lost": {func(d *desk, a, _ asked) { d.refuse(a, paxos.NoQuorum, false, "") }, paxos.FateUnknown},
		"one refusal came twice": {func(d *desk, a, _ asked) {
			d.refuse(a, paxos.NoQuorum, false, "")
			d.refuse(a, paxos.NoQuorum, false, "")
		}, paxos.FateUnknown},
		"the first is uncertain": {func(d *desk, a, b asked) {
			d.refuse(a, paxos.SteppedDown, true, "")
			d.refuse(b, paxos.NoQuorum, false, "")
		}, paxos.FateUnknown},
		"both are uncertain": {func(d *desk, a, b asked) {
			d.refuse(a, paxos.SteppedDown, true, "")
			d.refuse(b, paxos.SteppedDown, true, "")
		}, paxos.FateUnknown},
		"one was placed": {func(d *desk, a, b asked) {
			d.refuse(a, paxos.NoQuorum, false, "")
			d.from(b.to, paxos.Proposed{Placed: []paxos.Placed{{Session: mine, Sequence: 1}}})
		}, paxos.FateUnknown},
		"another session's refusal": {func(d *desk, a, b asked) {
			d.refuse(a, paxos.NoQuorum, false, "")
			b.Commands[0].Session++
			d.refuse(b, paxos.NoQuorum, false, "")
		}, paxos.FateUnknown},
	} {
		d := newDesk(t)
		d.submit("u1", "x", resendTicks+1)
		d.flush()
		first := d.propose()
		d.tick(resendTicks)
		second := d.propose()
		c.play(d, first, second)
		d.tick(1)
		got := d.told("u1")
		if got.Fate != c.want || got.Name != (paxos.CommandName{Session: mine, Sequence: 1}) {
			t.Errorf("%s: %+v", name, got)
		}
		if c.want == paxos.FateNotApplied && (got.Reason != paxos.NoQuorum || got.Answering != 1 || got.Needed != 2) {
			t.Errorf("%s: it does not say why: %+v", name, got)
		}
	}
}

func TestWhatWasNeverSentIsNotApplied(t *testing.T) {
	d := newStranger(t)
	d.submit("u1", "x", 5)
	d.from("a1", paxos.Surveyed{Standing: paxos.Member, Store: 11, Stores: stores})
	d.tick(5)
	want := paxos.Settled{Fate: paxos.FateNotApplied, Name: paxos.CommandName{Session: mine, Sequence: 1}, Reason: paxos.NoCluster, Answering: 1, Needed: 2}
	if diff := cmp.Diff(want, d.told("u1")); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyAtOnceAreRefusedForCertain(t *testing.T) {
	d := newDesk(t)
	for n := range maxPending + 1 {
		d.submit("u1", fmt.Sprint(n), 100)
	}
	if got := d.told("u1"); got.Fate != paxos.FateNotApplied || got.Reason != paxos.Overloaded {
		t.Errorf("%+v", got)
	}
	d.flush()
	n := 0
	for _, a := range d.proposes() {
		n += len(a.Commands)
	}
	if n != maxPending {
		t.Errorf("%d were sent", n)
	}
}

func TestOneWhoDoesNotWaitGetsTheNameAndTheCommandIsPursued(t *testing.T) {
	d := newDesk(t)
	d.from("u1", paxos.Submit{Body: []byte("x"), Ticks: 100, NoWait: true})
	name := paxos.CommandName{Session: mine, Sequence: 1}
	if diff := cmp.Diff(paxos.Settled{Fate: paxos.FatePending, Name: name}, d.told("u1")); diff != "" {
		t.Error(diff)
	}
	d.flush()
	d.refuse(d.propose(), paxos.NotLeading, false, "")
	d.tick(2 * retryTicks)
	if a := d.propose(); a.Commands[0].Name() != name {
		t.Errorf("%+v", a)
	}
	d.from("l1", paxos.Notify{Applied: 10, Outcomes: []paxos.Outcome{outcome(1)}})
	d.tick(200)
	if got := d.settled("u1"); len(got) > 0 {
		t.Errorf("who does not wait is told %+v", got)
	}
}

func TestARedirectIsFollowedAtOnceAndNotToAndFro(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "x", 1000)
	d.tick(1)
	a := d.propose()
	d.refuse(a, paxos.NotLeading, false, "p2")
	d.flush()
	b := d.propose()
	if b.to != "p2" {
		t.Fatalf("sent to %s, who leads is p2", b.to)
	}
	// Two that name each other are asked once in a tick at most.
	sent := 0
	for range 30 {
		for range 20 {
			other := paxos.NodeID("p1")
			if b.to == "p1" {
				other = "p2"
			}
			d.refuse(b, paxos.NotLeading, false, other)
			d.flush()
			list := d.proposes()
			if len(list) == 0 {
				break
			}
			sent, b = sent+1, list[0]
		}
		d.take(d.s.Tick())
		d.flush()
		if list := d.proposes(); len(list) > 0 {
			sent, b = sent+1, list[0]
		}
	}
	if sent > 60 {
		t.Errorf("%d times to and fro in 30 ticks", sent)
	}
}

func TestManyCommandsTravelInMessagesOfBoundedSize(t *testing.T) {
	d := newDesk(t)
	for n := range 6 {
		d.submit("u1", strings.Repeat("b", 40+n), 100) // 104 to 109 bytes each, as it counts
	}
	d.submit("u1", strings.Repeat("B", 2*maxBytes), 100)
	d.flush()
	var sizes []int
	attempts := map[paxos.Number]bool{}
	var order []paxos.Sequence
	for _, a := range d.proposes() {
		sizes = append(sizes, len(a.Commands))
		attempts[a.Attempt] = true
		for _, c := range a.Commands {
			order = append(order, c.Sequence)
		}
	}
	if diff := cmp.Diff([]int{2, 2, 2, 1}, sizes); diff != "" || len(attempts) != 4 {
		t.Errorf("%d attempts: %s", len(attempts), diff)
	}
	if diff := cmp.Diff([]paxos.Sequence{1, 2, 3, 4, 5, 6, 7}, order); diff != "" {
		t.Error(diff)
	}
}

func TestAnUnknownCommandKeepsTheFloorAsLongAsItsOutcomeIsAskable(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "x", 1)
	d.flush()
	d.tick(1)
	if got := d.told("u1"); got.Fate != paxos.FateUnknown {
		t.Fatalf("%+v", got)
	}
	floor := func() paxos.Sequence {
		d.sent = nil
		d.submit("u2", "y", 1000)
		d.flush()
		return d.propose().Commands[0].Confirmed
	}
	if f := floor(); f != 1 {
		t.Errorf("the floor %d passed the unknown command 1", f)
	}
	d.from("l1", paxos.Notify{Applied: 10, Outcomes: []paxos.Outcome{outcome(2)}})
	d.tick(abandonTicks - 1)
	if f := floor(); f != 1 {
		t.Errorf("the floor %d passed the unknown command 1", f)
	}
	d.tick(1)
	if f := floor(); f != 3 {
		t.Errorf("the floor is %d; 1 is given up, 2 is settled, 3 is not", f)
	}
}

func TestACopyOfARefusalSendsNothingAgain(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "x", 1000)
	d.tick(1)
	a := d.propose()
	for n := range 4 {
		d.refuse(a, paxos.NotLeading, false, "p2")
		d.flush()
		if got := len(d.proposes()); (got == 1) != (n == 0) || got > 1 {
			t.Errorf("the refusal, heard %d times, sent %d Proposes", n+1, got)
		}
		d.take(d.s.Tick())
	}
}
