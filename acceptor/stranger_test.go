package acceptor_test

import (
	"strings"
	"testing"

	"paxos/paxos"
)

// formed tells a1 where another acceptor stands.
func formed(standing paxos.Standing, c paxos.ClusterID) paxos.Formed {
	return paxos.Formed{Standing: standing, Current: c, Store: 5}
}

func TestADiskOfAnotherClusterThanAQuorumNeverVotesAndSaysSo(t *testing.T) {
	a, other := newMember("a1"), paxos.ClusterID{2}
	asked := map[paxos.NodeID]bool{}
	for range 1000 {
		for _, e := range a.Tick().Send {
			if _, ok := e.Message.(paxos.Form); ok {
				asked[e.To] = true
			}
		}
	}
	if !asked["a2"] || !asked["a3"] {
		t.Fatalf("a member never asks where the others stand: %v", asked)
	}
	step(a, "a2", formed(paxos.Member, other))
	step(a, "a2", formed(paxos.Member, other))
	if a.Silenced() {
		t.Error("one acceptor of another cluster silences a member: it may be the stranger itself")
	}
	step(a, "a3", formed(paxos.Member, paxos.ClusterID{3}))
	if a.Silenced() {
		t.Error("two acceptors of two other clusters silence a member")
	}
	out := step(a, "a3", formed(paxos.Member, other))
	if !a.Silenced() || !strings.Contains(a.Why(), other.String()) || len(out.Persist) > 0 {
		t.Fatalf("a quorum of another cluster: %q, %+v", a.Why(), out)
	}
	wantNack(t, step(a, "p1", paxos.Prepare{Ballot: ballot(9, "p1"), First: 1}),
		paxos.Nack{Ballot: ballot(9, "p1"), Reason: paxos.NotMember, Floor: 1})
}

func TestVotesOfALargeTurnTravelInMessagesOfAPage(t *testing.T) {
	cfg := configOf("a1")
	cfg.PageBytes = 250
	a := newMemberWith(cfg)
	for slot := range paxos.Slot(9) {
		step(a, "p1", accept(ballot(5, "p1"), at(slot+1, strings.Repeat("x", 100))))
	}
	votes := map[paxos.NodeID]int{}
	for _, e := range a.Flush().Send {
		m := e.Message.(paxos.Learn)
		size := 0
		for _, v := range m.Votes {
			if v.Value != nil {
				size += v.Value.Size()
			}
		}
		if len(m.Votes) > 1 && size > cfg.PageBytes {
			t.Errorf("a Learn with %d bytes of values, a page has %d", size, cfg.PageBytes)
		}
		votes[e.To] += len(m.Votes)
	}
	if votes["l1"] != 9 || votes["l2"] != 9 {
		t.Errorf("learners were told of %v votes, not 9 each", votes)
	}
	if again := a.Flush(); len(again.Send) > 0 {
		t.Errorf("told again: %+v", again.Send)
	}
}
