package audit

import "paxos/paxos"

// acceptor is what one acceptor ever made durable. A turn writes first and
// speaks then, and what it says was true at some moment between its first step
// and its last: so the judge keeps what was durable at the turn's beginning,
// and all that the turn wrote.
type acceptor struct {
	id  paxos.NodeID
	bit uint64

	identity   paxos.Identity   // the last that was written
	identities []paxos.Identity // of this turn, the one at its beginning first
	// standing is lower than the identity's if the process said so, or its disk
	// was found to be another one.
	standing paxos.Standing
	lowered  paxos.Standing // from the next turn on
	lowers   bool

	promise  paxos.Ballot   // durable
	promises []paxos.Ballot // durable at some moment of this turn, the one at its beginning first
	said     paxos.Ballot   // the highest promise that it ever said

	floor, floorBefore     paxos.Slot
	highest, highestBefore paxos.Slot // in which it ever voted
	fresh                  []*offer   // voted for in this turn

	// Where it may have voted without being heard of: everywhere; below a slot; and
	// in the slots in which its disk had what nobody told of.
	absent bool
	gap    paxos.Slot
	untold map[paxos.Slot]bool
}

func newAcceptor(id paxos.NodeID, index int) *acceptor {
	a := &acceptor{id: id, bit: 1 << index, floor: 1, untold: map[paxos.Slot]bool{}}
	a.endTurn()
	return a
}

func (a *acceptor) endTurn() {
	for _, o := range a.fresh {
		o.fresh &^= a.bit
	}
	if a.lowers && len(a.identities) <= 1 {
		a.standing = a.lowered
	}
	a.fresh, a.lowers = a.fresh[:0], false
	a.promises = append(a.promises[:0], a.promise)
	a.identities = append(a.identities[:0], a.identity)
	a.floorBefore, a.highestBefore = a.floor, a.highest
}

func (a *acceptor) wrotePromise(b paxos.Ballot) {
	if a.promise.Less(b) {
		a.promise = b
		a.promises = append(a.promises, b)
	}
}

// wrote judges one record. A promise that is written never falls
// (promise-regress); only a member's disk has anything but its identity
// (no-vote).
func (j *Judge) wrote(p *process, a *acceptor, r paxos.Record) {
	if i, ok := r.(paxos.IdentityRecord); ok {
		j.wroteIdentity(p, a, i.Identity)
		return
	}
	if a.standing != paxos.Member {
		j.object(NoVote, p, 0, "writes a record of kind %d as an acceptor that is %v", r.RecordKind(), a.standing)
	}
	switch r := r.(type) {
	case paxos.PromisedRecord:
		j.counts.Promises++
		if !a.promise.Less(r.Ballot) {
			j.object(PromiseRegress, p, 0, "writes the promise %v after the promise %v", r.Ballot, a.promise)
		}
		a.wrotePromise(r.Ballot)
	case paxos.AcceptedRecord:
		if r.Ballot.Less(a.promise) {
			j.object(PromiseRegress, p, 0, "accepts under ballot %v after the promise %v", r.Ballot, a.promise)
		}
		a.wrotePromise(r.Ballot)
		j.claim(p, leaderClaim, r.Chosen)
		for i := range r.Proposals {
			j.wroteVote(p, a, r.Ballot, &r.Proposals[i])
		}
	case paxos.FloorRecord:
		if r.Promise.Less(a.promise) {
			j.object(PromiseRegress, p, 0, "writes the promise %v with a floor after the promise %v", r.Promise, a.promise)
		}
		a.wrotePromise(r.Promise)
		j.wroteFloor(p, a, r.Floor)
	default:
		j.object(Identity, p, 0, "writes a record of kind %d, which is unknown here", r.RecordKind())
	}
}

func (j *Judge) wroteVote(p *process, a *acceptor, ballot paxos.Ballot, v *paxos.Proposal) {
	if v.Slot < a.floor {
		j.object(BelowFloor, p, v.Slot, "accepts below its floor %d", a.floor)
	}
	o := j.offer(p, v.Slot, ballot, &v.Value)
	if j.options.Live && !o.said {
		j.object(SafeProposal, p, v.Slot, "accepts %v under ballot %v, which nobody proposed", o.hash(), ballot)
	}
	j.vote(p, a, v.Slot, o)
}

// Found tells what a process of an acceptor found on its disk at its start,
// as node.OpenDisk gives it: mute says why the disk must not vote, "" if it may.
// All that was written before must be there; what is there besides was written
// by a turn that did not live to tell. Without Found a judge takes a disk to
// hold what was told by Wrote.
func (j *Judge) Found(node paxos.NodeID, process uint64, id paxos.Identity, records []paxos.Record, mute string) {
	p := j.process(node, process)
	a := p.node.acceptor
	if a == nil {
		return
	}
	j.counts.Found++
	defer a.endTurn()
	was := a.identity.Standing == paxos.Member
	foreign := id.Node != node || was && id.Store != a.identity.Store
	switch {
	case id.Standing == paxos.Blank && mute == "":
		if a.standing = paxos.Blank; was {
			j.counts.Lost++
		}
		return
	case mute != "" || foreign:
		if a.standing = paxos.Mute; was || id.Standing == paxos.Member {
			j.counts.Lost++
		}
		return
	}
	if !sameIdentity(&a.identity, &id) {
		j.wroteIdentity(p, a, id)
	}
	a.standing = id.Standing
	j.foundRecords(p, a, records)
}

// foundRecords compares a journal with what its acceptor ever wrote.
func (j *Judge) foundRecords(p *process, a *acceptor, records []paxos.Record) {
	var promise paxos.Ballot
	floor := paxos.Slot(1)
	votes := map[paxos.Slot]paxos.Ballot{}
	for _, r := range records {
		switch r := r.(type) {
		case paxos.PromisedRecord:
			promise = r.Ballot
		case paxos.AcceptedRecord:
			promise = r.Ballot
			for i := range r.Proposals {
				votes[r.Proposals[i].Slot] = r.Ballot
			}
		case paxos.FloorRecord:
			promise, floor = r.Promise, max(floor, r.Floor)
		}
	}
	if promise.Less(a.promise) {
		j.object(PromiseRegress, p, 0, "finds the promise %v on its disk, where %v was written", promise, a.promise)
	}
	if floor < a.floor {
		j.object(BelowFloor, p, 0, "finds the floor %d on its disk, where %d was written", floor, a.floor)
	}
	for at := floor; at <= a.highest; at++ {
		if s := j.slots.look(at); s != nil {
			if o := s.voted(a.bit, paxos.Ballot{}); o != nil && votes[at].Less(o.ballot) {
				j.object(VoteLost, p, at, "finds its vote under ballot %v on its disk, where one under %v was written", votes[at], o.ballot)
			}
		}
	}
	if !j.options.Live && len(p.node.processes) == 1 && floor > j.base {
		j.base = floor
		j.below = max(j.below, floor)
		j.raiseBelow()
	} else if !j.options.Live && floor > a.floor {
		a.gap = max(a.gap, floor) // it was raised by who did not tell
	}
	for _, r := range records {
		if r, ok := r.(paxos.AcceptedRecord); ok {
			for i := range r.Proposals {
				v := &r.Proposals[i]
				o := j.offer(p, v.Slot, r.Ballot, &v.Value)
				if o.voters&a.bit == 0 && !j.options.Live {
					a.untold[v.Slot] = true
				}
				j.vote(p, a, v.Slot, o)
			}
		}
	}
	a.promise, a.floor = promise, max(a.floor, floor)
}
