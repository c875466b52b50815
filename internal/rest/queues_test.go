package rest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/kv"
)

func TestATimeToLiveMayBeANumberOfSeconds(t *testing.T) {
	w := newTown(t)
	status, b := w.client.post(t, "/lease", `{"ttl":60}`)
	if l := decode[client.Leased](t, status, b, http.StatusOK); l.TTL != 60000 {
		t.Errorf("%s", b)
	}
}

func TestALeaseTakesItsKeysAlong(t *testing.T) {
	w := newTown(t)
	status, b := w.client.post(t, "/lease", `{"ttl":"30s"}`)
	l := decode[client.Leased](t, status, b, http.StatusOK)
	if l.ID == 0 || l.TTL != 30000 || l.Remaining != 30000 || l.Slot == 0 || l.SessionToken == "" {
		t.Fatalf("%s", b)
	}
	status, b = w.client.post(t, "/lease", `{"ttl_ms":"5000","lease":"00000000000000ff"}`)
	if own := decode[client.Leased](t, status, b, http.StatusOK); own.ID != 0xff || own.TTL != 5000 {
		t.Errorf("a lease of a given id: %s", b)
	}
	r, b := w.client.call(t, http.MethodPost, "/lease", []byte(`{"ttl":"2s","lease":"00000000000000ff"}`))
	wantProblem(t, "the same id", r, b, http.StatusConflict, "urn:paxos:lease-exists")
	r, b = w.client.call(t, http.MethodPut, "/kv/held?lease="+l.ID.String(), []byte("x"))
	if got := decode[client.Written](t, r.StatusCode, b, http.StatusOK); got.Key.Lease == nil || *got.Key.Lease != l.ID {
		t.Errorf("a key with a lease: %s", b)
	}
	w.put(t, "held?keep_lease", "y")
	for _, n := range w.both() {
		if r, _ := n.call(t, http.MethodGet, "/kv/held", nil); r.Header.Get(client.HeaderLease) != l.ID.String() {
			t.Errorf("at %s the key's lease is %q", n.id, r.Header.Get(client.HeaderLease))
		}
		status, b := n.get(t, "/lease")
		if all := decode[client.Leases](t, status, b, http.StatusOK); len(all.Leases) != 2 || all.Consistency != linearizable {
			t.Errorf("leases at %s: %s", n.id, b)
		}
		status, b = n.get(t, "/lease/"+l.ID.String())
		one := decode[client.Lease](t, status, b, http.StatusOK)
		if one.ID != l.ID || one.TTL != 30000 || one.Remaining <= 0 || one.Remaining > 30000 || len(one.Keys) != 1 || one.Keys[0] != "held" {
			t.Errorf("the lease at %s: %s", n.id, b)
		}
	}
	status, b = w.client.post(t, "/lease/"+l.ID.String()+"/keepalive", "")
	if again := decode[client.Leased](t, status, b, http.StatusOK); again.ID != l.ID || again.TTL != 30000 {
		t.Errorf("kept alive: %s", b)
	}
	r, b = w.client.call(t, http.MethodDelete, "/lease/"+l.ID.String(), nil)
	if gone := decode[client.Leased](t, r.StatusCode, b, http.StatusOK); gone.ID != l.ID || gone.Remaining != 0 {
		t.Errorf("revoked: %s", b)
	}
	if status, _ := w.client.get(t, "/kv/held"); status != http.StatusNotFound {
		t.Errorf("the key is still there: %d", status)
	}
	for method, path := range map[string]string{"POST": "/lease/" + l.ID.String() + "/keepalive", "DELETE": "/lease/" + l.ID.String(), "GET": "/lease/" + l.ID.String()} {
		r, b = w.client.call(t, method, path, nil)
		wantProblem(t, method+" of a lease that has ended", r, b, http.StatusNotFound, "urn:paxos:no-lease")
	}
}

// acquired posts to a queue.
func (w *town) acquired(t testing.TB, path, body string, status int) client.Placed {
	t.Helper()
	got, b := w.client.post(t, path, body)
	return decode[client.Placed](t, got, b, status)
}

