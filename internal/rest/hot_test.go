package rest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/metrics"
)

// bothWays is a node as it is reached over the lean edge, and its endpoints
// behind net/http alone.
type bothWays struct {
	node  *made
	plain *httptest.Server
}

func inBothWays(t testing.TB, n *made) *bothWays {
	plain := httptest.NewServer(n.server.http.Handler)
	t.Cleanup(plain.Close)
	return &bothWays{n, plain}
}

// spoken is what came back for some bytes.
type spoken struct {
	status int
	head   string // sorted, without what the hour and the connection make of it
	body   string
	lean   bool // it was answered by the lean edge
}

var passing = []*regexp.Regexp{regexp.MustCompile(`"-?[0-9]+"`), regexp.MustCompile(`"[0-9a-f]{16}"`), regexp.MustCompile(`(/outcome/[0-9a-f]{16}/)[0-9]+`),
	regexp.MustCompile(`"age_ms":[0-9]+`), regexp.MustCompile(`"position":[0-9]+`), regexp.MustCompile(`(turned for )[^(]*`)}

// ageless takes out of a text what differs from one request to the next.
func ageless(text string) string {
	for i, p := range passing {
		text = p.ReplaceAllString(text, fmt.Sprintf("${1}<%d>", min(i, 1)))
	}
	return text
}

// ask sends bytes, and reads the answer.
func ask(t testing.TB, address, text string) spoken {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, text)
	must(t, err)
	in := bufio.NewReader(conn)
	r, err := http.ReadResponse(in, nil)
	if err != nil {
		return spoken{body: "no answer"}
	}
	b, err := io.ReadAll(r.Body)
	must(t, err)
	if n := r.ContentLength; n >= 0 && n != int64(len(b)) && r.StatusCode != http.StatusNotModified {
		t.Errorf("%q: %d bytes are said, %d come", text, n, len(b))
	}
	if r.Header.Get("Date") != "" {
		r.Header.Set("Date", "there")
	}
	r.Header.Del("Content-Length")
	var head []string
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		value := strings.Join(r.Header[name], "|")
		if strings.HasPrefix(name, "Paxos-") && name != client.HeaderConsistency && name != client.HeaderLearner {
			value = "…"
		}
		head = append(head, name+": "+ageless(value))
	}
	return spoken{r.StatusCode, strings.Join(head, "\n"), ageless(string(b)), false}
}

// same sends the same bytes both ways, and demands the same answer.
func (w *bothWays) same(t testing.TB, text string) spoken {
	t.Helper()
	handed := w.node.server.edge.Handed()
	here := ask(t, w.node.address, text)
	here.lean = handed == w.node.server.edge.Handed()
	there := ask(t, w.plain.Listener.Addr().String(), text)
	if here.status != there.status || here.head != there.head || here.body != there.body {
		t.Errorf("%.300q is answered\n%d\n%s\n%s\nhere, and over net/http\n%d\n%s\n%s", text, here.status, here.head, here.body, there.status, there.head, there.body)
	}
	return here
}

