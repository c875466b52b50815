package acceptor_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/acceptor"
	"paxos/paxos"
)

func TestAPromiseIsMadeDurablyAndOnce(t *testing.T) {
	a := newMember("a1")
	out := step(a, "p1", paxos.Prepare{Ballot: ballot(5, "p1"), First: 1})
	wantRecords(t, out, paxos.PromisedRecord{Ballot: ballot(5, "p1")})
	want := paxos.Promise{Ballot: ballot(5, "p1"), Store: 11, Life: life(0, 1), First: 1, Next: 1, Floor: 1}
	if diff := cmp.Diff(paxos.Message(want), answer(t, out)); diff != "" {
		t.Error(diff)
	}
	again := step(a, "p1", paxos.Prepare{Ballot: ballot(5, "p1"), First: 1})
	if len(again.Persist) > 0 {
		t.Error("the same promise is written twice")
	}
	if diff := cmp.Diff(paxos.Message(want), answer(t, again)); diff != "" {
		t.Error(diff)
	}
}

func TestAPromiseIsKeptAgainstEveryLowerBallot(t *testing.T) {
	promised := paxos.Ballot{Number: 5, Proposer: "p2", Start: 5}
	for _, lower := range []paxos.Ballot{
		{}, {Number: 4, Proposer: "p3", Start: 9}, {Number: 5, Proposer: "p1", Start: 9}, {Number: 5, Proposer: "p2", Start: 4},
	} {
		a := newMember("a1")
		step(a, "p2", paxos.Prepare{Ballot: promised, First: 1})
		for _, m := range []paxos.Message{paxos.Prepare{Ballot: lower}, accept(lower, at(1, "x")), paxos.Heartbeat{Ballot: lower}} {
			wantNack(t, step(a, "p1", m), paxos.Nack{Ballot: lower, Reason: paxos.Preempted, Promise: promised, Floor: 1})
		}
		if a.Status().Promise != promised || a.Status().Accepted != 0 || a.Status().Led != promised {
			t.Errorf("after %+v: %+v", lower, a.Status())
		}
	}
}

func TestEveryHigherBallotIsPromised(t *testing.T) {
	promised := paxos.Ballot{Number: 5, Proposer: "p2", Start: 5}
	for _, higher := range []paxos.Ballot{
		{Number: 6, Proposer: "p1"}, {Number: 5, Proposer: "p3"}, {Number: 5, Proposer: "p2", Start: 6},
	} {
		a := newMember("a1")
		step(a, "p2", paxos.Prepare{Ballot: promised})
		wantRecords(t, step(a, "p1", paxos.Prepare{Ballot: higher}), paxos.PromisedRecord{Ballot: higher})
	}
}

func TestTheZeroBallotIsNeverPromised(t *testing.T) {
	a := newMember("a1")
	for _, m := range []paxos.Message{paxos.Prepare{}, accept(paxos.Ballot{}, at(1, "x")), paxos.Heartbeat{}} {
		wantNack(t, step(a, "p1", m), paxos.Nack{Reason: paxos.Preempted, Floor: 1})
	}
}

func TestAnAcceptAboveThePromiseRaisesItDurably(t *testing.T) {
	a := newMember("a1")
	step(a, "p1", paxos.Prepare{Ballot: ballot(5, "p1")})
	m := accept(ballot(6, "p2"), at(1, "x"))
	m.Chosen = 1
	out := step(a, "p2", m)
	wantRecords(t, out, paxos.AcceptedRecord{Ballot: ballot(6, "p2"), Chosen: 1, Proposals: []paxos.Proposal{at(1, "x")}})
	if diff := cmp.Diff(paxos.Message(paxos.Accepted{Ballot: ballot(6, "p2"), Store: 11, Life: life(0, 2), Slots: []paxos.Slot{1}}), answer(t, out)); diff != "" {
		t.Error(diff)
	}
	wantNack(t, step(a, "p1", paxos.Prepare{Ballot: ballot(5, "p1")}), paxos.Nack{Ballot: ballot(5, "p1"), Reason: paxos.Preempted, Promise: ballot(6, "p2"), Floor: 1})
}

func TestAnAcceptOfWhichNothingIsTakenStillRaisesThePromise(t *testing.T) {
	for _, m := range []paxos.Accept{accept(ballot(6, "p2")), accept(ballot(6, "p2"), at(1<<40, "x")), accept(ballot(6, "p2"), at(0, "x"))} {
		a := newMember("a1")
		out := step(a, "p2", m)
		wantRecords(t, out, paxos.AcceptedRecord{Ballot: ballot(6, "p2")})
		if a.Status().Promise != ballot(6, "p2") {
			t.Errorf("the promise is %v", a.Status().Promise)
		}
	}
}