func TestALockIsHeldByOneAtATime(t *testing.T) {
	w := newTown(t)
	for root, q := range map[string]kv.Queue{"/lock/": kv.Locks, "/election/": kv.Elections} {
		first := w.acquired(t, root+"a%20b", `{"ttl":"20s","value":"me"}`, http.StatusOK)
		if !first.Held || first.Token == 0 || first.Lease == 0 || first.Value != "me" || first.Name != "a b" || first.Ahead != 0 {
			t.Fatalf("%+v", first)
		}
		r, b := w.client.call(t, http.MethodPost, root+"a%20b?timeout=100ms", nil)
		wantProblem(t, "a second one", r, b, http.StatusConflict, "urn:paxos:not-held", "1 are ahead", "the queue was left")
		waits := w.acquired(t, root+"a%20b?timeout=50ms&queue", `{"value":"you"}`, http.StatusAccepted)
		if waits.Held || waits.Ahead != 1 || waits.Token <= first.Token {
			t.Errorf("one that stays: %+v", waits)
		}
		for _, n := range w.both() {
			status, b := n.get(t, root+"a%20b")
			got := decode[client.Queue](t, status, b, http.StatusOK)
			if got.Name != "a b" || got.Holder == nil || got.Holder.Token != first.Token || len(got.Queue) != 1 || got.Queue[0].Token != waits.Token || !got.Holder.Held {
				t.Errorf("the queue at %s: %s", n.id, b)
			}
			if status, b := n.get(t, root+"free"); status != http.StatusOK || !strings.Contains(string(b), `"holder":null,"queue":[]`) {
				t.Errorf("a free one at %s: %d %s", n.id, status, b)
			}
		}
		told := make(chan client.Queue, 2)
		for _, n := range w.both() {
			go func() {
				status, b := n.get(t, fmt.Sprintf("%sa%%20b?token=%d&timeout=20s", root, waits.Token))
				told <- decode[client.Queue](t, status, b, http.StatusOK)
			}()
		}
		turn := make(chan client.Placed, 1)
		go func() { turn <- w.acquired(t, root+"a%20b?timeout=20s", `{"value":"third"}`, http.StatusOK) }()
		until(t, "three are in the queue", func() bool {
			var queue []kv.Place
			must(t, w.learner.loop.Inspect(t.Context(), func() { queue = w.learner.server.Machine.Queue(q, "a b") }))
			return len(queue) == 3
		})
		r, b = w.client.call(t, http.MethodDelete, fmt.Sprintf("%sa%%20b?token=%d", root, first.Token), nil)
		if out := decode[client.Placed](t, r.StatusCode, b, http.StatusOK); out.Held || out.Token != first.Token {
			t.Errorf("released: %s", b)
		}
		for range 2 {
			if q := <-told; q.Holder == nil || q.Holder.Token != waits.Token {
				t.Errorf("who waits for it is told %+v", q)
			}
		}
		r, _ = w.client.call(t, http.MethodDelete, fmt.Sprintf("%sa%%20b?token=%d", root, waits.Token), nil)
		if third := <-turn; r.StatusCode != http.StatusOK || !third.Held || third.Value != "third" || third.Ahead != 0 {
			t.Errorf("the third: %+v", third)
		}
		r, b = w.client.call(t, http.MethodDelete, fmt.Sprintf("%sa%%20b?token=%d", root, first.Token), nil)
		wantProblem(t, "released again", r, b, http.StatusConflict, "urn:paxos:not-held")
	}
}

