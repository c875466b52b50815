package rest

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

func (n *made) waiting() int {
	n.server.news.mu.Lock()
	defer n.server.news.mu.Unlock()
	return n.server.news.size
}

// watchers opens watches of keys that nobody writes.
func (n *made) watchers(t testing.TB, many int) []*seen {
	t.Helper()
	list := make([]*seen, many)
	for i := range list {
		list[i] = n.watch(t, fmt.Sprintf("prefix=elsewhere/%d/", i))
	}
	return list
}

// TestWatchersCostTheLoopNothing: however many watch and wait for locks, no
// write makes the loop do anything for one of them.
func TestWatchersCostTheLoopNothing(t *testing.T) {
	w := newTown(t)
	many := w.learner.watchers(t, 1000)
	held := w.acquired(t, "/lock/l", `{"ttl":"1h"}`, http.StatusOK)
	next := w.acquired(t, "/lock/l?timeout=500ms&queue", `{"ttl":"1h"}`, http.StatusAccepted)
	told := make(chan client.Queue, 1)
	go func() {
		status, b := w.learner.get(t, fmt.Sprintf("/lock/l?token=%d&timeout=15s", next.Token))
		told <- decode[client.Queue](t, status, b, http.StatusOK)
	}()
	until(t, "all wait", func() bool { return w.learner.waiting() == len(many)+1 })
	one := w.learner.watch(t, "prefix=k")
	looks := w.learner.loop.Counts().Looks.Load()
	const writes = 50
	var first client.Written
	for i := range writes {
		if got := w.put(t, "k", fmt.Sprint(i)); i == 0 {
			first = got
		}
	}
	for i := range writes {
		one.want(fmt.Sprintf("%d:put k=%d;", int(first.Revision)+i, i))
	}
	// The service asks which learner is there, perhaps; nobody asks per write.
	if n := w.learner.loop.Counts().Looks.Load() - looks; n > writes/2 {
		t.Errorf("%d looks into the loop for %d writes", n, writes)
	}
	r, b := w.client.call(t, http.MethodDelete, fmt.Sprintf("/lock/l?token=%d", held.Token), nil)
	decode[client.Placed](t, r.StatusCode, b, http.StatusOK)
	if q := <-told; q.Holder == nil || q.Holder.Token != next.Token {
		t.Errorf("who waits for it is told %+v", q)
	}
	// An old state holds the history of all that came after it.
	one.stop()
	for _, watch := range many {
		watch.stop()
	}
	until(t, "nobody waits", func() bool { return w.learner.waiting() == 0 })
	w.put(t, "k", "x")
	if w.learner.server.news.crowd.Load() != nil {
		t.Error("a state is kept for nobody")
	}
}

// TestOnlyATouchedQueueWakesUp: a change elsewhere concerns no one who waits.
func TestOnlyATouchedQueueWakesUp(t *testing.T) {
	w := newTown(t)
	n := w.learner
	crowd := n.server.news.join()
	defer n.server.news.leave()
	until(t, "a state is published", func() bool { return crowd.view.Load() != nil })
	bell, stop := crowd.listen("locks/l")
	defer stop()
	watch := n.watch(t, "prefix=")
	must(t, n.loop.Inspect(t.Context(), func() {}))
	r := w.put(t, "other", "x")
	watch.want(fmt.Sprintf("%d:put other=x;", r.Revision))
	rung := bell()
	w.acquired(t, "/lock/another", "", http.StatusOK)
	w.acquired(t, "/election/l", "", http.StatusOK)
	w.put(t, "locks", "x")
	select {
	case <-rung:
		t.Error("it was woken up for nothing")
	case <-time.After(50 * time.Millisecond):
	}
	w.acquired(t, "/lock/l", "", http.StatusOK)
	select {
	case <-rung:
	case <-time.After(patience):
		t.Error("it was not woken up")
	}
}

func TestTooManyWatchesAreRefused(t *testing.T) {
	w := newTown(t)
	for _, n := range w.both() {
		n.server.news.mu.Lock()
		n.server.news.most = 2
		n.server.news.mu.Unlock()
	}
	for _, n := range w.both() {
		list := n.watchers(t, 2)
		for _, path := range []string{"/watch?prefix=&timeout=300ms", "/lock/l?token=7&timeout=300ms"} {
			r, b := n.call(t, http.MethodGet, path, nil)
			if n == w.client && r.StatusCode == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "" {
				t.Error("a client is not told when to ask again")
			}
			wantProblem(t, path+" at "+string(n.id), r, b, http.StatusServiceUnavailable, "urn:paxos:overloaded", "watch or wait at another node")
		}
		if status, b := n.get(t, "/lock/l"); status != http.StatusOK {
			t.Errorf("who does not wait: %d %s", status, b)
		}
		for _, watch := range list {
			watch.stop()
		}
		until(t, "they have left", func() bool { return w.learner.waiting()+w.client.waiting() == 0 })
	}
}

// TestAWaitForALockEnds: at its deadline, and when the node stops.
func TestAWaitForALockEnds(t *testing.T) {
	w := newTown(t)
	w.acquired(t, "/lock/l", `{"ttl":"1h"}`, http.StatusOK)
	next := w.acquired(t, "/lock/l?timeout=500ms&queue", `{"ttl":"1h"}`, http.StatusAccepted)
	ask := func(timeout string) (time.Duration, client.Queue) {
		began := time.Now()
		status, b := w.learner.get(t, fmt.Sprintf("/lock/l?token=%d&timeout=%s", next.Token, timeout))
		return time.Since(began), decode[client.Queue](t, status, b, http.StatusOK)
	}
	if took, q := ask("200ms"); took < 150*time.Millisecond || took > 5*time.Second || len(q.Queue) != 1 {
		t.Errorf("after %v: %+v", took, q)
	}
	ended := make(chan time.Duration, 1)
	go func() {
		took, _ := ask("15s")
		ended <- took
	}()
	until(t, "it waits", func() bool { return w.learner.waiting() == 1 })
	w.learner.stop()
	if took := <-ended; took > 10*time.Second {
		t.Errorf("it outlived its node: %v", took)
	}
}

// BenchmarkTurnsWithWatchers is what a turn with a write costs the loop with
// nobody and with many who wait.
func BenchmarkTurnsWithWatchers(b *testing.B) {
	for _, many := range []int{0, 1, 1000, 10000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			n := &news{most: mostStreams}
			m := kv.New()
			for i := range many {
				c := n.join()
				b.Cleanup(n.leave)
				_, stop := c.listen(fmt.Sprintf("locks/%d", i))
				defer stop()
				go func() {
					for c := n.crowd.Load(); c != nil; c = n.crowd.Load() {
						if _, err := c.await(b.Context(), math.MaxInt64, time.Hour); err != nil {
							return
						}
					}
				}()
			}
			apply := func(commands ...paxos.Command) {
				_, err := m.Apply(paxos.Entry{Slot: m.Applied(), Value: paxos.Value{Time: 1, Commands: commands}})
				must(b, err)
			}
			apply(paxos.Command{Session: 1, Sequence: 1, Body: kv.Encode(kv.Open{})})
			for i := 0; b.Loop(); i++ {
				apply(paxos.Command{Session: 1, Sequence: paxos.Sequence(i + 2), Body: kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "k", Value: "x"}}}})})
				n.turned(m)
			}
		})
	}
}
