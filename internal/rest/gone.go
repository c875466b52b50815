package rest

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"paxos/paxos"
)

// How often one looks whether somebody listens where a proposer's stream ended,
// and the first pause between two looks, which doubles: a process that is killed
// closes its streams and its port one after the other.
const (
	looks     = 4
	lookAgain = 20 * time.Millisecond
)

// partings looks after proposers whose streams end. A port that refuses
// connections is a word, and silence is none: a host that is cut off, or down,
// or has too much to do to answer, refuses nothing.
type partings struct {
	mu   sync.Mutex
	ends map[paxos.NodeID]int // streams that ended since somebody began to look
	gone func(paxos.NodeID)   // nil: nobody wants to know
}

// Gone sets what is told that nobody listens any more where a proposer was;
// before the first Send. It may wait.
func (h *Hub) Gone(told func(paxos.NodeID)) { h.partings.gone = told }

// parted is called, by a goroutine that Close waits for, when a stream has ended.
func (h *Hub) parted(peer paxos.NodeID) {
	p := &h.partings
	if p.gone == nil || h.ctx.Err() != nil || h.book.RoleOf(peer) != paxos.ProposerRole {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ends == nil {
		p.ends = map[paxos.NodeID]int{}
	}
	if p.ends[peer]++; p.ends[peer] == 1 {
		h.running.Go(func() { h.look(peer) })
	}
}

// look looks again if another stream has ended meanwhile: it may have been the
// last one.
func (h *Hub) look(peer paxos.NodeID) {
	p := &h.partings
	for gone, ends := false, 0; !gone; {
		p.mu.Lock()
		if p.ends[peer] == ends {
			delete(p.ends, peer)
			p.mu.Unlock()
			return
		}
		ends = p.ends[peer]
		p.mu.Unlock()
		gone = h.deserted(peer)
	}
	p.mu.Lock()
	delete(p.ends, peer)
	p.mu.Unlock()
	h.log.WithField("peer", string(peer)).Debug("nobody listens there any more")
	p.gone(peer)
}

// deserted reports whether a node has no stream left, and refuses new ones at
// every address. Whoever accepts one, or gives no answer, is not gone.
func (h *Hub) deserted(peer paxos.NodeID) bool {
	for look := range looks {
		if look > 0 && !h.pause(lookAgain<<(look-1)) {
			return false
		}
		if h.connected(peer) {
			continue
		}
		if h.refuses(peer) {
			return !h.connected(peer)
		}
	}
	return false
}

func (h *Hub) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-h.ctx.Done():
		return false
	}
}

// connected reports whether any stream with a node is open.
func (h *Hub) connected(peer paxos.NodeID) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	l := h.links[peer]
	return len(h.inbound[peer]) > 0 || l != nil && l.open.Load() != nil
}

// refuses reports whether every known address of a node refuses connections.
func (h *Hub) refuses(peer paxos.NodeID) bool {
	addresses := h.book.Addresses(peer)
	for _, address := range addresses {
		if !refused(h.ctx, address) {
			return false
		}
	}
	return len(addresses) > 0
}

func refused(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
