package lean

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const patience = 10 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pipes is a listener of connections in memory.
type pipes struct {
	coming chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{coming: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.coming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.coming <- there
	return here
}

// echo says what it was asked; below /wait it waits for the gate, and below
// /not it answers nothing.
type echo struct{ entered, gate chan struct{} }

func (e echo) handle(r *Request, a *Answer) bool {
	switch string(r.Path) {
	case "/hot/not":
		return false
	case "/hot/wait":
		e.entered <- struct{}{}
		<-e.gate
	case "/hot/panic":
		panic("as asked")
	case "/hot/cut":
		a.Body, a.Rest, a.RestBytes = append(a.Body, "front "...), io.NopCloser(strings.NewReader("rest")), 10
		return true
	case "/hot/rest":
		a.Body, a.Rest, a.RestBytes = append(a.Body, "front "...), io.NopCloser(strings.NewReader("rest and more")), 4
		return true
	case "/hot/large":
		a.Body = append(a.Body, make([]byte, 1<<20)...)
		return true
	}
	a.Status = http.StatusCreated
	a.Add("X-Edge", "lean")
	a.Body = fmt.Appendf(a.Body, "%s %s ? %s | %s", r.Method, r.Path, r.Query, r.Body)
	return true
}

// served is an edge with net/http behind it.
type served struct {
	edge   *Edge
	in     *pipes
	echo   echo
	broken chan any
	web    *http.Server
	stop   func()

	rests atomic.Int32 // how often net/http came to rest between two requests
}

func testOptions(h Handler) Options {
	return Options{First: 5 * time.Second, Idle: time.Minute, Sender: time.Second, Reader: 10 * time.Second, Body: 64 << 10,
		Hot: func(r *Request) Handler {
			if len(r.Path) > 5 && string(r.Path[:5]) == "/hot/" {
				return h
			}
			return nil
		}}
}

func serve(t testing.TB) *served {
	s := &served{in: newPipes(), echo: echo{make(chan struct{}, 8), make(chan struct{})}, broken: make(chan any, 1)}
	o := testOptions(s.echo.handle)
	o.Broken = func(why any) { s.broken <- why }
	s.edge = New(o)
	s.web = &http.Server{ReadHeaderTimeout: 4 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/wait" {
			s.echo.entered <- struct{}{}
			<-s.echo.gate
		}
		w.Header().Set("X-Edge", "net/http")
		_, _ = fmt.Fprintf(w, "%s %s | %s", r.Method, r.RequestURI, b)
	}), ConnState: func(c net.Conn, state http.ConnState) {
		s.edge.ConnState(c, state)
		if state == http.StateIdle {
			s.rests.Add(1)
		}
	}}
	var running sync.WaitGroup
	running.Go(func() { s.edge.Serve(s.in) })
	running.Go(func() { _ = s.web.Serve(s.edge) })
	s.stop = sync.OnceFunc(func() {
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.edge.Shutdown(gone)
		s.edge.Abort()
		_ = s.web.Close()
		running.Wait()
	})
	t.Cleanup(s.stop)
	return s
}

// user speaks HTTP over a connection of its own.
type user struct {
	net.Conn
	in *bufio.Reader
	t  testing.TB
}

func (s *served) user(t testing.TB) *user {
	c := s.in.dial()
	t.Cleanup(func() { _ = c.Close() })
	return &user{c, bufio.NewReader(c), t}
}

// send writes without waiting for anybody to read it.
func (u *user) send(text string) {
	go func() { _, _ = io.WriteString(u, text) }()
}

// hear reads an answer.
func (u *user) hear() (*http.Response, string) {
	u.t.Helper()
	r, err := http.ReadResponse(u.in, nil)
	must(u.t, err)
	b, err := io.ReadAll(r.Body)
	must(u.t, err)
	return r, string(b)
}

// want demands an answer of that edge.
func (u *user) want(edge, body string) *http.Response {
	u.t.Helper()
	r, b := u.hear()
	if r.Header.Get("X-Edge") != edge || b != body {
		u.t.Fatalf("%d from %s: %q, want %q from %s", r.StatusCode, r.Header.Get("X-Edge"), b, body, edge)
	}
	return r
}
