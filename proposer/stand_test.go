package proposer_test

import (
	"testing"

	"paxos/paxos"
	"paxos/proposer"
)

// losses makes the proposer stand and lose n times.
func (l *lab) losses(n int) {
	l.t.Helper()
	for range n {
		b := l.campaign()
		l.from("a1", paxos.Nack{Ballot: b, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: b.Number + 1, Proposer: "p9"}})
	}
}

// patience is how many ticks of silence pass before the proposer stands.
func (l *lab) patience() int {
	l.t.Helper()
	for n := range 2000 {
		l.calm(1, allSilent)
		if l.p.Status().Phase == proposer.Preparing {
			return n
		}
	}
	l.t.Fatal("it never stands")
	return 0
}

func TestBackOffIsShortAgainAfterSomebodyHasLedForAWhile(t *testing.T) {
	longest := 0
	for seed := range uint64(20) {
		cfg := configOf("p1", 7)
		cfg.Seed = seed
		l := &lab{t: t, p: proposer.New(cfg)}
		l.losses(6)
		l.calm(10*electionTicks, map[paxos.NodeID]uint32{"a1": 0, "a2": 0, "a3": 0})
		longest = max(longest, l.patience())
	}
	if longest > 3*electionTicks {
		t.Errorf("after a long lead of another it waited %d ticks of silence; an election timeout is %d", longest, electionTicks)
	}
}

// One acceptor's promise is far above what the others take in one stride: the
// proposer goes up in strides, and leads with the others in the end.
func TestAPromiseOutOfReachIsClimbedInStrides(t *testing.T) {
	const stride = 1 << 32
	promises := map[paxos.NodeID]paxos.Number{"a1": 3 * stride, "a2": 5, "a3": 6}
	l := newLab(t)
	used := map[paxos.Ballot]bool{}
	for range 10 {
		b := l.standBeside(promises)
		if used[b] {
			t.Fatalf("ballot %v is used twice", b)
		}
		used[b] = true
		taken := 0
		for _, id := range config.Acceptors {
			switch {
			case b.Number < promises[id]:
				l.from(id, paxos.Nack{Ballot: b, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: promises[id], Proposer: "p9"}})
			case b.Number-promises[id] > stride:
				t.Fatalf("ballot %v is out of reach for %s with promise %d", b, id, promises[id])
			default:
				promises[id] = b.Number
				l.promise(id, paxos.Promise{Ballot: b})
				taken++
			}
		}
		if taken == len(config.Acceptors) {
			l.mustLead()
			return
		}
	}
	t.Fatalf("nobody leads after ten strides: %v", promises)
}

// standBeside answers surveys with these promises until the proposer stands.
func (l *lab) standBeside(promises map[paxos.NodeID]paxos.Number) paxos.Ballot {
	l.t.Helper()
	for range 4000 {
		for _, id := range config.Acceptors {
			m := l.surveyed(id, electionTicks)
			m.Promise = paxos.Ballot{Number: promises[id], Proposer: "p9"}
			l.from(id, m)
		}
		l.tick(1)
		if l.p.Status().Phase == proposer.Preparing {
			return l.ballot
		}
	}
	l.t.Fatal("it never stands")
	return paxos.Ballot{}
}

func TestACopyOfWhatIsInTheAirIsNotRefusedForCertain(t *testing.T) {
	l := newLab(t)
	l.elect()
	l.propose(1, 1)
	l.flush()
	var all []int
	for s := range maxWaiting {
		all = append(all, s+2)
	}
	for range 2 {
		l.propose(0, all...)
	}
	l.sent = nil
	l.propose(2, 1, maxWaiting+5)
	if got := sentOf[paxos.Refused](l); len(got) != 1 || !got[0].Uncertain {
		t.Errorf("command 1 is in the air, and its copy is answered with %+v", got)
	}
	l.propose(3, maxWaiting+6)
	if got := sentOf[paxos.Refused](l); len(got) != 1 || got[0].Uncertain {
		t.Errorf("nothing of this message is in the air: %+v", got)
	}
}

func TestAnotherProcessOfItsOwnIDMayLead(t *testing.T) {
	l := newLab(t)
	led := func(start paxos.StartID) paxos.NodeID {
		for _, id := range config.Acceptors {
			m := l.surveyed(id, 0)
			m.Led = paxos.Ballot{Number: 5, Proposer: "p1", Start: start}
			l.from(id, m)
		}
		l.tick(1)
		return l.p.Status().Leader
	}
	if got := led(99); got != "p1" {
		t.Errorf("%q leads, it is p1 with another start id", got)
	}
	if got := led(7); got != "" {
		t.Errorf("its own lost attempt is taken for the leader %q", got)
	}
}
