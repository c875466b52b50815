package proposer_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/paxos"
)

// behind is a leader that began at slot 4: all below is chosen.
func behind(t *testing.T) *lab {
	l := newLab(t)
	l.campaign()
	l.promise("a1", paxos.Promise{Chosen: 4})
	l.promise("a2", paxos.Promise{})
	l.mustLead()
	l.flush()
	l.sent = nil
	return l
}

func TestFinishProposesAgainWhatWasChosenBeforeTheLead(t *testing.T) {
	l := behind(t)
	low, high := paxos.Ballot{Number: 0, Proposer: "p8"}, paxos.Ballot{Number: 0, Proposer: "p9"}
	l.from("l1", paxos.Finish{First: 2, Next: 4})
	if diff := cmp.Diff([]paxos.Prepare{{Ballot: l.ballot, First: 2}, {Ballot: l.ballot, First: 2}, {Ballot: l.ballot, First: 2}}, sentOf[paxos.Prepare](l)); diff != "" {
		t.Fatal(diff)
	}
	l.promise("a3", paxos.Promise{First: 2, Next: 4, Entries: []paxos.Entry{entry(2, low, "wrong"), entry(3, high, "c")}})
	l.flush()
	if got := l.proposals("a1"); len(got) > 0 {
		t.Fatalf("proposed %v before a quorum reported", shown(got))
	}
	l.propose(1, 1) // in the meantime others are served
	l.promise("a1", paxos.Promise{First: 2, Next: 3, More: true, Entries: []paxos.Entry{entry(2, high, "b")}})
	l.promise("a1", paxos.Promise{First: 3, Next: 9, Entries: []paxos.Entry{entry(4, high, "not asked for"), entry(8, high, "nor this")}})
	l.flush()
	if diff := cmp.Diff([]string{"2:b", "3:c", "4:body 1"}, shown(l.proposals("a1"))); diff != "" {
		t.Error(diff)
	}
	l.accepted("a1", 2, 3, 4)
	l.accepted("a2", 2, 3, 4)
	if c := l.p.Status().Chosen; c != 5 {
		t.Errorf("the watermark is %d", c)
	}
	sentOf[paxos.Prepare](l)
	for _, never := range []paxos.Slot{5, 6, 0} {
		l.from("l1", paxos.Finish{First: never, Next: 7})
	}
	if got := sentOf[paxos.Prepare](l); len(got) > 0 {
		t.Errorf("it asks for what is not chosen: %+v", got)
	}
}

// A slot is chosen by a1 and a2, and the learner hears only a1 and a3 (sim, seed
// 360): only a vote of a3's helps it.
func TestFinishProposesAgainWhatTheLeaderSawChosen(t *testing.T) {
	l := behind(t)
	l.propose(1, 1)
	l.propose(1, 2)
	l.flush()
	l.accepted("a1", 4, 5)
	l.accepted("a2", 4, 5)
	l.sent = nil
	l.from("l1", paxos.Finish{First: 4, Next: 5})
	if got := sentOf[paxos.Prepare](l); len(got) != 3 || got[2].First != 4 {
		t.Fatalf("asks %+v", got)
	}
	own := paxos.Entry{Slot: 4, Ballot: l.ballot, Value: paxos.Value{Time: 1, Commands: []paxos.Command{{Body: []byte("own")}}}}
	l.promise("a3", paxos.Promise{First: 4, Next: 4, Entries: nil})
	l.promise("a1", paxos.Promise{First: 4, Next: 6, Entries: []paxos.Entry{own, entry(5, l.ballot, "not asked for")}})
	l.flush()
	if diff := cmp.Diff([]string{"4:own"}, shown(l.proposals("a3"))); diff != "" {
		t.Error(diff)
	}
}

