package proposer_test

import (
	"testing"

	"paxos/paxos"
	"paxos/proposer"
)

// BenchmarkASlot is what a leader does with a slot of 64 commands, from the
// Propose of two client services to the answer when it is chosen.
func BenchmarkASlot(b *testing.B) {
	l := newLab(b)
	cfg := configOf("p1", 7)
	cfg.MaxBatch, cfg.MaxBatchBytes, cfg.MaxWaiting = 1000, 1<<20, 1000
	l.p = proposer.New(cfg)
	l.elect()
	var messages [2]paxos.Propose
	for i := range messages {
		messages[i].Commands = make([]paxos.Command, 32)
		for n := range messages[i].Commands {
			messages[i].Commands[n] = paxos.Command{Session: paxos.SessionID(i + 1), Sequence: paxos.Sequence(n + 1), Client: "c1", Body: make([]byte, 320)}
		}
	}
	step := func(from paxos.NodeID, m paxos.Message) {
		l.p.Step(paxos.Envelope{From: from, To: "p1", Cluster: cluster, Config: config.Stamp(), Message: m})
	}
	life := paxos.Life{Starts: 1, Run: 1, Position: 1}
	b.ReportAllocs()
	for b.Loop() {
		slot := l.p.Status().Next
		for i := range messages {
			messages[i].Attempt++
			step("c1", messages[i])
		}
		l.p.Flush()
		for _, s := range stores[:2] {
			step(s.Acceptor, paxos.Accepted{Ballot: l.ballot, Store: s.Store, Life: life, Slots: []paxos.Slot{slot}})
		}
		l.p.Flush()
		if s := l.p.Status(); s.Chosen != slot+1 {
			b.Fatalf("slot %d is not chosen: %+v", slot, s)
		}
	}
}