func TestAnAcceptSentAgainIsAnsweredAndNotWrittenAgain(t *testing.T) {
	a := newMember("a1")
	m := accept(ballot(5, "p1"), at(1, "x"), at(2, "y"))
	first := step(a, "p1", m)
	again := step(a, "p1", m)
	if len(again.Persist) > 0 {
		t.Errorf("written again: %+v", again.Persist)
	}
	if diff := cmp.Diff(first.Send, again.Send); diff != "" {
		t.Error(diff)
	}
	if votes := len(a.Flush().Send[0].Message.(paxos.Learn).Votes); votes != 4 {
		t.Errorf("the learners hear %d votes; the first may have been lost", votes)
	}
}

func TestAnotherValueUnderTheSameBallotIsABrokenInvariant(t *testing.T) {
	a := newMember("a1")
	step(a, "p1", accept(ballot(5, "p1"), at(1, "x")))
	wantNack(t, step(a, "p1", accept(ballot(5, "p1"), at(1, "y"))),
		paxos.Nack{Ballot: ballot(5, "p1"), Slot: 1, Reason: paxos.TwoValues, Promise: ballot(5, "p1"), Floor: 1})
	page := answer(t, step(a, "p2", paxos.Prepare{Ballot: ballot(6, "p2")})).(paxos.Promise)
	if diff := cmp.Diff([]paxos.Entry{{Slot: 1, Ballot: ballot(5, "p1"), Value: value("x")}}, page.Entries); diff != "" {
		t.Error(diff)
	}
}

func TestTwoValuesInOneMessageAreABrokenInvariantToo(t *testing.T) {
	a := newMember("a1")
	out := step(a, "p1", accept(ballot(5, "p1"), at(1, "x"), at(1, "y")))
	wantRecords(t, out, paxos.AcceptedRecord{Ballot: ballot(5, "p1"), Proposals: []paxos.Proposal{at(1, "x")}})
	if nack, ok := out.Send[0].Message.(paxos.Nack); !ok || nack.Reason != paxos.TwoValues {
		t.Errorf("got %+v", out.Send)
	}
}

func TestAnotherStartIsAnotherBallotAndMayBringAnotherValue(t *testing.T) {
	a := newMember("a1")
	low, high := paxos.Ballot{Number: 5, Proposer: "p1", Start: 1}, paxos.Ballot{Number: 5, Proposer: "p1", Start: 2}
	step(a, "p1", accept(low, at(1, "x")))
	wantRecords(t, step(a, "p1", accept(high, at(1, "y"))), paxos.AcceptedRecord{Ballot: high, Proposals: []paxos.Proposal{at(1, "y")}})
	wantNack(t, step(a, "p1", accept(low, at(2, "z"))), paxos.Nack{Ballot: low, Reason: paxos.Preempted, Promise: high, Floor: 1})
}

func TestABallotMayLeapByTwoToThe32AndNoFurther(t *testing.T) {
	const leap = 1 << 32
	for _, make := range []func(paxos.Ballot) paxos.Message{
		func(b paxos.Ballot) paxos.Message { return paxos.Prepare{Ballot: b} },
		func(b paxos.Ballot) paxos.Message { return accept(b, at(1, "x")) },
	} {
		for _, start := range []paxos.Number{0, 7} {
			a := newMember("a1")
			if start > 0 {
				step(a, "p1", paxos.Prepare{Ballot: ballot(start, "p1")})
			}
			before := a.Status().Promise
			for _, n := range []paxos.Number{start + leap + 1, 1<<64 - 1} {
				wantNack(t, step(a, "p2", make(ballot(n, "p2"))), paxos.Nack{Ballot: ballot(n, "p2"), Reason: paxos.TooFar, Promise: before, Floor: 1})
			}
			if out := step(a, "p2", make(ballot(start+leap, "p2"))); len(out.Persist) != 1 || a.Status().Promise.Number != start+leap {
				t.Errorf("a leap of exactly 2^32 from %d: %+v", start, out)
			}
		}
	}
}

func TestASlotFarBeyondAllThatIsKnownIsRefused(t *testing.T) {
	const ahead = 1 << 20
	for _, c := range []struct {
		name   string
		before paxos.Message
		chosen paxos.Slot
		last   paxos.Slot
	}{
		{"from the floor", paxos.Survey{}, 0, 1 + ahead},
		{"from what was accepted", accept(ballot(1, "p1"), at(500, "x")), 0, 500 + ahead},
		{"from what is chosen", paxos.Survey{}, 9000, 9000 + ahead},
	} {
		a := newMember("a1")
		step(a, "p1", c.before)
		m := accept(ballot(1, "p1"), at(c.last+1, "x"))
		m.Chosen = c.chosen
		if nack, ok := step(a, "p1", m).Send[0].Message.(paxos.Nack); !ok || nack.Reason != paxos.TooFar || nack.Slot != c.last+1 {
			t.Errorf("%s: slot %d was taken", c.name, c.last+1)
		}
		m.Proposals = []paxos.Proposal{at(c.last, "x")}
		if m, ok := step(a, "p1", m).Send[0].Message.(paxos.Accepted); !ok || m.Slots[0] != c.last {
			t.Errorf("%s: slot %d was refused", c.name, c.last)
		}
	}
}

