package audit

import (
	"bytes"
	"math/bits"

	"paxos/paxos"
)

// slot is all that is known of one slot.
type slot struct {
	offers *offer // all that was proposed, the highest ballot first
	chosen *offer // of those that a quorum voted for, the lowest ballot's
	// applied is what a learner applied here before it was seen to be chosen.
	applied  *appliedEarly
	done     bool // a learner applied it, with these outcomes
	outcomes []paxos.Outcome
}

// offer is one value under one ballot in one slot, and who voted for it.
type offer struct {
	ballot paxos.Ballot
	value  paxos.Value
	// voters have it on disk, or had it; fresh are those of them that wrote it in
	// the turn that is under way. Both are sets of acceptors, a bit for each.
	voters, fresh uint64
	said          bool   // a proposer said it
	first         *offer // of equal values in this slot, the first that was seen
	next          *offer
	digested      bool
	digest        paxos.Digest
}

func (o *offer) hash() paxos.Digest {
	if !o.digested {
		o.digest, o.digested = o.value.Digest(), true
	}
	return o.digest
}

func (o *offer) count() int { return bits.OnesCount64(o.voters) }

const chunkSize = 64

// slots holds every slot that something is known of, in chunks: the log may
// begin anywhere.
type slots struct {
	chunks map[paxos.Slot]*[chunkSize]slot
	last   *[chunkSize]slot
	lastAt paxos.Slot
}

func (s *slots) look(at paxos.Slot) *slot {
	if s.last == nil || s.lastAt != at/chunkSize {
		chunk := s.chunks[at/chunkSize]
		if chunk == nil {
			return nil
		}
		s.last, s.lastAt = chunk, at/chunkSize
	}
	return &s.last[at%chunkSize]
}

func (s *slots) at(at paxos.Slot) *slot {
	if found := s.look(at); found != nil {
		return found
	}
	if s.chunks == nil {
		s.chunks = map[paxos.Slot]*[chunkSize]slot{}
	}
	s.last, s.lastAt = new([chunkSize]slot), at/chunkSize
	s.chunks[s.lastAt] = s.last
	return &s.last[at%chunkSize]
}

// voted gives what an acceptor voted for in this slot under the highest
// ballot, nil if nothing. Of what it wrote in the turn that is under way, only
// what is below bound counts.
func (s *slot) voted(bit uint64, bound paxos.Ballot) *offer {
	for o := s.offers; o != nil; o = o.next {
		if o.voters&bit != 0 && (o.fresh&bit == 0 || o.ballot.Less(bound)) {
			return o
		}
	}
	return nil
}

// vote gives the offer that an acceptor voted for under a ballot, nil if none.
func (s *slot) vote(bit uint64, ballot paxos.Ballot) *offer {
	for o := s.offers; o != nil; o = o.next {
		if o.voters&bit != 0 && o.ballot == ballot {
			return o
		}
	}
	return nil
}

func equalValues(a, b *paxos.Value) bool {
	if a.Time != b.Time || len(a.Commands) != len(b.Commands) {
		return false
	}
	for i := range a.Commands {
		x, y := &a.Commands[i], &b.Commands[i]
		if x == y {
			continue
		}
		if x.Session != y.Session || x.Sequence != y.Sequence || x.Confirmed != y.Confirmed || x.Admitted != y.Admitted ||
			x.Client != y.Client || x.Key != y.Key || !bytes.Equal(x.Body, y.Body) {
			return false
		}
	}
	return true
}
