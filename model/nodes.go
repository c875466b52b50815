package model

import (
	"fmt"
	"slices"
	"sync/atomic"

	"paxos/paxos"
)

// node is one state of one node: its room, what is on its disk, and what it ever
// said and wrote. It never changes.
type node struct {
	place  uint8
	room   uint32
	starts uint32
	// Of an acceptor: the room that its disk alone would give, the promise of
	// its last record, and every vote that was ever durable there.
	disk    uint32
	promise paxos.Ballot
	votes   []uint32
	// to is what it ever said, by receiver; set stands for all of that, written
	// for the votes.
	to           [places + 1][]uint32
	said, voted  key
	proposed     []uint32 // of a proposer, as votes
	campaigns    uint8
	submitted    uint8
	wrong        *wrong
	key          key
	memo         memo
	permutations [6]atomic.Uint32
}

// wrong is what a node did that no node may do, whatever the others did.
type wrong struct{ checker, text string }

// draft is a node that is being made; the lists of old ones are never changed.
func (n *node) draft() *node {
	return &node{place: n.place, room: n.room, starts: n.starts, disk: n.disk, promise: n.promise, votes: n.votes, to: n.to, said: n.said,
		voted: n.voted, proposed: n.proposed, campaigns: n.campaigns, submitted: n.submitted, wrong: n.wrong}
}

func (n *node) fail(checker, format string, args ...any) {
	if n.wrong == nil {
		n.wrong = &wrong{checker, fmt.Sprintf(format, args...)}
	}
}

// added gives a sorted set with one more, and whether it is new.
func added(set []uint32, id uint32) ([]uint32, bool) {
	i, had := slices.BinarySearch(set, id)
	if had {
		return set, false
	}
	return slices.Insert(slices.Clip(slices.Clone(set)), i, id), true
}

func (w *world) internNode(d *node) uint32 {
	b := append(make([]byte, 0, 160), d.place, d.campaigns, d.submitted)
	b = number(b, uint64(d.starts))
	b = w.rooms.get(d.room).key.append(b)
	if d.disk != 0 {
		b = w.rooms.get(d.disk).key.append(b)
	}
	b = d.voted.append(d.said.append(b))
	b = append(b, fmt.Sprint(d.promise, d.promise.Start)...)
	if d.wrong != nil {
		b = append(append(b, d.wrong.checker...), d.wrong.text...)
	}
	k := keyOf(b)
	return w.nodes.intern(k, func(to *node) {
		to.place, to.room, to.starts, to.disk, to.promise, to.votes, to.to, to.said, to.voted = d.place, d.room, d.starts, d.disk, d.promise, d.votes, d.to, d.said, d.voted
		to.proposed, to.campaigns, to.submitted, to.wrong, to.key = d.proposed, d.campaigns, d.submitted, d.wrong, k
	})
}

// first is a node at the beginning.
func (w *world) first(h *hands, place uint8) uint32 {
	d := &node{place: place, starts: 1, room: w.fresh(h, place, 1)}
	if place >= firstAcceptor && place < learnerPlace {
		d.disk = d.room
	}
	return w.internNode(d)
}

// next gives the node after a step; the same one if the step changes nothing.
func (w *world) next(h *hands, id, step uint32) uint32 {
	n := w.nodes.get(id)
	if next, ok := n.memo.get(step); ok {
		return next
	}
	next := id
	if d := w.try(h, n, step); d != nil {
		next = w.internNode(d)
	}
	n.memo.put(step, next)
	return next
}

// try makes the node after a step; nil if that is not possible here.
func (w *world) try(h *hands, n *node, step uint32) *node {
	d := n.draft()
	switch step & stepKinds {
	case stepCrash:
		return w.crash(h, n, d)
	case stepSilent:
		return w.silent(h, n, d, step&stepContent)
	case stepCampaign:
		d.campaigns++
	case stepSubmit:
		room := w.rooms.get(n.room)
		bit := uint8(1) << (step & stepContent)
		if n.submitted&bit != 0 || !room.leads || int(room.next) > w.opts.Slots {
			return nil
		}
		d.submitted |= bit
	case stepBeat, stepFinish:
		if !w.rooms.get(n.room).leads {
			return nil
		}
	}
	room, out := w.step(h, n.room, step)
	d.room = room
	w.write(h, d, out)
	w.say(d, out)
	if why := w.rooms.get(room).clone; why != "" {
		d.fail("clone", "it refuses an acceptor for good, and nobody touched a disk: %s", why)
	}
	return d
}