func TestAHeartbeatPromisesNothingAndRaisesNothing(t *testing.T) {
	a := newMember("a1")
	step(a, "p1", paxos.Prepare{Ballot: ballot(5, "p1")})
	a.Tick()
	out := step(a, "p2", paxos.Heartbeat{Ballot: ballot(9, "p2"), Count: 3, Chosen: 4})
	wantRecords(t, out)
	if diff := cmp.Diff(paxos.Message(paxos.Heard{Ballot: ballot(9, "p2"), Store: 11, Life: life(0, 1), Count: 3}), answer(t, out)); diff != "" {
		t.Error(diff)
	}
	s := a.Status()
	if s.Promise != ballot(5, "p1") || s.Led != ballot(9, "p2") || s.Silent != 0 {
		t.Errorf("%+v", s)
	}
}

// A watermark is believed as far as the acceptor has heard of slots itself: a
// wrong one, by heartbeat or kept with an Accept, must not send later leaders
// beyond the end of the log.
func TestAWatermarkIsBelievedOnlyAsFarAsSlotsWereHeardOf(t *testing.T) {
	a := newMember("a1")
	beat := func(chosen paxos.Slot) paxos.Slot {
		step(a, "p1", paxos.Heartbeat{Ballot: ballot(5, "p1"), Chosen: chosen})
		return a.Status().Chosen
	}
	if got := beat(math.MaxUint64); got > 1 {
		t.Errorf("an acceptor that has heard of no slot believes a watermark of %d", got)
	}
	wrong := accept(ballot(5, "p1"), at(3, "x"))
	wrong.Chosen = math.MaxUint64
	out := step(a, "p1", wrong)
	if got := a.Status().Chosen; got != 4 {
		t.Errorf("watermark %d after slot 3, 4 is the most", got)
	}
	again := newMember("a1")
	for _, rec := range out.Persist {
		if err := again.Restore(rec); err != nil {
			t.Fatal(err)
		}
	}
	if got := again.Status().Chosen; got != 4 {
		t.Errorf("watermark %d after a restart, 4 is the most", got)
	}
	if got := beat(2); got != 4 {
		t.Errorf("the watermark fell to %d", got)
	}
}

func TestASurveyChangesNothing(t *testing.T) {
	a := newMember("a1")
	step(a, "p1", accept(ballot(5, "p1"), at(3, "x")))
	a.Flush()
	a.Tick()
	a.Tick()
	before := a.Status()
	out := step(a, "p2", paxos.Survey{Question: 8})
	wantRecords(t, out)
	want := paxos.Surveyed{Question: 8, Standing: paxos.Member, Store: 11, Life: life(0, 1), Stores: stores, Promise: ballot(5, "p1"), Led: ballot(5, "p1"), Silent: 2, Floor: 1}
	if diff := cmp.Diff(paxos.Message(want), answer(t, out)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, a.Status()); diff != "" {
		t.Error(diff)
	}
}

func TestOneWhoMayNotVoteSaysNothingOfItsLog(t *testing.T) {
	foreign := identity("a2")
	forming := identity("a1")
	forming.Standing, forming.Stores = paxos.Forming, nil
	shrunk := identity("a1")
	shrunk.Config.Acceptors = []paxos.NodeID{"a1", "a2", "a3", "a4", "a5"}
	cloned := identity("a1")
	cloned.Store = 12
	muted := configOf("a1")
	muted.Mute = "the disk is damaged"
	for name, a := range map[string]*acceptor.Acceptor{
		"blank": acceptor.New(configOf("a1"), paxos.Identity{}), "forming": acceptor.New(configOf("a1"), forming),
		"another node's": acceptor.New(configOf("a1"), foreign), "another configuration's": acceptor.New(configOf("a1"), shrunk),
		"a store that is no member's": acceptor.New(configOf("a1"), cloned), "damaged": acceptor.New(muted, identity("a1")),
	} {
		for _, m := range []paxos.Message{paxos.Prepare{Ballot: ballot(1, "p1")}, accept(ballot(1, "p1"), at(1, "x")),
			paxos.Heartbeat{Ballot: ballot(1, "p1")}, paxos.Highest{}, paxos.CatchUp{First: 1}} {
			out := step(a, "p1", m)
			if nack, ok := answer(t, out).(paxos.Nack); !ok || nack.Reason != paxos.NotMember || len(out.Persist) > 0 {
				t.Errorf("%s, %T: %+v", name, m, out)
			}
		}
		if len(a.Flush().Send) > 0 {
			t.Errorf("%s: the learners hear votes", name)
		}
		if m := answer(t, step(a, "p1", paxos.Survey{})).(paxos.Surveyed); m.Why == "" || m.Standing == paxos.Member {
			t.Errorf("%s: a survey hears %+v", name, m)
		}
	}
}
