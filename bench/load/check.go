package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"paxos/bench/system"
)

// check reads keys back, evenly chosen among those of which something was
// acknowledged, and gives how many. It is another user who reads.
func (w *worker) check(ctx context.Context, most int) (int, error) {
	var known []int
	for n, seq := range w.acked {
		if seq > 0 {
			known = append(known, n)
		}
	}
	most = min(most, len(known))
	for i := range most {
		n := known[i*len(known)/most]
		if err := w.patiently(ctx, func(ctx context.Context) error { return w.getBy(ctx, w.reader, n, false) }); err != nil {
			return i, fmt.Errorf("reading back: %w", err)
		}
	}
	return most, nil
}

// testifies is how long a witness waits between two looks.
const testifies = 100 * time.Millisecond

// testify writes now and then, and lets another user read what it wrote: where
// all others only read, no read could be old. It is not counted.
func (w *worker) testify(ctx context.Context, stop *atomic.Bool) {
	for !stop.Load() && wait(ctx, testifies) == nil {
		n := w.dice.IntN(len(w.keys))
		put := w.put(ctx, n) // if it was not acknowledged, little can be said of it
		switch err := w.getBy(ctx, w.reader, n, false); {
		case errors.Is(err, ErrOld):
			w.wrong = err
			return
		case err == nil && put == nil:
			w.seen++
		}
	}
}

// checkCounter compares the key that all incremented with what was acknowledged.
func (c *Crowd) checkCounter(ctx context.Context) error {
	var added, asked, have int64
	for _, w := range c.workers {
		added, asked = added+w.added, asked+w.asked
	}
	w := c.workers[0]
	err := w.patiently(ctx, func(ctx context.Context) error {
		value, err := w.user.Get(ctx, counterKey, false)
		if errors.Is(err, system.ErrMissing) {
			value, err = []byte("0"), nil
		}
		if err == nil {
			have, err = strconv.ParseInt(string(value), 10, 64)
		}
		return err
	})
	if err == nil && (have < added || have > asked) {
		err = fmt.Errorf("%w: %s is %d, but %d increments were acknowledged and %d sent", ErrOld, counterKey, have, added, asked)
	}
	return err
}
