//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"paxos/client"
)

// shortest is the time to live of the leases under the locks: a second is the
// least that the store grants.
const shortest = time.Second

// lockUsers hold locks and write a record each, with fences. Some let their lock
// go, some fall asleep with it, and write when it is another's: that must be
// refused. What was written is also watched: no record of an earlier holder may
// follow one of a later.
func (c *cluster) lockUsers(ctx context.Context) (*workload, error) {
	r := newRecorder(c.report)
	w := &workload{name: "locks", r: r, model: locks, ways: []forgery{older, foreign, letIn, twice}, least: map[string]int{
		"acquire acknowledged": 5, "write acknowledged": 15, "read acknowledged": 50, "release acknowledged": 3,
		"write of a former holder": 1, "write declined": 1}}
	film, err := c.watchRecords(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"front", "back", "cellar"} {
		d := &door{name: name}
		for range 2 {
			i := len(w.workers)
			w.workers = append(w.workers,
				func(ctx context.Context, dice *rand.Rand) { c.holdAndRelease(ctx, r, i, dice, d) },
				func(ctx context.Context, dice *rand.Rand) { c.holdAndSleep(ctx, r, i+1, dice, d) })
		}
		i := len(w.workers)
		w.workers = append(w.workers, func(ctx context.Context, dice *rand.Rand) {
			for ; ctx.Err() == nil; rest(ctx, 20*time.Millisecond) {
				c.readRecord(r, i, dice, d.lock())
			}
		})
	}
	users := len(w.workers)
	w.end = func(ctx context.Context) error {
		dice := rand.New(rand.NewPCG(1, 1))
		for _, part := range byKey(r.ops) {
			lock := part[0].Input.(asked).key
			err := until(ctx, 30*time.Second, "the record of "+lock, func() bool { return c.readRecord(r, users, dice, lock) })
			if err != nil {
				return err
			}
		}
		return nil
	}
	w.judge = func(ctx context.Context) error { return film.judge(ctx, c, r) }
	return w, nil
}

// door is a lock in use, and the next one when that was held often enough: so
// no lock's history is long.
type door struct {
	name string
	held atomic.Int64
}

const holdsPerLock = 12

func (d *door) lock() string { return fmt.Sprintf("%s-%d", d.name, d.held.Load()/holdsPerLock) }

func recordOf(lock string) string { return "records/" + lock }

// readRecord reads what the holders of a lock wrote. It is a read of the lock's
// history.
func (c *cluster) readRecord(r *recorder, i int, dice *rand.Rand, lock string) bool {
	call := r.now()
	var got client.Got
	a := c.ask(c.reader(dice), http.MethodGet, "/kv/"+recordOf(lock)+"?timeout=1s", "", asJSON)
	out := told{fate: a.fate}
	switch {
	case c.into(a, &got):
		out.value = got.Text()
		r.revision(lock, out.value, got.Mod)
	case a.status == http.StatusNotFound && a.problem.Kind() == "no-such-key":
		out.fate = acknowledged
	case a.fate != refused:
		out.fate = unknown
	}
	r.note(i, call, asked{key: lock, kind: "read"}, out)
	return out.fate == acknowledged
}

// holdAndRelease is a user of the Go client, who keeps to the rules.
func (c *cluster) holdAndRelease(ctx context.Context, r *recorder, i int, dice *rand.Rand, d *door) {
	cl, err := c.client(dice)
	if err != nil {
		c.report.Errorf("%v", err)
		return
	}
	defer cl.Close()
	for n := 0; ctx.Err() == nil; n++ {
		lock, call := d.lock(), r.now()
		waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
		held, err := cl.Lock(waiting, lock, client.TTL(shortest), client.Owner(fmt.Sprint("worker ", i)))
		cancel()
		if err != nil {
			r.count("not acquired by the Go client")
			rest(ctx, 20*time.Millisecond)
			continue
		}
		d.held.Add(1)
		r.note(i, call, asked{key: lock, kind: "acquire"}, told{token: held.Token()})
		for m := range 2 + dice.IntN(3) {
			value := fmt.Sprintf("%d %d-%d-%d", held.Token(), i, n, m)
			call := r.now()
			f := c.fateOf(r.writing(cl, recordOf(lock), value, held))
			r.note(i, call, asked{key: lock, kind: "write", value: value, token: held.Token()}, told{fate: f})
			if f == declined {
				break
			}
		}
		call = r.now()
		letting, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		f := c.fateOf(held.Unlock(letting))
		cancel()
		r.note(i, call, asked{key: lock, kind: "release", token: held.Token()}, told{fate: f})
	}
}

