package audit

import (
	"slices"

	"paxos/paxos"
)

// wroteFloor judges a floor that is written: it rises, all below it is chosen,
// and enough learners hold it in the snapshot before their last (below-floor).
func (j *Judge) wroteFloor(p *process, a *acceptor, floor paxos.Slot) {
	j.counts.Floors++
	if floor <= a.floor {
		j.object(BelowFloor, p, 0, "writes the floor %d after the floor %d", floor, a.floor)
	}
	a.floor = max(a.floor, floor)
	j.claim(p, floorClaim, floor)
	if !j.options.Live || j.options.Snapshots == 0 {
		return
	}
	holders, needed := 0, min(j.options.Snapshots, len(j.config.Learners))
	for id, k := range j.kept {
		if slices.Contains(j.config.Learners, id) && min(k.Last, k.Previous)+1 >= floor {
			holders++
		}
	}
	if holders < needed {
		j.object(BelowFloor, p, 0, "truncates below slot %d, which %d of %d learners ever reported in the snapshot before their last", floor, holders, needed)
	}
}

// saidFloor judges a floor that is said: it was on disk at some moment of the
// turn.
func (j *Judge) saidFloor(p *process, a *acceptor, floor paxos.Slot) {
	if floor < a.floorBefore {
		j.object(BelowFloor, p, 0, "says the floor %d after the floor %d", floor, a.floorBefore)
	}
	if floor > a.floor {
		j.object(WrittenBeforeSaid, p, 0, "says the floor %d, and %d is on its disk", floor, a.floor)
	}
	j.claim(p, floorClaim, floor)
}

// aboveFloor judges that no vote is said of a slot that was truncated in an
// earlier turn.
func (j *Judge) aboveFloor(p *process, a *acceptor, at paxos.Slot) {
	if at < a.floorBefore {
		j.object(BelowFloor, p, at, "says that it accepted below its floor %d", a.floorBefore)
	}
}

// saidHighest judges the answer to a read's question: it is not below any slot
// that the acceptor ever voted in (highest).
func (j *Judge) saidHighest(p *process, a *acceptor, m paxos.HighestIs) {
	if m.Slot < a.highestBefore {
		j.object(Highest, p, m.Slot, "says that its highest slot is %d, and it voted in slot %d", m.Slot, a.highestBefore)
	}
}

// saidKept keeps the most that a learner ever reported of its snapshots; what
// they hold was chosen.
func (j *Judge) saidKept(p *process, m paxos.Kept) {
	k := j.kept[p.node.id]
	j.kept[p.node.id] = paxos.Kept{Last: max(k.Last, m.Last), Previous: max(k.Previous, m.Previous)}
	if m.Last > 0 {
		j.claim(p, learnerClaim, m.Last+1)
	}
}
