package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"paxos/client"
	"paxos/client/wire"
	"paxos/paxos"
)

// lineOf is a client service's stream to a town's learner, when it is open.
func (w *town) lineOf(t testing.TB) *line {
	t.Helper()
	l := w.client.server.askings.to(w.learner.address)
	until(t, "a stream of reads is open", func() bool {
		ask(t, w.client.address, requestText("GET /kv/opens/a/stream?consistency=stale", ""))
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.open
	})
	return l
}

// TestAReadForWhichThereIsNoRoomIsRefused, and does not go another way.
func TestAReadForWhichThereIsNoRoomIsRefused(t *testing.T) {
	w := newTown(t)
	l := w.lineOf(t)
	l.mu.Lock()
	for id := range uint64(lineWindow) {
		l.waiting[1<<40+id] = &waiting{told: make(chan struct{}, 1)}
	}
	l.mu.Unlock()
	r, b := w.client.call(t, http.MethodGet, "/kv/a", nil)
	wantProblem(t, "no room", r, b, http.StatusServiceUnavailable, "urn:paxos:overloaded", "try again in a second")
	if r.Header.Get("Retry-After") != "1" {
		t.Errorf("it does not say when to come again: %v", r.Header)
	}
	l.mu.Lock()
	for id := range uint64(lineWindow) {
		delete(l.waiting, 1<<40+id)
	}
	l.mu.Unlock()
	if r, b := w.client.call(t, http.MethodGet, "/kv/a", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("with room again: %d %s", r.StatusCode, b)
	}
}

// asked is how many reads went over the stream.
func (l *line) asked() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// TestAReadOverTheStreamIsAnsweredAsARequestIs, by the lean edge over the stream,
// and by net/http with a request to the learner.
func TestAReadOverTheStreamIsAnsweredAsARequestIs(t *testing.T) {
	w := newTown(t, "--request-timeout", "2s")
	for key, value := range map[string]string{"a": "plain", "b": "\xff\x00", "empty": "", "é / ö": "ü", "large": strings.Repeat("x", hotBody+1)} {
		if r, b := w.client.call(t, http.MethodPut, "/kv/"+urlOf(key), []byte(value)); r.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", r.StatusCode, b)
		}
	}
	_, b := w.client.post(t, "/lease", `{"ttl":"100s"}`)
	var lease client.Lease
	must(t, json.Unmarshal(b, &lease))
	if r, b := w.client.call(t, http.MethodPut, "/kv/leased?lease="+lease.ID.String(), []byte("l")); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, b)
	}
	l, both := w.lineOf(t), inBothWays(t, w.client)
	for _, c := range []struct {
		path, header string
		status       int
	}{
		{"a", "", 200}, {"a", "Accept: application/json", 200}, {"b", "", 200}, {"b", "Accept: application/json", 200}, {"empty", "", 200},
		{"%C3%A9%20/%20%C3%B6", "Accept: text/plain, application/json;q=0.1", 200}, {"leased", "", 200}, {"leased", "Accept: application/json", 200},
		{"none", "", 404}, {"none", "Accept: application/json", 404}, {"a?consistency=stale", "Accept: application/json", 200}, {"none?consistency=stale", "", 404},
		{"a?consistency=session", "", 200}, {"a?consistency=session&session_token=0000000000000001", "Accept: application/json", 200},
		{"a?consistency=session&timeout=30ms", "Paxos-Session-Token: 00000000ffffffff", 504}, {"a", "Paxos-Session-Token: 0000000000000001", 200},
		{"large?consistency=stale", "", 200},
	} {
		before := l.asked()
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		if got := both.same(t, requestText("GET /kv/"+c.path, "", headers...)); got.status != c.status || !got.lean || l.asked() == before {
			t.Errorf("%s, %s: %d %s, over the lean edge %v, %d frames", c.path, c.header, got.status, got.body, got.lean, l.asked()-before)
		}
	}
	w.acceptor.stop()
	before := l.asked()
	got := both.same(t, requestText("GET /kv/a?timeout=300ms", "", "Accept: application/json"))
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "no-quorum") || l.asked() == before {
		t.Errorf("without a quorum: %d %s, %d frames", got.status, got.body, l.asked()-before)
	}
}

func urlOf(key string) string {
	return strings.NewReplacer(" ", "%20", "é", "%C3%A9", "ö", "%C3%B6").Replace(key)
}

// holds keeps the loop from turning until it is let go.
func (n *made) holds(t *testing.T) (letGo func()) {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	go func() { _ = n.loop.Inspect(context.Background(), func() { close(held); <-release }) }()
	<-held
	letGo = sync.OnceFunc(func() { close(release) })
	t.Cleanup(letGo)
	return letGo
}

