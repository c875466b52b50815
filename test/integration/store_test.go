package integration

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/local"
	"paxos/paxos"
)

// store is a client of the store through some client services, all if none is
// named.
func (c *cluster) store(ids ...paxos.NodeID) *client.Client {
	c.t.Helper()
	if len(ids) == 0 {
		ids = c.ids(paxos.ClientRole)
	}
	var addresses []string
	for _, id := range ids {
		n, ok := c.Node(id)
		if !ok {
			c.t.Fatalf("there is no node %s", id)
		}
		addresses = append(addresses, n.Address)
	}
	s, err := client.New(addresses)
	c.must(err)
	c.t.Cleanup(s.Close)
	return s
}

// long enough for a write to outlive whatever a test breaks.
const outlive = 90 * time.Second

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), outlive)
	t.Cleanup(cancel)
	return ctx
}

// readOnce reads a key once, at one node; the text is "" unless the status is 200.
func (c *cluster) readOnce(id paxos.NodeID, key, query string) (text string, status int, err error) {
	response, err := web.Get(c.url(id, "/kv/"+key+query))
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return "", 0, err
	}
	if response.StatusCode != http.StatusOK {
		return "", response.StatusCode, nil
	}
	return string(b), response.StatusCode, nil
}

// ladders are keys whose values count upwards, each written by one writer,
// so that of every read it can be said whether it is right.
type ladders struct {
	c     *cluster
	slots []ladder
	stop  chan struct{}
	wg    sync.WaitGroup

	writes, reads, refusals, begun atomic.Int64
}

type ladder struct {
	key string
	// issued is the last value that was sent, seen the highest that was
	// acknowledged or read: what every later read must show at least.
	issued, seen atomic.Int64
}

func (r *ladder) note(value int64) {
	for {
		old := r.seen.Load()
		if old >= value || r.seen.CompareAndSwap(old, value) {
			return
		}
	}
}

// ladders starts writers of as many keys, and readers at every learner and
// through every client service, until end is called.
func (c *cluster) ladders(keys, readers int) *ladders {
	r := &ladders{c: c, slots: make([]ladder, keys), stop: make(chan struct{})}
	for i := range r.slots {
		r.slots[i].key = "ladder/" + strconv.Itoa(i)
		r.wg.Go(func() { r.write(&r.slots[i]) })
	}
	for _, id := range append(c.ids(paxos.LearnerRole), c.ids(paxos.ClientRole)...) {
		for n := range readers {
			r.wg.Go(func() { r.readAt(id, n) })
		}
	}
	return r
}

func (r *ladders) ended() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

func (r *ladders) end() {
	close(r.stop)
	r.wg.Wait()
}

func (r *ladders) write(s *ladder) {
	to := r.c.store()
	ctx := soon(r.c.t)
	for value := int64(1); !r.ended(); value++ {
		s.issued.Store(value)
		if _, err := to.Put(ctx, s.key, strconv.FormatInt(value, 10)); err != nil {
			r.c.t.Errorf("put %s=%d: %v", s.key, value, err)
			return
		}
		s.note(value)
		r.writes.Add(1)
	}
}

func (r *ladders) readAt(id paxos.NodeID, n int) {
	for turn := n; !r.ended(); turn++ {
		s := &r.slots[turn%len(r.slots)]
		floor := s.seen.Load()
		r.begun.Add(1)
		text, status, err := r.c.readOnce(id, s.key, "?timeout=500ms")
		ceiling := s.issued.Load()
		switch {
		case err != nil:
			r.c.t.Errorf("reading at %s: %v", id, err)
			return
		case status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
			r.refusals.Add(1)
			continue
		case status == http.StatusNotFound:
			text = "0"
		case status != http.StatusOK:
			r.c.t.Errorf("reading at %s: status %d", id, status)
			return
		}
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil || value < floor || value > ceiling {
			r.c.t.Errorf("STALE: %s at %s is %q; %d was acknowledged or read before this read began, %d was sent before it ended", s.key, id, text, floor, ceiling)
		}
		s.note(value)
		r.reads.Add(1)
	}
}

// tally is what happened while something was broken.
type tally struct{ writes, reads, refusals int64 }

func (r *ladders) now() tally {
	return tally{r.writes.Load(), r.reads.Load(), r.refusals.Load()}
}

func (t tally) since(old tally) tally {
	return tally{t.writes - old.writes, t.reads - old.reads, t.refusals - old.refusals}
}

// during lets time pass, at least that long, and tells what happened in it.
func (r *ladders) during(length time.Duration, what string) tally {
	r.c.t.Helper()
	before := r.now()
	for began := time.Now(); time.Since(began) < length; time.Sleep(20 * time.Millisecond) {
	}
	got := r.now().since(before)
	r.c.t.Logf("%s, %v: %d writes acknowledged, %d reads right, %d refused", what, length, got.writes, got.reads, got.refusals)
	return got
}

// bootAs starts a cluster with other options than usual, initialises it, and
// waits for a leader.
func bootAs(t *testing.T, o local.Options) *cluster {
	t.Helper()
	c := bootWith(t, o)
	c.initialise()
	c.leader()
	return c
}

// crowd are many clients of the store, so that many writes share a turn.
func (c *cluster) crowd(n int) []*client.Client {
	clients := c.ids(paxos.ClientRole)
	list := make([]*client.Client, n)
	for i := range list {
		list[i] = c.store(clients[i%len(clients)], clients[(i+1)%len(clients)])
	}
	return list
}

// snapshotOf is a learner's whole state, and the slot up to which it goes.
func (c *cluster) snapshotOf(id paxos.NodeID) (state, slot string, ok bool) {
	response, err := web.Get(c.url(id, "/snapshot"))
	if err != nil {
		return "", "", false
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return "", "", false
	}
	return string(b), strings.Join(response.Header.Values(client.HeaderApplied), ""), true
}
