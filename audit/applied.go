package audit

import (
	"bytes"
	"maps"
	"slices"

	"paxos/paxos"
)

// place is where a command took effect.
type place struct {
	slot     paxos.Slot
	position uint32
}

// appliedEarly is what a learner had as chosen before it was seen to be.
type appliedEarly struct {
	entry paxos.Entry
	by    *process
}

// Applied tells that a learner's machine took an entry, before what it says of
// it is told by Said. Every process applies each slot once, in order, and only
// what is chosen there (applied-chosen).
func (j *Judge) Applied(node paxos.NodeID, process uint64, e paxos.Entry, outcomes []paxos.Outcome) {
	j.counts.Applied++
	p := j.process(node, process)
	if e.Slot != p.next {
		j.object(AppliedChosen, p, e.Slot, "applies slot %d where slot %d is next", e.Slot, p.next)
	}
	p.next = e.Slot + 1
	if !j.known(e.Slot) {
		return
	}
	s := j.slots.at(e.Slot)
	switch {
	case s.chosen != nil:
		j.appliedChosen(p, s, &e)
	case j.options.Live:
		j.object(AppliedChosen, p, e.Slot, "applies %v, and nothing is chosen", e.Value.Digest())
	case s.applied == nil:
		s.applied = &appliedEarly{e, p}
	case !equalValues(&s.applied.entry.Value, &e.Value):
		j.object(AppliedChosen, p, e.Slot, "applies %v, and %s %v", e.Value.Digest(), s.applied.by.node.id, s.applied.entry.Value.Digest())
	}
	j.judgeOutcomes(p, s, &e, outcomes)
}

// appliedChosen compares an entry with what is chosen in its slot: the value,
// and a ballot under which a quorum voted for it.
func (j *Judge) appliedChosen(p *process, s *slot, e *paxos.Entry) {
	if !equalValues(&s.chosen.value, &e.Value) {
		j.object(AppliedChosen, p, e.Slot, "has %v as chosen, and %v is", e.Value.Digest(), s.chosen.hash())
		return
	}
	for o := s.offers; o != nil; o = o.next {
		if o.ballot == e.Ballot && o.first == s.chosen.first && o.count() >= j.quorum {
			return
		}
	}
	if !j.maybeChosen(e.Slot, e) {
		j.object(AppliedChosen, p, e.Slot, "has %v as chosen under ballot %v, under which no quorum voted for it", s.chosen.hash(), e.Ballot)
	}
}

// judgeUnchosen judges what was applied before it was seen to be chosen.
func (j *Judge) judgeUnchosen() {
	for _, at := range slices.Sorted(maps.Keys(j.slots.chunks)) {
		for i := range j.slots.chunks[at] {
			s := &j.slots.chunks[at][i]
			if s.applied == nil {
				continue
			}
			p, e := s.applied.by, &s.applied.entry
			switch {
			case s.chosen != nil:
				j.appliedChosen(p, s, e)
			case j.maybeChosen(e.Slot, e):
				j.notJudged.Slots++
			default:
				j.object(AppliedChosen, p, e.Slot, "has %v as chosen, and nothing is", e.Value.Digest())
			}
		}
	}
}

// Installed tells that a learner's machine was given a state that has every
// slot below applied: at its start what its snapshot holds, 1 for an empty
// machine, and later another learner's.
func (j *Judge) Installed(node paxos.NodeID, process uint64, applied paxos.Slot) {
	p := j.process(node, process)
	j.counts.Installed++
	if applied < p.next {
		j.object(AppliedChosen, p, 0, "goes back to a state of slot %d from slot %d", applied, p.next)
	}
	p.next = applied
	j.claim(p, installClaim, applied)
}

// judgeOutcomes judges that all learners give the same outcomes for a slot, and
// that a command takes effect at one place only (same-outcome).
func (j *Judge) judgeOutcomes(p *process, s *slot, e *paxos.Entry, outcomes []paxos.Outcome) {
	if len(outcomes) != len(e.Value.Commands) {
		j.object(SameOutcome, p, e.Slot, "gives %d outcomes for %d commands", len(outcomes), len(e.Value.Commands))
		return
	}
	if s.done {
		for i := range min(len(outcomes), len(s.outcomes)) {
			if !equalOutcomes(&outcomes[i], &s.outcomes[i]) {
				j.object(SameOutcome, p, e.Slot, "gives %s for position %d, another learner %s", tell(&outcomes[i]), i, tell(&s.outcomes[i]))
			}
		}
		return
	}
	s.done, s.outcomes = true, outcomes
	for i := range outcomes {
		j.counts.Outcomes++
		j.judgeEffect(p, e, i, &outcomes[i])
	}
}

func equalOutcomes(a, b *paxos.Outcome) bool {
	return a.Session == b.Session && a.Sequence == b.Sequence && a.Verdict == b.Verdict && a.Slot == b.Slot && a.Position == b.Position &&
		bytes.Equal(a.Result, b.Result)
}

// judgeEffect judges the outcome of one command. Learners' chores have no
// session, and may take effect as often as they come.
func (j *Judge) judgeEffect(p *process, e *paxos.Entry, i int, o *paxos.Outcome) {
	c := &e.Value.Commands[i]
	if o.Session != c.Session || o.Sequence != c.Sequence {
		j.object(SameOutcome, p, e.Slot, "gives for position %d the outcome of another command", i)
		return
	}
	if o.Verdict != paxos.Applied || o.Session == 0 {
		return
	}
	at := place{o.Slot, o.Position}
	if first, had := j.effects[c.Name()]; had && first != at {
		j.object(SameOutcome, p, e.Slot, "lets a command take effect twice: %s, and before in slot %d at %d", tell(o), first.slot, first.position)
		return
	}
	j.effects[c.Name()] = at
	if at == (place{e.Slot, uint32(i)}) || !j.known(at.slot) {
		return
	}
	first := j.commandAt(at)
	if s := j.slots.look(at.slot); at.slot <= e.Slot && first == nil && (s == nil || s.chosen == nil && s.applied == nil) && j.maybeChosen(at.slot, nil) {
		return // what stands there was not seen
	}
	if at.slot > e.Slot || first == nil || first.Name() != c.Name() && (c.Key == "" || first.Key != c.Key) {
		j.object(SameOutcome, p, e.Slot, "says that the command at position %d took effect where another stands: %s", i, tell(o))
	}
}

// commandAt is the command at a place, as it was chosen or applied; nil if
// there is none.
func (j *Judge) commandAt(at place) *paxos.Command {
	s := j.slots.look(at.slot)
	var value *paxos.Value
	switch {
	case s == nil:
		return nil
	case s.chosen != nil:
		value = &s.chosen.value
	case s.applied != nil:
		value = &s.applied.entry.Value
	default:
		return nil
	}
	if uint64(at.position) >= uint64(len(value.Commands)) {
		return nil
	}
	return &value.Commands[at.position]
}