// TestReadsThatComeTogetherAskTogether: there is one question for all of them,
// and every one has the answer to its own.
func TestReadsThatComeTogetherAskTogether(t *testing.T) {
	const many = 300
	w := newTown(t)
	for i := range 3 {
		w.client.call(t, http.MethodPut, fmt.Sprintf("/kv/k%d", i), fmt.Append(nil, "value ", i))
	}
	w.lineOf(t)
	letGo := w.learner.holds(t)
	asked := w.learner.loop.Counts().SentOf[paxos.KindHighest].Load()
	var running sync.WaitGroup
	for i := range many {
		running.Go(func() {
			got := ask(t, w.client.address, requestText(fmt.Sprintf("GET /kv/k%d", i%3), ""))
			if got.status != http.StatusOK || got.body != fmt.Sprint("value ", i%3) {
				t.Errorf("k%d: %d %s", i%3, got.status, got.body)
			}
		})
	}
	l := w.client.server.askings.to(w.learner.address)
	until(t, "all are in flight", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.waiting) == many
	})
	letGo()
	running.Wait()
	if n := w.learner.loop.Counts().SentOf[paxos.KindHighest].Load() - asked; n == 0 || n > many/10 {
		t.Errorf("%d questions were asked for %d reads", n, many)
	}
}

// TestAReadWhoseStreamIsCutIsAskedAgain, as long as there is time.
func TestAReadWhoseStreamIsCutIsAskedAgain(t *testing.T) {
	w := newTown(t)
	w.client.call(t, http.MethodPut, "/kv/a", []byte("1"))
	between := &cutter{to: w.learner.address}
	between.listen(t)
	w.book.set("learner1", between.address)
	l := w.client.server.askings.to(between.address)
	until(t, "a stream of reads is open", func() bool {
		ask(t, w.client.address, requestText("GET /kv/a?consistency=stale", ""))
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.open
	})
	for range 3 {
		letGo := w.learner.holds(t)
		answered := make(chan spoken, 1)
		go func() { answered <- ask(t, w.client.address, requestText("GET /kv/a", "")) }()
		until(t, "it is in flight", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.waiting) == 1 || !l.open })
		between.cut()
		letGo()
		if got := <-answered; got.status != http.StatusOK || got.body != "1" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		until(t, "there is a stream again", func() bool {
			ask(t, w.client.address, requestText("GET /kv/a?consistency=stale", ""))
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.open
		})
	}
}

// cutter passes connections on, until it cuts all of them.
type cutter struct {
	to, address string
	mu          sync.Mutex
	conns       []net.Conn
}

func (c *cutter) listen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c.address = l.Addr().String()
	var running sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); c.cut(); running.Wait() })
	pass := func(from, to net.Conn) {
		b := make([]byte, 32<<10)
		for {
			n, err := from.Read(b)
			if _, bad := to.Write(b[:n]); err != nil || bad != nil {
				_, _ = from.Close(), to.Close()
				return
			}
		}
	}
	running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", c.to)
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, in, out)
			c.mu.Unlock()
			running.Go(func() { pass(in, out) })
			running.Go(func() { pass(out, in) })
		}
	})
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// TestAStreamThatNobodyUsesIsClosed, and the reads of later come without it.
func TestAStreamThatNobodyUsesIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer func() { _, _ = here.Close(), there.Close() }()
		go func() {
			b := make([]byte, 1000)
			for {
				if _, err := there.Read(b); err != nil {
					return
				}
			}
		}()
		l := &line{lines: newLines(nil), wake: make(chan struct{}, 1), open: true, waiting: map[uint64]*waiting{}, used: true}
		begun := time.Now()
		l.write(t.Context(), here)
		if took := time.Since(begun); took < lineIdle || took > lineIdle+2*wire.BeatEvery {
			t.Errorf("after %v", took)
		}
		q := question{hot: &wire.Read{}, key: "a"}
		if got, asked, err := l.ask(q, time.Second, time.Second); got != nil || asked || err != nil {
			t.Errorf("%v %v %v", got, asked, err)
		}
		_ = here.Close()
	})
}

// TestWhatALearnerDoesNotAnswerInTimeIsGivenUp, and its late answer disturbs
// nobody.
func TestWhatALearnerDoesNotAnswerInTimeIsGivenUp(t *testing.T) {
	w := newTown(t)
	w.client.call(t, http.MethodPut, "/kv/a", []byte("1"))
	l := w.lineOf(t)
	letGo := w.learner.holds(t)
	r, b := w.client.call(t, http.MethodGet, "/kv/a?timeout=100ms", nil)
	wantProblem(t, "a learner that hangs", r, b, http.StatusServiceUnavailable, "no-learner", "learner1 at", "gave no answer within 1")
	if r.Header.Get("Retry-After") != "1" || r.Header.Get(client.HeaderLearner) != "" {
		t.Errorf("%v", r.Header)
	}
	letGo()
	l.mu.Lock()
	left := len(l.waiting)
	l.mu.Unlock()
	if left != 0 {
		t.Errorf("%d still wait", left)
	}
	for range 20 {
		if got := ask(t, w.client.address, requestText("GET /kv/a", "")); got.status != http.StatusOK || got.body != "1" {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
}
