// Package wire speaks HTTP/1.1 as a load generator must: one kept connection, one
// request after another, next to nothing of the processor, which it shares with
// the servers that it measures.
//
// It is no general client: it follows no redirect, and refuses loudly whatever
// answer it does not understand. Users of every system that speaks HTTP go
// through it, so that none is measured with a better client than another.
package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Conn is a connection to one server, for one goroutine. It is made at the first
// request, and anew after every error: what an answer was cut off from is unknown.
type Conn struct {
	// Limit is the most that a request may take.
	Limit time.Duration

	address string
	conn    net.Conn
	in      *bufio.Reader
	out     []byte
	body    []byte
	until   time.Time // the deadline that the connection has
	last    bool      // the server closes after this answer
}

// Answer is what the server said. Its body is valid until the next request.
type Answer struct {
	Status int
	Body   []byte
	// RetryAfter says that the answer had such a header.
	RetryAfter bool
}

// StatusError is an answer that is no success.
type StatusError struct {
	Status     int
	Body       string // its beginning
	RetryAfter bool
}

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("it answers %d: %s", e.Status, e.Body) }

// Err is nil for a status of 2xx.
func (a Answer) Err() error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	return &StatusError{a.Status, string(a.Body[:min(len(a.Body), 300)]), a.RetryAfter}
}

// ErrForeign means that the server speaks something that is not understood here.
var ErrForeign = errors.New("the answer cannot be understood")

const (
	usualLimit = 10 * time.Second
	largest    = 64 << 20 // bytes of an answer
)

// New is a connection to a host:port; nothing is dialled yet.
func New(address string) *Conn { return &Conn{Limit: usualLimit, address: address} }

// Close ends the connection. The next request makes another one.
func (c *Conn) Close() error {
	if c.conn == nil {
		return nil
	}
	conn := c.conn
	c.conn, c.until = nil, time.Time{}
	return conn.Close()
}

// Do sends a request and reads its whole answer. The target is escaped already;
// header is "" or lines that end with CRLF.
func (c *Conn) Do(ctx context.Context, method, target, header string, body []byte) (Answer, error) {
	answer, err := c.do(ctx, method, target, header, body)
	if err != nil || c.last {
		_ = c.Close()
	}
	return answer, err
}

func (c *Conn) do(ctx context.Context, method, target, header string, body []byte) (Answer, error) {
	if err := c.ready(ctx); err != nil {
		return Answer{}, err
	}
	out := append(c.out[:0], method...)
	out = append(append(append(out, ' '), target...), " HTTP/1.1\r\nHost: "...)
	out = append(append(out, c.address...), "\r\n"...)
	out = append(out, header...)
	if body != nil || method != "GET" {
		out = append(strconv.AppendInt(append(out, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	}
	c.out = append(append(out, "\r\n"...), body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return Answer{}, err
	}
	for {
		// 1xx announces an answer.
		if answer, err := c.read(); err != nil || answer.Status >= 200 {
			return answer, err
		}
	}
}

// ready dials if needed, and sees to it that the request ends in time. A deadline
// costs a timer, so one serves many requests.
func (c *Conn) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := time.Now()
	until := now.Add(c.Limit)
	if d, has := ctx.Deadline(); has && d.Before(until) {
		until = d
	}
	if c.conn == nil {
		conn, err := (&net.Dialer{Deadline: until}).DialContext(ctx, "tcp", c.address)
		if err != nil {
			return err
		}
		c.conn, c.last = conn, false
		if c.in == nil {
			c.in = bufio.NewReaderSize(conn, 4<<10)
		} else {
			c.in.Reset(conn)
		}
	}
	if slack := until.Sub(now) / 8; c.until.After(until) || c.until.Before(until.Add(-slack)) {
		c.until = until
		return c.conn.SetDeadline(until)
	}
	return nil
}

// framing is how an answer's end is found.
type framing struct {
	length  int // -1: not said
	chunked bool
}

func (c *Conn) read() (Answer, error) {
	var a Answer
	line, err := c.line()
	if err != nil {
		return a, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return a, fmt.Errorf("%w: it begins %q", ErrForeign, line)
	}
	c.last = line[7] == '0'
	if a.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("%w: it begins %q", ErrForeign, line)
	}
	f := framing{length: -1}
	for {
		line, err := c.line()
		if err != nil {
			return a, err
		}
		if len(line) == 0 {
			break
		}
		if err := c.field(&a, &f, line); err != nil {
			return a, err
		}
	}
	switch {
	case a.Status < 200 || a.Status == 204 || a.Status == 304:
		return a, nil
	case f.chunked:
		err = c.chunks()
	case f.length < 0:
		err = fmt.Errorf("%w: it does not say how long it is", ErrForeign)
	default:
		c.body = c.body[:0]
		err = c.more(f.length)
	}
	a.Body = c.body
	return a, err
}

// field takes in what one line of the head says.
func (c *Conn) field(a *Answer, f *framing, line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return fmt.Errorf("%w: its head has the line %q", ErrForeign, line)
	}
	value = bytes.TrimSpace(value)
	// Most lines are told apart by their length.
	switch len(name) {
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			n, err := strconv.Atoi(string(value))
			if err != nil || n < 0 || n > largest || f.length >= 0 && f.length != n {
				return fmt.Errorf("%w: its length is said to be %q", ErrForeign, value)
			}
			f.length = n
		}
	case len("Transfer-Encoding"):
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			if f.chunked = bytes.EqualFold(value, []byte("chunked")); !f.chunked {
				return fmt.Errorf("%w: its transfer encoding is %q", ErrForeign, value)
			}
		}
	case len("Connection"):
		if bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")) {
			c.last = true
		}
	case len("Retry-After"):
		if bytes.EqualFold(name, []byte("Retry-After")) {
			a.RetryAfter = true
		}
	}
	return nil
}

func (c *Conn) chunks() error {
	c.body = c.body[:0]
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		if err != nil || len(c.body)+int(n) > largest {
			return fmt.Errorf("%w: a chunk begins %q", ErrForeign, line)
		}
		if n > 0 {
			if err := c.more(int(n)); err != nil {
				return err
			}
		}
		// Behind a chunk an empty line; behind the last one perhaps trailers first.
		for {
			line, err := c.line()
			if err != nil {
				return err
			}
			if len(line) == 0 {
				break
			}
			if n > 0 {
				return fmt.Errorf("%w: a chunk is longer than it says", ErrForeign)
			}
		}
		if n == 0 {
			return nil
		}
	}
}

// more reads n bytes of the body.
func (c *Conn) more(n int) error {
	at := len(c.body)
	if cap(c.body) < at+n {
		c.body = append(make([]byte, 0, max(at+n, 2*cap(c.body))), c.body...)
	}
	c.body = c.body[:at+n]
	_, err := io.ReadFull(c.in, c.body[at:])
	return err
}

// line is the next line without its end.
func (c *Conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: a line is too long", ErrForeign)
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}
