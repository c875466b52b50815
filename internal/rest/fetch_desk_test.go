package rest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"paxos/client/wire"
	"paxos/paxos"
)

// reader speaks to a learner over a stream of reads.
func reader(t *testing.T, n *made) *conversation {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+n.address+"/kv", nil)
	must(t, err)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", wire.ReadsProtocol)
	response, err := (&http.Transport{}).RoundTrip(r)
	must(t, err)
	conn, ok := response.Body.(interface {
		Read([]byte) (int, error)
		Write([]byte) (int, error)
		Close() error
	})
	if !ok || response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get(wire.HeaderFrom) != string(n.id) || response.Header.Get(wire.HeaderWindow) != fmt.Sprint(fetchWindow) {
		t.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &conversation{wire.NewFrames(conn), conn}
}

func (c *conversation) answer(t *testing.T) wire.Answer {
	t.Helper()
	kind, content := c.next(t)
	a, err := wire.ReadAnswer(content)
	if err != nil || kind != wire.KindAnswer {
		t.Fatalf("kind %d, %v", kind, err)
	}
	return a
}

func staleRead(id uint64, key string) []byte {
	return wire.AppendRead(nil, wire.Read{ID: id, Timeout: time.Second, Freshness: wire.Stale}, key)
}

func TestWhatALearnerCannotAnswerOnAStreamIsLeftToRequests(t *testing.T) {
	w := newTown(t, "--max-key-bytes", "100")
	c := reader(t, w.learner)
	for name, frame := range map[string][]byte{
		"no key": staleRead(7, ""), "too long a key": staleRead(7, strings.Repeat("k", 101)), "a key that is no text": staleRead(7, "\xff"),
		"what a session has seen": wire.AppendRead(nil, wire.Read{ID: 7, Timeout: time.Second, Freshness: wire.AfterSession, Seen: 1 << 40}, "k"),
	} {
		c.say(t, frame)
		if a := c.answer(t); a.ID != 7 || a.Status != 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	c.say(t, staleRead(8, "k"))
	if a := c.answer(t); a.ID != 8 || a.Status != http.StatusNotFound || !bytes.Contains(a.Head, []byte("Paxos-Learner: learner1\r\n")) {
		t.Errorf("%+v", a)
	}
}

func TestWhatIsNoReadEndsTheStreamAndNotTheLearner(t *testing.T) {
	w := newTown(t)
	for name, frame := range map[string][]byte{
		"another kind": wire.AppendWrite(nil, 1, time.Second, "", []byte("body")), "half a read": {0, 0, 0, 2, byte(wire.KindRead), 1},
		"a long frame": {0xff, 0xff, 0xff, 0xff, 1}, "no patience": wire.AppendRead(nil, wire.Read{ID: 1}, "k"),
		"endless patience": wire.AppendRead(nil, wire.Read{ID: 1, Timeout: maxTimeout + time.Second}, "k"),
	} {
		c := reader(t, w.learner)
		c.say(t, frame)
		until(t, name, func() bool {
			kind, _, err := c.Next()
			if kind != 0 {
				t.Errorf("%s: kind %d comes", name, kind)
			}
			return err != nil
		})
	}
	r, b := w.learner.call(t, http.MethodGet, "/kv", nil, "Connection", "Upgrade", "Upgrade", "x-paxos/1")
	wantProblem(t, "another protocol", r, b, http.StatusUpgradeRequired, "wrong-protocol", wire.ReadsProtocol)
	w.learner.lives(t)
}

// TestOneThatDoesNotReadHoldsUpNobody: of what it asked only so much is in
// flight, and others have their answers.
func TestOneThatDoesNotReadHoldsUpNobody(t *testing.T) {
	w := newTown(t)
	if r, b := w.client.call(t, http.MethodPut, "/kv/a", bytes.Repeat([]byte("x"), hotBody)); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, b)
	}
	c := reader(t, w.learner)
	wrote := make(chan uint64, 1)
	go func() {
		var id uint64
		for { // until the learner takes no more, or gives up
			id++
			if _, err := c.conn.Write(staleRead(id, "a")); err != nil {
				wrote <- id
				return
			}
		}
	}()
	other := reader(t, w.learner)
	for i := range 50 {
		other.say(t, staleRead(uint64(i), "a"))
		if a := other.answer(t); a.ID != uint64(i) || a.Status != http.StatusOK || len(a.Body) != hotBody {
			t.Fatalf("%+v", a.ID)
		}
	}
	_ = c.conn.Close()
	<-wrote
}

