package audit

import (
	"testing"

	"paxos/paxos"
)

// BenchmarkTurns judges turns of a cluster in which all goes well: of a leader,
// three acceptors and two learners, one slot after another.
func BenchmarkTurns(b *testing.B) {
	j := NewLive(configuration())
	for _, id := range configuration().Acceptors {
		j.Wrote(id, 1, []paxos.Record{paxos.IdentityRecord{Identity: memberOf(id)}})
	}
	ballot := paxos.Ballot{Number: 1, Proposer: "proposer1", Start: 1}
	for _, id := range configuration().Acceptors {
		j.Wrote(id, 1, []paxos.Record{paxos.PromisedRecord{Ballot: ballot}})
		j.Said(id, 1, nil)
	}
	b.ReportAllocs()
	turns := 0
	for slot := paxos.Slot(1); b.Loop(); slot++ {
		v := named(1, int(slot))
		a := accept(ballot, max(slot, 10)-9, slot, v)
		say := func(id paxos.NodeID, m paxos.Message) paxos.Envelope { return paxos.Envelope{From: id, Message: m} }
		j.Said("proposer1", 1, []paxos.Envelope{say("proposer1", a), say("proposer1", a), say("proposer1", a)})
		records := []paxos.Record{paxos.AcceptedRecord(a)}
		votes := learn("acceptor1", ballot, slot, v).Votes
		for _, id := range configuration().Acceptors {
			l := paxos.Learn{Store: storeOf(id), Votes: votes}
			j.Turned(id, 1, records, []paxos.Envelope{say(id, paxos.Accepted{Ballot: ballot, Store: storeOf(id), Slots: []paxos.Slot{slot}}), say(id, l), say(id, l)})
		}
		told := outcomes(slot, v)
		for _, id := range []paxos.NodeID{"learner1", "learner2"} {
			j.Applied(id, 0, paxos.Entry{Slot: slot, Ballot: ballot, Value: v}, told)
			j.Said(id, 0, []paxos.Envelope{say(id, paxos.Notify{Applied: slot + 1, Outcomes: told})})
		}
		turns += 6
	}
	if len(j.Objections()) > 0 {
		b.Fatal(j.Objections()[0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(turns), "ns/turn")
}
