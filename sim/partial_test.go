package sim

import (
	"fmt"
	"slices"
	"testing"

	"paxos/paxos"
	"paxos/sim/topology"
)

// The bounds of the claim, in election timeouts: how long after the cut a
// quorum-connected proposer leads and a write is acknowledged, and for how long
// the leader then stays the same.
const (
	leadsWithin = 4
	staysFor    = 10
	seeds       = 8
)

func TestAQuorumConnectedProposerLeadsWithinFourElectionTimeouts(t *testing.T) {
	for _, top := range topology.All() {
		t.Run(top.Name, func(t *testing.T) {
			longest := int64(0)
			for seed := uint64(1); seed <= seeds; seed++ {
				led, err := playTopology(top, seed)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				longest = max(longest, led)
			}
			t.Logf("%d seeds; a write was acknowledged under the new leader after at most %.2f election timeouts", seeds, float64(longest)/float64(10*tick))
		})
	}
}

// calmScenario has no faults but what a test does itself.
func calmScenario(seed uint64) Scenario {
	return Scenario{Seed: seed, Acceptors: 3, Proposers: 3, Learners: 2, Clients: 1, Users: 4, ElectionTicks: 10, HeartbeatTicks: 2, Window: 8, Batch: 4,
		PageBytes: 1 << 16, SnapshotSlots: 1000, SegmentBytes: 16384, ChunkBytes: 8000, LogBytes: 1 << 14, Network: Network{Least: 300, Most: 8000}, SyncLeast: 100, SyncMost: 5000, Drift: 2,
		Think: 30_000, Safety: 1, Healing: healing}
}

// playTopology cuts a world along a topology, and tells how long after the cut
// the first write was acknowledged by a leader that a quorum hears.
func playTopology(top topology.Topology, seed uint64) (led int64, err error) {
	s := calmScenario(seed)
	s.Acceptors, s.Proposers = top.Acceptors, top.Proposers
	w := newWorld(&s, nil)
	leader := func() paxos.NodeID {
		ids := w.leaders()
		if len(ids) == 0 {
			return ""
		}
		return ids[len(ids)-1]
	}
	more := func(n int64) bool {
		want := w.counts.Writes + n
		return w.pass(w.now+60*second, func() bool { return w.counts.Writes >= want })
	}
	if !more(20) {
		return 0, fmt.Errorf("the cluster does not begin: %v", w.objects)
	}
	old := leader()
	top = top.LedBy(old)
	for _, step := range top.Steps {
		if !more(20) {
			return 0, fmt.Errorf("no progress before a step: %v", w.objects)
		}
		for _, l := range step {
			w.links[w.byID[l.From].number][w.byID[l.To].number].cuts++
		}
	}
	cut, connected, writes := w.now, top.QuorumConnected(), w.counts.Writes
	timeout := s.electionTimeout()
	under := func() bool {
		ids := w.leaders()
		return slices.ContainsFunc(ids, func(id paxos.NodeID) bool { return slices.Contains(connected, id) }) && w.counts.Writes > writes
	}
	if !top.LeaderStays() {
		// What the old leader had begun may still be acknowledged.
		w.pass(cut+timeout/2, nil)
		writes = w.counts.Writes
	}
	if !w.pass(cut+leadsWithin*timeout, under) {
		return 0, fmt.Errorf("%d election timeouts after the cut %v lead, of %v connected; %d writes since. %v", leadsWithin, w.leaders(), connected, w.counts.Writes-writes, w.objects)
	}
	led = w.now - cut
	now := w.leaders()
	elections := w.judge.Counts().Ballots
	writes = w.counts.Writes
	w.pass(w.now+staysFor*timeout, nil)
	if ballots := w.judge.Counts().Ballots; ballots != elections || len(w.objects) > 0 || w.counts.Writes < writes+staysFor {
		return 0, fmt.Errorf("within %d election timeouts afterwards %d ballots were begun, %v leads after %v; %d writes. %v",
			staysFor, ballots-elections, w.leaders(), now, w.counts.Writes-writes, w.objects)
	}
	return led, nil
}

// leaders are the proposers that lead, in their own opinion.
func (w *World) leaders() (list []paxos.NodeID) {
	for _, h := range w.hosts {
		for _, p := range h.processes {
			if p.proposer != nil && p.proposer.Status().Leading {
				list = append(list, h.id)
			}
		}
	}
	return list
}