// TestReadsOfOneWriteAskTheLoopOnce, about, and not one by one.
func TestReadsOfOneWriteAskTheLoopOnce(t *testing.T) {
	const many = 300
	w := newTown(t)
	c := reader(t, w.learner)
	asked := w.learner.loop.Counts().StepsOf[paxos.KindLocal].Load()
	var all []byte
	for id := range uint64(many) {
		all = wire.AppendRead(all, wire.Read{ID: id, Timeout: time.Second + time.Duration(id)*time.Microsecond}, "a")
	}
	c.say(t, all)
	for range many {
		if a := c.answer(t); a.Status != http.StatusNotFound {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	if n := w.learner.loop.Counts().StepsOf[paxos.KindLocal].Load() - asked; n == 0 || n > many/10 {
		t.Errorf("the loop was asked %d times for %d reads", n, many)
	}
}

// TestNoMoreIsInFlightThanTheWindow, and when there is room, the rest goes on.
func TestNoMoreIsInFlightThanTheWindow(t *testing.T) {
	w := newTown(t)
	c := reader(t, w.learner)
	letGo := w.learner.holds(t)
	taken := func() (n int) {
		g := w.learner.server.desks
		g.mu.Lock()
		defer g.mu.Unlock()
		for d := range g.open {
			d.mu.Lock()
			n += d.flying
			d.mu.Unlock()
		}
		return n
	}
	go func() {
		var all []byte
		for id := range uint64(2 * fetchWindow) {
			all = append(all, staleRead(id, "a")...)
		}
		_, _ = c.conn.Write(all)
	}()
	until(t, "the window is full", func() bool { return taken() == fetchWindow })
	letGo()
	seen := map[uint64]bool{}
	for range 2 * fetchWindow {
		if n := taken(); n > fetchWindow {
			t.Fatalf("%d are in flight", n)
		}
		seen[c.answer(t).ID] = true
	}
	if len(seen) != 2*fetchWindow {
		t.Errorf("%d of %d have an answer", len(seen), 2*fetchWindow)
	}
}

// TestALearnerThatStopsEndsItsStreams: nobody waits for one that goes.
func TestALearnerThatStopsEndsItsStreams(t *testing.T) {
	w := newTown(t)
	c := reader(t, w.learner)
	c.say(t, staleRead(1, "a"))
	c.answer(t)
	ended := make(chan error, 1)
	go func() {
		for {
			if _, _, err := c.Next(); err != nil {
				ended <- err
				return
			}
		}
	}()
	stopped := make(chan struct{})
	go func() { w.learner.stop(); close(stopped) }()
	beat := time.NewTicker(wire.BeatEvery) // or it would end for silence
	defer beat.Stop()
	for end := time.After(patience); ; {
		select {
		case <-ended:
			_ = c.conn.Close()
			<-stopped
			return
		case <-beat.C:
			_, _ = c.conn.Write(wire.AppendBeat(nil))
		case <-end:
			t.Error("it is open still")
			_ = c.conn.Close()
			<-stopped
			return
		}
	}
}

// FuzzADesk: whatever bytes come, the stream ends or goes on, and the learner
// answers others.
func FuzzADesk(f *testing.F) {
	n := start(f, newBook(), "learner1", "--request-timeout", "100ms")
	f.Add(staleRead(1, "key"))
	f.Add(append(wire.AppendBeat(nil), wire.AppendRead(nil, wire.Read{ID: 9, Timeout: time.Millisecond, JSON: true}, "k")...))
	f.Add([]byte{0, 0, 0, 1, 6})
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Write(b)
			_ = there.Close()
		}()
		if err := newDesk(n.server, newPaced(here, nil)).run(); err == nil {
			t.Error("it ended without a reason")
		}
	})
}
