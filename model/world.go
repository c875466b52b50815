package model

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"paxos/paxos"
)

// A step is a number: what is done, in the four highest bits, and with what.
const (
	stepMessage  = iota << 28 // a message arrives: content<<2 | which acceptor or proposer said it
	stepSilent                // the same, at an acceptor that crashes between writing and speaking
	stepCrash                 // a node crashes and comes back
	stepCampaign              // a proposer stands: pair<<26 | survey<<13 | survey
	stepSubmit                // a client brings a command
	stepBeat                  // a leader that a quorum answers says that it lives
	stepFinish                // a learner asks a leader to finish all slots
	stepRestore               // a record is read back from the disk
	stepKinds    = 15 << 28
	stepContent  = 1<<28 - 1
)

// world holds all that was found out about rooms and nodes so far.
type world struct {
	opts     Options
	dumper   dumper
	contents table[content]
	records  table[record]
	votes    table[vote]
	surveys  table[survey]
	rooms    table[room]
	nodes    table[node]
	outputs  table[output]
	steps    [64]steps
	played   atomic.Uint64 // steps of real rooms
	learned  sync.Map      // sets of votes that learners were shown, by key: their words against it
}

// steps are what rooms do, by room<<32 | step.
type steps struct {
	mu    sync.RWMutex
	known map[uint64]result
}

type result struct{ room, output uint32 }

// content is a message without its receiver; an acceptor's says "a1", whoever
// says it (unless Options.AsIs).
type content struct {
	envelope paxos.Envelope
	key      key
	proposed []uint32 // of an Accept: what it proposes, as votes
}

type record struct {
	record paxos.Record
	key    key
}

// vote is a value for a slot under a ballot.
type vote struct {
	slot   paxos.Slot
	ballot paxos.Ballot
	digest paxos.Digest
	value  paxos.Value
	key    key
}

// survey is what an acceptor answers one, after an election timeout.
type survey struct {
	envelope paxos.Envelope
	key      key
}

// room is one state of one real room, and how to bring a fresh one there: by
// the parent's way, and one step more.
type room struct {
	place        uint8
	starts       uint32
	parent, step uint32 // 0 of a fresh one
	key          key
	depth        uint32
	survey       atomic.Uint32
	leads        bool       // of a proposer
	next         paxos.Slot // of a leader: the first slot it proposed nothing for
	applied      []uint32   // of a learner, as votes
	clone        string     // whom it refuses for good, and why
}

// output is what a room asked for in one step.
type output struct {
	records []uint32
	sent    []said
	broken  string
}

// said is a message on its way to a place.
type said struct {
	content uint32
	to      uint8
}

// hands are one worker's: rooms that it has played lately.
type hands struct {
	live map[uint32]paxos.Role
	buf  []byte
}

func newHands() *hands { return &hands{live: map[uint32]paxos.Role{}} }

// take gives a real room in this state, which the caller may change.
func (w *world) take(h *hands, id uint32) paxos.Role {
	if role, ok := h.live[id]; ok {
		delete(h.live, id)
		return role
	}
	var way []uint32
	r := w.rooms.get(id)
	for ; r.parent != 0; r = w.rooms.get(r.parent) {
		way = append(way, r.step)
	}
	role := w.newRoom(r.place, r.starts)
	for i := len(way) - 1; i >= 0; i-- {
		w.play(role, r.place, way[i])
	}
	return role
}

// keep gives a room back for the next who needs it.
func (h *hands) keep(id uint32, role paxos.Role) {
	if len(h.live) >= 4096 {
		clear(h.live)
	}
	h.live[id] = role
}

// fresh is the room of a place after so many starts.
func (w *world) fresh(h *hands, place uint8, starts uint32) uint32 {
	return w.internRoom(h, w.newRoom(place, starts), &room{place: place, starts: starts})
}

