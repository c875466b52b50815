package lean

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Sizes of buffers. A connection holds the small one for as long as it lives,
// and a larger one while a larger request is under way.
const (
	headMost   = 8 << 10
	smallBytes = 4 << 10
	partBytes  = 64 << 10 // of an answer, written with one patience
)

// What a connection is doing. Who ends the edge may close one that is idle.
const (
	idle int32 = iota
	busy
	gone
)

type conn struct {
	edge  *Edge
	nc    net.Conn
	state atomic.Int32

	buf        []byte            // small or large
	start, end int               // of what was read, and is not dealt with
	small      *[smallBytes]byte // nil while nothing is read here
	large      *[]byte           // nil mostly
	request    Request
	answer     Answer

	readBy, writeBy time.Time // the deadlines as they are set
}

var (
	smalls = sync.Pool{New: func() any { return new([smallBytes]byte) }}
	larges = sync.Pool{New: func() any { return new([]byte) }}
)

// hold takes a buffer to read into, unless it has one.
func (c *conn) hold() {
	if c.small == nil {
		c.small = smalls.Get().(*[smallBytes]byte)
		c.buf = c.small[:]
	}
}

// release gives it back. Nothing in it is needed any more.
func (c *conn) release() {
	if c.small != nil {
		smalls.Put(c.small)
		c.small, c.buf = nil, nil
	}
}

// serve answers one request after the other. It ends with the connection
// closed, or lent.
func (c *conn) serve() {
	handed := false
	defer func() {
		p := recover()
		if !handed { // else it may be on its way back already
			_ = c.nc.Close()
			c.release()
			c.edge.left(c)
		}
		if p != nil {
			c.edge.opts.Broken(p)
		}
	}()
	c.hold()
	patience := c.edge.opts.First
	for {
		if c.start == c.end && !c.await(patience) {
			return
		}
		switch more, ok := c.one(); {
		case !ok:
			handed = c.handOver()
			return
		case !more:
			return
		}
		patience = c.edge.opts.Idle
	}
}

// await waits for the first bytes of a request.
func (c *conn) await(patience time.Duration) bool {
	c.start, c.end = 0, 0
	c.shrink()
	if !c.state.CompareAndSwap(busy, idle) && c.state.Load() != idle {
		return false
	}
	if c.edge.ending.Load() && c.state.CompareAndSwap(idle, gone) {
		return false
	}
	now := time.Now()
	if left := c.readBy.Sub(now); left < patience*3/4 || left > patience {
		c.readBy = now.Add(patience)
		if c.nc.SetReadDeadline(c.readBy) != nil {
			return false
		}
	}
	n, _ := c.nc.Read(c.buf)
	c.end = n
	return n > 0 && c.state.CompareAndSwap(idle, busy)
}

// endIdle closes the connection if nothing was asked on it.
func (c *conn) endIdle() {
	if c.state.CompareAndSwap(idle, gone) {
		_ = c.nc.Close()
	}
}

// one reads and answers one request. It is not ok if the connection is to be
// lent; there is no more if it is to be closed.
func (c *conn) one() (more, ok bool) {
	var late time.Time // when the rest of this request is waited for no longer
	for {
		size, v := c.request.parse(c.buf[c.start:c.end])
		if v == foreign {
			return false, false
		}
		if v == plain {
			handle := c.hot()
			if handle == nil {
				return false, false
			}
			if whole := size + c.request.length; c.end-c.start >= whole {
				c.request.Body = c.buf[c.start+size : c.start+whole]
				return c.reply(handle, whole)
			}
			c.room(size + c.request.length)
		} else {
			c.room(headMost)
		}
		if late.IsZero() {
			late = time.Now().Add(c.edge.opts.Sender)
			c.readBy = late
			if c.nc.SetReadDeadline(late) != nil {
				return false, true
			}
		}
		n, err := c.nc.Read(c.buf[c.end:])
		c.end += n
		if n == 0 && err != nil {
			// Whoever is late is left to net/http, and so is what was cut off.
			return false, false
		}
	}
}

// reply answers the request, which has so many bytes.
func (c *conn) reply(handle Handler, whole int) (more, ok bool) {
	a := &c.answer
	a.reset()
	defer a.done()
	if !handle(&c.request, a) {
		return false, false
	}
	last := c.request.last || c.edge.ending.Load()
	a.frame(last)
	if !c.write(a.out) || a.Rest != nil && !c.pass(a) {
		return false, true
	}
	c.start += whole
	return !last, true
}

// write writes in parts, and each has its time: a reader may be slow, but one
// that stops reading is hung up on.
func (c *conn) write(b []byte) bool {
	for len(b) > 0 {
		now := time.Now()
		if c.writeBy.Sub(now) < c.edge.opts.Reader*3/4 {
			c.writeBy = now.Add(c.edge.opts.Reader)
			if c.nc.SetWriteDeadline(c.writeBy) != nil {
				return false
			}
		}
		part := b[:min(len(b), partBytes)]
		if _, err := c.nc.Write(part); err != nil {
			return false
		}
		b = b[len(part):]
	}
	return true
}

// pass writes the rest of an answer as it comes.
func (c *conn) pass(a *Answer) bool {
	b := make([]byte, partBytes)
	for left := a.RestBytes; left > 0; {
		n, err := a.Rest.Read(b[:min(int64(len(b)), left)])
		if !c.write(b[:n]) || n == 0 && err != nil {
			return false
		}
		left -= int64(n)
	}
	return true
}

// room makes the buffer large enough for a request of so many bytes, and moves
// what was read of it to the front.
func (c *conn) room(size int) {
	if size <= len(c.buf) {
		c.end, c.start = copy(c.buf, c.buf[c.start:c.end]), 0
		return
	}
	b := larges.Get().(*[]byte)
	if cap(*b) < size {
		*b = make([]byte, size)
	}
	into := (*b)[:cap(*b)]
	c.end, c.start = copy(into, c.buf[c.start:c.end]), 0
	c.shrink()
	c.large, c.buf = b, into
}

// shrink gives a large buffer back.
func (c *conn) shrink() {
	if c.large != nil {
		larges.Put(c.large)
		c.large, c.buf = nil, c.small[:]
	}
}

// hot tells who answers the request that was parsed, nil if it is none of the hot
// ones.
func (c *conn) hot() Handler {
	if c.request.length > c.edge.opts.Body {
		return nil
	}
	return c.edge.opts.Hot(&c.request)
}

// handOver lends the connection to whoever accepts from the edge, with what was
// read of it in front. It reports false if nobody does any more.
func (c *conn) handOver() bool {
	if c.nc.SetDeadline(time.Time{}) != nil {
		return false
	}
	c.readBy, c.writeBy = time.Time{}, time.Time{}
	l := &lent{Conn: c.nc, from: c}
	l.lend(bytes.Clone(c.buf[c.start:c.end]), 0)
	c.shrink()
	c.release()
	c.edge.left(c)
	c.edge.given.Add(1)
	select {
	case c.edge.handed <- l:
		return true
	case <-c.edge.closed:
		return false
	}
}
