package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"paxos/kv"
)

// LockOption changes how a place in the queue of a lock or an election is
// taken.
type LockOption func(*queueing)

type queueing struct {
	ttl   time.Duration
	lease kv.LeaseID
	value string
}

// defaultTTL is that of a lock's lease.
const defaultTTL = 30 * time.Second

// TTL is how long a lock outlives a holder that is gone, 30 s without it, at
// least 1 s. It is the TTL of the lease that is granted for the lock.
func TTL(ttl time.Duration) LockOption { return func(q *queueing) { q.ttl = ttl } }

// OnLease takes the lock on a lease that is there; it is kept alive while the
// lock is held, and not ended with it.
func OnLease(lease kv.LeaseID) LockOption { return func(q *queueing) { q.lease = lease } }

// Owner is a text that others see beside the lock: who holds it.
func Owner(text string) LockOption { return func(q *queueing) { q.value = text } }

// Lock is a lock that is held. Its lease is renewed in the background until
// Unlock, or until that fails for too long: then Context ends.
//
// A lock alone cannot keep two holders apart for ever: a process that was
// stopped for a minute believes that it holds what another holds by now. Write
// with Fence: such a write has an effect only while the lock is held.
type Lock struct{ holding }

// Lock waits for a lock until ctx ends, and holds it. It may be used for any
// time afterwards; ctx is for the waiting. ErrConflict: others hold it.
func (c *Client) Lock(ctx context.Context, name string, opts ...LockOption) (*Lock, error) {
	h, err := c.queue(ctx, "/lock/", name, opts)
	if err != nil {
		return nil, err
	}
	return &Lock{*h}, nil
}

// TryLock holds a lock that nobody holds. ErrConflict: somebody does.
func (c *Client) TryLock(ctx context.Context, name string, opts ...LockOption) (*Lock, error) {
	q, err := c.LockQueue(ctx, name)
	if err != nil {
		return nil, err
	}
	if q.Holder != nil {
		return nil, &callError{ErrConflict, fmt.Errorf("the lock %q is held by %q", name, q.Holder.Value)}
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	return c.Lock(ctx, name, opts...)
}

// tryLimit is for whoever was just a little faster than TryLock.
const tryLimit = 2 * time.Second

// Fence makes a write have an effect only while this lock is held.
func (l *Lock) Fence() WriteOption { return Fenced(l.place.Name, l.place.Token) }

// Unlock lets the lock go. ErrConflict: it was lost before.
func (l *Lock) Unlock(ctx context.Context) error { return l.leave(ctx) }

// LockQueue tells who holds a lock, and who waits for it.
func (c *Client) LockQueue(ctx context.Context, name string, opts ...ReadOption) (q Queue, err error) {
	path, err := queuePath("/lock/", name)
	if err != nil {
		return q, err
	}
	err = c.persist(ctx, c.readAsk(path, opts), &q)
	return q, err
}

// ReleaseLock takes the holder or a waiter with that token out of a lock's queue,
// whoever it is. ErrConflict: nobody has that token.
func (c *Client) ReleaseLock(ctx context.Context, name string, token uint64, opts ...WriteOption) (p Placed, err error) {
	return c.release(ctx, "/lock/", name, token, opts)
}

func (c *Client) release(ctx context.Context, root, name string, token uint64, opts []WriteOption) (p Placed, err error) {
	path, err := queuePath(root, name)
	if err != nil {
		return p, err
	}
	a := writeAsk(http.MethodDelete, path, nil, opts)
	a.query.Set("token", number(token))
	err = c.write(ctx, a, &p)
	return p, err
}

func queuePath(root, name string) (string, error) {
	if _, err := keyPath(name); err != nil {
		return "", &callError{ErrBadRequest, fmt.Errorf("the name of a lock is UTF-8 text, and not empty: %q", name)}
	}
	return root + url.PathEscape(name), nil
}

// holding is the first place in a queue, and the lease under it.
type holding struct {
	c     *Client
	root  string
	key   string // the one name of all copies of the request for the place
	place Place
	seen  string          // a session token that has seen the place
	own   bool            // the lease was granted for it
	ctx   context.Context // ends when it is not held any more
	end   context.CancelCauseFunc
}

// Token is the fencing token: it grows with every new holder.
func (h *holding) Token() uint64 { return uint64(h.place.Token) }

// Place is the place in the queue as it was when it was first.
func (h *holding) Place() Place { return h.place }

// Context ends when the lock may be lost: when it was let go, or its lease could
// not be renewed for nine tenths of its TTL. context.Cause tells which.
func (h *holding) Context() context.Context { return h.ctx }

// Held is the condition that it is held, for a transaction.
func (h *holding) Held() Condition {
	created := h.place.Token
	return Condition{KeySpan: One(h.place.Key), Create: &created}
}

// pollLimit is how long a service is asked to wait for a lock at a time.
const pollLimit = 10 * time.Second

// queue waits for the first place.
func (c *Client) queue(ctx context.Context, root, name string, opts []LockOption) (*holding, error) {
	q := queueing{ttl: defaultTTL}
	for _, o := range opts {
		o(&q)
	}
	path, err := queuePath(root, name)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	lease, err := c.leaseFor(ctx, q)
	if err != nil {
		return nil, err
	}
	h := &holding{c: c, root: root, key: rand.Text(), own: q.lease == 0, place: Place{Name: name, Lease: lease.ID}}
	// The lock outlives the waiting.
	h.ctx, h.end = context.WithCancelCause(context.WithoutCancel(ctx))
	go func() {
		if err := c.keep(h.ctx, lease.ID, lease.ttl(), begun); err != nil {
			h.end(err)
		}
	}()
	if err := h.wait(ctx, path, q.value); err != nil {
		return nil, h.giveUp(ctx, err)
	}
	return h, nil
}

func (c *Client) leaseFor(ctx context.Context, q queueing) (Leased, error) {
	if q.lease != 0 {
		return c.KeepAlive(ctx, q.lease)
	}
	return c.Grant(ctx, q.ttl)
}

// wait takes a place, once, and then asks for it until it is the first one.
func (h *holding) wait(ctx context.Context, path, value string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })()
	for {
		begun, placed := time.Now(), h.place.Token != 0
		one, done := context.WithTimeout(ctx, pollLimit)
		var err error
		if placed {
			err = h.await(one, path)
		} else {
			err = h.take(one, path, value)
		}
		done()
		switch {
		case err == nil && h.place.Held:
			return nil
		case h.ctx.Err() != nil:
			return context.Cause(h.ctx)
		case ctx.Err() != nil && h.place.Token != 0:
			return &callError{ErrConflict, &tooLong{h.place, ctx.Err()}}
		case err != nil && (ctx.Err() != nil || !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUnknown)):
			return err
		}
		// A service that does not wait must not be asked all the time.
		if time.Since(begun) < time.Second && (placed || err != nil) {
			idle(ctx, longestPause)
		}
	}
}

