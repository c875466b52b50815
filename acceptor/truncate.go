package acceptor

import (
	"cmp"
	"slices"

	"paxos/paxos"
)

// snapshotKept notes which snapshots a learner of the configuration has. A
// learner with a new disk says so by what it reports: it takes back what the
// lost disk had, and a late report of the lost one counts no more.
func (a *Acceptor) snapshotKept(from paxos.NodeID, m paxos.Kept) {
	if !a.votesHere() || m.Store == 0 || !slices.Contains(a.cfg.Configuration.Learners, from) {
		return
	}
	if a.replaced[m.Store] {
		return
	}
	if old, had := a.kept[from]; had && old.Store != m.Store {
		a.replaced[old.Store] = true
	}
	a.kept[from] = m
	a.raiseFloor()
}

// raiseFloor truncates what enough learners hold on disk. What counts is each
// one's snapshot before the last: if the last turns out to be damaged, the log
// still reaches back to the other (docs/protocol.md, Truncation). Slots in a
// snapshot are chosen; of those that this acceptor has not heard of it says
// nothing.
func (a *Acceptor) raiseFloor() {
	need := min(a.cfg.Snapshots, len(a.cfg.Configuration.Learners))
	if need < 1 || len(a.kept) < need {
		return
	}
	var previous []paxos.Slot
	for _, k := range a.kept {
		previous = append(previous, min(k.Previous, k.Last))
	}
	slices.SortFunc(previous, func(x, y paxos.Slot) int { return cmp.Compare(y, x) })
	floor := min(previous[need-1], a.highest) + 1
	if floor < a.floor+paxos.Slot(max(1, a.cfg.TruncateSlots)) {
		return
	}
	a.truncate(floor, a.time)
	a.chosen = max(a.chosen, floor)
	a.persist(paxos.FloorRecord{Floor: a.floor, Time: a.time, Promise: a.promise, Position: a.position + 1})
	a.event(paxos.Event{Kind: paxos.EventTruncated, Slot: a.floor})
}

// truncate forgets the values of all slots below floor.
func (a *Acceptor) truncate(floor paxos.Slot, time paxos.LogTime) {
	n, _ := slices.BinarySearch(a.slots, floor)
	for _, s := range a.slots[:n] {
		delete(a.accepted, s)
		delete(a.digests, s)
	}
	a.slots = slices.Clone(a.slots[n:])
	a.floor = max(a.floor, floor)
	a.time = max(a.time, time)
}
