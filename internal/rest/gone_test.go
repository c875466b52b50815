package rest

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"paxos/paxos"
)

// missed collects whom a hub called gone.
type missed struct {
	mu  sync.Mutex
	ids []paxos.NodeID
}

func (m *missed) note(id paxos.NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids = append(m.ids, id)
}

func (m *missed) all() []paxos.NodeID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.ids)
}

// missing makes a hub that notes whom it calls gone, with a stream to the peer.
func missing(t *testing.T, book *phoneBook, p *peer) (*Hub, *missed, *stream) {
	t.Helper()
	h, m := newHub(t, book), &missed{}
	h.Gone(m.note)
	h.Send([]paxos.Envelope{heard(p.id, 1)})
	s := p.stream(t)
	until(t, "the stream", func() bool { return h.connected(p.id) })
	return h, m, s
}

// looked waits until nobody looks after a peer any more, whose stream has ended.
func looked(t *testing.T, h *Hub, id paxos.NodeID) {
	t.Helper()
	until(t, "the end of the stream", func() bool { return !h.connected(id) })
	until(t, "the end of the looks", func() bool {
		h.partings.mu.Lock()
		defer h.partings.mu.Unlock()
		return h.partings.ends[id] == 0
	})
}

func TestAProposerWhosePortIsClosedIsGone(t *testing.T) {
	t.Parallel()
	book := newBook()
	p := newPeer(t, "proposer1", "1", "127.0.0.1:0")
	book.set("proposer1", p.address())
	_, m, s := missing(t, book, p)
	must(t, p.listener.Close())
	must(t, s.Close())
	until(t, "it is found", func() bool { return slices.Equal(m.all(), []paxos.NodeID{"proposer1"}) })
}

func TestTheEndOfAnIncomingStreamIsLookedAfterToo(t *testing.T) {
	w, m := newTown(t), &missed{}
	w.acceptor.hub.Gone(m.note)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())
	w.book.set("proposer9", closed.Addr().String())
	must(t, dial(t, w.acceptor, "proposer9").Close())
	until(t, "it is found", func() bool { return slices.Equal(m.all(), []paxos.NodeID{"proposer9"}) })
}

// What has too much to do closes streams, and is there.
func TestAProposerThatAcceptsAndHangsUpIsNotGone(t *testing.T) {
	t.Parallel()
	book := newBook()
	p := newPeer(t, "proposer1", "1", "127.0.0.1:0")
	book.set("proposer1", p.address())
	h, m, s := missing(t, book, p)
	p.refuses.Store(true)
	before := p.knocks.Load()
	must(t, s.Close())
	until(t, "looks and tries", func() bool { return p.knocks.Load() >= before+looks })
	looked(t, h, "proposer1")
	if got := m.all(); len(got) > 0 {
		t.Errorf("%v listens and hangs up, and is called gone", got)
	}
}

// A host that does not answer, or has no room for more that wait to be accepted,
// refuses nothing: to connect takes until the time is up.
func TestAProposerThatDoesNotAnswerIsNotGone(t *testing.T) {
	if refused(t.Context(), fullListener(t)) {
		t.Error("who has no room for more connections is called gone")
	}
}

func TestAProposerWithOneOpenAddressIsNotGone(t *testing.T) {
	t.Parallel()
	book := newBook()
	p, other := newPeer(t, "proposer1", "1", "127.0.0.1:0"), newPeer(t, "proposer1", "2", "127.0.0.1:0")
	other.refuses.Store(true)
	book.set("proposer1", p.address(), other.address())
	h, m, s := missing(t, book, p)
	must(t, p.listener.Close())
	must(t, s.Close())
	until(t, "looks at the other address", func() bool { return other.knocks.Load() >= looks })
	looked(t, h, "proposer1")
	if got := m.all(); len(got) > 0 {
		t.Errorf("%v listens at its second address, and is called gone", got)
	}
}

func TestAProposerWithAnotherStreamIsNotGoneUntilThatEnds(t *testing.T) {
	w, m := newTown(t), &missed{}
	w.acceptor.hub.Gone(m.note)
	p := newPeer(t, "proposer9", "1", "127.0.0.1:0")
	w.book.set("proposer9", p.address())
	first, _ := knock(t, w.acceptor, "proposer9", headerStart, "1")
	second, r := knock(t, w.acceptor, "proposer9", headerStart, "1")
	if r.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(r.Status)
	}
	streams := func() int {
		w.acceptor.hub.mu.RLock()
		defer w.acceptor.hub.mu.RUnlock()
		return len(w.acceptor.hub.inbound["proposer9"])
	}
	until(t, "both streams", func() bool { return streams() == 2 })
	must(t, p.listener.Close())
	must(t, first.Close())
	until(t, "one stream", func() bool { return streams() == 1 })
	end := time.Now().Add(300 * time.Millisecond)
	until(t, "a while", func() bool { return time.Now().After(end) })
	if got := m.all(); len(got) > 0 {
		t.Errorf("%v has a stream, and is called gone", got)
	}
	must(t, second.Close())
	until(t, "it is found", func() bool { return len(m.all()) == 1 })
}

func TestNobodyLooksAfterOthersThanProposers(t *testing.T) {
	t.Parallel()
	book := newBook()
	p := newPeer(t, "learner1", "1", "127.0.0.1:0")
	book.set("learner1", p.address())
	h, m, s := missing(t, book, p)
	p.refuses.Store(true)
	must(t, s.Close())
	must(t, p.listener.Close())
	until(t, "the end of the stream", func() bool { return !h.connected("learner1") })
	end := time.Now().Add(300 * time.Millisecond)
	until(t, "a while", func() bool { return time.Now().After(end) })
	if got := m.all(); len(got) > 0 {
		t.Errorf("%v are called gone, and nobody needs to know", got)
	}
}
