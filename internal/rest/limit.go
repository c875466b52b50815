package rest

import (
	"net"
	"sync"
)

// limited is a listener with so many places; who has none waits to be accepted.
// It is like golang.org/x/net/netutil's, whose connections hide the ones below:
// what writes without waiting needs those.
type limited struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limit(l net.Listener, n int) *limited {
	return &limited{Listener: l, places: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close implements net.Listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// placed is a connection that has a place until it is closed.
type placed struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// Unwrap gives the connection below.
func (c *placed) Unwrap() net.Conn { return c.Conn }

// below gives the innermost of the connections that this one is made of.
func below(c net.Conn) net.Conn {
	for {
		outer, ok := c.(interface{ Unwrap() net.Conn })
		if !ok {
			return c
		}
		c = outer.Unwrap()
	}
}