// crash takes a node back to what its disk holds. Who loses nothing by it need
// not crash.
func (w *world) crash(h *hands, n, d *node) *node {
	d.starts++
	if n.place < firstAcceptor {
		d.room = w.fresh(h, n.place, d.starts)
		return d
	}
	d.room = w.restored(h, n.place, d.starts, n.disk)
	if d.room == n.room {
		return nil
	}
	return d
}

// silent is a turn that ends after its records are durable and before anything
// of it is said.
func (w *world) silent(h *hands, n, d *node, content uint32) *node {
	_, out := w.step(h, n.room, stepMessage|content)
	if len(out.records) == 0 {
		return nil
	}
	w.write(h, d, out)
	d.starts++
	d.room = w.restored(h, n.place, d.starts, d.disk)
	return d
}

// restored is the room that a start makes of a disk.
func (w *world) restored(h *hands, place uint8, starts, disk uint32) uint32 {
	if !w.opts.Lives {
		return disk
	}
	var way []uint32
	for r := w.rooms.get(disk); r.parent != 0; r = w.rooms.get(r.parent) {
		way = append(way, r.step)
	}
	room := w.fresh(h, place, starts)
	for i := len(way) - 1; i >= 0; i-- {
		room, _ = w.step(h, room, way[i])
	}
	return room
}

// write makes a turn's records durable, as the disk has them and as a reader of
// the records would judge them.
func (w *world) write(h *hands, d *node, out *output) {
	if out.broken != "" {
		d.fail("broken", "%s", out.broken)
	}
	for _, id := range out.records {
		rec := w.records.get(id).record
		if w.opts.plant.loses == nil || !w.opts.plant.loses(rec) {
			disk, restored := w.step(h, d.disk, stepRestore|id)
			if d.disk = disk; restored.broken != "" {
				d.fail("broken", "%s", restored.broken)
			}
		}
		switch rec := rec.(type) {
		case paxos.PromisedRecord:
			d.raise(rec.Ballot)
		case paxos.AcceptedRecord:
			d.raise(rec.Ballot)
			for _, p := range rec.Proposals {
				w.vouch(d, w.vote(p.Slot, rec.Ballot, p.Value))
			}
		default:
			d.fail("broken", "a record of kind %d, which nothing here asks for", rec.RecordKind())
		}
	}
}

func (d *node) raise(b paxos.Ballot) {
	if b.Less(d.promise) {
		d.fail("promise-regress", "it writes ballot %v after its promise of %v", b, d.promise)
		return
	}
	d.promise = b
}

func (w *world) vouch(d *node, vote uint32) {
	var fresh bool
	if d.votes, fresh = added(d.votes, vote); fresh {
		d.voted = d.voted.plus(w.votes.get(vote).key.scattered(0))
	}
}

// say adds what a turn says to all that was ever said, and judges whether it
// may: what is said must be durable.
func (w *world) say(d *node, out *output) {
	for _, s := range out.sent {
		var fresh bool
		if d.to[s.to], fresh = added(d.to[s.to], s.content); !fresh {
			continue
		}
		c := w.contents.get(s.content)
		d.said = d.said.plus(c.key.scattered(uint64(s.to)))
		for _, v := range c.proposed {
			d.proposed, _ = added(d.proposed, v)
		}
		switch m := c.envelope.Message.(type) {
		case paxos.Promise:
			if d.promise.Less(m.Ballot) {
				d.fail("promise-regress", "it promises ballot %v, and its records hold %v", m.Ballot, d.promise)
			}
		case paxos.Accepted:
			for _, slot := range m.Slots {
				if !w.holds(d, slot, m.Ballot) {
					d.fail("promise-regress", "it says that it accepted slot %d under %v, and no record says so", slot, m.Ballot)
				}
			}
		}
	}
}

// holds reports whether a vote for this slot and ballot was ever durable.
func (w *world) holds(n *node, slot paxos.Slot, ballot paxos.Ballot) bool {
	return slices.ContainsFunc(n.votes, func(id uint32) bool {
		v := w.votes.get(id)
		return v.slot == slot && v.ballot == ballot
	})
}
