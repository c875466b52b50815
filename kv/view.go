package kv

import (
	"fmt"

	"paxos/paxos"
)

// View is the state after some slot. It never changes, and any goroutine may
// read it while the Machine goes on. (The Machine's own, inside it, is the one
// that does change.)
type View struct {
	next paxos.Slot // every slot below it is applied
	time paxos.LogTime
	store
	table

	freshBytes uint64 // of what was applied since the last slot after which a snapshot was due
}

func newView() View { return View{next: 1, store: newStore(), table: newTable()} }

func (v *View) freeze() *View {
	f := *v
	f.store, f.table = v.store.freeze(), v.table.freeze()
	return &f
}

// thaw gives a state to go on from. It writes nothing to v, so that others may
// thaw or read v at the same time: a tree's Copy marks the tree that it copies,
// and here that is a copy of its head.
func (v *View) thaw() View {
	t := *v
	t.keys, t.history, t.changes = head(v.keys), head(v.history), head(v.changes)
	t.leases, t.due, t.attached = head(v.leases), head(v.due), head(v.attached)
	t.sessions, t.used, t.keyed, t.oldest = head(v.sessions), head(v.used), head(v.keyed), head(v.oldest)
	f := t.freeze()
	f.era++ // the sessions that it shares with v are not its own
	return *f
}

// head gives a tree to copy in place of one that nobody may write to.
func head[T any](tree *T) *T {
	h := *tree
	return &h
}

// Applied is the applied watermark: every slot below it is applied.
func (v *View) Applied() paxos.Slot { return v.next }

// Time is the time of the log, in milliseconds.
func (v *View) Time() paxos.LogTime { return v.time }

// Revision is the store's revision, 1 when nothing was written yet.
func (v *View) Revision() Revision { return v.revision }

// Compacted is the revision below which the history is forgotten; 0 if none is.
func (v *View) Compacted() Revision { return v.compacted }

// Sizes are about how much the state holds.
type Sizes struct {
	Keys            int
	Revisions       uint64 // that can be read, besides the present one
	HistoryBytes    int    // of what compaction can free
	StateBytes      int    // of everything
	Sessions        int
	IdempotencyKeys int
	Leases          int
}

// Sizes takes no time: the numbers are kept along the way.
func (v *View) Sizes() Sizes {
	return Sizes{
		Keys:            v.keys.Len(),
		Revisions:       uint64(v.revision - max(v.compacted, 1)),
		HistoryBytes:    v.oldBytes,
		StateBytes:      v.oldBytes + v.keyBytes + v.noteBytes + v.held[chosen].bytes + v.held[drawn].bytes + sessionRoom*v.sessions.Len() + leaseRoom*v.leases.Len(),
		Sessions:        v.sessions.Len(),
		IdempotencyKeys: v.keyed.Len(),
		Leases:          v.leases.Len(),
	}
}

// What a session and a lease take, about, in bytes.
const (
	sessionRoom = 128
	leaseRoom   = 128
)

func failure(code, format string, args ...any) *Failure {
	return &Failure{Code: code, Detail: fmt.Sprintf(format, args...)}
}
