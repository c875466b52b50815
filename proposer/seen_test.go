package proposer_test

import (
	"testing"

	"paxos/paxos"
	"paxos/proposer"
)

func (l *lab) seen(id paxos.NodeID) proposer.Seen {
	l.t.Helper()
	list := l.p.Status().Acceptors
	if len(list) != len(config.Acceptors) {
		l.t.Fatalf("%d acceptors are seen of %d: %+v", len(list), len(config.Acceptors), list)
	}
	for _, s := range list {
		if s.Node == id {
			return s
		}
	}
	l.t.Fatalf("%s is not seen", id)
	return proposer.Seen{}
}

func TestWhoFollowsTellsHowItSeesEachAcceptor(t *testing.T) {
	l := newLab(t)
	if s := l.seen("a1"); s.Heard || s.Answering {
		t.Errorf("heard before anything was said: %+v", s)
	}
	l.tick(1)
	l.answer(0)
	l.tick(surveyTicks)
	lost := l.surveyed("a2", 0)
	lost.Standing, lost.Store, lost.Stores, lost.Why = paxos.Blank, 0, nil, "this disk is blank"
	other := l.surveyed("a3", 0)
	other.Store = 99
	l.from("a1", l.surveyed("a1", 0))
	l.from("a2", lost)
	l.from("a3", other)
	l.tick(4 * surveyTicks)
	// Only a1 goes on answering; nobody says anything for three ticks more.
	l.from("a1", l.surveyed("a1", 0))
	l.tick(3)
	one, two, three := l.seen("a1"), l.seen("a2"), l.seen("a3")
	if !one.Answering || one.SilentMillis != 300 || one.Standing != "member" || one.Stranger {
		t.Errorf("who answers: %+v", one)
	}
	if two.Answering || !two.Heard || two.SilentMillis != 1100 || two.Standing != "blank" || two.Why != "this disk is blank" {
		t.Errorf("a lost disk: %+v", two)
	}
	if three.Answering || !three.Stranger {
		t.Errorf("another disk than the member's: %+v", three)
	}
}

func TestALeaderTellsHowItSeesEachAcceptor(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.from("a2", paxos.Heard{Ballot: l.ballot, Store: paxos.StoreIn(stores, "a2"), Full: true})
	l.tick(2)
	one, two, three := l.seen("a1"), l.seen("a2"), l.seen("a3")
	if !one.Answering || one.Full || one.SilentMillis != 200 {
		t.Errorf("who promised: %+v", one)
	}
	if !two.Answering || !two.Full {
		t.Errorf("a full disk: %+v", two)
	}
	if three.Answering || !three.Heard {
		t.Errorf("who did not promise: %+v", three)
	}
	l.accepted("a1", 1)
	if one := l.seen("a1"); one.SilentMillis != 0 {
		t.Errorf("who has just accepted: %+v", one)
	}
}

// TestWhoDoesNotLeadKnowsOfNoFullDisk: what it was told when it led is old, in
// its next lead too.
func TestWhoDoesNotLeadKnowsOfNoFullDisk(t *testing.T) {
	l := newLab(t)
	l.elect()
	full := paxos.Heard{Ballot: l.ballot, Store: paxos.StoreIn(stores, "a2"), Full: true}
	l.from("a2", full)
	l.from("a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: l.ballot.Number + 5, Proposer: "p9", Start: 9}})
	if l.p.Status().Leading || l.seen("a2").Full {
		t.Errorf("who has stepped down: %+v", l.seen("a2"))
	}
	l.elect()
	if l.seen("a2").Full {
		t.Errorf("who leads anew: %+v", l.seen("a2"))
	}
}

// TestWhoHasJustBegunToAskSaysSo: it cannot tell yet who answers.
func TestWhoHasJustBegunToAskSaysSo(t *testing.T) {
	l := newLab(t)
	for range 3 * surveyTicks {
		if !l.p.Status().Fresh {
			t.Error("it has asked nobody long enough")
		}
		l.tick(1)
	}
	if l.tick(1); l.p.Status().Fresh {
		t.Error("it has asked long enough")
	}
	l.elect()
	if l.from("a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: l.ballot.Number + 5, Proposer: "p9", Start: 9}}); !l.p.Status().Fresh {
		t.Error("it has just stepped down")
	}
	// Who was handed the lead at once knows who answers.
	l.answer(electionTicks)
	l.from("p2", paxos.Handover{Ballot: paxos.Ballot{Number: l.ballot.Number + 5, Proposer: "p2", Start: 2}})
	l.promise("a1", paxos.Promise{})
	l.promise("a2", paxos.Promise{})
	if l.mustLead(); l.p.Status().Fresh {
		t.Error("it leads")
	}
}
