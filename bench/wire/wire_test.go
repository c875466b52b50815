package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func address(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// TestItSpeaksWithNetHTTP: requests arrive as they were meant, and answers of
// every framing that net/http has are read whole.
func TestItSpeaksWithNetHTTP(t *testing.T) {
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(body)) {
			t.Errorf("a body of %d bytes, said to be %d: %v", len(body), r.ContentLength, err)
		}
		pieces, _ := strconv.Atoi(r.URL.Query().Get("pieces"))
		for i := range pieces {
			fmt.Fprintf(w, "%s piece %d %s\n", r.Method, i, bytes.Repeat(body, 3))
			w.(http.Flusher).Flush() // makes it chunked
		}
		if pieces == 0 {
			fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL, r.Header.Get("X-Test"), body)
		}
	}))
	defer server.Close()
	c := New(address(server))
	defer c.Close()
	for i := range 50 {
		body := strings.Repeat("v", i*i*20)
		a, err := c.Do(t.Context(), "PUT", "/kv/a%2Fb", "X-Test: yes\r\n", []byte(body))
		if want := "PUT /kv/a%2Fb yes " + body; err != nil || a.Err() != nil || string(a.Body) != want {
			t.Fatalf("%d: %.50q (%d bytes), %v", i, a.Body, len(a.Body), err)
		}
		if a, err = c.Do(t.Context(), "GET", "/", "", nil); err != nil || string(a.Body) != "GET /  " {
			t.Fatalf("%d: %q, %v", i, a.Body, err)
		}
		a, err = c.Do(t.Context(), "POST", "/?pieces="+strconv.Itoa(i+1), "", []byte(body))
		if err != nil || bytes.Count(a.Body, []byte("\n")) != i+1 || len(a.Body) < 3*len(body)*(i+1) {
			t.Fatalf("%d chunks: %d bytes, %v", i+1, len(a.Body), err)
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections were made", len(connections))
	}
}

func TestARefusalIsAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too much", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	c := New(address(server))
	defer c.Close()
	a, err := c.Do(t.Context(), "PUT", "/", "", nil)
	var status *StatusError
	if err != nil || !errors.As(a.Err(), &status) || status.Status != 503 || !a.RetryAfter || !strings.Contains(status.Error(), "too much") {
		t.Errorf("%+v, %v, %v", a, a.Err(), err)
	}
}

// script answers connections one after the other with these bytes, each after a
// request's head, and closes.
func script(t *testing.T, answers ...string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for _, text := range answers {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestAnAnswerThatIsNotUnderstoodIsAnError(t *testing.T) {
	for text, foreign := range map[string]bool{
		"":                      false,
		"HTTP/1.1 200 OK\r\nCo": false,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc":                     false,
		"HTTP/1.1 200 OK\r\n\r\nabc":                                          true,
		"SSH-2.0-OpenSSH\r\n":                                                 true,
		"HTTP/1.1 abc\r\n\r\n":                                                true,
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n":                                 true,
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab": true,
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n":                       true,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n":                  true,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n":          true,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n":   true,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n":    false,
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 8000) + "\r\n\r\n":     true,
	} {
		c := New(script(t, text))
		a, err := c.Do(t.Context(), "GET", "/", "", nil)
		if err == nil || errors.Is(err, ErrForeign) != foreign {
			t.Errorf("%.60q: %+v, %v", text, a, err)
		}
	}
}

func TestAConnectionThatTheServerEndsIsMadeAnew(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"
	c := New(script(t, "HTTP/1.1 100 Continue\r\n\r\n"+ok+"a", ok+"b", "HTTP/1.0 204 No Content\r\n\r\n", "", ok+"c"))
	defer c.Close()
	for _, want := range []string{"a", "b", "", "cut", "c"} {
		a, err := c.Do(t.Context(), "GET", "/", "", nil)
		if (err != nil) != (want == "cut") || err == nil && string(a.Body) != want {
			t.Errorf("%q, %v; not %q", a.Body, err, want)
		}
	}
}

func TestARequestEndsInTime(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	c := New(address(server))
	c.Limit = 50 * time.Millisecond
	begun := time.Now()
	_, err := c.Do(t.Context(), "GET", "/", "", nil)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(begun) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	c.Limit = time.Hour
	if _, err := c.Do(ctx, "GET", "/", "", nil); err == nil {
		t.Error("a request outlives its context's deadline")
	}
}

func BenchmarkRequest(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		in := make([]byte, 4096)
		for {
			if _, err := conn.Read(in); err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}")
		}
	}()
	c := New(l.Addr().String())
	defer c.Close()
	body := bytes.Repeat([]byte("v"), 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Do(b.Context(), "PUT", "/kv/bench/1/1", "", body); err != nil {
			b.Fatal(err)
		}
	}
}
