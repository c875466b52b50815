package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"paxos/client"
	"paxos/client/wire"
)

// piped is a transport to one service over pipes, each given to serve; what is
// no Upgrade is answered by request.
type piped struct {
	serve            func(net.Conn)
	opened, requests int
}

// RoundTrip implements http.RoundTripper.
func (p *piped) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, ProtoMajor: 1, ProtoMinor: 1}
	if r.Header.Get("Upgrade") == "" {
		p.requests++
		answer.Body = io.NopCloser(strings.NewReader(`{"revision":"2","succeeded":true,"client":"by request"}`))
		return answer, nil
	}
	p.opened++
	near, far := net.Pipe()
	go p.serve(far)
	answer.StatusCode = http.StatusSwitchingProtocols
	answer.Header.Set("Upgrade", wire.Protocol)
	answer.Header.Set(wire.HeaderFrom, "client1")
	answer.Header.Set(wire.HeaderWindow, "64")
	answer.Body = near
	return answer, nil
}

// inTime runs a test in made-up time, with a Client of one such service.
func inTime(t *testing.T, serve func(net.Conn), test func(t *testing.T, c *client.Client, p *piped)) {
	synctest.Test(t, func(t *testing.T) {
		p := &piped{serve: serve}
		c, err := client.New([]string{"a:1"}, client.WithHTTPClient(&http.Client{Transport: p}))
		if err != nil {
			t.Fatal(err)
		}
		c.StreamAtOnce()
		test(t, c, p)
		c.Close()
		pass(time.Second) // the services see it
	})
}

// pass lets made-up time pass.
func pass(d time.Duration) { <-time.After(d) }

// listening reads all and says nothing.
func listening(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestAServiceThatFallsSilentLosesItsStream(t *testing.T) {
	inTime(t, listening, func(t *testing.T, c *client.Client, p *piped) {
		begun := time.Now()
		_, err := c.Put(t.Context(), "k", "v", client.WithoutKey())
		if took := time.Since(begun); !errors.Is(err, client.ErrUnknown) || took < wire.SilenceLimit || took > wire.SilenceLimit+time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestAServiceThatTakesNothingLosesItsStream(t *testing.T) {
	deaf := func(conn net.Conn) {
		for {
			pass(wire.BeatEvery)
			if _, err := conn.Write(wire.AppendBeat(nil)); err != nil {
				return
			}
		}
	}
	inTime(t, deaf, func(t *testing.T, c *client.Client, p *piped) {
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Put(ctx, "k", "v", client.WithoutKey())
		if took := time.Since(begun); !errors.Is(err, client.ErrUnknown) || took < wire.WriteLimit || took > wire.WriteLimit+time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// TestASlowAnswerIsAnAnswer: a frame may take longer than any silence may, as
// long as something of it comes.
func TestASlowAnswerIsAnAnswer(t *testing.T) {
	slow := func(conn net.Conn) {
		frames := wire.NewKeptFrames(conn)
		for {
			kind, content, err := frames.Next()
			if err != nil {
				return
			}
			w, err := wire.ReadWrite(content)
			if kind != wire.KindWrite || err != nil {
				continue
			}
			go func() {
				answer := wire.AppendApplied(nil, wire.Applied{ID: w.ID, Slot: 7, Result: putResult(2, "k")})
				for _, b := range answer {
					pass(2 * wire.SilenceLimit / time.Duration(len(answer)))
					_, _ = conn.Write([]byte{b})
				}
			}()
		}
	}
	inTime(t, slow, func(t *testing.T, c *client.Client, p *piped) {
		begun := time.Now()
		_, err := c.Put(t.Context(), "k", "v", client.WithoutKey())
		if took := time.Since(begun); err != nil || took < 2*wire.SilenceLimit-time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// answering beats, and answers after so long; 0 is never.
func answering(after time.Duration) func(net.Conn) {
	return func(conn net.Conn) {
		serveTalk(context.Background(), conn, func(s *talk, w wire.Write) {
			if after > 0 {
				time.AfterFunc(after, func() { s.applied(w) })
			}
		})
	}
}

func TestACallWithoutADeadlineEndsAfterItsOwnLimit(t *testing.T) {
	inTime(t, answering(0), func(t *testing.T, c *client.Client, p *piped) {
		begun := time.Now()
		_, err := c.Put(t.Context(), "k", "v", client.WithoutKey())
		if took := time.Since(begun); !errors.Is(err, client.ErrUnknown) || took < 10*time.Second || took > 11*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestAStreamThatNobodyNeedsIsClosedAndOpenedAgain(t *testing.T) {
	inTime(t, answering(time.Millisecond), func(t *testing.T, c *client.Client, p *piped) {
		for range 3 {
			for range 2 {
				if w, err := c.Put(t.Context(), "k", "v"); err != nil || w.Client != "client1" {
					t.Errorf("%+v, %v", w, err)
				}
			}
			pass(client.IdleLimit + time.Second)
		}
		if p.opened != 3 || p.requests != 0 {
			t.Errorf("%d streams, %d requests", p.opened, p.requests)
		}
	})
}

func TestAStreamThatWasGoodIsOpenedAgainAtOnceAndOneThatFailsIsNot(t *testing.T) {
	once := func(conn net.Conn) {
		serveTalk(context.Background(), conn, func(s *talk, w wire.Write) { s.applied(w); s.end() })
	}
	inTime(t, once, func(t *testing.T, c *client.Client, p *piped) {
		for range 50 {
			if _, err := c.Put(t.Context(), "k", "v"); err != nil {
				t.Error(err)
			}
			pass(10 * time.Millisecond)
		}
		// 100 ms, 200 ms, 400 ms later.
		if p.opened < 2 || p.opened > 4 || p.requests < 40 {
			t.Errorf("%d streams, %d requests", p.opened, p.requests)
		}
	})
	long := func(conn net.Conn) {
		time.AfterFunc(2*time.Second, func() { _ = conn.Close() })
		answering(time.Millisecond)(conn)
	}
	inTime(t, long, func(t *testing.T, c *client.Client, p *piped) {
		for range 100 {
			if _, err := c.Put(t.Context(), "k", "v"); err != nil {
				t.Error(err)
			}
			pass(100 * time.Millisecond)
		}
		if p.opened < 5 || p.requests != 0 {
			t.Errorf("%d streams, %d requests", p.opened, p.requests)
		}
	})
}

func TestAnAddressWithoutStreamsIsAskedAgainAfterAWhile(t *testing.T) {
	inTime(t, func(conn net.Conn) { _ = conn.Close() }, func(t *testing.T, _ *client.Client, p *piped) {
		none := &refusing{piped: p}
		c, err := client.New([]string{"a:1"}, client.WithHTTPClient(&http.Client{Transport: none}))
		if err != nil {
			t.Fatal(err)
		}
		c.StreamAtOnce()
		for range 30 {
			if w, err := c.Put(t.Context(), "k", "v"); err != nil || w.Client != "by request" {
				t.Errorf("%+v, %v", w, err)
			}
			pass(client.NoStreamFor / 10)
		}
		if none.asked != 3 {
			t.Errorf("asked %d times", none.asked)
		}
	})
}

// refusing opens no streams.
type refusing struct {
	*piped
	asked int
}

// RoundTrip implements http.RoundTripper.
func (p *refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Upgrade") == "" {
		return p.piped.RoundTrip(r)
	}
	p.asked++
	return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Request: r, Body: http.NoBody}, nil
}
