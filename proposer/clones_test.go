package proposer_test

import (
	"slices"
	"strings"
	"testing"

	"paxos/paxos"
)

// The lives of one disk, of an image of it that was put back, and of a process
// that has ended.
var (
	lived = paxos.Life{Starts: 3, Run: 7, Began: 5, Position: 9}
	image = paxos.Life{Starts: 4, Run: 8, Began: 6, Position: 30}
	ended = paxos.Life{Starts: 2, Run: 6, Began: 1, Position: 5}
)

// refused gives, and forgets, whose words were refused, and as what.
func (l *lab) refused() (list []paxos.NodeID) {
	for _, e := range l.events {
		if e.Kind == paxos.EventRejected && e.Reason == paxos.Cloned {
			list = append(list, e.Peer)
		}
	}
	l.events = nil
	return list
}

func (l *lab) mustRefuse(want ...paxos.NodeID) {
	l.t.Helper()
	if got := l.refused(); !slices.Equal(got, want) {
		l.t.Errorf("refused as clones are %v, want %v", got, want)
	}
}

func TestAClonesPromiseIsNoPromise(t *testing.T) {
	for name, life := range map[string]paxos.Life{"an image": image, "a process that has ended": ended} {
		l := newLab(t)
		s := l.surveyed("a2", 0)
		s.Life = lived
		l.tick(1)
		l.answer(0) // the cluster is known from now on
		l.from("a2", paxos.Accepted{Store: 12, Life: lived})
		l.campaign()
		l.promise("a1", paxos.Promise{})
		l.promise("a2", paxos.Promise{Life: life, Time: 7, Floor: 9})
		if l.p.Status().Leading || l.p.Status().Chosen > 1 {
			t.Fatalf("%s: two promises count: %+v", name, l.p.Status())
		}
		l.promise("a3", paxos.Promise{})
		l.mustLead()
	}
}

func TestAClonesVoteIsNoVote(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1)
	l.flush()
	l.from("a2", paxos.Accepted{Ballot: l.ballot, Store: 12, Life: lived, Slots: []paxos.Slot{9}})
	l.from("a2", paxos.Accepted{Ballot: l.ballot, Store: 12, Life: ended, Slots: []paxos.Slot{1}})
	l.mustRefuse() // late is no crime
	l.from("a2", paxos.Accepted{Ballot: l.ballot, Store: 12, Life: image, Slots: []paxos.Slot{1}})
	l.from("a2", paxos.Accepted{Ballot: l.ballot, Store: 12, Life: lived, Slots: []paxos.Slot{1}})
	l.mustRefuse("a2", "a2") // which of them is right is not known
	l.accepted("a1", 1)
	if l.p.Status().Chosen > 1 {
		t.Fatalf("one vote made a quorum: %+v", l.p.Status())
	}
	if two := l.seen("a2"); !strings.Contains(two.Cloned, "it had 9 records before, and 6 when start 4 began") {
		t.Errorf("it is not told: %+v", two)
	}
	if one := l.seen("a1"); one.Cloned != "" {
		t.Errorf("another one is accused: %+v", one)
	}
	l.accepted("a3", 1)
	if l.p.Status().Chosen != 2 {
		t.Errorf("the others' votes do not count: %+v", l.p.Status())
	}
}

func TestALeaderWithAnImageBesideItDoesNotGoOnLeading(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.from("a2", paxos.Heard{Ballot: l.ballot, Store: 12, Life: lived})
	for range electionTicks + 1 {
		l.from("a1", paxos.Heard{Ballot: l.ballot, Store: 11})
		l.from("a2", paxos.Heard{Ballot: l.ballot, Store: 12, Life: image, Full: true})
		l.tick(1)
	}
	if l.p.Status().Leading {
		t.Errorf("who refuses one of two that answer leads: %+v", l.p.Status())
	}
}

func TestAnImageIsNotAskedWhetherALeaderIsMissed(t *testing.T) {
	l := newLab(t)
	l.tick(1)
	l.answer(0)
	l.from("a2", paxos.Accepted{Store: 12, Life: lived})
	for range 400 {
		for _, id := range []paxos.NodeID{"a1", "a2"} {
			s := l.surveyed(id, electionTicks)
			if id == "a2" {
				s.Life, s.Chosen = image, 50
			}
			l.from(id, s)
		}
		if l.tick(1); !l.ballot.IsZero() || l.p.Status().Chosen > 1 {
			t.Fatalf("stands for election: %+v", l.p.Status())
		}
	}
	// An acceptor that may not vote remembers nothing, and is not accused of it.
	l = newLab(t)
	l.tick(1)
	l.answer(0)
	l.from("a2", paxos.Accepted{Store: 12, Life: lived})
	mute := l.surveyed("a2", 0)
	mute.Standing, mute.Why, mute.Life = paxos.Mute, "damaged", paxos.Life{Starts: 4, Run: 8}
	l.from("a2", mute)
	l.mustRefuse()
	if l.from("a2", paxos.Accepted{Store: 12, Life: lived}); l.seen("a2").Cloned != "" {
		t.Errorf("%+v", l.seen("a2"))
	}
}
