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

	partings partings

	sending sync.Mutex
	touched []*outbox // that Send has put something into

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

// shareBytes is the size from which on it is worth while to share a body.
const shareBytes = 4 << 10

// Send implements node.Network: a peer gets all of it in one write.
func (h *Hub) Send(envelopes []paxos.Envelope) {
	h.sending.Lock()
	defer h.sending.Unlock()
	var p parcel
	for i := range envelopes {
		p.envelope = envelopes[i]
		if m := p.envelope.Message; i == 0 || !shared(envelopes[i-1].Message, m) {
			p.size, p.common = weight(m), nil
			if p.size >= shareBytes && i+1 < len(envelopes) && shared(m, envelopes[i+1].Message) {
				p.common = &common{}
			}
		}
		h.send(p)
	}
	for i, o := range h.touched {
		o.push()
		h.touched[i] = nil
	}
	h.touched = h.touched[:0]
}

// put leaves a parcel in an outbox, which is pushed at the end of Send.
func (h *Hub) put(o *outbox, p parcel) {
	o.put(p)
	if !slices.Contains(h.touched, o) {
		h.touched = append(h.touched, o)
	}
}

func (h *Hub) send(p parcel) {
	e := &p.envelope
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
		h.put(in[len(in)-1].out, p)
	case asks(e.Message) && own != nil:
		h.put(own.out, p)
	case own != nil || len(in) > 0:
		// Two processes under one id are normal life on Kubernetes: both get
		// the answer, and the ballot tells which of them asked.
		if own != nil {
			h.put(own.out, p)
		}
		for _, other := range in {
			if own == nil || other.start != own.start {
				h.put(other.out, p)
			}
		}
	case l != nil:
		h.put(l.out, p)
	case h.book.RoleOf(e.To) != "":
		h.put(h.link(e.To).out, p)
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
	h.leave(p)
	h.parted(p.peer)
}

func (h *Hub) leave(p *pipe) {
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
