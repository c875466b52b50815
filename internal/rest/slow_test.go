package rest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/paxos"
)

// TestWhoStopsReadingIsHungUpOn: a reader that goes away without a word, or
// never reads, must not hold a goroutine and its answer for ever.
func TestWhoStopsReadingIsHungUpOn(t *testing.T) {
	n := start(t, newBook(), "learner1")
	must(t, n.loop.Inspect(t.Context(), func() {
		for slot := range paxos.Slot(8) {
			apply(t, n, slot+1, strings.Repeat("x", 1<<20))
		}
	}))
	hurried := *n.server
	hurried.patienceOfParts = 100 * time.Millisecond
	ended := make(chan string, 1)
	routes := hurried.routes()
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- r.URL.Path }()
		routes.ServeHTTP(w, r)
	}))
	web.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10) // else the kernel takes it all
		}
	}
	web.Start()
	t.Cleanup(web.Close)
	for _, path := range []string{"/get-values", "/view-logs?follow=1&since=0", "/view-logs?follow=1&format=text"} {
		conn, err := net.Dial("tcp", web.Listener.Addr().String())
		must(t, err)
		must(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		must(t, err)
		stop := make(chan struct{})
		talking := make(chan struct{})
		go func() { // a message that this learner refuses is an event
			defer close(talking)
			for {
				select {
				case <-stop:
					return
				default:
					_ = n.loop.Submit(t.Context(), paxos.Envelope{From: "proposer9", To: "learner9", Message: paxos.Learn{}})
				}
			}
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("%s: who never reads is waited for", path)
		}
		close(stop)
		<-talking
		must(t, conn.Close())
	}
}

// TestASlowReaderGetsItAll: slow is not silent.
func TestASlowReaderGetsItAll(t *testing.T) {
	rec := &slowWriter{ResponseRecorder: httptest.NewRecorder()}
	n := start(t, newBook(), "learner1")
	n.server.routes().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/health", nil))
	if rec.Code != http.StatusOK || len(rec.deadlines) < 2 {
		t.Errorf("status %d, %d deadlines", rec.Code, len(rec.deadlines))
	}
	rec.deadlines = nil
	large := make([]byte, 10*partBytes+1)
	c := gin.CreateTestContextOnly(rec, gin.New())
	n.server.inParts(c)
	written, err := c.Writer.Write(large)
	if err != nil || written != len(large) || len(rec.deadlines) < 11 {
		t.Errorf("%d of %d bytes, %v, with %d deadlines", written, len(large), err, len(rec.deadlines))
	}
}

type slowWriter struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (w *slowWriter) SetWriteDeadline(at time.Time) error {
	w.deadlines = append(w.deadlines, at)
	return nil
}

// TestWhoListensIsNotHungUpOn: the deadline for reading a request is none for
// its answer.
func TestWhoListensIsNotHungUpOn(t *testing.T) {
	n := start(t, newBook(), "learner1")
	server := httptest.NewUnstartedServer(n.server.http.Handler)
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	for path, talk := range map[string]func(){
		"/watch?prefix=&consistency=stale": func() {
			must(t, n.loop.Inspect(t.Context(), func() { apply(t, n, n.server.Machine.Applied(), "x") }))
		},
		"/view-logs?follow=1&format=text": func() {
			_ = n.loop.Submit(t.Context(), paxos.Envelope{From: "proposer9", To: "learner9", Message: paxos.Learn{}})
		},
	} {
		response, err := http.Get(server.URL + path)
		must(t, err)
		lines := bufio.NewScanner(response.Body)
		for began := time.Now(); time.Since(began) < 300*time.Millisecond; {
			talk()
			if !lines.Scan() {
				t.Errorf("%s ends after %v: %v", path, time.Since(began), lines.Err())
				break
			}
		}
		must(t, response.Body.Close())
	}
}
