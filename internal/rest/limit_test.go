package rest

import (
	"errors"
	"net"
	"testing"
	"time"
)

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
