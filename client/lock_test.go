package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/test/ports"
)

// places are the requests for a place that a fake has seen.
func (f *fake) places() (list []string) {
	for _, a := range f.asked() {
		if strings.HasPrefix(a, "POST /lock/") {
			list = append(list, a)
		}
	}
	return list
}

func (f *fake) length() int {
	f.Lock()
	defer f.Unlock()
	return len(f.queue)
}

// copied gives a request that can be served again later.
func copied(r *http.Request) *http.Request {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	return again
}

// TestALostCopyDoesNotTakeTheLockAgain: a service still pursues the first copy of
// the request when another one has got the lock, and it was let go.
func TestALostCopyDoesNotTakeTheLockAgain(t *testing.T) {
	f := newFake()
	var lost atomic.Pointer[http.Request]
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/lock/") || !lost.CompareAndSwap(nil, copied(r)) {
			return false
		}
		refusal(w, 504, "unknown")
		return true
	}
	c := connect(t, service(t, f.ServeHTTP))
	lock, err := c.Lock(t.Context(), "l", client.OnLease(7))
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(t.Context()); err != nil || f.length() != 0 {
		t.Fatalf("%v, %d in the queue", err, f.length())
	}
	f.ServeHTTP(httptest.NewRecorder(), lost.Load())
	if f.length() != 0 {
		t.Error("nobody holds it, and it is held")
	}
	if len(f.places()) < 2 {
		t.Errorf("the place was asked for by %q", f.places())
	}
}

// TestAPlaceIsTakenOnceAndWaitedFor: after the place is there, it is only read.
func TestAPlaceIsTakenOnceAndWaitedFor(t *testing.T) {
	f := newFake()
	f.queue = []client.Place{{Name: "l", Token: 1, Lease: 99}}
	c := connect(t, ports.Closed(t), service(t, f.ServeHTTP))
	locked := make(chan error, 1)
	go func() {
		lock, err := c.Lock(t.Context(), "l", client.OnLease(7))
		if err == nil && (!lock.Place().Held || lock.Place().Ahead != 0 || lock.Token() != 2) {
			err = errors.New("it is not held")
		}
		locked <- err
	}()
	waited := func() bool { return strings.Contains(strings.Join(f.asked(), "\n"), "GET /lock/l?timeout=") }
	for end := time.Now().Add(10 * time.Second); !waited() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	f.Lock()
	f.queue = f.queue[1:]
	f.Unlock()
	if err := <-locked; err != nil {
		t.Fatal(err)
	}
	if n := len(f.places()); n != 1 || !strings.Contains(strings.Join(f.asked(), "\n"), "token=2") {
		t.Errorf("asked %q", f.asked())
	}
}

func TestAPlaceThatIsGoneEndsTheWait(t *testing.T) {
	f := newFake()
	f.queue = []client.Place{{Name: "l", Token: 1, Lease: 99}}
	c := connect(t, service(t, f.ServeHTTP))
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if f.Lock(); r.Method == http.MethodGet && len(f.queue) == 2 {
			f.queue = f.queue[:1]
		}
		f.Unlock()
		return false
	}
	if _, err := c.Lock(t.Context(), "l", client.OnLease(7)); !errors.Is(err, client.ErrConflict) || !strings.Contains(err.Error(), "is gone") {
		t.Error(err)
	}
}

// TestWhoGivesUpLeavesNoPlaceBehind: the answer that named the token was lost;
// the request may have been applied, or come later.
func TestWhoGivesUpLeavesNoPlaceBehind(t *testing.T) {
	for _, applied := range []bool{true, false} {
		f := newFake()
		f.queue = []client.Place{{Name: "l", Token: 1, Lease: 99}}
		var lost atomic.Pointer[http.Request]
		var inside atomic.Bool
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/lock/") || inside.Load() {
				return false
			}
			lost.Store(copied(r))
			if applied {
				inside.Store(true)
				f.ServeHTTP(httptest.NewRecorder(), r)
				inside.Store(false)
			}
			refusal(w, 504, "unknown")
			return true
		}
		c := connect(t, service(t, f.ServeHTTP))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := c.Lock(ctx, "l", client.OnLease(7))
		cancel()
		if !errors.Is(err, client.ErrUnknown) && !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("applied %v: %v", applied, err)
		}
		if n := f.length(); n != 1 {
			t.Errorf("applied %v: %d are in the queue", applied, n)
		}
		inside.Store(true)
		f.ServeHTTP(httptest.NewRecorder(), lost.Load())
		if n := f.length(); n != 1 {
			t.Errorf("applied %v: after the last copy came, %d are in the queue", applied, n)
		}
	}
}
