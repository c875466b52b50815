package proposer_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/paxos"
	"paxos/proposer"
)

// mostUnchosen gives how many slots are proposed and not chosen.
func mostUnchosen(s proposer.Status) int { return int(s.Next - s.Chosen) }

func TestTheLeaderRunsAheadNoFurtherThanTheWindow(t *testing.T) {
	l := newLab(t)
	l.elect()
	for s := 1; s <= window+2; s++ {
		l.propose(paxos.Number(s), s)
		l.flush()
	}
	if s := l.p.Status(); mostUnchosen(s) != window || s.InFlight != window || s.Waiting != 2 {
		t.Fatalf("%+v", s)
	}
	l.sent = nil
	// Slots 2 and 3 are chosen; the watermark stays, and so does the window.
	l.accepted("a1", 2, 3)
	l.accepted("a3", 2, 3)
	l.flush()
	if got := l.proposals("a1"); len(got) > 0 || l.p.Status().Chosen != 1 {
		t.Fatalf("proposed %v at watermark %d", shown(got), l.p.Status().Chosen)
	}
	l.accepted("a1", 1)
	l.accepted("a2", 1)
	l.flush()
	if diff := cmp.Diff([]string{"5:body 5,body 6"}, shown(l.proposals("a1"))); diff != "" || l.p.Status().Chosen != 4 {
		t.Errorf("watermark %d: %s", l.p.Status().Chosen, diff)
	}
}

func TestAQuorumIsASetOfMembersDisks(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1)
	l.flush()
	l.sent = nil
	other := l.ballot
	other.Start++
	for name, e := range map[string]struct {
		from paxos.NodeID
		m    paxos.Accepted
	}{
		"the first":            {"a1", paxos.Accepted{Ballot: l.ballot, Store: 11, Slots: []paxos.Slot{1, 1, 1}}},
		"its copy":             {"a1", paxos.Accepted{Ballot: l.ballot, Store: 11, Slots: []paxos.Slot{1}}},
		"one through a2's way": {"a2", paxos.Accepted{Ballot: l.ballot, Store: 11, Slots: []paxos.Slot{1}}},
		"another disk of a2":   {"a2", paxos.Accepted{Ballot: l.ballot, Store: 99, Slots: []paxos.Slot{1}}},
		"another ballot":       {"a2", paxos.Accepted{Ballot: other, Store: 12, Slots: []paxos.Slot{1}}},
		"a stranger":           {"p2", paxos.Accepted{Ballot: l.ballot, Store: 12, Slots: []paxos.Slot{1}}},
		"another slot":         {"a2", paxos.Accepted{Ballot: l.ballot, Store: 12, Slots: []paxos.Slot{2, 0, 1 << 60}}},
	} {
		l.from(e.from, e.m)
		l.flush()
		if l.p.Status().Chosen != 1 || len(sentOf[paxos.Proposed](l)) > 0 {
			t.Fatalf("%s made a quorum", name)
		}
	}
	l.accepted("a3", 1)
	l.flush()
	want := []paxos.Proposed{{Placed: []paxos.Placed{{Session: 5, Sequence: 1, Slot: 1}}}}
	if diff := cmp.Diff(want, sentOf[paxos.Proposed](l)); diff != "" || l.p.Status().Chosen != 2 {
		t.Errorf("watermark %d: %s", l.p.Status().Chosen, diff)
	}
}

// slotsOf are the sequences that were proposed to an acceptor since it was last
// asked, slot by slot.
func slotsOf(l *lab, acceptor paxos.NodeID) (got [][]paxos.Sequence) {
	for _, p := range l.proposals(acceptor) {
		var slot []paxos.Sequence
		for _, c := range p.Value.Commands {
			slot = append(slot, c.Sequence)
		}
		got = append(got, slot)
	}
	return got
}

func TestABatchKeepsItsLimitsAndItsOrder(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1, 2, 3, 4)
	big := command(5)
	big.Body = make([]byte, 1500)
	l.from("c1", paxos.Propose{Attempt: 2, Commands: []paxos.Command{big, command(6)}})
	l.flush()
	if diff := cmp.Diff([][]paxos.Sequence{{1, 2, 3}, {4}, {5}}, slotsOf(l, "a2")); diff != "" {
		t.Error(diff)
	}
	l.accepted("a1", 1)
	l.accepted("a2", 1)
	l.flush()
	if diff := cmp.Diff([][]paxos.Sequence{{6}}, slotsOf(l, "a2")); diff != "" {
		t.Error(diff)
	}
}

