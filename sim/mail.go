package sim

import (
	"paxos/internal/node"
	"paxos/paxos"
)

// happening is something that will happen in the world.
type happening struct {
	at    int64
	order uint64 // what was planned first happens first
	kind  happeningKind
	what  int32 // which letter, process, user, host or fault
}

type happeningKind uint8

const (
	letterArrives happeningKind = iota
	processTicks
	processWakes
	keeperWorks
	userActs
	userIsTold
	hostStarts
	faultBegins
	faultEnds
	gossipSpreads
	rumourArrives
	kinds
)

// agenda is a heap of happenings, the next one first.
type agenda struct {
	heap  []happening
	order uint64
}

func (a *agenda) plan(at int64, kind happeningKind, what int32) {
	a.order++
	h := happening{at, a.order, kind, what}
	a.heap = append(a.heap, h)
	i := len(a.heap) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !before(&h, &a.heap[parent]) {
			break
		}
		a.heap[i] = a.heap[parent]
		i = parent
	}
	a.heap[i] = h
}

func before(x, y *happening) bool { return x.at < y.at || x.at == y.at && x.order < y.order }

// next takes the first happening; there must be one.
func (a *agenda) next() happening {
	first := a.heap[0]
	last := len(a.heap) - 1
	h := a.heap[last]
	a.heap = a.heap[:last]
	if last == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= last {
			break
		}
		for c, end := child+1, min(child+4, last); c < end; c++ {
			if before(&a.heap[c], &a.heap[child]) {
				child = c
			}
		}
		if !before(&a.heap[child], &h) {
			break
		}
		a.heap[i] = a.heap[child]
		i = child
	}
	a.heap[i] = h
	return first
}

// letter is a message on its way.
type letter struct {
	paxos.Envelope
	from   *process
	leaves int64 // a sender that ends before has not sent it
	to     *host
	// copies is where the first of two copies arrived. A stream, which carries
	// both, does not outlive the process that it leads to: the second comes to
	// the same process or to none (proposer/queue.go rests on that).
	copies *copies
}

type copies struct{ to *process }

// post sends an envelope from a process, at the given time: it may be lost, be
// late, or come twice.
func (w *World) post(p *process, leaves int64, e paxos.Envelope) {
	if w.plant != nil && w.plant(e) {
		return
	}
	if user, ok := w.userOf(e.To); ok {
		user.answer(p, leaves, e)
		return
	}
	to := w.byID[e.To]
	if to == nil {
		return
	}
	n := &w.scenario.Network
	if w.over || p.host.core && to.core {
		n = &calmNetwork
	}
	deaf := n.Deaf > 0 && to.role == paxos.LearnerRole && p.host.role == paxos.AcceptorRole && w.dice.IntN(million) < n.Deaf
	if deaf || w.dice.IntN(million) < n.Lost {
		w.counts.Lost++
		w.tell(e.From, "✗", e.To, e.Message)
		return
	}
	var both *copies
	if n.Twice > 0 && w.dice.IntN(million) < n.Twice {
		w.counts.Twice++
		both = &copies{}
		w.carry(p, leaves, e, to, n, both)
	}
	w.carry(p, leaves, e, to, n, both)
}

// calmNetwork is how messages travel within what has healed.
var calmNetwork = Network{Least: 500, Most: 5_000}

func (w *World) carry(p *process, leaves int64, e paxos.Envelope, to *host, n *Network, both *copies) {
	delay := n.Least + w.dice.Int64N(n.Most-n.Least+1)
	if n.Late > 0 && w.dice.IntN(million) < n.Late {
		w.counts.Late++
		delay += w.dice.Int64N(n.LateMost)
	}
	if slow := w.links[p.host.number][to.number].slow; slow > 0 {
		delay += w.dice.Int64N(slow)
	}
	if w.dice.IntN(64) == 0 {
		e = w.overTheWire(p, e)
	}
	var i int32
	if last := len(w.free) - 1; last >= 0 {
		i = w.free[last]
		w.free = w.free[:last]
	} else {
		i = int32(len(w.letters))
		w.letters = append(w.letters, letter{})
	}
	w.letters[i] = letter{Envelope: e, from: p, leaves: leaves, to: to, copies: both}
	w.agenda.plan(leaves+delay, letterArrives, i)
}

// overTheWire gives the message as its binary form tells it.
func (w *World) overTheWire(p *process, e paxos.Envelope) paxos.Envelope {
	if e.Message.Kind() == paxos.KindLocal {
		return e
	}
	b := paxos.AppendEnvelope(nil, e)
	again, err := paxos.DecodeEnvelope(b)
	if err != nil {
		w.object("codec", p.host.id, 0, "%T cannot be read back: %v", e.Message, err)
		return e
	}
	return again
}

// arrive brings a letter to its host: to one of its processes, if there are two.
func (w *World) arrive(i int32) {
	l := w.letters[i]
	w.letters[i] = letter{}
	w.free = append(w.free, i)
	h := l.to
	if l.from.ended && l.from.endedAt < l.leaves || w.links[l.from.host.number][h.number].cuts > 0 || len(h.processes) == 0 {
		w.counts.Lost++
		w.tell(l.From, "✗", h.id, l.Message)
		return
	}
	p := h.processes[0]
	if len(h.processes) > 1 {
		p = h.processes[w.dice.IntN(len(h.processes))]
	}
	if l.copies != nil {
		if l.copies.to == nil {
			l.copies.to = p
		} else if p = l.copies.to; p.ended {
			w.counts.Lost++
			return
		}
	}
	w.counts.Messages++
	w.tell(p.host.id, "←", l.From, l.Message)
	if p.proposer != nil && l.from.host.role == paxos.AcceptorRole {
		p.lead.hears(l.from.host.number, l.Message)
	}
	w.give(p, l.Envelope)
}

// give puts a message into a process' inbox, which it empties at once unless it
// is busy.
func (w *World) give(p *process, e paxos.Envelope) {
	if len(p.inbox) >= inboxSize {
		w.counts.Lost++
		return
	}
	p.inbox = append(p.inbox, node.Item{Envelope: e})
	if w.now >= p.busy {
		w.turn(p, 0)
	}
}

// inboxSize bounds what waits for a paused process, as a node's inbox does.
const inboxSize = 4096
