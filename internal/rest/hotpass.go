package rest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"paxos/client/wire"
	"paxos/internal/lean"
)

// hotPass is passKV of one key: a learner answers.
func (s *Server) hotPass(r *lean.Request, a *lean.Answer) bool {
	key, ok := s.hotKey(r)
	if !ok {
		return false
	}
	ask, ok := s.hotReading(r)
	if !ok {
		return false
	}
	accept := r.Header(lean.Accept)
	q := question{method: http.MethodGet, patience: ask.patience, key: key, hot: &wire.Read{Freshness: freshnessOf(ask.consistency),
		JSON: namesJSON(string(accept)), Seen: ask.seen}}
	// What a request needs is made when there is one.
	q.path = func(share time.Duration) string {
		path := string(r.Path) + "?consistency=" + ask.consistency
		if ask.seen != 0 {
			path += "&session_token=" + tokenOf(ask.seen)
		}
		return fmt.Sprintf("%s&timeout=%v", path, share)
	}
	if accept != nil {
		q.header = http.Header{"Accept": {string(accept)}}
	}
	got, bad := s.consult(context.Background(), q)
	if bad != nil {
		tellProblem(leanVoice{a}, bad)
		return true
	}
	return got.passLean(a)
}

func freshnessOf(consistency string) wire.Freshness {
	switch consistency {
	case stale:
		return wire.Stale
	case afterSession:
		return wire.AfterSession
	}
	return wire.Linearizable
}

// passLean passes on what a learner answers.
func (got *answer) passLean(a *lean.Answer) bool {
	if got.held != nil {
		a.Status, a.Head, a.Body = got.status, append(a.Head, got.head...), append(a.Body[:0], got.body...)
		got.held.free()
		return true
	}
	for name, values := range got.header {
		if passedHeaders(name) && name != "Content-Length" {
			for _, v := range values {
				a.Add(name, v)
			}
		}
	}
	a.Status, a.Body = got.status, append(a.Body[:0], got.body...)
	if got.rest == nil {
		got.close()
		return true
	}
	whole, err := strconv.ParseInt(got.header.Get("Content-Length"), 10, 64)
	a.Rest, a.RestBytes = restOf{got.rest, got}, whole-int64(len(got.body))
	return err == nil // only what says its length has a rest
}

// restOf is the rest of an answer, which is closed as a whole.
type restOf struct {
	io.Reader
	answer *answer
}

// Close implements io.Closer.
func (r restOf) Close() error {
	r.answer.close()
	return nil
}