// A learner that can never be helped asks again and again; another one, which
// asks in the same rhythm and a little later, has its turn all the same (sim,
// seed 47167).
func TestEveryLearnerHasItsTurnToHaveSlotsFinished(t *testing.T) {
	l := behind(t)
	l.from("l1", paxos.Finish{First: 3, Next: 4})
	l.from("l2", paxos.Finish{First: 2, Next: 4})
	l.from("l1", paxos.Finish{First: 3, Next: 4})
	high := paxos.Ballot{Number: 0, Proposer: "p9"}
	var asked []paxos.Slot
	for range 100 {
		for _, m := range sentOf[paxos.Prepare](l) {
			if n := len(asked); n == 0 || asked[n-1] != m.First {
				asked = append(asked, m.First)
			}
			for _, a := range []paxos.NodeID{"a1", "a2"} {
				l.promise(a, paxos.Promise{First: m.First, Next: 4, Entries: []paxos.Entry{entry(2, high, "b"), entry(3, high, "c")}[m.First-2:]})
			}
		}
		l.alive(1)
	}
	if diff := cmp.Diff([]paxos.Slot{3, 2, 3}, asked); diff != "" {
		t.Error(diff)
	}
}

// Pages of the first asking of a ballot may come during the second (sim, seed
// 1547): they were true before anything was proposed in it.
func TestALatePageOfTheElectionSaysNothingOfWhatWasProposedSince(t *testing.T) {
	l := behind(t)
	l.propose(1, 1)
	l.flush()
	l.accepted("a1", 4)
	l.accepted("a2", 4)
	l.from("l1", paxos.Finish{First: 4, Next: 5})
	l.sent = nil
	l.promise("a1", paxos.Promise{First: 4, Next: 4})
	l.promise("a3", paxos.Promise{First: 4, Next: 5, Entries: []paxos.Entry{entry(4, paxos.Ballot{Number: 0, Proposer: "p9"}, "lost")}})
	l.flush()
	if got := l.proposals("a3"); len(got) > 0 || !l.p.Status().Leading {
		t.Errorf("proposed %v", shown(got))
	}
}

func TestFinishProposesNothingBelowTheFloor(t *testing.T) {
	l := behind(t)
	l.from("l1", paxos.Finish{First: 1, Next: 4})
	l.promise("a2", paxos.Promise{First: 1, Next: 3, Floor: 3})
	l.promise("a3", paxos.Promise{First: 1, Next: 4, Entries: []paxos.Entry{entry(1, paxos.Ballot{}, "a"), entry(2, paxos.Ballot{}, "b"), entry(3, paxos.Ballot{}, "c")}})
	l.flush()
	if diff := cmp.Diff([]string{"3:c"}, shown(l.proposals("a1"))); diff != "" {
		t.Error(diff)
	}
}

func TestASlotSaidToBeChosenThatNoQuorumHoldsIsTheEnd(t *testing.T) {
	l := behind(t)
	l.from("l1", paxos.Finish{First: 2, Next: 4})
	l.promise("a2", paxos.Promise{First: 2, Next: 2})
	l.promise("a3", paxos.Promise{First: 2, Next: 3, Entries: []paxos.Entry{entry(2, paxos.Ballot{}, "b")}})
	if l.broken == nil || len(l.proposals("a1")) > 0 {
		t.Errorf("slot 3 was filled, or forgotten: %v", l.broken)
	}
}

func TestFinishFillsWithNoopsUpToWhatSomebodyHeardOfWithinTheWindow(t *testing.T) {
	for next, want := range map[paxos.Slot][]string{
		3: nil, 4: nil, 6: {"4:-", "5:-"}, 4 + window: {"4:-", "5:-", "6:-", "7:-"}, 1 << 60: {"4:-", "5:-", "6:-", "7:-"},
	} {
		l := behind(t)
		l.from("l1", paxos.Finish{First: 4, Next: next})
		l.from("l1", paxos.Finish{First: 4, Next: next})
		l.propose(1, 1)
		l.flush()
		if next < 4+window {
			want = append(want, fmt.Sprintf("%d:body 1", max(4, next)))
		}
		if diff := cmp.Diff(want, shown(l.proposals("a1"))); diff != "" {
			t.Errorf("up to %d: %s", next, diff)
		}
	}
}

func TestOneWhoDoesNotLeadFinishesNothing(t *testing.T) {
	l := newLab(t)
	l.from("l1", paxos.Finish{First: 1, Next: 4})
	l.campaign()
	l.sent = nil
	l.from("l1", paxos.Finish{First: 1, Next: 4})
	if len(l.sent) > 0 {
		t.Errorf("%+v", l.sent)
	}
}

// stamps gives the log times of what was proposed.
func (l *lab) stamps() (list []paxos.LogTime) {
	for _, p := range l.proposals("a1") {
		list = append(list, p.Value.Time)
	}
	return list
}

