package ctl

import (
	"slices"
	"time"

	"paxos/client"
)

// mergeWindow is how long an event may be on its way to be shown in order.
const mergeWindow = 200 * time.Millisecond

// arrival is an event and when it came.
type arrival struct {
	client.Event
	came time.Time
}

// merge writes the events of many nodes in the order of time: each is held
// back for a window, so that those that come later and are older go first.
// At each tick it writes what is due, and when no more come the rest. After an
// error it only takes them.
func merge(events <-chan client.Event, ticks <-chan time.Time, write func(client.Event) error) {
	var held []arrival
	var failed error
	flush := func(n int) {
		for _, e := range held[:n] {
			if failed == nil {
				failed = write(e.Event)
			}
		}
		held = slices.Delete(held, 0, n)
	}
	for {
		select {
		case e, more := <-events:
			if !more {
				flush(due(held, time.Now()))
				return
			}
			held = append(held, arrival{e, time.Now()})
		case now := <-ticks:
			flush(due(held, now.Add(-mergeWindow)))
		}
	}
}

// due sorts the events by time and counts those to write: up to the last one
// that came before that moment.
func due(held []arrival, moment time.Time) int {
	slices.SortStableFunc(held, func(a, b arrival) int { return earlier(a.Event, b.Event) })
	for n := len(held); n > 0; n-- {
		if !held[n-1].came.After(moment) {
			return n
		}
	}
	return 0
}
