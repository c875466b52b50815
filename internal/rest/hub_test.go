package rest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paxos/paxos"
)

// peer is the other side of a hub's streams, played by the test.
type peer struct {
	id       paxos.NodeID
	start    string
	listener net.Listener
	knocks   atomic.Int64
	refuses  atomic.Bool // hangs up on whoever comes
	streams  chan *stream
}

func newPeer(t testing.TB, id paxos.NodeID, start, address string) *peer {
	t.Helper()
	l, err := net.Listen("tcp", address)
	must(t, err)
	p := &peer{id: id, start: start, listener: l, streams: make(chan *stream, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.welcome(t, conn)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return p
}

func (p *peer) welcome(t testing.TB, conn net.Conn) {
	p.knocks.Add(1)
	if p.refuses.Load() {
		_ = conn.Close()
		return
	}
	in := bufio.NewReader(conn)
	if _, err := http.ReadRequest(in); err != nil {
		_ = conn.Close()
		return
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + streamProtocol + "\r\n" +
		headerFrom + ": " + string(p.id) + "\r\n" + headerStart + ": " + p.start + "\r\n\r\n"))
	p.streams <- &stream{Conn: conn, in: in}
}

// stream gives the next stream that the hub opened.
func (p *peer) stream(t testing.TB) *stream {
	t.Helper()
	select {
	case s := <-p.streams:
		must(t, s.SetDeadline(time.Now().Add(patience)))
		return s
	case <-time.After(patience):
		t.Fatalf("nobody opens a stream to %s", p.id)
		return nil
	}
}

func (p *peer) address() string { return p.listener.Addr().String() }

func newHub(t testing.TB, book *phoneBook) *Hub {
	t.Helper()
	h := NewHub("acceptor1", members.Stamp(), book, quiet())
	h.Handle(func(paxos.Envelope) error { return nil })
	t.Cleanup(h.Close)
	return h
}

func heard(to paxos.NodeID, n int) paxos.Envelope {
	return paxos.Envelope{From: "acceptor1", To: to, Message: paxos.Heard{Count: paxos.Number(n)}}
}

func wantHeard(t testing.TB, s *stream, n int) {
	t.Helper()
	e, err := s.next()
	if err != nil || e.Message.(paxos.Heard).Count != paxos.Number(n) {
		t.Fatalf("message %d: %+v %v", n, e, err)
	}
}

func TestAStuckPeerDelaysNobodyAndKeepsLittle(t *testing.T) {
	t.Parallel()
	book := newBook()
	stuck, good := newPeer(t, "learner1", "s", "127.0.0.1:0"), newPeer(t, "learner2", "g", "127.0.0.1:0")
	book.set("learner1", stuck.address())
	book.set("learner2", good.address())
	h := newHub(t, book)
	h.Send([]paxos.Envelope{heard("learner1", 0), heard("learner2", 0)})
	_, s := stuck.stream(t), good.stream(t)
	wantHeard(t, s, 0)
	value := paxos.Value{Commands: []paxos.Command{{Body: make([]byte, 1<<20)}}}
	large := paxos.Envelope{From: "acceptor1", To: "learner1", Message: paxos.Learn{Votes: []paxos.Vote{{Value: &value}}}}
	h.mu.RLock()
	waiting := h.links["learner1"].out
	h.mu.RUnlock()
	began, most := time.Now(), 0
	for n := 1; n <= 300; n++ {
		h.Send([]paxos.Envelope{large, heard("learner2", n)})
		wantHeard(t, s, n)
		waiting.mu.Lock()
		most = max(most, waiting.bytes)
		waiting.mu.Unlock()
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("300 messages to a good peer took %v beside a stuck one", took)
	}
	if most > queueBytes || h.Lost.Load() < 100 {
		t.Errorf("%d bytes waited for the stuck peer, %d messages were lost", most, h.Lost.Load())
	}
	// Its stream is given up, and another one is tried.
	until(t, "another try", func() bool { return stuck.knocks.Load() > 1 })
}

func TestAStreamIsOpenedAgainWithBackOff(t *testing.T) {
	t.Parallel()
	book := newBook()
	p := newPeer(t, "learner1", "1", "127.0.0.1:0")
	book.set("learner1", p.address())
	h := newHub(t, book)
	h.Send([]paxos.Envelope{heard("learner1", 1)})
	first := p.stream(t)
	wantHeard(t, first, 1)
	p.refuses.Store(true)
	must(t, first.Close())
	began := p.knocks.Load()
	end := time.Now().Add(1500 * time.Millisecond)
	until(t, "a while", func() bool { return time.Now().After(end) })
	if n := p.knocks.Load() - began; n < 3 || n > 15 {
		t.Errorf("%d tries in 1.5 s, with pauses from 20 ms to 1 s that double", n)
	}
	p.refuses.Store(false)
	again := p.stream(t)
	h.Send([]paxos.Envelope{heard("learner1", 2)})
	wantHeard(t, again, 2)
	// The peer starts again at another address; the book's news end the pause.
	must(t, p.listener.Close())
	moved := newPeer(t, "learner1", "2", "127.0.0.1:0")
	must(t, again.Close())
	book.set("learner1", moved.address())
	third := moved.stream(t)
	h.Send([]paxos.Envelope{heard("learner1", 3)})
	wantHeard(t, third, 3)
}

func TestAnAddressWhereAnotherNodeAnswersIsNotTheNode(t *testing.T) {
	book := newBook()
	wrong, right := newPeer(t, "learner2", "w", "127.0.0.1:0"), newPeer(t, "learner1", "r", "127.0.0.1:0")
	book.set("learner1", wrong.address(), right.address())
	h := newHub(t, book)
	h.Send([]paxos.Envelope{heard("learner1", 1)})
	s := right.stream(t)
	until(t, "the stream", func() bool { return len(h.Streams()) == 1 })
	h.Send([]paxos.Envelope{heard("learner1", 2)})
	e, err := s.next()
	if err != nil || e.To != "learner1" {
		t.Fatalf("%+v %v", e, err)
	}
	if wrong.knocks.Load() == 0 {
		t.Error("the first address was not tried")
	}
}

func TestStrangersWhoAskAndGoLeaveNothingBehind(t *testing.T) {
	w := newTown(t)
	count := func() int {
		w.acceptor.hub.mu.RLock()
		defer w.acceptor.hub.mu.RUnlock()
		return len(w.acceptor.hub.links) + len(w.acceptor.hub.inbound)
	}
	before := count()
	for range 50 {
		for _, id := range []paxos.NodeID{"stranger1", "stranger2", "proposer8"} {
			s := dial(t, w.acceptor, id)
			for range 20 {
				_, err := s.Write(framed(nil, s.h.Envelope("acceptor1", paxos.Survey{})))
				must(t, err)
			}
			must(t, s.Close())
		}
	}
	until(t, "nothing of the strangers is left", func() bool { return count() <= before })
	w.acceptor.lives(t)
}

func TestTwoProcessesUnderOneIDAreBothAnsweredThoughOneWasDialled(t *testing.T) {
	w := newTown(t)
	first := newPeer(t, "proposer9", "first", "127.0.0.1:0")
	w.book.set("proposer9", first.address())
	w.acceptor.hub.Send([]paxos.Envelope{heard("proposer9", 1)})
	dialled := first.stream(t)
	wantHeard(t, dialled, 1)
	second, _ := knock(t, w.acceptor, "proposer9", headerStart, "second")
	same, _ := knock(t, w.acceptor, "proposer9", headerStart, "first")
	until(t, "both streams", func() bool {
		w.acceptor.hub.mu.RLock()
		defer w.acceptor.hub.mu.RUnlock()
		return len(w.acceptor.hub.inbound["proposer9"]) == 2
	})
	w.acceptor.hub.Send([]paxos.Envelope{heard("proposer9", 2)})
	wantHeard(t, dialled, 2)
	wantHeard(t, second, 2)
	first.refuses.Store(true)
	must(t, dialled.Close())
	until(t, "the dialled stream's end", func() bool { return !linked(w.acceptor, "proposer9") })
	w.acceptor.hub.Send([]paxos.Envelope{heard("proposer9", 3)})
	// The first process got the second message once, over the other stream.
	wantHeard(t, same, 3)
	wantHeard(t, second, 3)
}

// A request must not reach both processes under one id: one would refuse what
// the other pursues, and the refusal would be believed.
func TestARequestReachesOneOfTwoProcessesUnderOneID(t *testing.T) {
	w := newTown(t)
	first := newPeer(t, "proposer9", "first", "127.0.0.1:0")
	w.book.set("proposer9", first.address())
	w.client.hub.Send([]paxos.Envelope{heard("proposer9", 1)})
	dialled := first.stream(t)
	wantHeard(t, dialled, 1)
	second, _ := knock(t, w.client, "proposer9", headerStart, "second")
	until(t, "both streams", func() bool {
		w.client.hub.mu.RLock()
		defer w.client.hub.mu.RUnlock()
		return len(w.client.hub.inbound["proposer9"]) == 1
	})
	w.client.hub.Send([]paxos.Envelope{{From: "client1", To: "proposer9", Message: paxos.Propose{Attempt: 7}}, heard("proposer9", 2)})
	if e, err := dialled.next(); err != nil || e.Message.Kind() != paxos.KindPropose {
		t.Errorf("the dialled process got %+v, %v", e, err)
	}
	wantHeard(t, dialled, 2)
	// Streams keep the order: had the request come here, it would be first.
	wantHeard(t, second, 2)
}

// Of two processes under one id the one that does not lead says that its id
// leads: the other address is the one to ask.
func TestTheStreamGoesToTheOtherProcessThatLeads(t *testing.T) {
	w := newTown(t)
	idle, leads := newPeer(t, "proposer9", "idle", "127.0.0.1:0"), newPeer(t, "proposer9", "leads", "127.0.0.1:0")
	w.book.set("proposer9", idle.address())
	w.client.hub.Send([]paxos.Envelope{heard("proposer9", 1)})
	s := idle.stream(t)
	wantHeard(t, s, 1)
	refuse := framed(nil, paxos.Envelope{From: "proposer9", To: "client1", Message: paxos.Refused{Reason: paxos.NotLeading, Leader: "proposer9"}})
	_, err := s.Write(refuse)
	must(t, err)
	// With one address there is nobody else to ask, and the stream stays.
	w.client.hub.Send([]paxos.Envelope{heard("proposer9", 2)})
	wantHeard(t, s, 2)
	w.book.set("proposer9", idle.address(), leads.address())
	_, err = s.Write(refuse)
	must(t, err)
	// It ends because of what was said, well before it would for silence.
	must(t, s.SetReadDeadline(time.Now().Add(silenceLimit/2)))
	if e, err := s.next(); !errors.Is(err, io.EOF) {
		t.Fatalf("the stream goes on: %+v, %v", e, err)
	}
	leads.stream(t)
}

func streamsOf(n *made) string {
	var b strings.Builder
	for _, id := range n.hub.Streams() {
		b.WriteString(string(id) + " ")
	}
	return b.String()
}

func linked(n *made, id paxos.NodeID) bool {
	n.hub.mu.RLock()
	defer n.hub.mu.RUnlock()
	l := n.hub.links[id]
	return l != nil && l.open.Load() != nil
}