// TestLittleWaitsForALandingWhileMuchIsInTheAir: and never when nothing is.
func TestLittleWaitsForALandingWhileMuchIsInTheAir(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1, 2, 3)
	l.flush()
	l.propose(2, 4)
	l.flush()
	if got := slotsOf(l, "a2"); len(got) != 2 {
		t.Fatalf("half of what is in the air waits: %v", got)
	}
	l.propose(3, 5)
	l.flush()
	if got := slotsOf(l, "a2"); len(got) != 0 {
		t.Fatalf("a slot of its own for one of five: %v", got)
	}
	l.accepted("a1", 1)
	l.accepted("a2", 1)
	l.flush()
	if diff := cmp.Diff([][]paxos.Sequence{{5}}, slotsOf(l, "a2")); diff != "" {
		t.Error(diff)
	}
}

func TestTheAnswersSayWhichCommandStandsWhere(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1, 2)
	l.from("c2", paxos.Propose{Attempt: 9, Commands: []paxos.Command{{Session: 6, Sequence: 1, Client: "c2"}}})
	l.flush()
	l.sent = nil
	l.accepted("a1", 1)
	l.accepted("a2", 1)
	l.flush()
	want := []paxos.Proposed{
		{Placed: []paxos.Placed{{Session: 5, Sequence: 1, Slot: 1}, {Session: 5, Sequence: 2, Slot: 1, Position: 1}}},
		{Placed: []paxos.Placed{{Session: 6, Sequence: 1, Slot: 1, Position: 2}}},
	}
	if diff := cmp.Diff(want, sentOf[paxos.Proposed](l)); diff != "" {
		t.Error(diff)
	}
}

func TestACommandUnderWayIsNotProposedTwice(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1)
	l.propose(2, 1)
	l.flush()
	l.propose(3, 1)
	l.flush()
	if diff := cmp.Diff([]string{"1:body 1"}, shown(l.proposals("a1"))); diff != "" {
		t.Error(diff)
	}
	l.accepted("a1", 1)
	l.accepted("a2", 1)
	l.propose(4, 1) // its answer was lost: it is proposed again, and has no second effect
	l.flush()
	if diff := cmp.Diff([]string{"2:body 1"}, shown(l.proposals("a1"))); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotAnsweredIsSentAgainToThoseWhoDidNotAnswer(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1)
	l.flush()
	l.accepted("a2", 1)
	l.sent = nil
	l.alive(resendTicks)
	var to []paxos.NodeID
	for _, e := range l.sent {
		if m, ok := e.Message.(paxos.Accept); ok && slices.Equal(shown(m.Proposals), []string{"1:body 1"}) {
			to = append(to, e.To)
		}
	}
	if diff := cmp.Diff([]paxos.NodeID{"a1", "a3"}, to); diff != "" {
		t.Error(diff)
	}
}

