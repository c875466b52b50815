package rest

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/kv"
	"paxos/paxos"
)

// Watchers and those who wait in a queue all wait for the same: that the store
// changes. However many they are, the loop looks once per turn whether it did,
// freezes one state for all of them and rings one bell; to wake them up is not
// its work.

// mostStreams is how many may wait at a node at a time. Each takes some ten KiB
// for its connection and its buffers.
const mostStreams = 10000

// renewEvery is after how many slots the frozen state is replaced though no key
// has changed: what a compaction frees meanwhile is held by it.
const renewEvery = 256

// news is where those who wait come together. Nothing is kept or frozen while
// there is nobody.
type news struct {
	most  int
	mu    sync.Mutex
	size  int
	crowd atomic.Pointer[crowd] // nil: nobody waits
}

// join counts one more in; nil means that there are too many.
func (n *news) join() *crowd {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.size >= n.most {
		return nil
	}
	if n.size++; n.size == 1 {
		c := &crowd{bell: make(chan struct{}, 1), over: make(chan struct{}), all: make(chan struct{}), queues: map[string]*queueBell{}}
		n.crowd.Store(c)
		go c.cry()
	}
	return n.crowd.Load()
}

func (n *news) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.size--; n.size == 0 {
		close(n.crowd.Swap(nil).over)
	}
}

// turned is called in the loop after every turn.
func (n *news) turned(m *kv.Machine) {
	if c := n.crowd.Load(); c != nil {
		c.publish(m)
	}
}

// joined counts a request in; it answers it itself if there are too many. Who
// joins before looking at the state misses nothing that comes after it.
func (s *Server) joined(c *gin.Context) (*crowd, bool) {
	crowd := s.news.join()
	if crowd == nil {
		refuse(c, problem("overloaded", http.StatusServiceUnavailable, "too many watches and waits for locks are open here",
			"watch or wait at another node, or watch a prefix once for many readers"))
	}
	return crowd, crowd != nil
}

// crowd is all who wait at one time.
type crowd struct {
	view atomic.Pointer[kv.View] // the last state that was published, nil before the first
	bell chan struct{}           // a view was published; it has room for one
	over chan struct{}           // closed when the last one has left

	mu     sync.Mutex
	all    chan struct{} // closed and replaced whenever the revision has moved
	queues map[string]*queueBell
}

// queueBell is for those who wait in one queue.
type queueBell struct {
	rung    chan struct{} // closed and replaced when the queue was touched
	waiting int
}

// publish is called in the loop. The bell is for another goroutine to hear:
// even to close a channel takes as long as there are some who wait for it.
func (c *crowd) publish(m *kv.Machine) {
	old := c.view.Load()
	moved := old == nil || old.Revision() != m.Revision()
	if !moved && old.Compacted() == m.Compacted() && m.Applied() < old.Applied()+renewEvery {
		return
	}
	c.view.Store(m.View())
	if !moved {
		return
	}
	select {
	case c.bell <- struct{}{}:
	default:
	}
}

// cry wakes up whom a change may concern, until the last one has left.
func (c *crowd) cry() {
	var told kv.Revision
	for {
		select {
		case <-c.bell:
		case <-c.over:
			return
		}
		view := c.view.Load()
		c.mu.Lock()
		close(c.all)
		c.all = make(chan struct{})
		waited := len(c.queues) > 0
		c.mu.Unlock()
		if waited {
			c.cryQueues(view, told+1)
		}
		told = view.Revision()
	}
}

// cryQueues wakes up those in whose queue something has changed since a revision.
func (c *crowd) cryQueues(view *kv.View, since kv.Revision) {
	touched, everything := map[string]bool{}, since == 1
	for _, root := range []string{"locks/", "elections/"} {
		events, _, fail := view.Events(since, kv.Prefix(root), 0, 0, false)
		everything = everything || fail != nil
		for i := range events {
			touched[queueOf(events[i].KV.Key)] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, b := range c.queues {
		if everything || touched[name] {
			close(b.rung)
			b.rung = make(chan struct{})
		}
	}
}

// queueOf is the part of a place's key that all of its queue have.
func queueOf(key string) string {
	root, rest, _ := strings.Cut(key, "/")
	name, _, _ := strings.Cut(rest, "/")
	return root + "/" + name
}

// await waits until the store has a revision, and gives a state that has it;
// nil when the time is over before.
func (c *crowd) await(ctx context.Context, revision kv.Revision, quiet time.Duration) (*kv.View, error) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		c.mu.Lock()
		all := c.all
		c.mu.Unlock()
		if view := c.view.Load(); view != nil && view.Revision() >= revision {
			return view, ctx.Err()
		}
		select {
		case <-all:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// listen counts one more into a queue's listeners. The bell is to be asked for
// before each look at the state.
func (c *crowd) listen(queue string) (bell func() <-chan struct{}, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.queues[queue]
	if b == nil {
		b = &queueBell{rung: make(chan struct{})}
		c.queues[queue] = b
	}
	b.waiting++
	bell = func() <-chan struct{} {
		c.mu.Lock()
		defer c.mu.Unlock()
		return b.rung
	}
	return bell, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if b.waiting--; b.waiting == 0 {
			delete(c.queues, queue)
		}
	}
}

// since gives the published state if it has applied at least so much.
func (c *crowd) since(applied paxos.Slot) *kv.View {
	if view := c.view.Load(); view != nil && view.Applied() >= applied {
		return view
	}
	return nil
}
