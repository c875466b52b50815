package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"paxos/kv"
)

// Grant makes a lease: the keys attached to it (WithLease) are deleted when it
// ends, which is the TTL after its last KeepAlive at the earliest. The TTL is
// counted in the log's time, in whole milliseconds, from 1 s to a year.
func (c *Client) Grant(ctx context.Context, ttl time.Duration, opts ...WriteOption) (l Leased, err error) {
	err = c.postJSON(ctx, "/lease", map[string]int64{"ttl_ms": ttl.Milliseconds()}, opts, &l)
	return l, err
}

// KeepAlive renews a lease for its TTL from now on. ErrNotFound: it has ended.
func (c *Client) KeepAlive(ctx context.Context, lease kv.LeaseID) (l Leased, err error) {
	a := writeAsk(http.MethodPost, leasePath(lease)+"/keepalive", nil, []WriteOption{WithoutKey()})
	a.repeat = true // a renewal more changes nothing
	err = c.write(ctx, a, &l)
	return l, err
}

// Revoke ends a lease and deletes its keys, in one revision. ErrNotFound: it has
// ended before.
func (c *Client) Revoke(ctx context.Context, lease kv.LeaseID, opts ...WriteOption) (l Leased, err error) {
	err = c.write(ctx, writeAsk(http.MethodDelete, leasePath(lease), nil, opts), &l)
	return l, err
}

// Lease gives a lease, with the keys attached to it. ErrNotFound: there is no
// such lease, or not any more.
func (c *Client) Lease(ctx context.Context, lease kv.LeaseID, opts ...ReadOption) (l Lease, err error) {
	err = c.persist(ctx, c.readAsk(leasePath(lease), opts), &l)
	return l, err
}

// Leases lists all leases.
func (c *Client) Leases(ctx context.Context, opts ...ReadOption) (l Leases, err error) {
	err = c.persist(ctx, c.readAsk("/lease", opts), &l)
	return l, err
}

func leasePath(lease kv.LeaseID) string { return "/lease/" + lease.String() }

// KeepAliveUntil renews a lease, three times in its TTL, until ctx ends; then it
// returns nil, and the lease lives on for the rest of its TTL. ErrNotFound: the
// lease has ended. ErrUnknown or ErrUnavailable: it could not be renewed for
// almost its TTL, and may end any moment.
func (c *Client) KeepAliveUntil(ctx context.Context, lease kv.LeaseID) error {
	begun := time.Now()
	l, err := c.KeepAlive(ctx, lease)
	switch {
	case err == nil:
		return c.keep(ctx, lease, l.ttl(), begun)
	case ctx.Err() != nil:
		return nil
	}
	return err
}

// ttl is what the lease was granted.
func (l Lease) ttl() time.Duration { return time.Duration(l.TTL) * time.Millisecond }

// errLost: a lease could not be renewed in its time.
var errLost = errors.New("the lease could not be renewed in time")

// keep renews a lease that was renewed at since or later. It returns nil when
// ctx ends, and an error as soon as the lease may have ended.
func (c *Client) keep(ctx context.Context, lease kv.LeaseID, ttl time.Duration, since time.Time) error {
	for {
		// The log's time may run a little faster than ours.
		end := since.Add(ttl - ttl/10)
		if !until(ctx, since.Add(ttl/3)) {
			return nil
		}
		begun := time.Now()
		one, done := context.WithDeadline(ctx, end)
		l, err := c.KeepAlive(one, lease)
		done()
		switch {
		case err == nil:
			since, ttl = begun, l.ttl()
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrNotFound):
			return err
		default:
			return fmt.Errorf("%w: %w", errLost, err)
		}
	}
}

// until waits for a time; it reports whether ctx has not ended.
func until(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