func TestALeaderProclaimsAndALockFences(t *testing.T) {
	w := newTown(t)
	leads := w.acquired(t, "/election/e", `{"value":"a"}`, http.StatusOK)
	r, b := w.client.call(t, http.MethodPut, fmt.Sprintf("/election/e?token=%d", leads.Token), []byte("b"))
	if got := decode[client.Placed](t, r.StatusCode, b, http.StatusOK); !got.Held || got.Value != "b" || got.Token != leads.Token {
		t.Errorf("proclaimed: %s", b)
	}
	r, b = w.client.call(t, http.MethodPut, "/election/e?token=1", []byte("b"))
	wantProblem(t, "not the leader", r, b, http.StatusConflict, "urn:paxos:not-held")
	lock := w.acquired(t, "/lock/x:y,z", "", http.StatusOK)
	fence := fmt.Sprintf("x:y%%2Cz:%d", lock.Token)
	w.put(t, "k", "1", "If-Fence", fence)
	r, b = w.client.call(t, http.MethodDelete, fmt.Sprintf("/lock/x:y,z?token=%d", lock.Token), nil)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, b)
	}
	for _, c := range [][]string{{"PUT", "/kv/k", "2"}, {"DELETE", "/kv/k", ""}, {"POST", "/kv/k", `{"increment":"1"}`}, {"POST", "/txn", `{"then":[{"delete":{"key":"k"}}]}`}} {
		r, b = w.client.call(t, c[0], c[1], []byte(c[2]), "If-Fence", fence)
		wantProblem(t, c[0]+" by who held it", r, b, http.StatusPreconditionFailed, "urn:paxos:fenced")
	}
	if _, b := w.client.get(t, "/kv/k"); string(b) != "1" {
		t.Errorf("the value is %s", b)
	}
}

// TestWhoGoesAwayLeavesTheQueue: a place that nobody waits for would block all
// behind it until its lease ends.
func TestWhoGoesAwayLeavesTheQueue(t *testing.T) {
	w := newTown(t)
	w.acquired(t, "/lock/l", `{"ttl":"1h"}`, http.StatusOK)
	length := func() (n int) {
		must(t, w.learner.loop.Inspect(t.Context(), func() { n = len(w.learner.server.Machine.Queue(kv.Locks, "l")) }))
		return n
	}
	wait := func(path string) context.CancelFunc {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.client.address+path, nil)
		must(t, err)
		go func() {
			if response, err := web.Do(r); err == nil {
				_ = response.Body.Close()
			}
		}()
		return cancel
	}
	away := wait("/lock/l?timeout=30s")
	until(t, "it waits", func() bool { return length() == 2 })
	away()
	until(t, "it left", func() bool { return length() == 1 })
	away = wait("/lock/l?timeout=30s&queue")
	until(t, "another waits", func() bool { return length() == 2 })
	away()
	w.put(t, "k", "x")
	if n := length(); n != 2 {
		t.Errorf("one that stays is gone: %d", n)
	}
}

// TestALeaseThatEndsInTheQueue: the place is gone, and its owner is told.
func TestALeaseThatEndsInTheQueue(t *testing.T) {
	w := newTown(t)
	w.acquired(t, "/lock/l", `{"ttl":"1h"}`, http.StatusOK)
	status, b := w.client.post(t, "/lease", `{"ttl":"1h"}`)
	l := decode[client.Leased](t, status, b, http.StatusOK)
	said := make(chan []byte, 1)
	go func() {
		_, b := w.client.post(t, "/lock/l?timeout=20s", fmt.Sprintf(`{"lease":%q}`, l.ID))
		said <- b
	}()
	until(t, "it waits", func() bool {
		var n int
		must(t, w.learner.loop.Inspect(t.Context(), func() { n = len(w.learner.server.Machine.Queue(kv.Locks, "l")) }))
		return n == 2
	})
	began := time.Now()
	r, b := w.client.call(t, http.MethodDelete, "/lease/"+l.ID.String(), nil)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, b)
	}
	if b := <-said; !strings.Contains(string(b), "urn:paxos:not-held") || !strings.Contains(string(b), "its lease has ended") || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %s", time.Since(began), b)
	}
	r, b = w.client.call(t, http.MethodPost, "/lock/l", []byte(fmt.Sprintf(`{"lease":%q}`, l.ID)))
	wantProblem(t, "a lease that has ended", r, b, http.StatusNotFound, "urn:paxos:no-lease")
}
