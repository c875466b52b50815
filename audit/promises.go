package audit

import (
	"slices"

	"paxos/paxos"
)

// promised judges a promise that is said: it was durable at some moment of the
// turn (written-before-said), and no promise that was said or written before
// is higher (promise-regress).
func (j *Judge) promised(p *process, a *acceptor, b paxos.Ballot) {
	switch {
	case b == a.promises[0] && len(a.promises) == 1:
		// The usual case.
	case a.promise.Less(b):
		j.object(WrittenBeforeSaid, p, 0, "says the promise %v, and %v is on its disk", b, a.promise)
	case !slices.Contains(a.promises, b):
		j.object(PromiseRegress, p, 0, "says the promise %v after the promise %v", b, a.promises[0])
	}
	if b.Less(a.said) {
		j.object(PromiseRegress, p, 0, "says the promise %v after it said %v", b, a.said)
		return
	}
	a.said = b
}

func (j *Judge) saidPromise(p *process, a *acceptor, m paxos.Promise) {
	j.promised(p, a, m.Ballot)
	j.saidFloor(p, a, m.Floor)
	j.claim(p, hintClaim, m.Chosen)
	j.scratch = j.scratch[:0]
	for i := range m.Entries {
		e := &m.Entries[i]
		j.scratch = append(j.scratch, voteSaid{slot: e.Slot, ballot: e.Ballot, value: &e.Value})
	}
	j.page(p, a, page{m.First, m.Next, m.More, m.Floor, m.Ballot})
}

func (j *Judge) saidAccepted(p *process, a *acceptor, m paxos.Accepted) {
	j.promised(p, a, m.Ballot)
	for _, at := range m.Slots {
		if s := j.slots.look(at); s == nil || s.vote(a.bit, m.Ballot) == nil {
			j.object(WrittenBeforeSaid, p, at, "says that it accepted under ballot %v what is not on its disk", m.Ballot)
		}
		j.aboveFloor(p, a, at)
	}
}

func (j *Judge) saidLearn(p *process, a *acceptor, m paxos.Learn) {
	for i := range m.Votes {
		v := &m.Votes[i]
		j.written(p, a, &voteSaid{v.Slot, v.Ballot, v.Value, &v.Digest})
		j.aboveFloor(p, a, v.Slot)
	}
}

// voteSaid is a vote as it is said in a Promise, Learn or Voted.
type voteSaid struct {
	slot   paxos.Slot
	ballot paxos.Ballot
	value  *paxos.Value  // nil if it is not said
	digest *paxos.Digest // nil if it is not said
}

// written judges that a vote which is said is one that was written.
func (j *Judge) written(p *process, a *acceptor, v *voteSaid) {
	if s := j.slots.look(v.slot); s != nil {
		for o := s.offers; o != nil; o = o.next {
			if o.voters&a.bit != 0 && o.ballot == v.ballot && (v.value == nil || equalValues(v.value, &o.value)) && (v.digest == nil || *v.digest == o.hash()) {
				return
			}
		}
	}
	j.object(WrittenBeforeSaid, p, v.slot, "says a vote under ballot %v that is not on its disk", v.ballot)
}
