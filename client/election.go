package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
)

// Election is one that any number of processes take part in, and one at a time
// wins. It is a lock whose holder shows a value that others can watch.
type Election struct {
	c    *Client
	name string
}

// Election gives the election of that name; nothing is asked yet.
func (c *Client) Election(name string) Election { return Election{c, name} }

// Leadership is an election that was won; it is lost as a Lock is.
type Leadership struct{ holding }

// Campaign waits until it leads, or ctx ends. Value is what the others see.
func (e Election) Campaign(ctx context.Context, value string, opts ...LockOption) (*Leadership, error) {
	h, err := e.c.queue(ctx, "/election/", e.name, append(opts[:len(opts):len(opts)], Owner(value)))
	if err != nil {
		return nil, err
	}
	return &Leadership{*h}, nil
}

// Proclaim changes the value that the others see. ErrConflict: it leads no more.
func (l *Leadership) Proclaim(ctx context.Context, value string, opts ...WriteOption) (p Placed, err error) {
	path, err := queuePath(l.root, l.place.Name)
	if err != nil {
		return p, err
	}
	a := writeAsk(http.MethodPut, path, []byte(value), opts)
	a.query.Set("token", number(l.Token()))
	a.header.Set("Content-Type", "application/octet-stream")
	err = l.c.write(ctx, a, &p)
	return p, err
}

// Resign lets the next one lead. ErrConflict: it led no more.
func (l *Leadership) Resign(ctx context.Context) error { return l.leave(ctx) }

// Queue tells who leads, and who would be next.
func (e Election) Queue(ctx context.Context, opts ...ReadOption) (q Queue, err error) {
	path, err := queuePath("/election/", e.name)
	if err != nil {
		return q, err
	}
	err = e.c.persist(ctx, e.c.readAsk(path, opts), &q)
	return q, err
}

// Leader tells who leads. ErrNotFound: nobody does.
func (e Election) Leader(ctx context.Context, opts ...ReadOption) (Place, error) {
	q, err := e.Queue(ctx, opts...)
	switch {
	case err != nil:
		return Place{}, err
	case q.Holder == nil:
		return Place{}, &callError{ErrNotFound, fmt.Errorf("nobody leads %q", e.name)}
	}
	return *q.Holder, nil
}

// Release takes the leader or a candidate with that token out of the election,
// whoever it is. ErrConflict: nobody has that token.
func (e Election) Release(ctx context.Context, token uint64, opts ...WriteOption) (Placed, error) {
	return e.c.release(ctx, "/election/", e.name, token, opts)
}

// Observe gives who leads, at once and whenever that or the leader's value
// changes; one that leads only for a moment may be left out. A Place that is
// not Held means that nobody leads. It ends with an error when ctx does.
func (e Election) Observe(ctx context.Context) iter.Seq2[Place, error] {
	return func(yield func(Place, error) bool) {
		var last *Place
		for {
			q, err := e.Queue(ctx)
			for err != nil && ctx.Err() == nil && errors.Is(err, ErrUnavailable) {
				q, err = e.Queue(ctx)
			}
			if err != nil {
				yield(Place{}, err)
				return
			}
			now := Place{Name: e.name}
			if q.Holder != nil {
				now = *q.Holder
			}
			if last == nil || last.Token != now.Token || last.Value != now.Value {
				if last = &now; !yield(now, nil) {
					return
				}
			}
			if err := e.changed(ctx, uint64(q.Revision)); err != nil {
				yield(Place{}, err)
				return
			}
		}
	}
}

// changed waits until something of the election changes after a revision.
func (e Election) changed(ctx context.Context, after uint64) error {
	for _, err := range e.c.Watch(ctx, Prefix("elections/"+e.name+"/"), WatchFrom(after+1)) {
		if errors.Is(err, ErrCompacted) {
			return nil // then it may have changed
		}
		return err
	}
	return ctx.Err()
}