// tooLong: others held it for longer than was waited.
type tooLong struct {
	place Place
	err   error
}

// Error implements error.
func (e *tooLong) Error() string {
	return fmt.Sprintf("%q is held by another, and it was not waited for any longer (%d ahead)", e.place.Name, e.place.Ahead)
}

// Unwrap gives what ended the waiting.
func (e *tooLong) Unwrap() error { return e.err }

// take takes a place in the queue. All copies have one name: one that was lost
// on its way and arrives after the lock was let go must not take it again.
func (h *holding) take(ctx context.Context, path, value string) error {
	body, err := marshal(struct {
		Lease kv.LeaseID `json:"lease"`
		Value string     `json:"value,omitempty"`
	}{h.place.Lease, value})
	if err != nil {
		return &callError{ErrBadRequest, err}
	}
	a := writeAsk(http.MethodPost, path, body, []WriteOption{Key(h.key)})
	a.query.Set("queue", "")
	var placed Placed
	if err := h.c.write(ctx, a, &placed); err != nil {
		return err
	}
	h.place, h.seen = placed.Place, placed.SessionToken
	return nil
}

// await asks what has become of the place; the answer comes when it is the
// first or is gone, or the time is over.
func (h *holding) await(ctx context.Context, path string) error {
	a := h.c.readAsk(path, []ReadOption{h.fresh()})
	a.query.Set("token", number(h.Token()))
	a.attempt = pollLimit
	var q Queue
	if err := h.c.persist(ctx, a, &q); err != nil {
		return err
	}
	place, there := q.find(func(p Place) bool { return p.Token == h.place.Token })
	if !there {
		return &callError{ErrConflict, fmt.Errorf("the place in the queue of %q is gone: its lease has ended, or it was released", h.place.Name)}
	}
	h.place = place
	return nil
}

// fresh is a read that sees the place, if it is still there.
func (h *holding) fresh() ReadOption {
	if h.seen == "" {
		return Linearizable
	}
	return SessionAfter(h.seen)
}

// find gives a place as it is in the queue.
func (q Queue) find(is func(Place) bool) (Place, bool) {
	if q.Holder != nil && is(*q.Holder) {
		place := *q.Holder
		place.Held, place.Ahead = true, 0
		return place, true
	}
	for i, place := range q.Queue {
		if is(place) {
			place.Held, place.Ahead = false, i+1
			return place, true
		}
	}
	return Place{}, false
}

// giveUp leaves a queue in which the place was not taken, or was not the first.
func (h *holding) giveUp(ctx context.Context, why error) error {
	h.end(why)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryLimit)
	defer cancel()
	var err error
	if h.own {
		_, err = h.c.Revoke(after, h.place.Lease)
	} else {
		err = h.vacate(after)
	}
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
		return why
	}
	// It may still become the first, until its lease ends.
	return &callError{ErrUnknown, fmt.Errorf("%s; leaving the queue failed too: %w", cause(why), err)}
}

// vacate gives up a place on a lease that lives on, also one of which it is not
// known whether it was taken.
func (h *holding) vacate(ctx context.Context) error {
	if h.place.Token == 0 {
		fate, err := h.c.burn(ctx, h.key)
		if err != nil || fate.Status == "burnt" {
			return err
		}
		var taken Place
		if json.Unmarshal(fate.Result, &taken) == nil {
			h.place.Token = taken.Token
		}
	}
	if h.place.Token == 0 {
		path, err := queuePath(h.root, h.place.Name)
		if err != nil {
			return err
		}
		var q Queue
		if err := h.c.persist(ctx, h.c.readAsk(path, nil), &q); err != nil {
			return err
		}
		place, there := q.find(func(p Place) bool { return p.Lease == h.place.Lease })
		if !there {
			return nil
		}
		h.place.Token = place.Token
	}
	_, err := h.c.release(ctx, h.root, h.place.Name, h.Token(), nil)
	return err
}

var errLetGo = errors.New("it was let go")

// leave gives the place up.
func (h *holding) leave(ctx context.Context) error {
	h.end(errLetGo)
	var err error
	if h.own {
		_, err = h.c.Revoke(ctx, h.place.Lease)
	} else {
		_, err = h.c.release(ctx, h.root, h.place.Name, h.Token(), nil)
	}
	if errors.Is(err, ErrNotFound) {
		return &callError{ErrConflict, fmt.Errorf("%q was lost before: %w", h.place.Name, err)}
	}
	return err
}
