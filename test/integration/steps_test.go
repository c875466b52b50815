package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/failpoint"
	"paxos/internal/local"
	"paxos/internal/raced"
	"paxos/kv"
	"paxos/paxos"
)

// crashing is a load whose effects can be counted afterwards: whatever happens
// to the cluster, every write is sent until it is acknowledged.
type crashing struct {
	c     *cluster
	adds  atomic.Int64
	items []int    // by worker, how many were appended to its list
	puts  []string // by worker, the last value
	long  kv.LeaseID

	mu    sync.Mutex
	short []kv.LeaseID

	stop chan struct{}
	wg   sync.WaitGroup
}

const crashWorkers = 8

func newCrashing(c *cluster) *crashing {
	l := &crashing{c: c, items: make([]int, crashWorkers), puts: make([]string, crashWorkers)}
	ctx := soon(c.t)
	to := c.store()
	// The state shall not fit into one part of a snapshot.
	for n := range 48 {
		_, err := to.Put(ctx, fmt.Sprintf("crash/ballast/%d", n), strings.Repeat("b", 64<<10))
		c.must(err)
	}
	lease, err := to.Grant(ctx, time.Hour)
	c.must(err)
	l.long = lease.ID
	_, err = to.Put(ctx, "crash/held", "by a lease of an hour", client.WithLease(l.long))
	c.must(err)
	return l
}

func (l *crashing) start() {
	l.stop = make(chan struct{})
	for i := range crashWorkers {
		l.wg.Go(func() {
			to := l.c.store()
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), outlive)
				err := l.write(ctx, to, i, n)
				cancel()
				if err != nil {
					l.c.t.Errorf("worker %d: %v", i, err)
					return
				}
			}
		})
	}
}

func (l *crashing) end() {
	close(l.stop)
	l.wg.Wait()
}

// write sends one write, and tells the books when it is acknowledged.
func (l *crashing) write(ctx context.Context, to *client.Client, i, n int) error {
	switch n % 8 {
	case 0, 1, 2:
		_, err := to.Increment(ctx, "crash/counter", 1)
		if err == nil {
			l.adds.Add(1)
		}
		return err
	case 3, 4:
		_, err := to.Append(ctx, fmt.Sprintf("crash/list/%d", i), l.items[i])
		if err == nil {
			l.items[i]++
		}
		return err
	case 5, 6:
		value := fmt.Sprintf("%s%d", strings.Repeat("p", 2000), n)
		_, err := to.Put(ctx, fmt.Sprintf("crash/put/%d", i), value)
		if err == nil {
			l.puts[i] = value
		}
		return err
	}
	if i == 0 {
		return l.compact(ctx, to)
	}
	return l.lease(ctx, to)
}

// lease makes a lease that nobody renews, with a key that goes with it.
func (l *crashing) lease(ctx context.Context, to *client.Client) error {
	lease, err := to.Grant(ctx, time.Second)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.short = append(l.short, lease.ID)
	l.mu.Unlock()
	_, err = to.Put(ctx, leasedKey(lease.ID), "x", client.WithLease(lease.ID))
	if errors.Is(err, client.ErrNotFound) {
		return nil // it ended before
	}
	return err
}

func leasedKey(id kv.LeaseID) string { return "crash/leased/" + id.String() }

func (l *crashing) compact(ctx context.Context, to *client.Client) error {
	page, err := to.Count(ctx, client.One("crash/counter"))
	if err != nil || page.Revision < 200 {
		return err
	}
	_, err = to.Compact(ctx, uint64(page.Revision-50))
	if errors.Is(err, client.ErrCompacted) {
		return nil // a learner's was first
	}
	return err
}

// judge says whether each acknowledged write is there once, at one learner.
func (l *crashing) judge(id paxos.NodeID) {
	t := l.c.t
	t.Helper()
	ctx, at := soon(t), l.c.store(id)
	counter, err := at.Get(ctx, "crash/counter")
	l.c.must(err)
	if n, err := counter.Int(); err != nil || n != l.adds.Load() {
		t.Errorf("%s: the counter is %d %v; %d increments were acknowledged, and none is under way", id, n, err, l.adds.Load())
	}
	for i, n := range l.items {
		var whole []string
		for item := range n {
			whole = append(whole, fmt.Sprint(item))
		}
		list, err := at.Get(ctx, fmt.Sprintf("crash/list/%d", i))
		if expected := "[" + strings.Join(whole, ",") + "]"; err != nil || list.Text() != expected {
			t.Errorf("%s: list %d is %.200q %v; %d items were acknowledged", id, i, list.Text(), err, n)
		}
	}
	for i, value := range l.puts {
		got, err := at.Get(ctx, fmt.Sprintf("crash/put/%d", i))
		if err != nil || got.Text() != value {
			t.Errorf("%s: worker %d's key is %.20q… %v", id, i, got.Text(), err)
		}
	}
	lease, err := at.Lease(ctx, l.long)
	if err != nil || !slices.Equal(lease.Keys, []string{"crash/held"}) {
		t.Errorf("%s: the lease of an hour: %+v %v", id, lease, err)
	}
	if _, err := at.Get(ctx, "crash/held"); err != nil {
		t.Errorf("%s: what the lease of an hour holds: %v", id, err)
	}
}