// internRoom gives the number of the state that a room is in.
func (w *world) internRoom(h *hands, role paxos.Role, r *room) uint32 {
	h.buf = append(h.buf[:0], r.place)
	if r.place < firstAcceptor || w.opts.Lives {
		h.buf = number(h.buf, uint64(r.starts))
	}
	h.buf = w.dumper.dump(h.buf, reflect.ValueOf(role))
	k := keyOf(h.buf)
	id := w.rooms.intern(k, func(to *room) {
		to.place, to.starts, to.parent, to.step, to.depth, to.key = r.place, r.starts, r.parent, r.step, r.depth, k
		switch role := role.(type) {
		case proposerRoom:
			s := role.Status()
			to.leads, to.next = s.Leading, s.Next
			for _, seen := range s.Acceptors {
				to.clone += seen.Cloned
			}
		case *learnerRoom:
			for _, c := range role.Status().Clones {
				to.clone += c.Why
			}
			for _, e := range role.machine.entries {
				to.applied = append(to.applied, w.vote(e.Slot, e.Ballot, e.Value))
			}
		}
	})
	h.keep(id, role)
	return id
}

// step is what a room does: found out with a real one the first time.
func (w *world) step(h *hands, id, step uint32) (uint32, *output) {
	at := uint64(id)<<32 | uint64(step)
	shard := &w.steps[mixed(at)&63]
	shard.mu.RLock()
	known, ok := shard.known[at]
	shard.mu.RUnlock()
	if !ok {
		role, from := w.take(h, id), w.rooms.get(id)
		effects := w.play(role, from.place, step)
		w.played.Add(1)
		known.output = w.output(from.place, &effects)
		known.room = w.internRoom(h, role, &room{place: from.place, starts: from.starts, parent: id, step: step, depth: from.depth + 1})
		shard.mu.Lock()
		if shard.known == nil {
			shard.known = map[uint64]result{}
		}
		shard.known[at] = known
		shard.mu.Unlock()
	}
	return known.room, w.outputs.get(known.output)
}

// output puts down what a room asked for.
func (w *world) output(place uint8, e *paxos.Effects) uint32 {
	var out output
	var b []byte
	if e.Broken != nil {
		out.broken = e.Broken.Error()
	}
	b = append(append(b, out.broken...), 0)
	for _, r := range e.Persist {
		id := w.record(r)
		out.records = append(out.records, id)
		b = w.records.get(id).key.append(b)
	}
	b = append(b, 0)
	for _, envelope := range e.Send {
		to := placeOf(envelope.To)
		message, ok := w.normal(envelope.Message)
		if !ok || to < 0 || (place < learnerPlace && place >= firstAcceptor && to < learnerPlace && to >= firstAcceptor) {
			continue
		}
		envelope.Message, envelope.To = message, ""
		id := w.content(envelope)
		word := said{id, uint8(to)}
		if slices.Contains(out.sent, word) {
			continue
		}
		out.sent = append(out.sent, word)
		b = append(w.contents.get(id).key.append(b), byte(to))
	}
	return w.outputs.intern(keyOf(b), func(to *output) { *to = out })
}

func placeOf(id paxos.NodeID) int {
	for i, name := range names {
		if name == id {
			return i
		}
	}
	return -1
}

func (w *world) record(r paxos.Record) uint32 {
	k := keyOf(paxos.AppendRecord([]byte{byte(r.RecordKind())}, r))
	return w.records.intern(k, func(to *record) { *to = record{r, k} })
}

func (w *world) content(e paxos.Envelope) uint32 {
	k := keyOf(paxos.AppendEnvelope(nil, e))
	id, ok := w.contents.find(k)
	if !ok {
		c := content{envelope: e, key: k}
		switch m := e.Message.(type) {
		case paxos.Accept:
			for _, p := range m.Proposals {
				c.proposed = append(c.proposed, w.vote(p.Slot, m.Ballot, p.Value))
			}
		}
		id = w.contents.intern(k, func(to *content) { *to = c })
	}
	if id >= 1<<26 {
		panic("model: too many different messages: the bounds are too wide for this program")
	}
	return id
}

func (w *world) vote(slot paxos.Slot, ballot paxos.Ballot, value paxos.Value) uint32 {
	digest := value.Digest()
	k := keyOf(append([]byte(fmt.Sprint(slot, ballot, ballot.Start)), digest[:]...))
	return w.votes.intern(k, func(to *vote) { *to = vote{slot, ballot, digest, value, k} })
}
