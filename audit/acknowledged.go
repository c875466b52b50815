package audit

import (
	"fmt"

	"paxos/paxos"
)

func tell(o *paxos.Outcome) string {
	return fmt.Sprintf("%v of %v.%d in slot %d at %d with %d bytes of result", o.Verdict, o.Session, o.Sequence, o.Slot, o.Position, len(o.Result))
}

// placedLater is an answer of a leader in a slot that was not seen to be chosen
// when the answer was.
type placedLater struct {
	by     *process
	placed paxos.Placed
}

// notifiedLater is what a learner told of an effect in a slot that its machine
// did not apply but was given.
type notifiedLater struct {
	by      *process
	outcome paxos.Outcome
}

// saidPlaced judges a leader's answer to who asked: the command is chosen, just
// there (acknowledged).
func (j *Judge) saidPlaced(p *process, m paxos.Placed) {
	if !j.known(m.Slot) {
		return
	}
	j.counts.Placements++
	if _, chosen := j.Chosen(m.Slot); !chosen && !j.options.Live {
		j.placed = append(j.placed, placedLater{p, m})
		return
	}
	j.judgePlaced(p, m)
}

func (j *Judge) judgePlaced(p *process, m paxos.Placed) {
	c := j.commandAt(place{m.Slot, m.Position})
	if _, chosen := j.Chosen(m.Slot); !chosen {
		switch {
		case !j.maybeChosen(m.Slot, nil):
			j.object(Acknowledged, p, m.Slot, "says that %v.%d is chosen, and nothing is", m.Session, m.Sequence)
			return
		case c == nil:
			j.notJudged.Answers++
			return
		}
	}
	if c == nil || c.Session != m.Session || c.Sequence != m.Sequence {
		j.object(Acknowledged, p, m.Slot, "says that %v.%d is chosen at %d, and it is not there", m.Session, m.Sequence, m.Position)
	}
}

// saidNotify judges what a learner tells a client service: the outcomes are
// those that its machine gave (acknowledged).
func (j *Judge) saidNotify(p *process, m paxos.Notify) {
	j.claim(p, learnerClaim, m.Applied)
	for i := range m.Outcomes {
		o := &m.Outcomes[i]
		if o.Verdict != paxos.Applied || o.Session == 0 {
			continue
		}
		j.counts.Placements++
		_, had := j.effects[paxos.CommandName{Session: o.Session, Sequence: o.Sequence}]
		if !had && !j.options.Live && o.Slot < p.next {
			j.notified = append(j.notified, notifiedLater{p, *o})
			continue
		}
		j.judgeNotified(p, o)
	}
}

func (j *Judge) judgeNotified(p *process, o *paxos.Outcome) {
	at, had := j.effects[paxos.CommandName{Session: o.Session, Sequence: o.Sequence}]
	s := j.slots.look(o.Slot)
	if !had && !j.options.Live && o.Slot < p.next && (s == nil || !s.done) {
		j.notJudged.Answers++ // no machine was seen to apply that slot
		return
	}
	if !had || at != (place{o.Slot, o.Position}) {
		j.object(Acknowledged, p, o.Slot, "tells of an effect that no machine had: %s", tell(o))
		return
	}
	if s == nil || !s.done || uint64(o.Position) >= uint64(len(s.outcomes)) {
		return // below what was seen
	}
	first := s.outcomes[o.Position]
	first.Session, first.Sequence = o.Session, o.Sequence
	if !equalOutcomes(&first, o) {
		j.object(Acknowledged, p, o.Slot, "tells %s, where a machine gave %s", tell(o), tell(&first))
	}
}

// saidChosen judges a page of what a learner applied.
func (j *Judge) saidChosen(p *process, m paxos.Chosen) {
	j.claim(p, learnerClaim, m.Watermark)
	for i := range m.Entries {
		e := &m.Entries[i]
		if !j.known(e.Slot) {
			continue
		}
		if e.Slot != max(m.First, 1)+paxos.Slot(i) || e.Slot >= m.Watermark {
			j.object(AppliedChosen, p, e.Slot, "tells an entry out of its place in the page from slot %d", m.First)
			return
		}
		switch s := j.slots.at(e.Slot); {
		case s.chosen != nil:
			j.appliedChosen(p, s, e)
		case j.options.Live:
			j.object(AppliedChosen, p, e.Slot, "tells %v as chosen, and nothing is", e.Value.Digest())
		case s.applied == nil:
			s.applied = &appliedEarly{*e, p}
		case !equalValues(&s.applied.entry.Value, &e.Value):
			j.object(AppliedChosen, p, e.Slot, "tells %v as chosen, and %s %v", e.Value.Digest(), s.applied.by.node.id, s.applied.entry.Value.Digest())
		}
	}
}

// state is the digest of the state after a slot.
type state struct {
	digest paxos.Digest
	by     *process
}

// saidState judges that all learners have one state after a slot
// (state-digests).
func (j *Judge) saidState(p *process, at paxos.Slot, d paxos.Digest) {
	if at == 0 {
		return
	}
	j.counts.States++
	j.claim(p, learnerClaim, at+1)
	first, had := j.states[at]
	if !had {
		j.states[at] = state{d, p}
		return
	}
	if first.digest != d {
		j.object(StateDigests, p, at, "has the state %v, %s %v", d, first.by.node.id, first.digest)
	}
}
