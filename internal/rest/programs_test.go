package rest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"paxos/client"
	"paxos/client/wire"
	"paxos/kv"
	"paxos/paxos"
)

// ways are a Client whose commands are requests, and one whose commands go over
// a stream.
func ways(t *testing.T, n *made) (requests, streamed *client.Client) {
	t.Helper()
	connect := func(opts ...client.Option) *client.Client {
		c, err := client.New([]string{n.address}, opts...)
		must(t, err)
		t.Cleanup(c.Close)
		return c
	}
	requests = connect(client.WithHTTPClient(&http.Client{Timeout: patience}))
	streamed = connect()
	for range 2 { // the second one opens it
		_, err := streamed.Put(t.Context(), "opens/a/stream", "")
		must(t, err)
	}
	if got := n.programs(); got != 1 {
		t.Fatalf("%d streams are open", got)
	}
	return requests, streamed
}

func (n *made) programs() int {
	n.server.programs.mu.Lock()
	defer n.server.programs.mu.Unlock()
	return len(n.server.programs.open)
}

// conversation is a stream that a test speaks by itself.
type conversation struct {
	*wire.Frames
	conn interface {
		Write([]byte) (int, error)
		Close() error
	}
}

func converse(t *testing.T, n *made) *conversation {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+n.address+"/send", nil)
	must(t, err)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", wire.Protocol)
	response, err := (&http.Transport{}).RoundTrip(r)
	must(t, err)
	conn, ok := response.Body.(interface {
		Read([]byte) (int, error)
		Write([]byte) (int, error)
		Close() error
	})
	if !ok || response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get(wire.HeaderFrom) != string(n.id) || response.Header.Get(wire.HeaderWindow) != "2048" {
		t.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &conversation{wire.NewFrames(conn), conn}
}

// next is the next frame that is no beat.
func (c *conversation) next(t *testing.T) (wire.Kind, []byte) {
	t.Helper()
	for {
		kind, content, err := c.Next()
		must(t, err)
		if kind != 0 {
			return kind, content
		}
	}
}

func (c *conversation) say(t *testing.T, frames ...[]byte) {
	t.Helper()
	for _, f := range frames {
		_, err := c.conn.Write(f)
		must(t, err)
	}
}

func put(key string) []byte {
	return kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: key, Value: "v"}}}})
}

func TestWhatAStreamIsNotForIsRefusedAndTheStreamGoesOn(t *testing.T) {
	w := newTown(t)
	c := converse(t, w.client)
	list := func(limit int) []byte {
		return kv.Encode(kv.Txn{Then: []kv.Op{{Append: &kv.ListAppend{Key: "l", Item: "1", Limit: limit}}}})
	}
	for i, x := range []struct {
		about   string
		timeout time.Duration
		key     string
		body    []byte
		status  int
		word    string
	}{
		{"an expiry of a session", 0, "", kv.Encode(kv.ExpireSession{Session: 1}), 400, "operation 5"},
		{"a compaction", 0, "", kv.Encode(kv.Compact{Revision: 1, Kept: true}), 400, "operation 11"},
		{"no body", 0, "", nil, 400, "unknown command"},
		{"another version", 0, "", []byte{9, 9}, 400, "operation 9"},
		{"garbage", 0, "", []byte{1, 6, 0xff}, 400, "malformed"},
		{"a key of the store's", 0, "", put("locks/x"), 400, "bad-request"},
		{"no UTF-8", 0, "\xff", put("k"), 400, "UTF-8"},
		{"too patient", 61 * time.Second, "", put("k"), 400, "timeout"},
		{"too hasty", time.Microsecond, "", put("k"), 400, "timeout"},
		{"a list without end", 0, "", list(0), 413, "append"},
		{"a list that is too long", 0, "", list(1<<20 + 1), 413, "append"},
		{"a value", 0, "", kv.Append("\xff"), 400, "UTF-8"},
	} {
		c.say(t, wire.AppendWrite(nil, uint64(i), x.timeout, x.key, x.body))
		kind, content := c.next(t)
		id, text, err := wire.ReadRefused(content)
		var p client.Problem
		if kind != wire.KindRefused || err != nil || id != uint64(i) || paxos.StrictJSON(text, &p) != nil || p.Status != x.status || !strings.Contains(string(text), x.word) {
			t.Errorf("%s: %d %q", x.about, kind, content)
		}
	}
	c.say(t, wire.AppendWrite(nil, 1<<40, 0, "", list(1<<20)))
	kind, content := c.next(t)
	if a, err := wire.ReadApplied(content); kind != wire.KindApplied || err != nil || a.ID != 1<<40 || a.Slot == 0 || a.Name.Sequence == 0 {
		t.Errorf("what is right: %d %q", kind, content)
	}
}

