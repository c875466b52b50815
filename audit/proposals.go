package audit

import (
	"math/bits"

	"paxos/paxos"
)

// lead is the use of one ballot.
type lead struct {
	ballot    paxos.Ballot
	by        *process
	proposing bool
}

// uses judges that a ballot is used by one process of the proposer it names,
// and that a process's ballots rise (one-start-per-ballot).
func (j *Judge) uses(p *process, b paxos.Ballot, proposing bool) {
	l := p.lead
	if l == nil || l.ballot != b {
		if l != nil && b.Less(l.ballot) {
			j.object(OneStartPerBallot, p, 0, "uses ballot %v after ballot %v", b, l.ballot)
		}
		if b.Proposer != p.node.id {
			j.object(OneStartPerBallot, p, 0, "uses ballot %v of %s", b, b.Proposer)
		}
		if l = j.ballots[b]; l == nil {
			j.counts.Ballots++
			l = &lead{ballot: b, by: p}
			j.ballots[b] = l
		}
		if l.by != p {
			j.object(OneStartPerBallot, p, 0, "uses ballot %v (start %v) in process %d, which process %d of %s used", b, b.Start, p.id, l.by.id, l.by.node.id)
		}
		p.lead = l
	}
	if proposing && !l.proposing {
		l.proposing = true
		j.counts.Elections++
	}
}

func (j *Judge) saidAccept(p *process, m paxos.Accept) {
	j.uses(p, m.Ballot, true)
	j.claim(p, leaderClaim, m.Chosen)
	var bound uint64
	for i := range m.Proposals {
		at := m.Proposals[i].Slot
		o := j.offer(p, at, m.Ballot, &m.Proposals[i].Value)
		if o.said {
			continue
		}
		o.said = true
		if !j.options.Live {
			continue
		}
		if bound == 0 {
			bound = j.bound(m.Ballot)
		}
		if !j.safe(j.slots.at(at), o, bound) {
			j.object(SafeProposal, p, at, "proposes %v under ballot %v: no quorum has promised that ballot and allows it", o.hash(), m.Ballot)
		}
	}
}

// bound are the acceptors that have promised a ballot or a higher one, durably.
func (j *Judge) bound(b paxos.Ballot) (set uint64) {
	for _, a := range j.acceptors {
		if !a.promise.Less(b) {
			set |= a.bit
		}
	}
	return set
}

// safe is the value rule (Paxos Made Simple, section 2.2, P2c): among the
// acceptors that are bound by the ballot there is a quorum whose votes under
// lower ballots are none, or of which the highest is for this value.
func (j *Judge) safe(s *slot, o *offer, bound uint64) bool {
	for lower := s.offers; lower != nil; lower = lower.next {
		if !lower.ballot.Less(o.ballot) {
			continue
		}
		if lower.first == o.first && lower.voters&bound != 0 && bits.OnesCount64(bound) >= j.quorum {
			return true
		}
		// A quorum of which this vote is not the highest has nobody who cast it
		// or a higher one.
		bound &^= lower.voters
	}
	return bits.OnesCount64(bound) >= j.quorum
}
