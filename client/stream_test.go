package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"paxos/client"
	"paxos/client/wire"
	"paxos/test/ports"
)

// written answers a put that came as a request.
func written(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"revision":"2","succeeded":true,"slot":"7","client":"by request"}`)
}

func TestAProgramThatWritesOnceOpensNoStream(t *testing.T) {
	var over atomic.Int32
	c, err := client.New([]string{talking(t, written, func(s *talk, w wire.Write) { over.Add(1); s.applied(w) })})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for i := range 3 {
		if _, err := c.Put(t.Context(), "k", "v"); err != nil || int(over.Load()) != max(0, i+2-client.StreamFrom) {
			t.Errorf("after %d puts %d came over a stream, %v", i+1, over.Load(), err)
		}
	}
}

// TestAStreamCutAnywhereIsALostAnswer: whatever part of the answer arrives, the
// write is unknown without a key, and repeated elsewhere with one.
func TestAStreamCutAnywhereIsALostAnswer(t *testing.T) {
	good := service(t, written)
	answer := wire.AppendApplied(nil, wire.Applied{ID: 1, Slot: 7, Result: putResult(2, "k")})
	for cut := range len(answer) {
		hear := func(s *talk, _ wire.Write) { s.say(answer[:cut]); s.end() }
		w, err := connect(t, talking(t, nil, hear), good).Put(t.Context(), "k", "v")
		if err != nil || w.Client != "by request" {
			t.Errorf("cut at %d, with a key: %+v, %v", cut, w, err)
		}
		var elsewhere atomic.Int32
		never := service(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
		_, err = connect(t, talking(t, nil, hear), never).Put(t.Context(), "k", "v", client.WithoutKey())
		if !errors.Is(err, client.ErrUnknown) || elsewhere.Load() != 0 {
			t.Errorf("cut at %d, without a key: %v, and the next was asked %d times", cut, err, elsewhere.Load())
		}
	}
	hear := func(s *talk, _ wire.Write) { s.say(answer); s.end() }
	if w, err := connect(t, talking(t, nil, hear), ports.Closed(t)).Put(t.Context(), "k", "v", client.WithoutKey()); err != nil || w.Slot != 7 || w.Key.Mod != 2 || w.Client != "client1" {
		t.Errorf("cut behind the answer: %+v, %v", w, err)
	}
}

func TestWhatIsNoAnswerEndsTheStreamAndTheWriteIsUnknown(t *testing.T) {
	for about, frames := range map[string][]byte{
		"an answer that nobody asked for": wire.AppendApplied(nil, wire.Applied{ID: 2}),
		"a command":                       wire.AppendWrite(nil, 1, 0, "", nil),
		"a kind of nobody":                {0, 0, 0, 1, 99},
		"a frame without end":             {0xff, 0xff, 0xff, 0xff},
		"a place without a slot":          {0, 0, 0, 2, 2, 1},
		"a fault":                         wire.AppendWords(nil, wire.KindFault, "because"),
		"no result":                       wire.AppendApplied(nil, wire.Applied{ID: 1}),
		"no problem":                      wire.AppendRefused(nil, 1, []byte("no")),
	} {
		c := connect(t, talking(t, nil, func(s *talk, _ wire.Write) { s.say(frames) }))
		if _, err := c.Put(t.Context(), "k", "v", client.WithoutKey()); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("%s: %v", about, err)
		}
	}
}

// TestWhereThereIsNoStreamRequestsAreTheWay: and such an address is not asked
// for one again and again.
func TestWhereThereIsNoStreamRequestsAreTheWay(t *testing.T) {
	upgrade := func(protocol, window string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", protocol)
			w.Header().Set(wire.HeaderWindow, window)
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
	}
	answers := map[string]http.HandlerFunc{"hangs up": hangUp, "another protocol": upgrade("websocket", "9"), "no window": upgrade(wire.Protocol, "")}
	for _, status := range []int{200, 204, 301, 400, 404, 405, 426, 500, 501, 502, 503} {
		answers[fmt.Sprint(status)] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for about, answer := range answers {
		var asked, came atomic.Int32
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != "" {
				asked.Add(1)
				answer(w, r)
				return
			}
			came.Add(1)
			written(w, r)
		})
		c := connect(t, server)
		for range 10 {
			if w, err := c.Put(t.Context(), "k", "v"); err != nil || w.Client != "by request" {
				t.Errorf("%s: %+v, %v", about, w, err)
			}
		}
		if asked.Load() < 1 || asked.Load() > 3 || came.Load() != 10 {
			t.Errorf("%s: asked for a stream %d times, %d requests", about, asked.Load(), came.Load())
		}
	}
}

func TestNoMoreIsInFlightThanTheServiceSaysAndAnswersComeInAnyOrder(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	var now, most, calls atomic.Int32
	var mu sync.Mutex
	var held []func()
	address := talking(t, nil, func(s *talk, w wire.Write) {
		most.Store(max(most.Load(), now.Add(1)))
		mu.Lock()
		defer mu.Unlock()
		held = append(held, func() { now.Add(-1); s.applied(w) })
		// The last one first, once the window is full or all are here.
		if len(held) == 64 || int(calls.Add(1)) > 1000-64 {
			for i := range held {
				held[len(held)-1-i]()
			}
			held = nil
		}
	})
	c := connect(t, address)
	var running sync.WaitGroup
	for range 1000 {
		running.Go(func() {
			if w, err := c.Put(t.Context(), "k", "v"); err != nil || w.Slot != 7 {
				t.Errorf("%+v, %v", w, err)
			}
		})
	}
	running.Wait()
	if most.Load() != 64 {
		t.Errorf("%d were in flight, the window is 64", most.Load())
	}
	c.Close()
	if err := goleak.Find(leaks, goleak.IgnoreAnyFunction("net/http/httptest.(*Server).goServe.func1"), goleak.IgnoreAnyFunction("paxos/client_test.serveTalk")); err != nil {
		t.Error(err)
	}
}

func TestWhoGivesUpLeavesItsPlaceTakenUntilTheAnswerCame(t *testing.T) {
	answer := make(chan struct{})
	var came atomic.Int32
	c := connect(t, talking(t, nil, func(s *talk, w wire.Write) {
		if came.Add(1) <= 64 {
			go func() { <-answer; s.applied(w) }()
			return
		}
		s.applied(w)
	}))
	impatient := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := c.Put(ctx, "k", "v", client.WithoutKey())
		return err
	}
	var running sync.WaitGroup
	for range 64 {
		running.Go(func() {
			if err := impatient(); !errors.Is(err, client.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("in flight: %v", err)
			}
		})
	}
	running.Wait()
	if err := impatient(); !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "gave no answer within") || came.Load() != 64 {
		t.Errorf("without a place: %v, %d came", err, came.Load())
	}
	close(answer)
	if _, err := c.Put(t.Context(), "k", "v"); err != nil {
		t.Error(err)
	}
}

// TestAServiceThatGoesAwayLosesNothing: what is in flight is answered there, what
// follows goes elsewhere.
func TestAServiceThatGoesAwayLosesNothing(t *testing.T) {
	var there, elsewhere atomic.Int32
	first := talking(t, func(w http.ResponseWriter, r *http.Request) { refusal(w, 503, "stopping") }, func(s *talk, w wire.Write) {
		if there.Add(1) == 100 {
			s.say(wire.AppendWords(nil, wire.KindLeaving, "is stopping"))
		}
		s.applied(w)
	})
	second := talking(t, nil, func(s *talk, w wire.Write) { elsewhere.Add(1); s.applied(w) })
	c := connect(t, first, second)
	var running sync.WaitGroup
	for range 20 {
		running.Go(func() {
			for range 50 {
				if _, err := c.Put(t.Context(), "k", "v", client.WithoutKey()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if there.Load() > 100+64 || elsewhere.Load() < 1000-100-64 {
		t.Errorf("%d came to the one that goes away, %d elsewhere", there.Load(), elsewhere.Load())
	}
}

// TestABrokenStreamIsUnknownOnlyForWhatLeft: 200 callers beside a window of 64,
// none of whom has a key.
func TestABrokenStreamIsUnknownOnlyForWhatLeft(t *testing.T) {
	var came, byRequest, unknown atomic.Int32
	c := connect(t, talking(t, func(w http.ResponseWriter, r *http.Request) { byRequest.Add(1); written(w, r) }, func(s *talk, _ wire.Write) {
		if came.Add(1) == 64 {
			s.end()
		}
	}))
	var running sync.WaitGroup
	for range 200 {
		running.Go(func() {
			_, err := c.Put(t.Context(), "k", "v", client.WithoutKey())
			switch {
			case errors.Is(err, client.ErrUnknown):
				unknown.Add(1)
			case err != nil:
				t.Error(err)
			}
		})
	}
	running.Wait()
	if unknown.Load() != 64 || byRequest.Load() != 200-64 {
		t.Errorf("%d are unknown, %d went by request", unknown.Load(), byRequest.Load())
	}
}
