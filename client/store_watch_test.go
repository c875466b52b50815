package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/test/ports"
)

// A service that ends each stream after a few events, or dies in the middle of
// one, must not be noticed.
func TestAWatchGoesOnWithoutGapOrDuplicate(t *testing.T) {
	var streams atomic.Int32
	broken := func(w http.ResponseWriter, r *http.Request) {
		var from int
		if _, err := fmt.Sscan(r.URL.Query().Get("from"), &from); err != nil {
			t.Error(err)
		}
		change := func(revision int) {
			fmt.Fprintf(w, "event: change\nid: %d\ndata: {\"revision\":\"%d\",\ndata: \"events\":[{\"type\":\"put\",\"key\":\"k\"}]}\n\n", revision, revision)
		}
		switch n := streams.Add(1); {
		case n%5 == 1:
			refusal(w, 503, "no-learner")
			return
		case n%5 == 2:
			fmt.Fprint(w, ": a comment\n\n")
			change(from - 1) // once more what was seen already
		}
		change(from)
		fmt.Fprintf(w, "event: progress\nid: %d\ndata: {\"revision\":\"%d\"}\n\n", from+1, from+1)
		change(from + 2)
		fmt.Fprintf(w, "event: change\nid: %d\ndata: {\"rev", from+3)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	c := connect(t, ports.Closed(t), service(t, broken), service(t, broken))
	seen := map[uint64]int{}
	last, progress := uint64(0), 0
	for ch, err := range c.Watch(t.Context(), client.Prefix("k"), client.WatchFrom(uint64(10)), client.OnProgress(func(client.Progress) { progress++ })) {
		if err != nil {
			t.Fatal(err)
		}
		r := uint64(ch.Revision)
		if seen[r]++; seen[r] > 1 || r <= last || len(ch.Events) != 1 {
			t.Fatalf("revision %d after %d: %+v", r, last, ch)
		}
		if last = r; r >= 30 {
			break
		}
	}
	// Every third revision is one that the service says nothing about.
	if len(seen) < 14 || progress < 6 {
		t.Errorf("%d revisions, %d times progress", len(seen), progress)
	}
}

func TestHowAWatchEnds(t *testing.T) {
	last := func(c *client.Client, ctx context.Context, span client.KeySpan) (err error) {
		for _, err = range c.Watch(ctx, span) {
		}
		return err
	}
	resync := connect(t, service(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "event: resync\ndata: {\"revision\":\"40\",\"compacted\":\"40\",\"hint\":\"read\"}\n\n")
	}))
	var behind *client.Behind
	if err := last(resync, t.Context(), client.One("k")); !errors.Is(err, client.ErrCompacted) || !errors.As(err, &behind) || behind.Revision != 40 || !strings.Contains(err.Error(), "revision + 1") {
		t.Errorf("too slow: %v", err)
	}
	for kind, want := range map[string]error{"compacted": client.ErrCompacted, "bad-request": client.ErrBadRequest} {
		status := map[string]int{"compacted": 410, "bad-request": 400}[kind]
		if err := last(connect(t, service(t, func(w http.ResponseWriter, _ *http.Request) { refusal(w, status, kind) })), t.Context(), client.One("k")); !errors.Is(err, want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := last(connect(t, ports.Closed(t)), ctx, client.One("k")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody there: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := last(connect(t, service(t, newFake().ServeHTTP)), ctx, client.One("k")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing changes: %v", err)
	}
	if err := last(connect(t, ports.Closed(t)), t.Context(), client.One("")); !errors.Is(err, client.ErrBadRequest) {
		t.Errorf("no key: %v", err)
	}
}

func TestALockIsKeptAndItsLossIsNoticed(t *testing.T) {
	f := newFake()
	c := connect(t, service(t, f.ServeHTTP))
	lock, err := c.Lock(t.Context(), "l", client.TTL(time.Second), client.Owner("me"))
	if err != nil {
		t.Fatal(err)
	}
	if lock.Token() != 2 || lock.Place().Lease != 7 || lock.Context().Err() != nil {
		t.Errorf("%+v", lock.Place())
	}
	renewals := func() int { f.Lock(); defer f.Unlock(); return f.renewed }
	for begun := time.Now(); renewals() < 3 && time.Since(begun) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
	}
	f.Lock()
	f.gone = true
	f.Unlock()
	select {
	case <-lock.Context().Done():
		if cause := context.Cause(lock.Context()); !errors.Is(cause, client.ErrNotFound) {
			t.Error(cause)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the loss of the lease was not noticed")
	}
	if err := lock.Unlock(t.Context()); !errors.Is(err, client.ErrConflict) {
		t.Error(err)
	}
}

func TestALockThatCannotBeRenewedIsLostBeforeItsLeaseEnds(t *testing.T) {
	f := newFake()
	c := connect(t, service(t, f.ServeHTTP))
	begun := time.Now()
	lock, err := c.Lock(t.Context(), "l", client.TTL(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	f.Lock()
	f.before = func(w http.ResponseWriter, r *http.Request) bool { refusal(w, 503, "not-applied"); return true }
	f.Unlock()
	<-lock.Context().Done()
	if took := time.Since(begun); took > time.Second || took < 300*time.Millisecond {
		t.Errorf("it was noticed after %v", took)
	}
}

func TestALockThatOthersHold(t *testing.T) {
	f := newFake()
	f.queue = []client.Place{{Name: "l", Token: 1, Lease: 99, Value: "somebody"}}
	c := connect(t, service(t, f.ServeHTTP))
	if _, err := c.TryLock(t.Context(), "l"); !errors.Is(err, client.ErrConflict) || !strings.Contains(err.Error(), "somebody") {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := c.Lock(ctx, "l")
	asked := f.asked()
	if !errors.Is(err, client.ErrConflict) || !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(asked[len(asked)-1], "DELETE /lease/0000000000000007") {
		t.Errorf("%v; asked %q", err, asked)
	}
	locked := make(chan error, 1)
	go func() {
		lock, err := c.Lock(t.Context(), "l")
		if err == nil {
			err = lock.Unlock(t.Context())
		}
		locked <- err
	}()
	f.Lock()
	f.queue = nil
	f.Unlock()
	if err := <-locked; err != nil {
		t.Error(err)
	}
}

func TestLeadersAreObserved(t *testing.T) {
	f := newFake()
	c := connect(t, service(t, f.ServeHTTP))
	e := c.Election("e")
	var got []string
	for place, err := range e.Observe(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, place.Value)
		if len(got) == 3 {
			break
		}
		f.Lock()
		f.queue = []client.Place{{Name: "e", Token: 5, Lease: 1, Value: fmt.Sprint("v", len(got))}}
		f.put("elections/e/1", "v")
		f.Unlock()
	}
	if strings.Join(got, ",") != ",v1,v2" {
		t.Errorf("%q", got)
	}
}
