package rest

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"
)

// TestAStreamThatWasAcceptedIsWrittenAtOnceToo: the connection is below those
// that count it, and that read its first bytes.
func TestAStreamThatWasAcceptedIsWrittenAtOnceToo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("nothing is tried on this system")
	}
	w := newTown(t)
	_, _ = knock(t, w.acceptor, "proposer9", headerStart, "first")
	until(t, "the stream", func() bool {
		w.acceptor.hub.mu.RLock()
		in := w.acceptor.hub.inbound["proposer9"]
		w.acceptor.hub.mu.RUnlock()
		if len(in) == 0 {
			return false
		}
		in[0].out.mu.Lock()
		defer in[0].out.mu.Unlock()
		return in[0].out.attempt != nil
	})
}

func TestWhoHasNoPlaceIsAcceptedWhenAnotherLeaves(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := limit(inner, 2)
	accepted := make(chan net.Conn, 9)
	over := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				over <- err
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", inner.Addr().String())
		must(t, err)
		defer func() { _ = c.Close() }()
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("three have a place, there are two")
	case <-time.After(50 * time.Millisecond):
	}
	must(t, first.Close())
	_ = first.Close() // gives no second place
	third := <-accepted
	must(t, l.Close())
	if err := <-over; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if len(l.places) != 2 {
		t.Errorf("%d places are taken, by two", len(l.places))
	}
	must(t, errors.Join(second.Close(), third.Close()))
}