// over waits until the short leases are over, and their keys are gone, at both
// learners alike.
func (l *crashing) over() {
	c := l.c
	c.t.Helper()
	for _, id := range c.ids(paxos.LearnerRole) {
		at := c.store(id)
		c.within(3*time.Second, fmt.Sprintf("%d leases are over at %s", len(l.short), id), func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			leases, err := at.Leases(ctx)
			return err == nil && slices.Equal(leases.Leases, []kv.LeaseID{l.long})
		})
		count, err := at.Count(soon(c.t), client.Prefix("crash/leased/"))
		if err != nil || count.Count != 0 {
			c.t.Errorf("%s: %d keys outlived their leases %v", id, count.Count, err)
		}
	}
	l.short = nil
}

// victim is the node that takes a step; a transfer goes to a learner without a
// disk.
func victim(step string) (id paxos.NodeID, blank bool) {
	switch kind, _, _ := strings.Cut(step, "-"); kind {
	case "truncate":
		return "acceptor1", false
	case "transfer":
		return "learner2", true
	}
	return "learner1", false
}

// arm starts a node that will kill itself at the step. Chunks and parts are
// more than one: the second is in the middle.
func (c *cluster) arm(step string) paxos.NodeID {
	c.t.Helper()
	id, blank := victim(step)
	c.must(c.Kill(id))
	if blank {
		c.must(os.RemoveAll(c.DataDir(id)))
	}
	action := "kill"
	if strings.HasSuffix(step, "-chunk") || strings.HasSuffix(step, "-write") {
		action = "kill:2"
	}
	c.must(os.Setenv(failpoint.Variable, step+"="+action))
	defer func() { c.must(os.Unsetenv(failpoint.Variable)) }()
	c.must(c.Start(id))
	return id
}

// All nodes killed -9 during a snapshot, a truncation, a compaction, the end of
// a lease, or the transfer of a snapshot, at each step of it.
func TestAllNodesKilledAtEachStep(t *testing.T) {
	c := bootAs(t, local.Options{Args: []string{"--snapshot-bytes=262144", "--segment-bytes=131072", "--history-revisions=60"}})
	l := newCrashing(c)
	began := time.Now()
	steps := failpoint.Names
	if raced.On && !long() {
		// The detector makes everything slow; each run takes a third of them.
		first := int(seed(t) % 3)
		steps = slices.DeleteFunc(slices.Clone(steps), func(step string) bool { return slices.Index(failpoint.Names, step)%3 != first })
	}
	for _, step := range steps {
		l.killedAt(step)
		if t.Failed() {
			t.Fatalf("after %s", step)
		}
	}
	t.Logf("%d steps in %v, %d increments", len(steps), time.Since(began).Round(time.Millisecond), l.adds.Load())
}

func (l *crashing) killedAt(step string) {
	c := l.c
	c.t.Helper()
	began := time.Now()
	l.start()
	id := c.arm(step)
	c.within(5*time.Second, fmt.Sprintf("%s kills itself at %s", id, step), func() bool { return c.State(id).Status == local.Stopped })
	c.must(c.Kill(c.ids("")...))
	before := l.adds.Load()
	c.must(c.Start(c.ids("")...))
	c.within(5*time.Second, "writes go on after all were killed", func() bool { return l.adds.Load() > before+20 || c.t.Failed() })
	l.end()
	c.within(5*time.Second, "no process refuses to start", func() bool {
		return !slices.ContainsFunc(c.ids(""), func(id paxos.NodeID) bool { return !c.get(id, "/health", &client.Health{}) })
	})
	for _, id := range c.ids(paxos.LearnerRole) {
		l.judge(id)
	}
	l.over()
	c.equalStores()
	c.t.Logf("%s: all killed and back, nothing lost, nothing twice: %v", step, time.Since(began).Round(time.Millisecond))
}

// seed is drawn for every run, and printed; PAXOS_SEED gives one again.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("PAXOS_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("PAXOS_SEED: %v", err)
		}
	}
	t.Logf("PAXOS_SEED=%d", n)
	return n
}
