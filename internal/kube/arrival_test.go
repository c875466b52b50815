package kube

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"paxos/client"
	"paxos/test/late"
)

// TestWhatArrivesWhileItIsWrittenIsUnknown: over HTTP/2 a request has arrived as
// a whole before who writes it says so, and the caller's time is over in between.
func TestWhatArrivesWhileItIsWrittenIsUnknown(t *testing.T) {
	way := late.New(t)
	base, _ := url.Parse(way.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { <-way.Arrived; cancel() }()
	_, err := clientOf(t, &Cluster{Namespace: "paxos", base: base, transport: way.Transport}, "client1:6000").Send(ctx, "v")
	if e := (*Error)(nil); !errors.Is(err, client.ErrUnknown) || !errors.As(err, &e) || e.Kind != Lost {
		t.Errorf("of a write that arrived: %v", err)
	}
}

// TestToLookForAPodIsNotToAskIt: the lists are written to the API server, and no
// write to a node.
func TestToLookForAPodIsNotToAskIt(t *testing.T) {
	s := newAPIServer(t)
	c := s.open()
	c.looked = time.Now().Add(-time.Hour)
	if _, err := clientOf(t, c, "10.244.0.99:6000").Send(t.Context(), "v"); !errors.Is(err, client.ErrUnavailable) || s.looks != 2 {
		t.Errorf("of a write that was sent to nobody, after %d looks: %v", s.looks, err)
	}
}

// TestAPodThatStartsIsStillThere: only one that is not found is gone.
func TestAPodThatStartsIsStillThere(t *testing.T) {
	s := newAPIServer(t)
	n := s.node("acceptor1-x:4000", func(http.ResponseWriter, *http.Request) {})
	c := s.open()
	n.Close()
	ask := func() string {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.244.0.7:4000/livez", nil)
		_, err := c.RoundTrip(r)
		if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != NodeDown {
			t.Fatal(err)
		}
		return err.Error()
	}
	if one, two := ask(), ask(); one != two || s.looks != 2 {
		t.Errorf("after %d looks: %q, then %q", s.looks, one, two)
	}
	// It goes, and another one gets its address: both are seen at once.
	s.mu.Lock()
	delete(s.nodes, "acceptor1-x:4000")
	s.pods = []map[string]any{podOf("acceptor1-y", "acceptor1", "acceptor", "10.244.0.7")}
	s.mu.Unlock()
	c.looked = time.Now()
	ask()
	if name, err := c.podAt(t.Context(), "10.244.0.7"); name != "acceptor1-y" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
}

// TestWhoWaitsForALookWaitsNoLongerThanItCan: another request's look hangs.
func TestWhoWaitsForALookWaitsNoLongerThanItCan(t *testing.T) {
	c := newAPIServer(t).open()
	c.looked = time.Now().Add(-time.Hour)
	if err := c.turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for about, look := range map[string]func() error{
		"Look":  func() error { return c.Look(ctx) },
		"podAt": func() error { _, err := c.podAt(ctx, "10.244.0.99"); return err },
	} {
		done := make(chan error, 1)
		go func() { done <- look() }()
		select {
		case err := <-done:
			if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != Unreachable || !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", about, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s goes on waiting", about)
		}
	}
}