func TestALeaderThatHearsOfAHigherBallotStepsDownAtOnce(t *testing.T) {
	l := newLab(t)
	l.elect()
	higher := paxos.Ballot{Number: l.ballot.Number, Proposer: "p2", Start: 1}
	other := l.ballot
	other.Start--
	for name, e := range map[string]struct {
		from paxos.NodeID
		m    paxos.Nack
	}{
		"of another ballot":   {"a1", paxos.Nack{Ballot: other, Reason: paxos.Preempted, Promise: higher}},
		"by a stranger":       {"p2", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: higher}},
		"by the own ballot":   {"a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: l.ballot}},
		"by a lower ballot":   {"a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: other}},
		"of one without vote": {"a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.NotMember}},
	} {
		l.from(e.from, e.m)
		if !l.p.Status().Leading {
			t.Fatalf("a refusal %s ended its lead", name)
		}
	}
	l.propose(1, 1)
	l.flush()
	l.sent = nil
	l.from("a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: higher})
	if l.p.Status().Leading {
		t.Fatal("it still leads")
	}
	l.accepted("a2", 1)
	l.accepted("a3", 1)
	l.tick(3)
	if len(sentOf[paxos.Accept](l)) > 0 || len(sentOf[paxos.Heartbeat](l)) > 0 || len(sentOf[paxos.Proposed](l)) > 0 {
		t.Error("it goes on as if it led")
	}
}

func TestOnlyWhatNeverLeftIsRefusedForCertain(t *testing.T) {
	l := newLab(t)
	l.elect()
	for s := 1; s <= window; s++ { // each into a slot of its own
		l.propose(paxos.Number(s), s)
		l.flush()
	}
	l.propose(9, 5, 6) // these wait for the window
	l.flush()
	l.accepted("a1", 2)
	l.accepted("a2", 2) // 2 is chosen: the learners will tell
	l.flush()
	l.sent = nil
	l.from("a3", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: 99, Proposer: "p2"}})
	got := sentOf[paxos.Refused](l)
	want := []paxos.Refused{
		{Attempt: 1, Commands: names(1), Reason: paxos.SteppedDown, Uncertain: true, Answering: 2, Needed: 2},
		{Attempt: 3, Commands: names(3), Reason: paxos.SteppedDown, Uncertain: true, Answering: 2, Needed: 2},
		{Attempt: 4, Commands: names(4), Reason: paxos.SteppedDown, Uncertain: true, Answering: 2, Needed: 2},
		{Attempt: 9, Commands: names(5, 6), Reason: paxos.NotLeading, Answering: 2, Needed: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	l.propose(10, 7)
	if got := sentOf[paxos.Refused](l); len(got) != 1 || got[0].Uncertain || got[0].Reason != paxos.NotLeading {
		t.Errorf("who no longer leads answers %+v", got)
	}
}

func TestALeaderWithoutAQuorumsAnswersSaysSoAndRefuses(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1)
	l.flush()
	for range electionTicks + 1 {
		l.from("a1", paxos.Heard{Ballot: l.ballot, Store: 11})
		l.tick(1)
	}
	if s := l.p.Status(); s.Leading || s.Answering != 1 || s.Needed != 2 {
		t.Fatalf("%+v", s)
	}
	if got := sentOf[paxos.Refused](l); len(got) != 1 || !got[0].Uncertain {
		t.Errorf("what was under way: %+v", got)
	}
	for n := range paxos.Number(10 * surveyTicks) {
		l.from("a1", l.surveyed("a1", electionTicks))
		l.tick(1)
		l.propose(2+n, 2)
		want := []paxos.Refused{{Attempt: 2 + n, Commands: names(2), Reason: paxos.NoQuorum, Answering: 1, Needed: 2}}
		if diff := cmp.Diff(want, sentOf[paxos.Refused](l)); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestAFollowerNamesTheLeader(t *testing.T) {
	l := newLab(t)
	for range 4 * surveyTicks {
		for _, id := range config.Acceptors {
			m := l.surveyed(id, 1)
			m.Led = paxos.Ballot{Number: 4, Proposer: "p2", Start: 1}
			l.from(id, m)
		}
		l.tick(1)
	}
	l.propose(3, 1)
	want := []paxos.Refused{{Attempt: 3, Commands: names(1), Reason: paxos.NotLeading, Leader: "p2", Answering: 3, Needed: 2}}
	if diff := cmp.Diff(want, sentOf[paxos.Refused](l)); diff != "" {
		t.Error(diff)
	}
}

// A refusal for certain stays true: no copy of what was refused is taken later,
// and no copy of what was taken is refused.
func TestAnAttemptIsAnsweredOnce(t *testing.T) {
	l := newLab(t)
	l.calm(20, map[paxos.NodeID]uint32{"a1": 0, "a2": 0, "a3": 0})
	l.propose(1, 1)
	if got := sentOf[paxos.Refused](l); len(got) != 1 || got[0].Uncertain {
		t.Fatalf("%+v", got)
	}
	l.elect()
	l.propose(1, 1)
	l.flush()
	if got := l.proposals("a1"); len(got) > 0 {
		t.Fatalf("what was refused for certain is proposed: %v", shown(got))
	}
	l.propose(2, 1)
	l.flush()
	if got := l.proposals("a1"); len(got) != 1 {
		t.Fatalf("a new attempt is not taken: %v", shown(got))
	}
	l.from("a3", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: 99, Proposer: "p2"}})
	if got := sentOf[paxos.Refused](l); len(got) != 1 || !got[0].Uncertain {
		t.Fatalf("%+v", got)
	}
	l.propose(2, 1)
	l.propose(1, 1)
	if got := sentOf[paxos.Refused](l); len(got) > 0 {
		t.Errorf("an Accept left for it, and a copy is refused: %+v", got)
	}
}

func TestMessagesThatAPersonDoesNotNumberAreAllAnswered(t *testing.T) {
	l := newLab(t)
	for range 3 {
		l.propose(0, 1)
		if got := sentOf[paxos.Refused](l); len(got) != 1 {
			t.Errorf("%+v", got)
		}
	}
}

// A message's commands are taken all or none: one that is told "not applied"
// must not find half of them in the log.
func TestAFullQueueRefusesForCertain(t *testing.T) {
	l := newLab(t)
	l.elect()
	var all []int
	for s := range maxWaiting {
		all = append(all, s+1)
	}
	l.propose(1, all...)
	if got := sentOf[paxos.Refused](l); len(got) != 0 {
		t.Errorf("refused while there was room: %+v", got)
	}
	l.propose(2, maxWaiting+1, maxWaiting+2)
	want := []paxos.Refused{{Attempt: 2, Commands: names(maxWaiting+1, maxWaiting+2), Reason: paxos.Overloaded, Leader: "p1", Answering: 2, Needed: 2}}
	if diff := cmp.Diff(want, sentOf[paxos.Refused](l)); diff != "" {
		t.Error(diff)
	}
	if !l.p.Status().Leading || l.p.Status().Waiting != maxWaiting {
		t.Errorf("%+v", l.p.Status())
	}
}

func TestAnotherValueInItsOwnBallotIsTheEnd(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.from("a1", paxos.Nack{Ballot: l.ballot, Slot: 1, Reason: paxos.TwoValues})
	if l.broken == nil {
		t.Error("it goes on")
	}
}
