package learner

import "paxos/paxos"

// tally holds the votes for one slot.
type tally struct {
	votes  map[choice]map[paxos.NodeID]bool
	values map[paxos.Digest]paxos.Value
	chosen *choice
}

// choice is what votes must share to be counted together: equal values under
// different ballots prove nothing.
type choice struct {
	ballot paxos.Ballot
	digest paxos.Digest
}

// learn takes votes as they are made.
func (l *Learner) learn(from paxos.NodeID, m paxos.Learn) {
	if l.counts(from, m.Store, m.Life) {
		l.countAll(from, m.Votes)
	}
}

func (l *Learner) countAll(from paxos.NodeID, votes []paxos.Vote) {
	for i := range votes {
		l.count(from, &votes[i])
	}
	l.advance()
}

// counts reports whether the word of an acceptor counts. Only the disks that
// became members vote, and only those with one past.
func (l *Learner) counts(from paxos.NodeID, store paxos.StoreID, life paxos.Life) bool {
	switch {
	case !l.adopt.IsVoter(from, store):
		l.event(paxos.Event{Kind: paxos.EventRejected, Peer: from, Reason: paxos.NotMember})
	case l.lives.Hear(from, store, life):
		return true
	case l.lives.Why(from, store) != "":
		l.event(paxos.Event{Kind: paxos.EventRejected, Peer: from, Reason: paxos.Cloned})
	}
	return false
}

func (l *Learner) count(from paxos.NodeID, v *paxos.Vote) {
	l.horizon = max(l.horizon, v.Slot)
	if v.Slot < 1 || v.Slot > l.next+maxAhead {
		return
	}
	if v.Slot < l.next {
		if digest, kept := l.log.digest(v.Slot); kept && digest != v.Digest {
			l.countLate(from, v, digest)
		}
		return
	}
	t := l.open[v.Slot]
	if t == nil {
		t = newTally()
		l.open[v.Slot] = t
	}
	if _, have := t.values[v.Digest]; !have && v.Value != nil {
		if v.Value.Digest() != v.Digest {
			l.event(paxos.Event{Kind: paxos.EventRejected, Peer: from, Slot: v.Slot, Reason: paxos.TwoValues})
			return
		}
		t.values[v.Digest] = *v.Value
	}
	if c, ok := t.add(from, v, l.cfg.Configuration.Quorum()); ok {
		l.choose(v.Slot, t, c)
	}
}

func newTally() *tally {
	return &tally{votes: map[choice]map[paxos.NodeID]bool{}, values: map[paxos.Digest]paxos.Value{}}
}

// add counts a vote as a member of a set of acceptor ids, for one slot, ballot
// and digest (docs/protocol.md, Learning); it reports whether the set is a quorum.
func (t *tally) add(from paxos.NodeID, v *paxos.Vote, quorum int) (choice, bool) {
	c := choice{v.Ballot, v.Digest}
	if t.votes[c] == nil {
		t.votes[c] = map[paxos.NodeID]bool{}
	}
	t.votes[c][from] = true
	return c, len(t.votes[c]) >= quorum
}

// keepLate keeps the votes for the next slot that disagree with what is applied
// there, so that those which come later are counted together with them.
func (l *Learner) keepLate(t *tally, digest paxos.Digest) {
	late := newTally()
	for c, voters := range t.votes {
		if c.digest != digest {
			late.votes[c] = voters
		}
	}
	if len(late.votes) > 0 {
		l.late[l.next] = late
	}
}

// countLate counts votes that disagree with what was applied. One is the trace
// of a ballot that lost; a quorum of them is the end.
func (l *Learner) countLate(from paxos.NodeID, v *paxos.Vote, applied paxos.Digest) {
	t := l.late[v.Slot]
	if t == nil {
		t = newTally()
		l.late[v.Slot] = t
	}
	if c, ok := t.add(from, v, l.cfg.Configuration.Quorum()); ok {
		l.twoValues(v.Slot, c.digest, applied)
	}
}

func (l *Learner) twoValues(slot paxos.Slot, a, b paxos.Digest) {
	l.broken("two different values are chosen in slot %d: %v and %v", slot, a, b)
}

// choose marks a slot's value as chosen, for ever.
func (l *Learner) choose(slot paxos.Slot, t *tally, c choice) {
	switch {
	case t.chosen == nil:
		t.chosen = &c
		l.event(paxos.Event{Kind: paxos.EventChosen, Slot: slot, Ballot: c.ballot, Count: len(t.values[c.digest].Commands)})
	case t.chosen.digest != c.digest:
		l.twoValues(slot, c.digest, t.chosen.digest)
	}
}
