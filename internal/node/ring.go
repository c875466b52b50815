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

const ringChunks = 4096

// ring keeps the last events, without locks: one goroutine publishes a chunk a
// turn, any number read. Nothing is formatted before somebody asks.
type ring struct {
	chunks [ringChunks]atomic.Pointer[chunk]
	head   atomic.Uint64 // chunks published
	last   uint64        // number of the last event; the publisher's alone
}

// chunk is never changed once it is published.
type chunk struct {
	first  uint64
	at     time.Time
	events []paxos.Event
}

func (r *ring) publish(at time.Time, events []paxos.Event) {
	if len(events) == 0 {
		return
	}
	c := &chunk{first: r.last + 1, at: at, events: events}
	r.last += uint64(len(events))
	r.chunks[r.head.Load()%ringChunks].Store(c)
	r.head.Add(1)
}

// Events gives the kept events after the given number, in order, at most limit
// of them: the last ones if latest is set, else the first ones. Lost says how
// many after the number are no longer kept.
func (l *Loop) Events(after uint64, limit int, latest bool, want func(paxos.EventKind) bool) (list []Stamped, lost uint64) {
	head := l.events.head.Load()
	var chunks []*chunk
	for i := head; i > 0 && head-i < ringChunks; i-- {
		c := l.events.chunks[(i-1)%ringChunks].Load()
		// A chunk that the publisher put over an old one is newer than head.
		if c == nil || len(chunks) > 0 && c.first > chunks[len(chunks)-1].first {
			break
		}
		chunks = append(chunks, c)
		if c.first <= after+1 {
			break
		}
	}
	if n := len(chunks); n > 0 && chunks[n-1].first > after+1 {
		lost = chunks[n-1].first - after - 1
	}
	for i := len(chunks) - 1; i >= 0; i-- {
		for j, e := range chunks[i].events {
			number := chunks[i].first + uint64(j)
			if number <= after || !want(e.Kind) {
				continue
			}
			list = append(list, Stamped{number, chunks[i].at, e})
			if len(list) == limit && !latest {
				return list, lost
			}
		}
	}
	if len(list) > limit {
		list = list[len(list)-limit:]
	}
	return list, lost
}
