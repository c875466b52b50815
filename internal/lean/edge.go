package lean

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Options of an Edge.
type Options struct {
	// Hot tells, of a request whose body has not come yet, who answers it; nil
	// if it is none of the hot ones.
	Hot func(*Request) Handler
	// Broken is told what a handler panicked with; the connection ends.
	Broken func(any)
	// First is how long a new connection may be silent, Idle one that had an
	// answer, and Sender how long a request may take to come before it is left to
	// net/http, whose patience begins then. Reader is how long a part of an answer
	// may wait for its reader.
	First, Idle, Sender, Reader time.Duration
	Body                        int // the most bytes of a body
}

// Handler answers a request, or reports that it is not for it. Then nothing must
// have been done about it.
type Handler func(*Request, *Answer) bool

// Edge takes connections. It is the listener of those that it hands over.
type Edge struct {
	opts   Options
	handed chan net.Conn
	given  atomic.Uint64

	mu     sync.Mutex
	inner  net.Listener // nil before Serve
	conns  map[*conn]struct{}
	ending atomic.Bool // set with mu
	failed error       // of the listener
	closed chan struct{}
	empty  chan struct{} // closed when it is ending and the last one has gone
}

// New makes an edge; Serve begins.
func New(o Options) *Edge {
	return &Edge{opts: o, handed: make(chan net.Conn), conns: map[*conn]struct{}{}, closed: make(chan struct{}), empty: make(chan struct{})}
}

// The wait after a failure to accept that may pass, as net/http has it.
const (
	shortWait = 5 * time.Millisecond
	longWait  = time.Second
)

// Serve accepts until the edge is closed, or the listener fails.
func (e *Edge) Serve(l net.Listener) {
	e.mu.Lock()
	e.inner = l
	e.mu.Unlock()
	select {
	case <-e.closed: // perhaps before there was a listener to close
		_ = l.Close()
	default:
	}
	wait := time.Duration(0)
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			wait = 0
			e.begin(c)
			continue
		case passing(err):
			wait = min(max(2*wait, shortWait), longWait)
			select {
			case <-time.After(wait):
				continue
			case <-e.closed:
			}
		}
		e.mu.Lock()
		e.failed = err
		e.mu.Unlock()
		_ = e.Close()
		return
	}
}

// passing: too many open files, mostly.
func passing(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func (e *Edge) begin(nc net.Conn) {
	e.resume(&conn{edge: e, nc: nc})
}

// resume serves a connection, which may have come back.
func (e *Edge) resume(c *conn) {
	e.mu.Lock()
	ending := e.ending.Load()
	if !ending {
		e.conns[c] = struct{}{}
	}
	e.mu.Unlock()
	if ending {
		_ = c.nc.Close()
		return
	}
	go c.serve()
}

// left takes a connection off the list, if it is on it: it is closed, or lent.
func (e *Edge) left(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, here := e.conns[c]; !here {
		return
	}
	delete(e.conns, c)
	if e.ending.Load() && len(e.conns) == 0 {
		close(e.empty)
	}
}

// Accept implements net.Listener: it gives connections that are lent.
func (e *Edge) Accept() (net.Conn, error) {
	select {
	case c := <-e.handed:
		return c, nil
	case <-e.closed:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed != nil {
		return nil, e.failed
	}
	return nil, net.ErrClosed
}

// Close implements net.Listener: no connection is taken any more.
func (e *Edge) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.closed:
		return nil
	default:
	}
	close(e.closed)
	if e.inner == nil {
		return nil
	}
	return e.inner.Close()
}

// Addr implements net.Listener.
func (e *Edge) Addr() net.Addr {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inner == nil {
		return &net.TCPAddr{}
	}
	return e.inner.Addr()
}

// Shutdown closes connections on which nothing is asked, and waits until ctx
// ends for the others to have their answer. Then it closes those too.
func (e *Edge) Shutdown(ctx context.Context) error {
	_ = e.Close()
	e.mu.Lock()
	if !e.ending.Swap(true) {
		if len(e.conns) == 0 {
			close(e.empty)
		}
	}
	for c := range e.conns {
		c.endIdle()
	}
	e.mu.Unlock()
	select {
	case <-e.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Abort closes what Shutdown waited for in vain.
func (e *Edge) Abort() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.conns {
		_ = c.nc.Close()
	}
}

// Handed is how often a connection was lent.
func (e *Edge) Handed() uint64 { return e.given.Load() }

// Open is how many connections the edge has.
func (e *Edge) Open() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.conns)
}