func requestText(line, body string, headers ...string) string {
	text := line + " HTTP/1.1\r\nHost: x\r\n"
	for _, h := range headers {
		text += h + "\r\n"
	}
	if !strings.HasPrefix(line, "GET") {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return text + "\r\n" + body
}

// TestBothEdgesGiveTheSameAnswers: to each request, and the lean edge gives them
// itself where it should.
func TestBothEdgesGiveTheSameAnswers(t *testing.T) {
	w := newTown(t)
	users, readers := inBothWays(t, w.client), inBothWays(t, w.learner)
	long := strings.Repeat("k", 4097)
	for _, c := range []struct {
		way    *bothWays
		text   string
		status int
		lean   bool
	}{
		{users, requestText("PUT /kv/a", "1"), 200, true},
		{users, requestText("PUT /kv/a%2Fb%20c/d+e", "a value"), 200, true},
		{users, requestText("PUT /kv//a", "\x00\xff\"\\\n<>&"), 200, true},
		{users, requestText("PUT /kv/a?timeout=2s", "1", "Idempotency-Key: one"), 200, true},
		{users, requestText("PUT /kv/a?timeout=2s", "2", "Idempotency-Key: one"), 422, true},
		{users, requestText("PUT /kv/a", "1", "Idempotency-Key: "+long), 400, false},
		{users, requestText("PUT /kv/a", "1", "Idempotency-Key:"), 400, false},
		{users, requestText("PUT /kv/a?timeout=2s&timeout=1s", "1"), 200, false},
		{users, requestText("PUT /kv/a?timeout=2h", "1"), 400, false},
		{users, requestText("PUT /kv/a?consistency=stale", "1"), 400, false},
		{users, requestText("PUT /kv/a?prev", "1"), 200, false},
		{users, requestText("PUT /kv/a", "1", `If-Match: "1"`), 412, false},
		{users, requestText("PUT /kv/"+long, "1"), 413, false},
		{users, requestText("PUT /kv/%ff", "1"), 400, false},
		{users, requestText("PUT /kv/", "1"), 400, false},
		{users, requestText("PUT /kv", "1"), 405, false},
		{users, requestText("POST /kv/n", `{"increment":"5"}`), 200, true},
		{users, requestText("POST /kv/n", `{"increment": -7}`, "Content-Type: application/json"), 200, true},
		{users, requestText("POST /kv/a%2Fb%20c/d+e", `{"increment":"5"}`), 422, true},
		{users, requestText("POST /kv/l", `{"append":{"x":[1,"2"]}}`), 200, true},
		{users, requestText("POST /kv/s", `{"swap":{"old":"never","new":"b"}}`), 412, true},
		{users, requestText("POST /kv/n", `{"increment":"x"}`), 400, false},
		{users, requestText("POST /kv/n", `{}`), 400, false},
		{users, requestText("POST /send", `{"value":"teste123"}`), 200, true},
		{users, requestText("POST /send", `{"value":"a\"\u00e4\\ \ud83d\ude00"}`), 200, true},
		{users, requestText("POST /send", ` { "value" : "é" , "key" : "two" } `), 200, true},
		{users, requestText("POST /send", `{"value":"a","key":"three"}`, "Idempotency-Key: three"), 200, true},
		{users, requestText("POST /send", `{"value":"a","key":"three"}`, "Idempotency-Key: four"), 400, false},
		{users, requestText("POST /send", `{"value":"b","key":"three"}`), 422, true},
		{users, requestText("POST /send", `{"value":1}`), 400, false},
		{users, requestText("POST /send", `{"value":"a"}x`), 400, false},
		{users, requestText("POST /send", "{\"value\":\"\xff\"}"), 400, false},
		{users, requestText("POST /send?wait=none", `{"value":"a"}`), 202, false},
		{users, requestText("POST /send", `{"commands":[{"put":{"key":"b","value":"1"}},{"value":"x"},{"delete":{"key":"zz"}},{"increment":{"key":"a/","by":1}}]}`), 200, true},
		{users, requestText("POST /kv", `{"commands":[{"put":{"key":"b","value":"1"},"key":"five"}]}`), 200, true},
		{users, requestText("POST /kv", `{"commands":[{"put":{"key":"b"}}]}`), 400, false},
		{users, requestText("GET /kv/a", ""), 200, true},
		{users, requestText("GET /kv/a?consistency=stale&timeout=1s", "", "Accept: application/json"), 200, true},
		{users, requestText("GET /kv//a", "", "Accept: application/json"), 200, true},
		{users, requestText("GET /kv/none", ""), 404, true},
		{users, requestText("GET /kv/a?consistency=whatever", ""), 400, false},
		{users, requestText("GET /kv/a", "", `If-None-Match: *`), 304, false},
		{readers, requestText("GET /kv/a%2Fb%20c/d+e", ""), 200, true},
		{readers, requestText("GET /kv//a", "", "Accept: text/html, application/json;q=0.5"), 200, true},
		{readers, requestText("GET /kv//a", "", "Accept: */*"), 200, true},
		{readers, requestText("GET /kv/none?consistency=stale", ""), 404, true},
		{readers, requestText("GET /kv/a?consistency=session&session_token=0000000000000001", ""), 200, true},
		{readers, requestText("GET /kv/a", "", "Paxos-Session-Token: 0000000000000001"), 200, true},
		{readers, requestText("GET /kv/a?consistency=session&timeout=20ms", "", "Paxos-Session-Token: 00000000ffffffff"), 504, true},
		{readers, requestText("GET /kv/a", "", "Paxos-Session-Token: 1"), 400, false},
		{readers, requestText("GET /kv/a?consistency=bounded&max_age=1s", ""), 200, false},
		{readers, requestText("GET /kv/a?revision=1", ""), 404, false},
		{readers, requestText("GET /kv/a?prefix", ""), 200, false},
		{readers, requestText("GET /kv/%ff", ""), 400, false},
	} {
		if got := c.way.same(t, c.text); got.status != c.status || got.lean != c.lean {
			t.Errorf("%.200q: %d, by the lean edge: %v; %d and %v are expected: %s", c.text, got.status, got.lean, c.status, c.lean, got.body)
		}
	}
}

// FuzzBothEdges: whatever bytes come, they are answered alike. This client
// service knows no cluster, so that nothing changes from one to the other.
func FuzzBothEdges(f *testing.F) {
	for _, text := range []string{requestText("PUT /kv/a", "1"), requestText("PUT /kv/a%2fb?timeout=1ms", "1", "Idempotency-Key: k"), requestText("POST /kv/n", `{"increment":"5"}`),
		requestText("POST /send", `{"value":"teste123"}`), requestText("POST /send", `{"commands":[{"value":"a"}]}`), requestText("GET /kv/a?consistency=stale", ""),
		requestText("POST /kv", `{"commands":[{"put":{"key":"a","value":"b"},"key":"c"}]}`, "Content-Type: application/x-ndjson"),
		requestText("POST /send", `{"value":"half a line"}`, "Content-Type: Application/X-NDJSON"),
		"GET /kv/a HTTP/1.0\r\n\r\n", "PUT /kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "GET /kv/a HTTP/1.1\nHost: x\n\n"} {
		f.Add([]byte(text))
	}
	n := start(f, newBook(), "client1", "--request-timeout", "100ms")
	w := inBothWays(f, n)
	f.Fuzz(func(t *testing.T, b []byte) {
		// One that is not whole is waited for; longer timeouts too.
		if end := bytes.Index(b, []byte("\r\n\r\n")); end < 0 || bytes.Contains(b, []byte("timeout")) {
			return // not a request that this compares
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err == nil {
			if _, err := io.ReadAll(r.Body); err != nil || r.Header.Get("Expect") != "" || r.Header.Get("Upgrade") != "" || r.Method == http.MethodHead || strings.Contains(r.RequestURI, "/view-logs") || r.URL.Path == "/health" || r.URL.Path == "/gossip/nodes" || r.URL.Path == "/metrics" {
				return // not a request that this compares
			}
		}
		w.same(t, string(b))
	})
}

// TestRequestsAreCountedWhicheverWayTheyCame.
func TestRequestsAreCountedWhicheverWayTheyCame(t *testing.T) {
	n := start(t, newBook(), "learner1")
	set := metrics.New("learner1", "learner")
	n.server.Measures.Requests = set.Requests("paxos_requests_total", "R.", "paxos_request_seconds", "S.")
	edge := n.server.newEdge()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	web := &http.Server{Handler: n.server.routes()}
	ended := make(chan struct{}, 2)
	go func() { edge.Serve(l); ended <- struct{}{} }()
	go func() { _ = web.Serve(edge); ended <- struct{}{} }()
	t.Cleanup(func() {
		must(t, web.Close())
		edge.Abort()
		<-ended
		<-ended
	})
	ask(t, l.Addr().String(), requestText("GET /kv/a?consistency=stale", ""))
	ask(t, l.Addr().String(), requestText("GET /kv/b?consistency=stale", "", "If-None-Match: *"))
	page := httptest.NewRecorder()
	set.Handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{`paxos_requests_total{class="4xx",method="GET",node="learner1",role="learner",route="/kv/*key"} 2`,
		`paxos_request_seconds_count{method="GET",node="learner1",role="learner",route="/kv/*key"} 2`} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("it does not say %s:\n%s", want, page.Body)
		}
	}
}
