package rest

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"paxos/paxos"
)

// Book says who is out there: gossip, and the fixed addresses of --peers.
type Book interface {
	// Addresses gives the HTTP addresses to try for a node, the best first.
	Addresses(paxos.NodeID) []string
	// RoleOf gives a node's role, "" if it is not known.
	RoleOf(paxos.NodeID) paxos.RoleName
	// Changed gives a channel that is closed at the next change.
	Changed() <-chan struct{}
}

// Hub is the node's Network: it keeps one outgoing stream to each peer the
// role speaks to, and answers over incoming streams where it has no own.
type Hub struct {
	self   paxos.NodeID
	start  string // tells this process from others under the same id
	config paxos.Stamp
	book   Book
	log    *logrus.Entry
	handle func(paxos.Envelope) error

	mu      sync.RWMutex
	links   map[paxos.NodeID]*link
	inbound map[paxos.NodeID][]*pipe
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	// Lost counts envelopes that were dropped; Opened counts streams.
	Lost, Opened atomic.Uint64
}

// NewHub makes a hub; handle takes what comes in, and may wait.
func NewHub(self paxos.NodeID, config paxos.Stamp, book Book, log *logrus.Entry) *Hub {
	ctx, stop := context.WithCancel(context.Background())
	return &Hub{self: self, start: rand.Text(), config: config, book: book, log: log, ctx: ctx, stop: stop,
		links: map[paxos.NodeID]*link{}, inbound: map[paxos.NodeID][]*pipe{}}
}

// Handle sets what takes the envelopes that come in; before the first Send.
func (h *Hub) Handle(take func(paxos.Envelope) error) { h.handle = take }

// Send implements node.Network.
func (h *Hub) Send(envelopes []paxos.Envelope) {
	for _, e := range envelopes {
		h.send(e)
	}
}

func (h *Hub) send(e paxos.Envelope) {
	h.mu.RLock()
	l := h.links[e.To]
	in := h.inbound[e.To]
	h.mu.RUnlock()
	var own *pipe
	if l != nil {
		own = l.open.Load()
	}
	switch {
	case asks(e.Message) && own == nil && len(in) > 0:
		in[len(in)-1].out.put(e)
	case asks(e.Message) && own != nil:
		own.out.put(e)
	case own != nil || len(in) > 0:
		// Two processes under one id are normal life on Kubernetes: both get
		// the answer, and the ballot tells which of them asked.
		if own != nil {
			own.out.put(e)
		}
		for _, p := range in {
			if own == nil || p.start != own.start {
				p.out.put(e)
			}
		}
	case l != nil:
		l.out.put(e)
	case h.book.RoleOf(e.To) != "":
		h.link(e.To).out.put(e)
	default:
		// Nobody knows this node, or it was a question over HTTP whose asker
		// has gone. A link for everyone who ever asked would be too many.
		h.Lost.Add(1)
	}
}

// asks tells which messages must reach one process only, if there are two under
// one id: each would answer for itself, and the refusal of one says nothing
// about what the other does with its copy (or one part of a snapshot is enough).
func asks(m paxos.Message) bool {
	switch m.(type) {
	case paxos.Propose, paxos.Finish, paxos.Handover, paxos.SnapshotAsk:
		return true
	}
	return false
}

// link gives the outgoing stream to a node, and makes it when there is none.
func (h *Hub) link(to paxos.NodeID) *link {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.links[to]; l != nil {
		return l
	}
	l := &link{hub: h, to: to, out: newOutbox(&h.Lost)}
	h.links[to] = l
	if h.ctx.Err() == nil {
		h.running.Go(func() { l.run(h.ctx) })
	}
	return l
}

// accept serves an incoming stream until it ends.
func (h *Hub) accept(p *pipe) {
	h.mu.Lock()
	if h.ctx.Err() != nil {
		h.mu.Unlock()
		_ = p.conn.Close()
		return
	}
	p.out, p.handle = newOutbox(&h.Lost), h.handle
	h.inbound[p.peer] = append(h.inbound[p.peer], p)
	h.running.Add(1)
	h.mu.Unlock()
	h.Opened.Add(1)
	defer h.running.Done()
	err := p.run(h.ctx)
	h.log.WithField("peer", string(p.peer)).Debugf("incoming stream ended: %v", err)
	h.mu.Lock()
	defer h.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(h.inbound[p.peer]), func(q *pipe) bool { return q == p })
	if len(rest) == 0 {
		delete(h.inbound, p.peer)
		return
	}
	h.inbound[p.peer] = rest
}

// Drain waits until what was sent to a node is written to its stream, or lost,
// or ctx ends: last words are worth a moment.
func (h *Hub) Drain(ctx context.Context, to paxos.NodeID) {
	h.mu.RLock()
	l := h.links[to]
	h.mu.RUnlock()
	if l == nil {
		return
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !l.out.empty() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Close ends all streams and waits for them.
func (h *Hub) Close() {
	h.mu.Lock()
	h.stop()
	h.mu.Unlock()
	h.running.Wait()
}

// Streams tells which peers have an open stream, sorted, for people.
func (h *Hub) Streams() []paxos.NodeID {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var peers []paxos.NodeID
	for id, l := range h.links {
		if l.open.Load() != nil {
			peers = append(peers, id)
		}
	}
	for id := range h.inbound {
		peers = append(peers, id)
	}
	slices.Sort(peers)
	return slices.Compact(peers)
}
