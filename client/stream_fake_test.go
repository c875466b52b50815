package client_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"paxos/client"
	"paxos/client/wire"
	"paxos/kv"
	"paxos/paxos"
)

// bothWays runs a test with services that open no stream, and with services that
// speak with the handler over one.
func bothWays(t *testing.T, test func(t *testing.T, service func(*testing.T, http.HandlerFunc) string)) {
	t.Run("requests", func(t *testing.T) { test(t, service) })
	t.Run("stream", func(t *testing.T) { test(t, streaming) })
}

// streaming is a made-up client service that opens streams. The handler sees a
// command as if it were a request for a key "k" or a send, and its answer is
// told as one over a stream.
func streaming(t *testing.T, handler http.HandlerFunc) string {
	return talking(t, handler, func(s *talk, w wire.Write) { go s.ask(handler, w) })
}

// talk is the service's side of a stream.
type talk struct {
	net.Conn
	ctx context.Context
	mu  sync.Mutex
	end func()
}

// talking is a made-up client service with a window of 64, which gives each
// command of a stream to hear, and each request to handler: nil if there should
// be none.
func talking(t testing.TB, handler http.HandlerFunc, hear func(*talk, wire.Write)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != wire.Protocol {
			if handler == nil {
				t.Errorf("%s %s came as a request", r.Method, r.URL)
				return
			}
			handler(w, r)
			return
		}
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", wire.Protocol)
		w.Header().Set(wire.HeaderFrom, "client1")
		w.Header().Set(wire.HeaderWindow, "64")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, early, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		serveTalk(t.Context(), buffered{conn, early.Reader}, hear)
	}))
	t.Cleanup(func() { server.Close() })
	return server.URL
}

// buffered is a connection of which something may have been read already.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

func serveTalk(ctx context.Context, conn net.Conn, hear func(*talk, wire.Write)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &talk{Conn: conn, ctx: ctx, end: cancel}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	go func() {
		for ticker := time.NewTicker(wire.BeatEvery); ; {
			select {
			case <-ctx.Done():
				ticker.Stop()
				return
			case <-ticker.C:
				s.say(wire.AppendBeat(nil))
			}
		}
	}()
	for frames := wire.NewKeptFrames(conn); ; {
		kind, content, err := frames.Next()
		if err != nil {
			return
		}
		if kind == wire.KindWrite {
			if w, err := wire.ReadWrite(content); err == nil {
				hear(s, w)
			}
		}
	}
}

func (s *talk) say(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.Write(frame)
}

// applied answers a put.
func (s *talk) applied(w wire.Write) {
	s.say(wire.AppendApplied(nil, wire.Applied{ID: w.ID, Slot: 7, Position: 2, Name: paxos.CommandName{Session: 0x123456789abcdef, Sequence: 3}, Result: putResult(2, "k")}))
}

func putResult(revision uint64, key string) []byte {
	r := kv.Revision(revision)
	return kv.EncodeResult(kv.Result{Revision: r, Succeeded: true, Responses: []kv.Response{{}, {KVs: []kv.KeyValue{{Key: key, Create: r, Mod: r, Version: 1}}, Count: 1}}})
}

// recorder is an answer to a command; who hijacks it has the stream.
type recorder struct {
	*httptest.ResponseRecorder
	s *talk
}

func (r recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) { return r.s.Conn, nil, nil }

func (s *talk) ask(handler http.HandlerFunc, w wire.Write) {
	method, path, body := http.MethodPut, "/kv/k", "v"
	if value, sends := bytes.CutPrefix(w.Body, kv.Append("")); sends {
		text, _ := json.Marshal(map[string]string{"value": string(value), "key": string(w.Key)})
		method, path, body = http.MethodPost, "/send", string(text)
	}
	if w.Timeout != 0 {
		path += "?timeout=" + url.QueryEscape(w.Timeout.String())
	}
	r, err := http.NewRequestWithContext(s.ctx, method, path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if len(w.Key) > 0 {
		r.Header.Set("Idempotency-Key", string(w.Key))
	}
	answer := recorder{httptest.NewRecorder(), s}
	handler(answer, r)
	switch {
	case s.ctx.Err() != nil:
	case answer.Code >= 300:
		problem := answer.Body.Bytes()
		if !json.Valid(problem) {
			problem, _ = json.Marshal(client.Problem{Status: answer.Code, Detail: answer.Body.String()})
		}
		s.say(wire.AppendRefused(nil, w.ID, problem))
	default:
		var told struct {
			client.Written
			Position uint32 `json:"position"`
		}
		_ = json.Unmarshal(answer.Body.Bytes(), &told)
		s.say(wire.AppendApplied(nil, wire.Applied{ID: w.ID, Slot: told.Slot, Position: told.Position,
			Name: paxos.CommandName{Session: told.Session, Sequence: told.Sequence}, Result: putResult(uint64(told.Revision), "k")}))
	}
}
