package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// frameSeeds are streams, sound and flawed.
func frameSeeds() (list [][]byte) {
	h := paxos.Header{Node: "proposer9", Cluster: paxos.ClusterID{7}, Config: members.Stamp()}
	var sound []byte
	for _, m := range every {
		list = append(list, framed(nil, h.Envelope("acceptor1", m)))
		sound = appendBeat(append(sound, list[len(list)-1]...))
	}
	list = append(list, sound, appendBeat(nil), nil)
	for _, b := range flawed(h) {
		list = append(list, b)
	}
	return list
}

// FuzzFrames: what is read is what was framed, byte for byte.
func FuzzFrames(f *testing.F) {
	for _, b := range frameSeeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.NewReader(b)
		var again []byte
		for {
			message, err := readFrame(in)
			if err != nil {
				break
			}
			if message == nil {
				again = appendBeat(again)
			} else {
				again = append(again, frameOf(message)...)
			}
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("%x was read as %x", b, again)
		}
	})
}

// FuzzStreams: whatever comes over a stream, it ends with the connection, and
// only whole messages of the peer itself were handed on.
func FuzzStreams(f *testing.F) {
	for _, b := range frameSeeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := net.Pipe()
		var taken []byte
		p := &pipe{conn: near, in: bufio.NewReader(near), peer: "proposer9", out: newOutbox(nil), handle: func(e paxos.Envelope) error {
			if e.From != "proposer9" {
				t.Errorf("a message from %q was taken", string(e.From))
			}
			taken = framed(taken, e)
			return nil
		}}
		ended := make(chan error, 1)
		go func() { ended <- p.run(context.Background()) }()
		go func() {
			_, _ = far.Write(b)
			_ = far.Close()
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the stream does not end")
		}
		if len(taken) > len(b) {
			t.Fatalf("%d bytes came, and messages of %d were taken", len(b), len(taken))
		}
	})
}

// entry is an endpoint that takes a body.
type entry struct {
	n    *made
	path string
	kind paxos.Kind
}

func entries(w *town) (list []entry) {
	for _, n := range w.all() {
		for _, kind := range taken[roleOf(n.id)] {
			list = append(list, entry{n, "/" + kind.String() + "?timeout=20ms", kind})
		}
	}
	for _, path := range []string{"/send?wait=none", "/gossip", "/send?timeout=20ms", "/kv/k?timeout=20ms", "/txn?timeout=20ms", "/lease?timeout=20ms", "/lock/l?timeout=20ms",
		"/election/e?timeout=20ms", "/compact?timeout=20ms"} {
		list = append(list, entry{n: w.client, path: path})
	}
	return list
}

// storeBodies are sound ones of each endpoint.
var storeBodies = []string{`{"join":[]}`, `{"increment":"-1"}`, `{"append":{"A":[1]}}`, `{"swap":{"old":null,"new_base64":"/w=="}}`, `{"ttl":"1s","lease":"00000000000000ab","value":"x"}`,
	`{"revision":"2"}`, `{"if":[{"key":"a","is":"!=","lease":"00000000000000ab"}],"then":[{"append":{"key":"l","item":[{"X":1}]}},{"txn":{"else":[{"delete":{"key":"","prefix":true}}]}}],"fences":[{"lock":"l","token":1}]}`}

// FuzzBodies: no body makes a node answer 500, say something else than a
// problem, or stop.
func FuzzBodies(f *testing.F) {
	w := newTown(f)
	list := entries(w)
	for i, e := range list {
		f.Add(uint8(i), false, []byte("{}"))
		if e.kind == 0 {
			f.Add(uint8(i), false, []byte(`{"value":"x","key":"k"}`))
			for _, body := range storeBodies {
				f.Add(uint8(i), false, []byte(body))
			}
			continue
		}
		m := paxos.Envelope{From: "proposer9", To: e.n.id, Message: messageOf(e.kind)}
		text, err := paxos.EncodeJSON(m)
		must(f, err)
		f.Add(uint8(i), false, text)
		f.Add(uint8(i), true, paxos.AppendEnvelope(nil, m))
		for field, values := range wrongFields(m.Message) {
			f.Add(uint8(i), false, []byte(`{"`+field+`":`+values[0]+`}`))
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, binary bool, body []byte) {
		e := list[int(i)%len(list)]
		if strings.HasPrefix(e.path, "/gossip") && !bytes.Contains(body, []byte(`[]`)) {
			return // it would knock at whatever address is in it
		}
		r := httptest.NewRequest(http.MethodPost, e.path, bytes.NewReader(body))
		if binary {
			r.Header.Set("Content-Type", binaryForm)
		}
		got := httptest.NewRecorder()
		e.n.server.http.Handler.ServeHTTP(got, r)
		judgeAnswer(t, e, got.Result())
		if e.n.loop.Inspect(context.Background(), func() {}) != nil {
			t.Fatalf("after %q at %s the node has stopped", body, e.path)
		}
	})
}

func judgeAnswer(t *testing.T, e entry, r *http.Response) {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	must(t, err)
	if r.StatusCode == http.StatusInternalServerError || r.StatusCode < 200 {
		t.Fatalf("%s: %d %s", e.path, r.StatusCode, b)
	}
	switch kind := r.Header.Get("Content-Type"); {
	case kind == "application/problem+json":
		var p client.Problem
		if err := paxos.StrictJSON(b, &p); err != nil || p.Status != r.StatusCode || p.Detail == "" || p.Title == "" || p.Type == "" {
			t.Fatalf("%s: the problem is not whole: %s %v", e.path, b, err)
		}
	case kind == binaryForm:
		if _, err := paxos.DecodeEnvelope(b); err != nil {
			t.Fatalf("%s: %v", e.path, err)
		}
	case r.StatusCode == http.StatusNoContent:
	case kind == "application/json" && (r.StatusCode < 400 || r.StatusCode == http.StatusConflict):
		if !json.Valid(b) {
			t.Fatalf("%s: %s", e.path, b)
		}
	default:
		t.Fatalf("%s: %d as %q: %s", e.path, r.StatusCode, kind, b)
	}
}
