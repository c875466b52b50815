package load

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"paxos/bench/system"
)

// Outage watches when writes succeed, and finds the longest time without one.
type Outage struct {
	mu    sync.Mutex
	acked []time.Time
}

// Acked notes a success.
func (o *Outage) Acked(at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acked = append(o.acked, at)
}

// Longest is the longest time without a success that began, or ended, between two
// moments. One that has not ended at the second moment lasts until it.
func (o *Outage) Longest(from, to time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.SortFunc(o.acked, time.Time.Compare)
	// A gap that was there already when the first moment came counts whole.
	last, longest := from, time.Duration(0)
	for _, at := range o.acked {
		switch {
		case !at.After(from):
			last = at
		case at.After(to):
			return max(longest, to.Sub(last))
		default:
			longest, last = max(longest, at.Sub(last)), at
		}
	}
	return max(longest, to.Sub(last))
}

// Survivors makes the users that can still reach a server read for all: whoever
// was connected to one that is dead cannot. They must have stopped.
func (c *Crowd) Survivors(ctx context.Context) error {
	for _, w := range c.workers {
		one, cancel := context.WithTimeout(ctx, time.Second)
		_, err := w.user.Get(one, key(w.id, 0), false)
		cancel()
		if err == nil || errors.Is(err, system.ErrMissing) {
			for _, other := range c.workers {
				other.user, other.reader = w.user, w.user
			}
			c.lone = true
			return nil
		}
	}
	return errors.New("no user reaches a server any more")
}
