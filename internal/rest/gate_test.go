package rest

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"paxos/paxos"
)

// crowd plays so long with users who ask again at once, of a cluster that settles
// so many a second at most, one after the other. It tells how many were settled
// in time, too late, and not let in, and the longest wait of those let in.
func (g *gate) crowd(users int, long time.Duration, perSecond int) (soon, late, refused int, longest time.Duration) {
	end := time.Now().Add(long)
	var mu sync.Mutex
	var running sync.WaitGroup
	free := time.Now() // when the cluster has settled all that it was given
	for range users {
		running.Go(func() {
			for time.Now().Before(end) {
				if !g.enter() {
					mu.Lock()
					refused++
					mu.Unlock()
					<-time.After(time.Second) // as Retry-After says
					continue
				}
				came := time.Now()
				mu.Lock()
				free = maxTime(free, came).Add(time.Second / time.Duration(perSecond))
				mine := free
				mu.Unlock()
				settled := mine.Sub(came) <= 2*g.soon
				if !settled {
					mine = came.Add(2 * g.soon)
				}
				<-time.After(time.Until(mine))
				g.leave(settled)
				mu.Lock()
				longest = max(longest, time.Since(came))
				if settled {
					soon++
				} else {
					late++
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	return soon, late, refused, longest
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// TestTenTimesTheLoadIsNoCollapse: what the cluster can settle is still settled,
// in time, and the others are told at once.
func TestTenTimesTheLoadIsNoCollapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1500 * time.Millisecond)
		soon, late, refused, longest := g.crowd(10000, 20*time.Second, 1000)
		t.Logf("%d in time, %d late, %d refused, the longest wait %v, bound %d", soon, late, refused, longest, g.bound.Load())
		if soon < 20*1000*3/4 || late > soon/3 || refused == 0 {
			t.Errorf("%d in time, %d late, %d refused; the longest wait is %v", soon, late, refused, longest)
		}
	})
}

// TestWhoeverIsFewIsNeverRefused, however slow the cluster is, and a crowd that
// is served in time neither.
func TestWhoeverIsFewIsNeverRefused(t *testing.T) {
	for _, c := range []struct{ users, perSecond int }{{gateLeast, 10}, {100, 50}, {4000, 20000}} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(1500 * time.Millisecond)
			if _, _, refused, _ := g.crowd(c.users, 10*time.Second, c.perSecond); refused > 0 {
				t.Errorf("%d users of %d a second: %d are refused", c.users, c.perSecond, refused)
			}
		})
	}
}

// TestTheGateOpensAgain after a while in which nothing was settled.
func TestTheGateOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1500 * time.Millisecond)
		_, _, _, _ = g.crowd(5000, 5*time.Second, 1)
		if g.bound.Load() != gateLeast {
			t.Errorf("the bound of a cluster that settles nothing is %d", g.bound.Load())
		}
		_, _, refused, _ := g.crowd(5000, 5*time.Second, 50000)
		if g.bound.Load() < 5000 || refused > 10000 {
			t.Errorf("the bound of one that is quick is %d, and %d were refused", g.bound.Load(), refused)
		}
	})
}

// TestALullIsNotTakenForWeakness: a crowd that comes after one is let in.
func TestALullIsNotTakenForWeakness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1500 * time.Millisecond)
		_, _, _, _ = g.crowd(100, time.Second, 20000)
		<-time.After(time.Minute)
		if _, _, refused, _ := g.crowd(gateFirst, 2*time.Second, 20000); refused > 0 {
			t.Errorf("%d are refused, the bound is %d", refused, g.bound.Load())
		}
	})
}

func TestOneStreamHasAShare(t *testing.T) {
	g := newGate(time.Second)
	if got := g.share(); got != streamMost {
		t.Errorf("alone it may have %d", got)
	}
	g.inside.Store(gateFirst - 10)
	if got := g.share(); got != 10 {
		t.Errorf("with room for 10 it may have %d", got)
	}
	g.inside.Store(gateFirst)
	if got := g.share(); got != 1 {
		t.Errorf("without room it may have %d", got)
	}
}

// TestWhoIsNotLetInIsToldAtOnce: and that nothing was applied.
func TestWhoIsNotLetInIsToldAtOnce(t *testing.T) {
	w := newTown(t)
	w.client.server.gate.inside.Store(gateMost)
	for path, body := range map[string]string{"PUT /kv/a": "1", "POST /send": `{"value":"x"}`, "POST /txn": `{"then":[{"put":{"key":"a","value":"1"}}]}`, "DELETE /kv/a": ""} {
		begun := time.Now()
		method, target, _ := strings.Cut(path, " ")
		r, b := w.client.call(t, method, target, []byte(body))
		wantProblem(t, path, r, b, http.StatusServiceUnavailable, "not-applied", "too many commands wait")
		if r.Header.Get("Retry-After") == "" || time.Since(begun) > time.Second {
			t.Errorf("%s: Retry-After %q after %v", path, r.Header.Get("Retry-After"), time.Since(begun))
		}
	}
	w.client.server.gate.inside.Store(0)
	if status, b := w.client.post(t, "/send", `{"value":"x"}`); status != http.StatusOK {
		t.Errorf("%d %s", status, b)
	}
	if w.client.server.gate.inside.Load() != 0 {
		t.Error("who is answered is still inside")
	}
}

// TestAFullLoopIsSaidToBeFull: what was not taken was not applied.
func TestAFullLoopIsSaidToBeFull(t *testing.T) {
	n := start(t, newBook(), "client1")
	held, release := make(chan struct{}), make(chan struct{})
	go func() { _ = n.loop.Inspect(t.Context(), func() { close(held); <-release }) }()
	<-held
	for n.loop.TryAsk(paxos.Envelope{To: n.id, Message: paxos.Submit{}}, func(paxos.Envelope, error) {}) == nil {
	}
	r, b := n.call(t, http.MethodPut, "/kv/a?timeout=20ms", []byte("1"))
	wantProblem(t, "a full loop", r, b, http.StatusServiceUnavailable, "not-applied", "too many commands wait")
	close(release)
}
