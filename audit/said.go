package audit

import "paxos/paxos"

// repeated knows the last lists that were said in a turn: a message for many
// is judged once.
type repeated struct {
	proposals *paxos.Proposal
	votes     *paxos.Vote
	count     int
}

func (r *repeated) again(m paxos.Message) bool {
	switch m := m.(type) {
	case paxos.Accept:
		if len(m.Proposals) == 0 {
			return false
		}
		again := r.proposals == &m.Proposals[0] && r.count == len(m.Proposals)
		r.proposals, r.count = &m.Proposals[0], len(m.Proposals)
		return again
	case paxos.Learn:
		if len(m.Votes) == 0 {
			return false
		}
		again := r.votes == &m.Votes[0] && r.count == len(m.Votes)
		r.votes, r.count = &m.Votes[0], len(m.Votes)
		return again
	}
	return false
}

// said judges one message; those that claim nothing are not in the list.
func (j *Judge) said(p *process, e *paxos.Envelope) {
	switch m := e.Message.(type) {
	case paxos.Prepare:
		j.uses(p, m.Ballot, false)
	case paxos.Accept:
		j.saidAccept(p, m)
	case paxos.Heartbeat:
		j.uses(p, m.Ballot, false)
		j.claim(p, leaderClaim, m.Chosen)
	case paxos.Proposed:
		for i := range m.Placed {
			j.saidPlaced(p, m.Placed[i])
		}
	case paxos.Chosen:
		j.saidChosen(p, m)
	case paxos.Notify:
		j.saidNotify(p, m)
	case paxos.Kept:
		j.saidKept(p, m)
	case paxos.StateIs:
		j.saidState(p, m.Slot, m.Digest)
	case paxos.SnapshotPart:
		j.saidState(p, m.Slot, m.Digest)
	default:
		j.saidAcceptor(p, e)
	}
}

func (j *Judge) saidAcceptor(p *process, e *paxos.Envelope) {
	a := p.node.acceptor
	switch m := e.Message.(type) {
	case paxos.Surveyed:
		j.saidSurveyed(p, e.Cluster, m)
	case paxos.Formed:
		j.saidFormed(p, m)
	case paxos.Nack:
		if a != nil && m.Reason != paxos.NotMember {
			j.promised(p, a, m.Promise)
			j.saidFloor(p, a, m.Floor)
		}
	case paxos.Promise:
		if j.speaks(p, m.Store, "promises") {
			j.saidPromise(p, a, m)
		}
	case paxos.Accepted:
		if j.speaks(p, m.Store, "says that it accepted") {
			j.saidAccepted(p, a, m)
		}
	case paxos.Learn:
		if j.speaks(p, m.Store, "tells learners its votes") {
			j.saidLearn(p, a, m)
		}
	case paxos.Voted:
		if j.speaks(p, m.Store, "tells a learner its votes") {
			j.saidVoted(p, a, m)
		}
	case paxos.HighestIs:
		if j.speaks(p, m.Store, "answers a read's question") {
			j.saidHighest(p, a, m)
		}
	case paxos.Heard:
		if j.speaks(p, m.Store, "answers a leader") && m.Ballot.Less(a.promises[0]) {
			j.object(PromiseRegress, p, 0, "hears the leader of ballot %v after the promise %v", m.Ballot, a.promises[0])
		}
	}
}
