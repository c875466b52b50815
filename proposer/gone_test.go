package proposer_test

import (
	"testing"

	"paxos/paxos"
	"paxos/proposer"
)

// gonePatience is how many ticks pass before it stands, where these acceptors
// say that nobody listens where the leader was, and the others hear it.
func gonePatience(t *testing.T, seed uint64, failed int, gone ...paxos.NodeID) int {
	t.Helper()
	cfg := configOf("p1", 7)
	cfg.Seed, cfg.ElectionTicks = seed, 80
	l := &lab{t: t, p: proposer.New(cfg)}
	said := map[paxos.NodeID]uint32{"a1": 0, "a2": 0, "a3": 0}
	l.calm(5, said)
	for range failed {
		l.campaignAt(80)
		l.from("a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: l.ballot.Number + 1, Proposer: "p9"}})
	}
	for _, id := range gone {
		said[id] = paxos.NobodyListens
	}
	for n := range 1000 {
		l.calm(1, said)
		if l.p.Status().Phase == proposer.Preparing {
			return n
		}
	}
	return -1
}

func (l *lab) campaignAt(silent uint32) {
	l.t.Helper()
	for range 4000 {
		l.calm(1, map[paxos.NodeID]uint32{"a1": silent, "a2": silent, "a3": silent})
		if l.p.Status().Phase == proposer.Preparing {
			return
		}
	}
	l.t.Fatal("it never stands")
}

func TestAClosedPortAtAQuorumEndsTheWaitSoon(t *testing.T) {
	waits, longest := map[int]bool{}, 0
	for seed := range uint64(60) {
		n := gonePatience(t, seed, 0, "a1", "a3")
		if n < 0 {
			t.Fatal("a quorum finds the leader's port closed, and it does not stand")
		}
		waits[n], longest = true, max(longest, n)
	}
	if longest > 80/8+3 {
		t.Errorf("it waited up to %d ticks; an election timeout is 80", longest)
	}
	if len(waits) < 5 {
		t.Errorf("it waits %v ticks: two that are told at once would duel", waits)
	}
}

func TestAClosedPortAtOneAcceptorIsNoReasonToStand(t *testing.T) {
	if n := gonePatience(t, 1, 0, "a2"); n >= 0 {
		t.Errorf("one acceptor says that the leader is gone, two hear it, and it stands after %d ticks", n)
	}
}

func TestAClosedPortDoesNotEndTheBackOff(t *testing.T) {
	longest := 0
	for seed := range uint64(20) {
		longest = max(longest, gonePatience(t, seed, 5, "a1", "a2", "a3"))
	}
	if longest < 80 {
		t.Errorf("after five lost elections it waits %d ticks at most: duels would not end", longest)
	}
}

func TestAFewTicksAreLeftToChanceHoweverShortTheTimeout(t *testing.T) {
	waits := map[int]bool{}
	for seed := range uint64(20) {
		cfg := configOf("p1", 7)
		cfg.Seed, cfg.ElectionTicks = seed, 5
		l := &lab{t: t, p: proposer.New(cfg)}
		n := 0
		for ; l.p.Status().Phase != proposer.Preparing && n < 100; n++ {
			l.calm(1, map[paxos.NodeID]uint32{"a1": paxos.NobodyListens, "a2": paxos.NobodyListens})
		}
		waits[n] = true
	}
	if len(waits) < 2 {
		t.Errorf("all wait %v ticks", waits)
	}
}
