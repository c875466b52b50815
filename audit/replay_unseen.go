package audit

import (
	"math/bits"
	"slices"

	"paxos/paxos"
)

// NotJudged counts what would be wrong if nobody did anything but those who were
// seen: what they rest on may have been done by others.
type NotJudged struct {
	Slots   int64 `json:"slots"`   // that learners applied, and too few were seen to vote in
	Answers int64 `json:"answers"` // of which no vote, or no machine, was seen
	// Watermark is the slot above which no watermark is judged; 0 if all are.
	Watermark paxos.Slot `json:"watermark,omitempty"`
}

// NotJudged tells what could not be judged of what was seen.
func (j *Judge) NotJudged() NotJudged {
	_, left := j.end()
	return left
}

// unseen are the acceptors that may have voted in a slot without being seen.
func (j *Judge) unseen(at paxos.Slot) (set uint64) {
	for _, a := range j.acceptors {
		if a.absent || at < a.gap || a.untold[at] {
			set |= a.bit
		}
	}
	return set
}

// maybeChosen reports whether a quorum may have voted for one value in a slot,
// with acceptors that were not seen; e, if not nil, is the entry that it must be.
func (j *Judge) maybeChosen(at paxos.Slot, e *paxos.Entry) bool {
	unseen := j.unseen(at)
	if bits.OnesCount64(unseen) >= j.quorum {
		return true
	}
	s := j.slots.look(at)
	if unseen == 0 || s == nil {
		return false
	}
	for o := s.offers; o != nil; o = o.next {
		if bits.OnesCount64(o.voters|unseen) >= j.quorum && (e == nil || o.ballot == e.Ballot && equalValues(&o.value, &e.Value)) {
			return true
		}
	}
	return false
}

// firstNotChosen is the first slot below a bound that cannot be chosen, whoever
// voted without being seen; the bound if there is none.
func (j *Judge) firstNotChosen(below paxos.Slot) paxos.Slot {
	everywhere := 0
	for _, a := range j.acceptors {
		if a.absent {
			everywhere++
		}
	}
	if everywhere >= j.quorum {
		return below
	}
	for at := j.below; at < below; at++ {
		if _, chosen := j.Chosen(at); !chosen && !j.maybeChosen(at, nil) {
			return at
		}
	}
	return below
}

func (r *Replay) traced(id paxos.NodeID) bool {
	return slices.ContainsFunc(r.Files, func(f TraceFile) bool { return f.Start.Node == id })
}

// Missing are the acceptors of the configuration that have no trace.
func (r *Replay) Missing() []paxos.NodeID { return r.missing(r.config) }

// QuorumSeen reports whether a quorum has traces: without one, nothing is known
// to be chosen.
func (r *Replay) QuorumSeen() bool { return len(r.config.Acceptors)-len(r.Missing()) >= r.quorum }

func (r *Replay) missing(c paxos.Configuration) (ids []paxos.NodeID) {
	for _, id := range c.Acceptors {
		if !r.traced(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Unseen is a node of which all is in no trace, or some of its processes.
type Unseen struct {
	Node paxos.NodeID   `json:"node"`
	Role paxos.RoleName `json:"role"`
	// Ballots are those that a proposer's processes without a trace used.
	Ballots []paxos.Ballot `json:"ballots,omitempty"`
}

// note takes down the ballots that acceptors heard of: their proposers were
// there, with a trace or without. Who has a trace wrote of a ballot first.
func (r *Replay) note(records []paxos.Record) {
	for _, record := range records {
		switch w := record.(type) {
		case paxos.PromisedRecord:
			r.promised[w.Ballot] = true
		case paxos.AcceptedRecord:
			r.promised[w.Ballot] = true
		}
	}
}

// Unseen tells, as far as those who were seen know of others, who was not seen:
// acceptors and learners of the configuration, proposers whose ballots were
// heard of. Of clients nothing is judged.
func (r *Replay) Unseen() (list []Unseen) {
	for _, id := range r.Missing() {
		list = append(list, Unseen{Node: id, Role: paxos.AcceptorRole})
	}
	used := map[paxos.NodeID][]paxos.Ballot{}
	var proposers []paxos.NodeID
	for b := range r.promised {
		if r.ballots[b] == nil {
			used[b.Proposer] = append(used[b.Proposer], b)
		}
	}
	for id, ballots := range used {
		slices.SortFunc(ballots, paxos.Ballot.Compare)
		proposers = append(proposers, id)
	}
	slices.Sort(proposers)
	for _, id := range proposers {
		list = append(list, Unseen{Node: id, Role: paxos.ProposerRole, Ballots: used[id]})
	}
	for _, id := range r.config.Learners {
		if !r.traced(id) {
			list = append(list, Unseen{Node: id, Role: paxos.LearnerRole})
		}
	}
	return list
}
