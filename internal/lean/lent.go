package lean

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// lent is a connection that net/http has, for as long as nothing hot comes on it:
// a user mixes requests, and one that is not hot must not make all later ones
// slow. It comes back between two requests, and only if it is certain that there
// is no byte of either on the other side.
type lent struct {
	net.Conn
	from  *conn
	front []byte // was read, and is not taken

	// left is how many bytes of the request under way were not taken yet; unknown
	// if that cannot be told, and then the connection stays. It is the reader's.
	left int
	// While a request is answered, net/http watches for the end of the connection,
	// and may so take the first byte of the next one.
	early bool
	first byte
	fate  atomic.Int32
}

const unknown = -1

// What becomes of a connection that is lent.
const (
	answering int32 = iota // a request
	between                // two requests: net/http waits for the next
	returning              // net/http is to close it, and then has it no more
	back
	closed
)

// Read implements io.Reader.
func (l *lent) Read(b []byte) (n int, err error) {
	switch l.fate.Load() {
	case between: // nothing is in front, and nothing is left
		if err := l.next(); err != nil {
			return 0, err
		}
	case returning, back:
		return 0, io.EOF
	}
	if len(l.front) == 0 {
		n, err = l.Conn.Read(b)
	} else if n = copy(b, l.front); n < len(l.front) {
		l.front = l.front[n:]
	} else {
		l.front = nil
		l.from.release()
	}
	switch {
	case l.left == unknown:
	case l.left == 0 && n == 1 && !l.early && l.front == nil:
		l.early, l.first = true, b[0]
	default:
		l.left = max(l.left-n, unknown)
	}
	return n, err
}

// next waits for the first bytes of a request. If it may be a hot one, net/http is
// told that no more comes, and closes the connection: so it comes back.
func (l *lent) next() error {
	c, taken := l.from, 0
	c.hold()
	if l.early {
		c.buf[0], taken = l.first, 1
	}
	n, err := l.Conn.Read(c.buf[taken:])
	if n == 0 {
		c.release()
		return err
	}
	c.start, c.end = 0, taken+n
	_, v := c.request.parse(c.buf[:c.end])
	to := answering
	if !l.early && (v == partial || v == plain && c.hot() != nil) {
		to, err = returning, io.EOF
	} else {
		l.lend(c.buf[:c.end], taken)
		err = nil
	}
	if !l.fate.CompareAndSwap(between, to) {
		return net.ErrClosed
	}
	return err
}

// lend puts bytes in front, which begin with a request of which so many are taken
// already. Nobody may change them.
func (l *lent) lend(b []byte, taken int) {
	l.front, l.left, l.early = b[taken:], framed(b), false
	if l.left != unknown {
		l.left -= taken
	}
}

// Close implements io.Closer. Whoever ends the server may call it too.
func (l *lent) Close() error {
	for {
		switch fate := l.fate.Load(); {
		case fate == back || fate == closed:
			return nil
		case fate == returning && l.fate.CompareAndSwap(fate, back):
			l.from.edge.resume(l.from)
			return nil
		case fate != returning && l.fate.CompareAndSwap(fate, closed):
			return l.Conn.Close()
		}
	}
}

// Unwrap gives the connection below, whose first bytes it may lack.
func (l *lent) Unwrap() net.Conn { return l.Conn }

// ConnState is for http.Server, which must have it: it learns here that a
// connection is between two requests.
func (e *Edge) ConnState(c net.Conn, s http.ConnState) {
	if l, ok := c.(*lent); ok && s == http.StateIdle && l.left == 0 && l.front == nil {
		l.fate.CompareAndSwap(answering, between)
	}
}

// framed tells how many bytes a request has, whatever it is; unknown if that
// takes more than its head and a plain length to tell.
func framed(b []byte) int {
	end := bytes.Index(b, headEnd)
	if end < 0 || bare(b[:end]) {
		return unknown
	}
	size, lengths := end+len(headEnd), 0
	_, rest, _ := bytes.Cut(b[:end], lineEnd)
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, lineEnd)
		name, value, _ := bytes.Cut(line, []byte{':'})
		switch {
		case fold(name, "content-length"):
			var r Request
			if !r.readLength(bytes.Trim(value, " \t")) {
				return unknown
			}
			size += r.length
			lengths++
		case fold(name, "transfer-encoding"), fold(name, "upgrade"), fold(name, "expect"):
			return unknown
		}
	}
	if lengths > 1 {
		return unknown
	}
	return size
}
