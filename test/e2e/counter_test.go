package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"paxos/client"
	"paxos/test/history"
)

// counter is a key of the store that a few users add one to while a drill goes
// on. Each answer shows the sum after it, which makes it easy to judge without
// a search: no two show the same, and who began after another's answer sees more.
type counter struct {
	w      *world
	key    string
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	sums    []history.Sum
	unknown int
}

func (w *world) count(users int) *counter {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &counter{w: w, key: fmt.Sprintf("e2e/counter-%08x", rand.Uint32()), cancel: cancel}
	for range users {
		c.wg.Go(func() {
			for ctx.Err() == nil {
				c.one()
				select {
				case <-ctx.Done():
				case <-time.After(5 * pause):
				}
			}
		})
	}
	w.t.Cleanup(func() { cancel(); c.wg.Wait() })
	return c
}

func (c *counter) one() {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	begun := time.Now()
	written, err := c.w.api.Increment(ctx, c.key, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && written.Key != nil:
		n, err := written.Key.Int()
		if err != nil {
			c.w.t.Errorf("an increment: %v", err)
		}
		c.sums = append(c.sums, history.Sum{Begun: begun, End: time.Now(), Value: n})
	case errors.Is(err, client.ErrUnknown):
		c.unknown++
	case !errors.Is(err, client.ErrUnavailable):
		c.w.t.Errorf("an increment: %v: %+v", err, written)
	}
}

// end stops the users, and judges.
func (c *counter) end() {
	c.w.t.Helper()
	c.cancel()
	c.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	got, err := c.w.api.Get(ctx, c.key)
	c.w.must(err)
	last, err := got.Int()
	c.w.must(err)
	for _, wrong := range history.JudgeSums(c.sums, c.unknown, last) {
		c.w.t.Error(wrong)
	}
	c.w.t.Logf("judged: a counter stands at %d after %d increments acknowledged, %d unknown", last, len(c.sums), c.unknown)
}
