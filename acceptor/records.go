package acceptor

import (
	"fmt"

	"paxos/paxos"
)

// Restore takes back one record from the disk, in the order of writing. An
// error means that the disk holds what an acceptor never writes.
func (a *Acceptor) Restore(rec paxos.Record) error {
	switch rec := rec.(type) {
	case paxos.PromisedRecord:
		if !a.promise.Less(rec.Ballot) {
			return fmt.Errorf("promise %v follows promise %v", rec.Ballot, a.promise)
		}
		a.promise = rec.Ballot
	case paxos.AcceptedRecord:
		if rec.Ballot.Less(a.promise) {
			return fmt.Errorf("accepted under %v after promise %v", rec.Ballot, a.promise)
		}
		a.promise = rec.Ballot
		for _, p := range rec.Proposals {
			a.put(paxos.Entry{Slot: p.Slot, Ballot: rec.Ballot, Value: p.Value}, p.Value.Digest())
		}
		a.believe(rec.Chosen)
	case paxos.FloorRecord:
		if rec.Position <= a.position {
			return fmt.Errorf("floor %d calls itself record %d, and %d come before it", rec.Floor, rec.Position, a.position)
		}
		if rec.Promise.Less(a.promise) || rec.Floor <= a.floor {
			return fmt.Errorf("floor %d with promise %v follows floor %d with promise %v", rec.Floor, rec.Promise, a.floor, a.promise)
		}
		a.promise = rec.Promise
		a.truncate(rec.Floor, rec.Time)
		a.position = rec.Position - 1
	default:
		return fmt.Errorf("a record of kind %d does not belong into an acceptor's journal", rec.RecordKind())
	}
	a.position++
	a.began = a.position
	return nil
}

func (a *Acceptor) persist(r paxos.Record) {
	if r.RecordKind() != paxos.IdentityKind {
		a.position++
	}
	a.out.Persist = append(a.out.Persist, r)
}

// life goes with every word of a voter. A message leaves when all that was
// persisted before is durable; so what it says of the position stays true
// through every crash.
func (a *Acceptor) life() paxos.Life {
	return paxos.Life{Starts: a.cfg.Starts, Run: a.cfg.Run, Began: a.began, Position: a.position}
}
