package gossip

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// ears are what memberlist calls. It does so with its own lock held or from
// its receive loop: nothing here blocks, or calls back into memberlist.
type ears struct {
	book    *book
	notes   *notes
	looking atomic.Bool   // a look in the mirror is under way
	look    chan struct{} // asks for one; capacity 1
}

// NodeMeta is asked for our metadata at the start and at every update.
func (e *ears) NodeMeta(limit int) []byte {
	b := e.book.own().encode()
	if len(b) > limit {
		// Start and SetLeader rule this out; memberlist would panic.
		e.notes.warnf("gossip: own metadata has %d bytes, %d allowed: sent empty", len(b), limit)
		return nil
	}
	return b
}

// NotifyJoin hears of a process for the first time, or again.
func (e *ears) NotifyJoin(n *memberlist.Node) {
	if c, ok := e.read(n); ok && n.Name != e.book.self {
		e.notes.infof("gossip: %s %s joined from %s, REST at %s", c.Role, c.ID, n.Address(), c.REST)
	}
}

// NotifyUpdate hears that a process has changed its metadata.
func (e *ears) NotifyUpdate(n *memberlist.Node) { e.read(n) }

// NotifyLeave hears that a process is gone, but not why: n.State does not say.
func (e *ears) NotifyLeave(n *memberlist.Node) {
	e.book.goes(n.Name, time.Now())
	poke(e.look)
}

// read enters a process into the book. One with unreadable metadata is kept
// too, out of sight, so that its address is not joined over and over.
func (e *ears) read(n *memberlist.Node) (card, bool) {
	c, err := decodeCard(n.Meta)
	if err == nil && !strings.HasPrefix(n.Name, string(c.ID)+"/") {
		err = errors.New("the metadata is of another node: " + string(c.ID))
	}
	if err != nil {
		c = card{}
		e.notes.warnf("gossip: process %q at %s is ignored: %v", n.Name, n.Address(), err)
	}
	e.book.living(n.Name, n.Address(), c, err != nil)
	return c, err == nil
}

// NotifyMerge is asked whether the state that another process sent may be
// merged: always, except for our own image in the mirror.
func (e *ears) NotifyMerge(nodes []*memberlist.Node) error {
	if !e.looking.Load() {
		return nil
	}
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	if !e.book.knows(names) {
		return nil // a stranger joins while we look
	}
	for _, n := range nodes {
		if state, ok := states[n.State]; ok {
			e.book.refine(n.Name, state)
		}
	}
	return errMirror
}

var states = map[memberlist.NodeStateType]State{
	memberlist.StateAlive: Alive, memberlist.StateSuspect: Suspect,
	memberlist.StateDead: Dead, memberlist.StateLeft: Left,
}

// The rest of memberlist's Delegate is not used: metadata is all that travels.

func (e *ears) NotifyMsg([]byte)                  {}
func (e *ears) GetBroadcasts(_, _ int) [][]byte   { return nil }
func (e *ears) LocalState(bool) []byte            { return nil }
func (e *ears) MergeRemoteState(_ []byte, _ bool) {}

// poke signals without blocking; signals that nobody has taken yet are one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