func TestAMalformedFrameEndsTheStreamWithAReason(t *testing.T) {
	w := newTown(t)
	good := wire.AppendWrite(nil, 1, 0, "", put("k"))
	for about, bytes := range map[string][]byte{
		"too long":         {0xff, 0, 0, 0},
		"kind 0":           {0, 0, 0, 1, 0},
		"a kind of ours":   wire.AppendRefused(nil, 1, nil),
		"no id":            {0, 0, 0, 1, 1},
		"a long varint":    {0, 0, 0, 5, 1, 0x81, 0x00, 0, 0},
		"a key cut off":    {0, 0, 0, 5, 1, 1, 0, 9, 'a'},
		"the same id":      append(good[:len(good):len(good)], good...),
		"an endless wait":  {0, 0, 0, 12, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"half a frame":     good[:len(good)-1],
		"half of a length": {0, 0},
	} {
		c := converse(t, w.client)
		c.say(t, bytes)
		if strings.HasPrefix(about, "half") {
			half, ok := c.conn.(interface{ CloseWrite() error })
			if !ok {
				must(t, c.conn.Close())
				continue
			}
			must(t, half.CloseWrite())
		}
		for {
			kind, content := c.next(t)
			if kind == wire.KindFault {
				if len(content) == 0 || strings.Contains(string(content), "i/o timeout") {
					t.Errorf("%s: the reason is %q", about, content)
				}
				break
			}
			if kind != wire.KindApplied || about != "the same id" {
				t.Errorf("%s: kind %d %q", about, kind, content)
			}
		}
	}
	w.client.lives(t)
	until(t, "all streams are over", func() bool { return w.client.programs() == 0 })
}

func TestAServiceThatStopsAnswersWhatItTookAndTakesNoMore(t *testing.T) {
	w := newTown(t)
	c := converse(t, w.client)
	c.say(t, wire.AppendWrite(nil, 1, 0, "", put("k")))
	if kind, _ := c.next(t); kind != wire.KindApplied {
		t.Fatal(kind)
	}
	w.proposer.stop() // nothing is chosen from now on
	c.say(t, wire.AppendWrite(nil, 2, 200*time.Millisecond, "", put("k")))
	until(t, "it is taken", func() bool { return len(w.client.inFlight()) == 1 })
	stopped := make(chan struct{})
	go func() { w.client.stop(); close(stopped) }()
	if kind, words := c.next(t); kind != wire.KindLeaving || !strings.Contains(string(words), "stopping") {
		t.Errorf("%d %q", kind, words)
	}
	c.say(t, wire.AppendWrite(nil, 3, 0, "", put("k")))
	kinds := map[uint64]string{}
	for len(kinds) < 2 {
		kind, content := c.next(t)
		id, text, err := wire.ReadRefused(content)
		var p client.Problem
		if kind != wire.KindRefused || err != nil || json.Unmarshal(text, &p) != nil {
			t.Fatalf("%d %q", kind, content)
		}
		kinds[id] = p.Kind()
	}
	if kinds[3] != "stopping" || kinds[2] != "not-applied" && kinds[2] != "unknown" {
		t.Errorf("%v", kinds)
	}
	must(t, c.conn.Close())
	<-stopped
}

func (n *made) inFlight() (ids []uint64) {
	n.server.programs.mu.Lock()
	defer n.server.programs.mu.Unlock()
	for p := range n.server.programs.open {
		p.mu.Lock()
		for id := range p.open {
			ids = append(ids, id)
		}
		p.mu.Unlock()
	}
	return ids
}

// TestWhoDoesNotReadAnswersDelaysNobodyAndIsNotReadOn: one stream takes nothing.
func TestWhoDoesNotReadAnswersDelaysNobodyAndIsNotReadOn(t *testing.T) {
	w := newTown(t)
	deaf := converse(t, w.client)
	body := kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "k", Value: strings.Repeat("v", 1<<10)}}, {Range: &kv.Range{Span: kv.Span{Key: "k"}}}}})
	var said sync.WaitGroup
	said.Go(func() {
		for id := uint64(1); id <= 4*programWindow; id++ {
			if _, err := deaf.conn.Write(wire.AppendWrite(nil, id, time.Minute, "", body)); err != nil {
				return
			}
		}
	})
	streamed := beside(t, w.client, 2)
	for range 200 {
		_, err := streamed.Put(t.Context(), "other", "v")
		must(t, err)
		if n := len(w.client.inFlight()); n > programWindow+1 {
			t.Fatalf("%d commands are in flight", n)
		}
	}
	must(t, deaf.conn.Close())
	said.Wait()
	until(t, "it is over", func() bool { return w.client.programs() == 1 })
}

