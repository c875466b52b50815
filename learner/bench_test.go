package learner_test

import (
	"testing"

	"paxos/learner"
	"paxos/paxos"
)

// nothing is a machine that takes no time.
type nothing struct {
	machine
	next     paxos.Slot
	outcomes []paxos.Outcome
}

func (n *nothing) Applied() paxos.Slot { return n.next }

func (n *nothing) Apply(e paxos.Entry) ([]paxos.Outcome, error) {
	n.next = e.Slot + 1
	return n.outcomes[:len(e.Value.Commands)], nil
}

// BenchmarkASlot is what a learner does with a slot of 64 commands besides the
// state machine: three votes of which two tell the value, and the outcomes.
func BenchmarkASlot(b *testing.B) {
	m := &nothing{next: 1, outcomes: make([]paxos.Outcome, 64)}
	cfg := learner.Config{Node: "l1", Configuration: config, PullTicks: pullTicks, FinishTicks: finishTicks, BeatTicks: beatTicks, PageBytes: 1 << 20, LogBytes: 1 << 20}
	l := learner.New(cfg, m)
	step := func(from paxos.NodeID, m paxos.Message) {
		l.Step(paxos.Envelope{From: from, To: "l1", Cluster: cluster, Config: config.Stamp(), Message: m})
	}
	life := paxos.Life{Starts: 1, Run: 1, Position: 1}
	for _, s := range stores {
		step(s.Acceptor, paxos.Surveyed{Standing: paxos.Member, Store: s.Store, Life: life, Stores: stores})
	}
	v := paxos.Value{Commands: make([]paxos.Command, 64)}
	for i := range v.Commands {
		v.Commands[i] = paxos.Command{Session: 1, Sequence: 1 << 20, Client: []paxos.NodeID{"c1", "c2"}[i/32], Body: make([]byte, 320)}
	}
	digest := v.Digest()
	b.ReportAllocs()
	for b.Loop() {
		slot := m.next
		for _, s := range stores {
			vote := paxos.Vote{Slot: slot, Ballot: ballot(1), Digest: digest}
			if config.Tells(s.Acceptor, slot) {
				vote.Value = &v
			}
			step(s.Acceptor, paxos.Learn{Store: s.Store, Life: life, Votes: []paxos.Vote{vote}})
		}
		l.Flush()
		if m.next != slot+1 {
			b.Fatalf("slot %d is not applied", slot)
		}
	}
}
