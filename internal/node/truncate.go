package node

import (
	"paxos/internal/failpoint"
	"paxos/paxos"
)

// held is the highest slot that was accepted in each segment of the journal. A
// segment without an entry holds promises and floors only: the last floor,
// which is never in a segment that is dropped for it, repeats the promise.
type held map[uint64]paxos.Slot

func (h *held) note(segment uint64, slot paxos.Slot) {
	if slot == 0 {
		return
	}
	if *h == nil {
		*h = held{}
	}
	(*h)[segment] = max((*h)[segment], slot)
}

// highest is the highest slot that a record accepts a value in, 0 for none.
func highest(rec paxos.Record) (slot paxos.Slot) {
	if accepted, ok := rec.(paxos.AcceptedRecord); ok {
		for _, p := range accepted.Proposals {
			slot = max(slot, p.Slot)
		}
	}
	return slot
}

// drop removes the segments from the oldest on that hold no accepted slot from
// floor on. The record of the floor is synced; so the segment it stands in, the
// last one, stays.
func (d *Disk) drop(floor paxos.Slot) error {
	failpoint.Hit("truncate-after-sync")
	last := d.journal.Position().Segment
	first := last
	for segment, high := range d.held {
		if high >= floor {
			first = min(first, segment)
		}
	}
	if first <= d.oldest {
		return nil
	}
	failpoint.Hit("truncate-before-drop")
	if err := d.journal.DropBefore(first); err != nil {
		return err
	}
	failpoint.Hit("truncate-after-drop")
	d.oldest = first
	for segment := range d.held {
		if segment < first {
			delete(d.held, segment)
		}
	}
	return nil
}
