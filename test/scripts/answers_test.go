package scripts

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// pretend serves answers, one after the other (the last one again and again),
// as a client service, and gives the environment that leads there.
func pretend(t *testing.T, answers ...http.HandlerFunc) script {
	t.Helper()
	needBash(t)
	var n int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[min(n, len(answers)-1)](w, r)
		n++
	}))
	t.Cleanup(server.Close)
	return script{name: "paxos-client.sh", env: []string{"PAXOS_CLIENT_ADDRESSES=client1=" + server.URL}}
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func problem(kind string, status int) http.HandlerFunc {
	return says(status, fmt.Sprintf(`{"type":"urn:paxos:%s","title":"T","status":%d,"detail":"the \"detail\" of %s","hint":"a hint"}`, kind, status, kind))
}

func breaks(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

const applied = `{"slot":"7","position":3,"session":"00000000000000aa","sequence":"1","status":"applied","outcome":"/outcome/x","client":"client1"}`

// TestVerdicts: what was not denied for certain is unknown.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		code   int
		want   string
	}{
		"applied":              {says(200, applied), 0, "Applied at slot 7, position 3."},
		"not applied":          {problem("not-applied", 503), 5, `Not applied: the "detail" of not-applied (a hint)`},
		"unknown":              {problem("unknown", 504), 6, "/outcome/"},
		"stopping":             {problem("stopping", 503), 6, "UNKNOWN"},
		"a gateway's 503":      {says(503, "<html>no backend</html>"), 6, "never: HTTP status 503"},
		"a gateway's 502":      {says(502, ""), 6, "UNKNOWN"},
		"connection broken":    {breaks, 6, "never: no answer"},
		"200 without a slot":   {says(200, `{"ok":true}`), 6, "UNKNOWN"},
		"200 of another world": {says(200, `<html>welcome</html>`), 6, "UNKNOWN"},
		"a slot that is none":  {says(200, `{"slot":"x\u001b[2J","position":0}`), 6, "UNKNOWN"},
		"too large":            {problem("too-large", 413), 1, "Refused by client1"},
		"key reused":           {problem("key-reused", 422), 4, "key-reused"},
		"not found":            {says(404, "nothing here"), 1, "HTTP status 404"},
		"control characters":   {says(400, `{"type":"x","detail":"a\u001b[2Jb`+"\x1b[31m\u009b"+`","hint":"\"c\\d\""}`), 1, `a\u001b[2Jb\u001b[31m\u009b ("c\d")`},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, c.answer).run(t, "send", "v").want(t, c.code, c.want)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		s := script{name: "paxos-client.sh", env: []string{"PAXOS_CLIENT_ADDRESSES=" + l.Addr().String()}}
		s.run(t, "send", "v").want(t, 5, "cannot be reached")
		s.run(t, "read").want(t, 5, "client1: no answer")
		s.run(t, "system").want(t, 1, "0 of 1 nodes answer", "Nobody leads")
	})
}

// TestDoubtStays: once a try was unknown, a refusal of the next one under the
// same key says nothing about the first.
func TestDoubtStays(t *testing.T) {
	t.Parallel()
	var keys []string
	unknown := problem("unknown", 504)
	keep := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			keys = append(keys, r.Header.Get("Idempotency-Key"))
			answer(w, r)
		}
	}
	s := pretend(t, keep(unknown), keep(problem("not-applied", 503)), says(200, `{"status":"not-seen","position":0}`), keep(says(200, applied)))
	s.stdin = "2\nv\nr\no\nr\nq\n"
	s.run(t).want(t, 0, "UNKNOWN", "the outcome of an earlier one is still unknown", "not seen so far", "Applied at slot 7, position 3.")
	if len(keys) != 3 || len(keys[0]) < 32 || keys[0] != keys[1] || keys[1] != keys[2] {
		t.Errorf("the keys were %q", keys)
	}
	s = pretend(t, unknown, says(200, `{"status":"burnt","position":0}`))
	s.stdin = "2\nv\nb\n\nq\n"
	s.run(t).want(t, 0, "ruled out")
}

// TestOddAnswers: a server that lies costs neither the terminal nor an end.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	endless := says(200, `{"values":[],"more":true,"next":{"slot":"1","position":0},"count":"9","learner":"l"}`)
	pretend(t, endless).run(t, "read").want(t, 0, "0 values shown of 9")
	rude := says(200, `{"values":[{"slot":"\u001b[2J","position":"$(id)","value":"`+"\x1b[31m\x07\u009b\xff"+`"}],"more":false,"learner":"\u0007"}`)
	pretend(t, rude).run(t, "read").want(t, 0, `\u001b[31m\u0007`)
	for _, bad := range []string{"", "{", "[", `{"values":[}`, "null", `"x"`, strings.Repeat("[", 100), "{\"a\":\"\\\"}"} {
		pretend(t, says(200, bad)).run(t, "read").want(t, 1, "not understood")
	}
	pretend(t, says(200, `{"responses":[{"learner":"a\u001b","session":"`+"\x1b"+`"}]}`)).run(t, "responses").want(t, 0, "LEARNER")
	pretend(t, says(200, `{"node":"x[$(id)]","a b":{"`+"\x1b"+`":[1,{"c":null}]}}`)).run(t, "status").want(t, 0, "x[$(id)]")
}

// TestPatience: a node that takes the connection and says nothing.
func TestPatience(t *testing.T) {
	t.Parallel()
	needBash(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := script{name: "monitor.sh", env: []string{"PAXOS_CLIENT_ADDRESSES=" + l.Addr().String(), "PAXOS_MAX_WAIT=1"}}
	began := time.Now()
	s.run(t, "--no-follow").want(t, 1, "client1 is unreachable")
	s.name = "paxos-client.sh"
	s.run(t, "send", "v").want(t, 6, "UNKNOWN")
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
}
