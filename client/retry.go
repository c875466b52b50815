package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"paxos/paxos"
)

// The pauses between turns, and what an address gets of a call's time.
const (
	firstPause   = 20 * time.Millisecond
	longestPause = 500 * time.Millisecond
	attemptLimit = 3 * time.Second
)

// persist makes turn after turn through the addresses until there is an answer
// that will not change, or ctx ends.
func (c *Client) persist(ctx context.Context, a ask, answer any) error {
	return c.pursue(ctx, &a, answer)
}

func (c *Client) pursue(ctx context.Context, a *ask, answer any) error {
	a.store = true
	if a.attempt == 0 {
		a.attempt = attemptLimit
	}
	b := limit(ctx)
	// An attempt that is cut off would make unknown what was refused so far.
	latest := b.until.Add(-min(100*time.Millisecond, time.Until(b.until)/4))
	var doubt error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := c.turn(b, a, answer)
		if err == nil {
			c.seen.note(answer)
			return nil
		}
		if errors.Is(err, ErrUnknown) {
			doubt = err
		}
		if !a.mayChange(err) || time.Now().Add(pause).After(latest) || !idle(ctx, pause) {
			return settled(doubt, err)
		}
		// Another service may see more than the one that could not answer.
		c.last.Add(1)
	}
}

// mayChange reports whether the same request may be answered better later.
func (a *ask) mayChange(err error) bool {
	var p *Problem
	if errors.As(err, &p) && (p.Kind() == "disk-full" || p.Kind() == "too-many-keys") {
		return false // until somebody deletes something, or keys grow old
	}
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnknown) && a.repeat
}

// settled is the error of a call whose last attempt ended with last. Doubt is
// that an earlier one may still be applied: only what the log says of the
// command ends it, because that is the same for every copy.
func settled(doubt, last error) error {
	if doubt == nil || errors.Is(last, ErrUnknown) {
		return last
	}
	var p *Problem
	if errors.As(last, &p) && !errors.Is(last, ErrUnavailable) {
		switch p.Kind() {
		case "", "bad-request", "too-large", "not-found", "wrong-method", "session_expired", "late", "too-many-keys":
		default:
			return last
		}
	}
	return doubt
}

// idle waits; it reports whether ctx has not ended.
func idle(ctx context.Context, pause time.Duration) bool {
	// Many that wait for the same thing should not ask at the same time.
	timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// memory is how far into the log the answers of a client have seen.
type memory struct {
	sync.Mutex
	slot  paxos.Slot
	token string
}

// witness is an answer that carries a session token: that of everything below
// the slot.
type witness interface {
	witnessed() (token string, below paxos.Slot)
}

func (f Freshness) witnessed() (string, paxos.Slot) { return f.SessionToken, f.Applied }

func (c Command) witnessed() (string, paxos.Slot) { return c.SessionToken, c.Slot + 1 }

func (m *memory) note(answer any) {
	w, ok := answer.(witness)
	if !ok {
		return
	}
	token, below := w.witnessed()
	m.Lock()
	defer m.Unlock()
	if token != "" && below >= m.slot {
		m.slot, m.token = below, token
	}
}

// SessionToken is what this client has seen of the log by now, "" if nothing.
// Another client that reads with SessionAfter sees at least as much.
func (c *Client) SessionToken() string {
	c.seen.Lock()
	defer c.seen.Unlock()
	return c.seen.token
}