// writing writes with a fence through the Go client.
func (r *recorder) writing(cl *client.Client, key, value string, held *client.Lock) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, err := cl.Put(ctx, key, value, held.Fence())
	return err
}

// fateOf is what an error of the Go client says.
func (c *cluster) fateOf(err error) fate {
	var p *client.Problem
	switch {
	case err == nil:
		return acknowledged
	case errors.Is(err, client.ErrUnknown):
		return unknown
	case errors.Is(err, client.ErrUnavailable):
		return refused
	case errors.Is(err, client.ErrConflict) && errors.As(err, &p) && (p.Kind() == "fenced" || p.Kind() == "not-held" || p.Kind() == "no-lease"):
		return declined
	}
	c.report.Errorf("the Go client says: %v", err)
	return unknown
}

// holdAndSleep is a user of plain HTTP, who does not renew any lease.
func (c *cluster) holdAndSleep(ctx context.Context, r *recorder, i int, dice *rand.Rand, d *door) {
	for n := 0; ctx.Err() == nil; n++ {
		lock, call := d.lock(), r.now()
		body := fmt.Sprintf(`{"ttl_ms":"%d","value":"worker %d"}`, shortest.Milliseconds(), i)
		a := c.ask(c.writer(dice), http.MethodPost, "/lock/"+lock+"?timeout=1500ms", body, nil)
		var place client.Placed
		if !c.into(a, &place) {
			r.count("not acquired over HTTP")
			rest(ctx, 20*time.Millisecond)
			continue
		}
		if !place.Held || place.Token == 0 {
			c.report.Errorf("answered with 200, and not held: %s", a.body)
		}
		d.held.Add(1)
		token := uint64(place.Token)
		r.note(i, call, asked{key: lock, kind: "acquire"}, told{token: token})
		write := func(m int) fate {
			return c.fenced(r, i, dice, lock, token, fmt.Sprintf("%d %d-%d-%d", token, i, n, m))
		}
		write(0)
		switch dice.IntN(4) {
		case 0:
			c.release(r, i, dice, lock, token)
		case 1:
			// Its lease ends about now: whether this is in time, nobody knows.
			rest(ctx, shortest-100*time.Millisecond+time.Duration(dice.IntN(400))*time.Millisecond)
			write(1)
		default:
			c.oversleep(r, dice, lock, place, func() fate { return write(1) })
		}
	}
}

// fenced writes with a fence, once.
func (c *cluster) fenced(r *recorder, i int, dice *rand.Rand, lock string, token uint64, value string) fate {
	call := r.now()
	fence := url.PathEscape(lock) + ":" + strconv.FormatUint(token, 10)
	a := c.ask(c.writer(dice), http.MethodPut, "/kv/"+recordOf(lock)+"?timeout=1s", value, http.Header{client.HeaderFence: {fence}})
	if a.fate == declined && a.problem.Kind() != "fenced" {
		c.report.Errorf("a fenced write: %+v", a.problem)
	}
	r.note(i, call, asked{key: lock, kind: "write", value: value, token: token}, told{fate: a.fate})
	return a.fate
}

func (c *cluster) release(r *recorder, i int, dice *rand.Rand, lock string, token uint64) {
	call := r.now()
	path := fmt.Sprintf("/lock/%s?token=%d&timeout=1s", lock, token)
	a := c.ask(c.writer(dice), http.MethodDelete, path, "", nil)
	if a.fate == declined && a.problem.Kind() != "not-held" {
		c.report.Errorf("a release: %+v", a.problem)
	}
	r.note(i, call, asked{key: lock, kind: "release", token: token}, told{fate: a.fate})
}

// oversleep waits until the lock is no more this holder's, and lets it write as
// if it were.
func (c *cluster) oversleep(r *recorder, dice *rand.Rand, lock string, mine client.Placed, write func() fate) {
	for began := time.Now(); ; rest(context.Background(), 50*time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			c.report.Errorf("the lock %q is held with token %d for 30 s, and its lease was granted for %v", lock, mine.Token, shortest)
			return
		}
		var q client.Queue
		a := c.ask(c.reader(dice), http.MethodGet, "/lock/"+lock+"?timeout=1s", "", nil)
		if !c.into(a, &q) || q.Holder != nil && q.Holder.Token == mine.Token {
			continue
		}
		if f := write(); f == acknowledged {
			c.report.Errorf("a write with token %d of %q took effect when the lock was seen to be another's", mine.Token, lock)
		} else if f == declined {
			r.count("write of a former holder")
		}
		return
	}
}
