package rest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"paxos/paxos"
)

// raw opens a connection and writes to it.
func raw(t testing.TB, n *made, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", n.address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	// The other side may hang up before it has read everything.
	_, _ = conn.Write([]byte(text))
	return conn
}

const head = "Host: x\r\nContent-Type: application/json\r\n"

func TestHalfSentRequestsDelayNobody(t *testing.T) {
	w := newTown(t)
	before := runtime.NumGoroutine()
	var conns []net.Conn
	for _, n := range w.all() {
		path := doors[roleOf(n.id)]
		for _, text := range []string{
			"", "P", "POST " + path, "POST " + path + " HTTP/1.1\r\n" + head, "POST " + path + " HTTP/1.1\r\n" + head + "Content-Length: 100\r\n\r\n",
			"POST " + path + " HTTP/1.1\r\n" + head + "Content-Length: 100\r\n\r\n{\"ballot\":",
			"POST " + path + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"b",
			"POST " + path + " HTTP/1.1\r\n" + head + "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
			"GET /view-logs?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n",
		} {
			for range 20 {
				conns = append(conns, raw(t, n, text))
			}
		}
	}
	for _, n := range w.all() {
		n.lives(t)
	}
	if status, b := w.client.post(t, "/send", `{"value":"x"}`); status != http.StatusOK {
		t.Errorf("a send beside %d half-sent requests: %d %s", len(conns), status, b)
	}
	for _, c := range conns {
		must(t, c.Close())
	}
	until(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() < before+30 })
}

// answerTo sends text and reads whatever comes back until the connection ends.
func answerTo(t testing.TB, n *made, text string) (*http.Response, []byte) {
	t.Helper()
	conn := raw(t, n, text)
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, nil // closed without an answer
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Logf("reading the answer: %v", err)
	}
	return r, b
}

func TestWhatIsNoHTTPIsRefusedOrHungUpOn(t *testing.T) {
	w := newTown(t)
	for name, text := range map[string]string{
		"no HTTP at all":        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"another version":       "GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
		"no host":               "GET /health HTTP/1.1\r\n\r\n",
		"a bad header":          "GET /health HTTP/1.1\r\nHost: x\r\n bad\r\n\r\n",
		"two lengths":           "POST /prepare HTTP/1.1\r\n" + head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"a negative length":     "POST /prepare HTTP/1.1\r\n" + head + "Content-Length: -1\r\n\r\n{}",
		"a length of 2^64":      "POST /prepare HTTP/1.1\r\n" + head + "Content-Length: 18446744073709551616\r\n\r\n{}",
		"a bad chunk":           "POST /prepare HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
		"an unknown encoding":   "POST /prepare HTTP/1.1\r\n" + head + "Transfer-Encoding: gzip\r\n\r\n{}",
		"an announced 8 EiB":    "POST /prepare HTTP/1.1\r\n" + head + "Content-Length: 9223372036854775807\r\n\r\n" + strings.Repeat(" ", maxMessageBytes+1),
		"a proxy's request":     "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
		"HTTP/2 by force":       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a path that is *":      "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"an encoded nul":        "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"a bad percent":         "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"a bad query":           "GET /get-values?from=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"half of a bad upgrade": "POST /accept HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + streamProtocol + "\r\nPaxos-From: p\r\n\r\n",
	} {
		for _, n := range w.all() {
			r, b := answerTo(t, n, text)
			if r != nil && (r.StatusCode < 400 || r.StatusCode == http.StatusInternalServerError) && !(strings.HasPrefix(text, "OPTIONS *") && r.StatusCode == http.StatusOK) {
				t.Errorf("%s at %s: %d %s", name, n.id, r.StatusCode, b)
			}
		}
	}
	for _, n := range w.all() {
		n.lives(t)
	}
}

func TestGarbageAfterAnUpgradeEndsThatStreamOnly(t *testing.T) {
	w := newTown(t)
	healthy := dial(t, w.acceptor, "proposer7")
	upgrade := func(more string) string {
		return "POST /accept HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + streamProtocol + "\r\n" + headerFrom + ": proposer9\r\n" +
			headerTo + ": acceptor1\r\n" + headerConfig + ": " + members.Stamp().String() + "\r\n" + more
	}
	for name, text := range map[string]string{
		"in the same packet":  upgrade("\r\n") + "garbage garbage garbage",
		"as a body":           upgrade("Content-Length: 24\r\n\r\n") + "garbage garbage garbage.",
		"as a second request": upgrade("\r\n") + "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
		"as a chunked body":   upgrade("Transfer-Encoding: chunked\r\n\r\n") + "5\r\nhello\r\n0\r\n\r\n",
		"all at once":         strings.Repeat(upgrade("\r\n"), 3),
	} {
		conn := raw(t, w.acceptor, text)
		got, err := io.ReadAll(conn)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("%s: the stream goes on after %q", name, got)
		}
		if bytes.Contains(got, []byte("500 Internal")) {
			t.Errorf("%s: %s", name, got)
		}
		_ = healthy.ask(t, "acceptor1", paxos.Survey{})
	}
	w.acceptor.lives(t)
}

func TestASlowBodyIsReadAndDelaysNobody(t *testing.T) {
	w := newTown(t)
	body := `{"question":"7"}`
	conn := raw(t, w.acceptor, fmt.Sprintf("POST /survey HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n", head, len(body)))
	for i := range body {
		_, err := conn.Write([]byte(body[i : i+1]))
		must(t, err)
		if i%5 == 0 {
			w.acceptor.lives(t)
		}
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	b, err := io.ReadAll(r.Body)
	must(t, err)
	must(t, r.Body.Close())
	if r.StatusCode != http.StatusOK || !strings.Contains(string(b), `"question":"7"`) {
		t.Errorf("a body byte by byte: %d %s", r.StatusCode, b)
	}
}
