package audit

import "paxos/paxos"

// page is what a Promise or a Voted says of itself: all votes in the slots from
// first up to (not including) next, or to the end, except those below floor.
type page struct {
	first, next paxos.Slot
	more        bool
	floor       paxos.Slot
	// bound is the ballot of the promise: what the acceptor wrote under a lower
	// one, it wrote before it promised. Zero for a Voted, which may have been
	// said before or after any vote of its turn.
	bound paxos.Ballot
}

// page judges that the votes in j.scratch are all that this acceptor ever wrote
// in the page, each under the highest ballot (vote-lost), and no others.
func (j *Judge) page(p *process, a *acceptor, g page) {
	j.counts.Pages++
	end := g.next
	if !g.more {
		end = max(end, a.highest+1)
	}
	i, last := 0, paxos.Slot(0)
	for k := range j.scratch {
		v := &j.scratch[k]
		j.written(p, a, v)
		switch {
		case v.slot < g.floor:
			j.object(BelowFloor, p, v.slot, "tells a vote below its floor %d", g.floor)
		case v.slot < g.first || v.slot >= end || v.slot <= last:
			j.object(VoteLost, p, v.slot, "tells a vote out of its place in the page from slot %d to %d", g.first, g.next)
			return
		}
		last = v.slot
	}
	for at := max(g.first, g.floor); at < end; at++ {
		for i < len(j.scratch) && j.scratch[i].slot < at {
			i++
		}
		s := j.slots.look(at)
		if s == nil {
			continue
		}
		must := s.voted(a.bit, g.bound)
		switch {
		case must == nil:
		case i == len(j.scratch) || j.scratch[i].slot != at:
			j.object(VoteLost, p, at, "does not tell its vote under ballot %v", must.ballot)
		case j.scratch[i].ballot.Less(must.ballot):
			j.object(VoteLost, p, at, "tells its vote under ballot %v, and not the one under %v", j.scratch[i].ballot, must.ballot)
		}
	}
}

func (j *Judge) saidVoted(p *process, a *acceptor, m paxos.Voted) {
	j.saidFloor(p, a, m.Floor)
	j.scratch = j.scratch[:0]
	for i := range m.Votes {
		v := &m.Votes[i]
		j.scratch = append(j.scratch, voteSaid{v.Slot, v.Ballot, v.Value, &v.Digest})
	}
	j.page(p, a, page{first: m.First, next: m.Next, more: m.More, floor: m.Floor})
}
