package acceptor_test

import (
	"testing"

	"paxos/paxos"
)

// BenchmarkASlot is what an acceptor does with a slot of 64 commands, from the
// Accept to the votes that leave; truncation keeps the log short meanwhile.
func BenchmarkASlot(b *testing.B) {
	cfg := configOf("a1")
	cfg.Snapshots, cfg.TruncateSlots, cfg.PageBytes = 2, 1, 1<<20
	a := newMemberWith(cfg)
	v := paxos.Value{Commands: make([]paxos.Command, 64)}
	for i := range v.Commands {
		v.Commands[i] = paxos.Command{Session: 1, Sequence: 1 << 20, Client: "c1", Body: make([]byte, 320)}
	}
	from := ballot(5, "p1")
	b.ReportAllocs()
	slot := paxos.Slot(0)
	for b.Loop() {
		slot++
		if out := step(a, "p1", accept(from, paxos.Proposal{Slot: slot, Value: v})); len(out.Persist) == 0 {
			b.Fatalf("slot %d is not accepted", slot)
		}
		a.Flush()
		if slot%1000 == 0 {
			kept(a, "l1", slot, slot-1)
			kept(a, "l2", slot, slot-1)
		}
	}
}