// TestAFullStreamEndsWithItsProgram: nothing is answered any more, so nothing
// makes room.
func TestAFullStreamEndsWithItsProgram(t *testing.T) {
	w := newTown(t)
	near, far := net.Pipe()
	p := newProgram(w.client.server, newPaced(near, nil))
	for id := range uint64(programWindow) {
		p.open[1<<40+id] = &streamed{}
	}
	ended := make(chan error, 1)
	go func() { ended <- p.run(t.Context()) }()
	body := kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "k", Value: "v"}}, {Range: &kv.Range{Span: kv.Span{Key: "k"}}}}})
	_, err := far.Write(wire.AppendWrite(nil, 1, time.Second, "", body))
	must(t, err)
	must(t, far.Close())
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the stream is open for ever")
	}
}

// beside is a Client with a stream, which makes so many.
func beside(t *testing.T, n *made, streams int) *client.Client {
	t.Helper()
	c, err := client.New([]string{n.address})
	must(t, err)
	t.Cleanup(c.Close)
	for range 2 {
		_, err := c.Put(t.Context(), "opens/a/stream", "")
		must(t, err)
	}
	if got := n.programs(); got != streams {
		t.Fatalf("%d streams are open", got)
	}
	return c
}

func TestAnUpgradeToSomethingElseIsRefused(t *testing.T) {
	w := newTown(t)
	r, b := w.client.call(t, http.MethodPost, "/send", nil, "Connection", "Upgrade", "Upgrade", "websocket")
	wantProblem(t, "websocket", r, b, http.StatusUpgradeRequired, wire.Protocol)
}

// TestAProgramThatBeatsOnAfterAFaultIsLeft: it is told why, and has a moment to
// read it, not for ever.
func TestAProgramThatBeatsOnAfterAFaultIsLeft(t *testing.T) {
	w := newTown(t)
	near, far := pair(t)
	p := newProgram(w.client.server, newPaced(near, nil))
	ended := make(chan error, 1)
	go func() { ended <- p.run(t.Context()) }()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	<-time.After(wire.BeatEvery - lastWords/2) // the next sign of life would be given time anew
	_, err := far.Write([]byte{0, 0, 0, 1, 99})
	must(t, err)
	begun := time.Now()
	for {
		if _, err := far.Write(wire.AppendBeat(nil)); err != nil {
			break
		}
		select {
		case <-ended:
			if took := time.Since(begun); took > 10*lastWords {
				t.Errorf("after %v", took)
			}
			return
		case <-time.After(lastWords / 4):
		}
		if time.Since(begun) > patience {
			t.Fatal("it is heard for ever")
		}
	}
	<-ended
}
