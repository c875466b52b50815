package node

import (
	"sync/atomic"
	"time"

	"paxos/paxos"
)

// Stamped is an event with its number (from 1, without gaps) and its time.
type Stamped struct {
	Number uint64
	At     time.Time
	paxos.Event
}

// ringEvents bounds how many events a ring keeps, besides the number of its
// chunks; the last turn's events are kept in any case.
const ringEvents = 1 << 16

// ring keeps the last events, without locks: one goroutine publishes a chunk a
// turn, any number read. Nothing is formatted before somebody asks.
type ring struct {
	chunks []atomic.Pointer[chunk]
	head   atomic.Uint64 // chunks published

	// The publisher's alone: the number of the last event, how many events are
	// kept, and the first chunk that is.
	last, kept, tail uint64
}

// chunk is never changed once it is published.
type chunk struct {
	first  uint64
	at     time.Time
	events []paxos.Event
}

func newRing(chunks int) ring { return ring{chunks: make([]atomic.Pointer[chunk], chunks)} }

func (r *ring) publish(at time.Time, events []paxos.Event) {
	if len(events) == 0 {
		return
	}
	c := &chunk{first: r.last + 1, at: at, events: events}
	r.last += uint64(len(events))
	r.kept += uint64(len(events))
	head := r.head.Load()
	r.drop(r.chunks[head%uint64(len(r.chunks))].Swap(c))
	r.head.Store(head + 1)
	for r.kept > ringEvents && r.tail < head {
		r.drop(r.chunks[r.tail%uint64(len(r.chunks))].Swap(nil))
	}
}

// drop counts a chunk that is no longer kept.
func (r *ring) drop(c *chunk) {
	if c != nil {
		r.kept -= uint64(len(c.events))
		r.tail++
	}
}

// Events gives the kept events after the given number, in order, at most limit
// of them: the last ones if latest is set, else the first ones. Last is the
// number up to which it has looked, from which to ask on; lost says how many
// after the given number are no longer kept.
func (l *Loop) Events(after uint64, limit int, latest bool, want func(paxos.EventKind) bool) (list []Stamped, last, lost uint64) {
	chunks := l.events.after(after)
	if n := len(chunks); n > 0 && chunks[n-1].first-1 > after {
		lost = chunks[n-1].first - 1 - after
	}
	last = after
	for i := len(chunks) - 1; i >= 0; i-- {
		for j, e := range chunks[i].events {
			number := chunks[i].first + uint64(j)
			last = max(last, number)
			if number <= after || !want(e.Kind) {
				continue
			}
			list = append(list, Stamped{number, chunks[i].at, e})
			if len(list) == limit && !latest {
				return list, last, lost
			}
		}
	}
	if len(list) > limit {
		list = list[len(list)-limit:]
	}
	return list, last, lost
}

// after gives the kept chunks that hold events after the number, the newest
// first.
func (r *ring) after(number uint64) []*chunk {
	head := r.head.Load()
	var chunks []*chunk
	for i := head; i > 0 && head-i < uint64(len(r.chunks)); i-- {
		c := r.chunks[(i-1)%uint64(len(r.chunks))].Load()
		// A chunk that the publisher put over an old one is newer than head.
		if c == nil || len(chunks) > 0 && c.first > chunks[len(chunks)-1].first {
			break
		}
		chunks = append(chunks, c)
		if c.first-1 <= number {
			break
		}
	}
	return chunks
}
