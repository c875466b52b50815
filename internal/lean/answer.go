package lean

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Answer is what a handler says. Its buffers are used again.
type Answer struct {
	Status int
	Head   []byte // header lines, each with its end; see Add
	Body   []byte
	// Rest, if not nil, is what follows Body, and has so many bytes. If it breaks
	// off, so does the connection, and nobody takes a part for the whole.
	Rest      io.ReadCloser
	RestBytes int64

	out     []byte
	buffers *buffers
}

// buffers are an answer's while it is made and written.
type buffers struct{ head, body, out []byte }

// keptBytes is the largest buffer that is kept for later answers.
const keptBytes = 256 << 10

var pool = sync.Pool{New: func() any { return new(buffers) }}

func (a *Answer) reset() {
	a.buffers = pool.Get().(*buffers)
	a.Status, a.Head, a.Body, a.out = http.StatusOK, a.buffers.head[:0], a.buffers.body[:0], a.buffers.out[:0]
}

// done gives the buffers back. What a handler put in their place, too.
func (a *Answer) done() {
	if cap(a.Body)+cap(a.out) <= keptBytes {
		*a.buffers = buffers{a.Head, a.Body, a.out}
		pool.Put(a.buffers)
	}
	if a.Rest != nil {
		_ = a.Rest.Close()
	}
	*a = Answer{}
}

// Add adds a header line. The text must hold no line end.
func (a *Answer) Add(name, value string) {
	a.Head = append(append(append(append(a.Head, name...), ": "...), value...), "\r\n"...)
}

// bodiless: these have no body, and no length either.
func bodiless(status int) bool {
	return status == http.StatusNotModified || status == http.StatusNoContent
}

// frame makes the bytes of the answer.
func (a *Answer) frame(last bool) {
	b := append(a.out, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.Status), 10)
	b = append(append(append(b, ' '), http.StatusText(a.Status)...), "\r\n"...)
	b = append(b, a.Head...)
	b = append(append(append(b, "Date: "...), date(time.Now())...), "\r\n"...)
	if last {
		b = append(b, "Connection: close\r\n"...)
	}
	if bodiless(a.Status) {
		a.out = append(b, "\r\n"...)
		return
	}
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(a.Body))+a.RestBytes, 10)
	a.out = append(append(b, "\r\n\r\n"...), a.Body...)
}

// dated is a second, as a Date says it.
type dated struct {
	second int64
	text   string
}

var today atomic.Pointer[dated]

// date is the text of a Date, made once a second.
func date(now time.Time) string {
	d := today.Load()
	if d == nil || d.second != now.Unix() {
		d = &dated{now.Unix(), now.UTC().Format(http.TimeFormat)}
		today.Store(d)
	}
	return d.text
}