func TestLogTimeContinuesFromTheLastStampAndNeverGoesBack(t *testing.T) {
	l := newLab(t)
	l.calm(40, map[paxos.NodeID]uint32{"a1": 0, "a2": 0, "a3": 0}) // an outage of 40 ticks expires nothing
	l.campaign()
	l.promise("a1", paxos.Promise{Time: 500})
	l.promise("a2", paxos.Promise{Time: 900, Next: 3, Entries: []paxos.Entry{entry(2, paxos.Ballot{}, "")}})
	l.mustLead()
	l.flush()
	l.propose(1, 1)
	l.flush()
	if diff := cmp.Diff([]paxos.LogTime{900, 0, 900}, l.stamps()); diff != "" {
		t.Error("gap, again, new: ", diff)
	}
	l.accepted("a1", 1, 2, 3)
	l.accepted("a2", 1, 2, 3)
	l.alive(7)
	l.propose(2, 2)
	l.flush()
	if diff := cmp.Diff([]paxos.LogTime{1600}, l.stamps()); diff != "" {
		t.Error("7 ticks of 100 ms later: ", diff)
	}
}

func TestAStoppingLeaderDrainsAndThenAsksItsSuccessor(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1)
	l.flush()
	l.take(l.p.Stop("p2", 5))
	l.sent = nil
	l.propose(2, 2)
	want := []paxos.Refused{{Attempt: 2, Commands: names(2), Reason: paxos.Stopping, Answering: 2, Needed: 2}}
	if diff := cmp.Diff(want, sentOf[paxos.Refused](l)); diff != "" {
		t.Error(diff)
	}
	l.alive(2)
	if l.p.Stopped() || len(sentOf[paxos.Handover](l)) > 0 {
		t.Fatal("it hands over with something under way")
	}
	l.accepted("a1", 1)
	l.accepted("a2", 1)
	l.flush()
	if len(sentOf[paxos.Proposed](l)) != 1 {
		t.Error("what was under way is not answered")
	}
	l.alive(1)
	if diff := cmp.Diff([]paxos.Handover{{Ballot: l.ballot}}, sentOf[paxos.Handover](l)); diff != "" || !l.p.Stopped() || l.p.Status().Leading {
		t.Errorf("%+v: %s", l.p.Status(), diff)
	}
	if refused := sentOf[paxos.Refused](l); len(refused) > 0 {
		t.Errorf("drained, it refuses %+v", refused)
	}
	l.sent = nil
	l.calm(100, allSilent)
	if len(sentOf[paxos.Prepare](l)) > 0 {
		t.Error("it stands again after it handed over")
	}
}

func TestAStoppingLeaderWaitsNoLongerThanItWasTold(t *testing.T) {
	l := newLab(t)
	l.elect()
	for s := 1; s <= window+1; s++ {
		l.propose(paxos.Number(s), s)
		l.flush()
	}
	l.take(l.p.Stop("", 3))
	l.sent = nil
	l.alive(3)
	if !l.p.Stopped() || len(sentOf[paxos.Handover](l)) > 0 {
		t.Fatalf("%+v", l.p.Status())
	}
	uncertain := map[bool]int{}
	for _, m := range sentOf[paxos.Refused](l) {
		uncertain[m.Uncertain] += len(m.Commands)
	}
	if uncertain[true] != window || uncertain[false] != 1 {
		t.Errorf("refused: %v", uncertain)
	}
}

func TestOneWhoDoesNotLeadStopsAtOnce(t *testing.T) {
	l := newLab(t)
	l.take(l.p.Stop("p2", 5))
	l.calm(100, allSilent)
	if !l.p.Stopped() || len(sentOf[paxos.Handover](l)) > 0 || len(sentOf[paxos.Prepare](l)) > 0 {
		t.Errorf("%+v", l.p.Status())
	}
}

func TestALeaderIsHeardAsLongAsItLeads(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.alive(20)
	beats := sentOf[paxos.Heartbeat](l)
	if len(beats) < 3*20/2-3 {
		t.Errorf("%d heartbeats in 20 ticks", len(beats))
	}
	for _, m := range beats {
		if m.Ballot != l.ballot || m.Chosen != 1 {
			t.Errorf("%+v", m)
		}
	}
}
