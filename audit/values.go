package audit

import "paxos/paxos"

// offer finds or notes that a value was proposed, or voted for, under a ballot
// in a slot. One ballot has one value for a slot (one-value-per-ballot), and
// above a ballot under which a value was chosen there is no other (Paxos Made
// Simple, section 2.2, P2b: safe-proposal).
func (j *Judge) offer(p *process, at paxos.Slot, ballot paxos.Ballot, value *paxos.Value) *offer {
	s := j.slots.at(at)
	link := &s.offers
	for *link != nil && ballot.Less((*link).ballot) {
		link = &(*link).next
	}
	place := link
	for o := *link; o != nil && o.ballot == ballot; o = o.next {
		if equalValues(&o.value, value) {
			return o
		}
		j.object(OneValuePerBallot, p, at, "has %v under ballot %v, where %v was proposed", value.Digest(), ballot, o.hash())
	}
	o := &offer{ballot: ballot, value: *value, next: *place}
	o.first = o
	for other := s.offers; other != nil; other = other.next {
		if other.first == other && equalValues(&other.value, value) {
			o.first = other
			break
		}
	}
	*place = o
	j.counts.Proposals++
	if c := s.chosen; c != nil && c.ballot.Less(ballot) && c.first != o.first {
		j.unsafe(p, at, o, c)
	}
	return o
}

func (j *Judge) unsafe(p *process, at paxos.Slot, o, chosen *offer) {
	j.object(SafeProposal, p, at, "has %v under ballot %v, although %v was chosen under the lower ballot %v", o.hash(), o.ballot, chosen.hash(), chosen.ballot)
}

// vote notes that an acceptor has an offer on disk. A quorum of such votes
// makes it chosen.
func (j *Judge) vote(p *process, a *acceptor, at paxos.Slot, o *offer) {
	if o.voters&a.bit != 0 {
		return
	}
	o.voters |= a.bit
	o.fresh |= a.bit
	a.fresh = append(a.fresh, o)
	a.highest = max(a.highest, at)
	j.counts.Votes++
	if o.count() == j.quorum {
		j.choose(p, at, o)
	}
}

// choose notes that a quorum voted for an offer; a slot has one chosen value
// for ever (one-value-per-slot).
func (j *Judge) choose(p *process, at paxos.Slot, o *offer) {
	s := j.slots.at(at)
	for higher := s.offers; higher != nil && o.ballot.Less(higher.ballot); higher = higher.next {
		if higher.first != o.first {
			j.unsafe(p, at, higher, o)
		}
	}
	if c := s.chosen; c != nil {
		if c.first != o.first {
			j.object(OneValuePerSlot, p, at, "makes %v chosen under ballot %v, and %v was chosen under ballot %v", o.hash(), o.ballot, c.hash(), c.ballot)
		}
		if o.ballot.Less(c.ballot) {
			s.chosen = o
		}
		return
	}
	s.chosen = o
	j.counts.Chosen++
	j.counts.Commands += int64(len(o.value.Commands))
	if o.value.IsNoop() {
		j.counts.Noops++
	}
	j.raiseBelow()
}

func (j *Judge) raiseBelow() {
	for {
		s := j.slots.look(j.below)
		if s == nil || s.chosen == nil {
			return
		}
		j.below++
	}
}

// known reports whether what was chosen in a slot can be known to this judge.
func (j *Judge) known(at paxos.Slot) bool { return at >= j.base }
