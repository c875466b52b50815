package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// oneAnswer is what is said of one of many commands.
type oneAnswer struct {
	Sent    *client.Sent    `json:"sent"`
	Written *client.Written `json:"written"`
	Problem *client.Problem `json:"problem"`
}

// kind names what it is, and of a problem which.
func (a oneAnswer) kind() string {
	switch {
	case a.Problem != nil && a.Sent == nil && a.Written == nil:
		return strings.TrimPrefix(a.Problem.Type, "urn:paxos:")
	case a.Sent != nil && a.Problem == nil && a.Written == nil && a.Sent.Status == "applied":
		return "sent"
	case a.Written != nil && a.Sent == nil && a.Problem == nil && a.Written.Succeeded:
		return "written"
	}
	return "nonsense"
}

func kinds(t testing.TB, b []byte) (list []oneAnswer, names string) {
	t.Helper()
	var all struct {
		Answers []oneAnswer `json:"answers"`
	}
	must(t, paxos.StrictJSON(b, &all))
	for _, a := range all.Answers {
		names += a.kind() + " "
	}
	return all.Answers, names
}

// manyCommands is a list of all kinds; with none of them the decoder is needed,
// with the first ones it is not.
const manyCommands = `{"value":"x"},{"put":{"key":"a","value":"1"},"key":"mine"},{"put":{"key":"b","value_base64":"/w==","prev":true}},` +
	`{"increment":{"key":"a","by":"41"}},{"increment":{"key":"b","by":1}},{"delete":{"key":"a","prev":true}},{"delete":{"key":"none"}},{"put":{"key":"c","value":"2"},"key":"mine"}`

func TestEachOfManyHasItsOwnOutcome(t *testing.T) {
	w := newTown(t)
	for _, path := range []string{"/send", "/kv"} {
		name := "mine" + path[1:]
		status, b := w.client.post(t, path, `{"commands":[`+strings.ReplaceAll(manyCommands, "mine", name)+`]}`)
		list, names := kinds(t, b)
		if status != http.StatusOK || names != "sent written written written not-a-number written written key-reused " {
			t.Fatalf("%s: %d %s: %s", path, status, names, b)
		}
		if v := list[3].Written.Key.Value; v == nil || *v != "42" || list[5].Written.Deleted != 1 || len(list[5].Written.Prev) != 1 || list[1].Written.IdempotencyKey != name {
			t.Errorf("%s: %s", path, b)
		}
		if p := list[7].Problem; p.Key != name || p.Session == nil || !strings.Contains(string(b), `"deleted":"0"`) {
			t.Errorf("%s: %s", path, b)
		}
		if _, b := w.client.get(t, "/kv/c"); !strings.Contains(string(b), "no-such-key") {
			t.Errorf("what was refused is there: %s", b)
		}
	}
}

func TestAListThatIsWrongChangesNothing(t *testing.T) {
	w := newTown(t)
	one := `{"put":{"key":"a","value":"1"}}`
	for what, c := range map[string]struct {
		path, body, header string
		status             int
		word               string
	}{
		"one is nothing":         {"/send", `{"commands":[` + one + `,{}]}`, "", 400, "commands[1]: exactly one of value, put, delete and increment"},
		"one is two things":      {"/kv", `{"commands":[{"value":"x","put":{"key":"a","value":"1"}}]}`, "", 400, "not 2"},
		"an empty key":           {"/kv", `{"commands":[` + one + `,{"put":{"key":"","value":"1"}}]}`, "", 400, "commands[1]: a key is needed"},
		"a put of nothing":       {"/kv", `{"commands":[{"put":{"key":"a"}}]}`, "", 400, "commands[0]: put: exactly one of value"},
		"an unknown field":       {"/kv", `{"commands":[{"putt":{}}]}`, "", 400, "putt"},
		"an unknown field above": {"/send", `{"commands":[` + one + `],"atomic":true}`, "", 400, "atomic"},
		"a transaction":          {"/kv", `{"commands":[{"txn":{}}]}`, "", 400, "txn"},
		"none":                   {"/kv", `{"commands":[]}`, "", 400, "commands has 0 of them; 1 to 1024"},
		"null":                   {"/kv", `{"commands":null}`, "", 400, "commands has 0"},
		"too many":               {"/kv", `{"commands":[` + strings.Repeat(one+",", 1024) + one + `]}`, "", 400, "1025"},
		"no list":                {"/kv", `{"commands":{}}`, "", 400, "commands"},
		"no object":              {"/kv", `[` + one + `]`, "", 400, ""},
		"a large key":            {"/kv", `{"commands":[` + one + `,{"put":{"key":"` + strings.Repeat("k", 5000) + `","value":"1"}}]}`, "", 413, "commands[1]: the key has 5000 bytes"},
		"a large value":          {"/send", `{"commands":[` + one + `,{"value":"` + strings.Repeat("v", 1<<20+1) + `"}]}`, "", 413, "commands[1]: the value has"},
		"a large idempotency":    {"/send", `{"commands":[` + one + `,{"value":"v","key":"` + strings.Repeat("k", 257) + `"}]}`, "", 400, "commands[1]: an idempotency key"},
		"a name for all":         {"/send", `{"commands":[` + one + `]}`, "Idempotency-Key", 400, "Idempotency-Key has no meaning here"},
		"a condition for all":    {"/kv", `{"commands":[` + one + `]}`, "If-Match", 400, "If-Match has no meaning here"},
		"a value in two ways":    {"/send", `{"value":"x","commands":[` + one + `]}`, "", 400, "value"},
		"not waited for":         {"/send?wait=none", `{"commands":[` + one + `]}`, "", 400, "wait"},
		"nobody's parameter":     {"/kv?prefix", `{"commands":[` + one + `]}`, "", 400, "prefix"},
		"something after it":     {"/kv", `{"commands":[` + one + `]}{}`, "", 400, "follows"},
	} {
		headers := []string{"Content-Type", "application/json"}
		if c.header != "" {
			headers = append(headers, c.header, `"1"`)
		}
		r, b := w.client.call(t, http.MethodPost, c.path, []byte(c.body), headers...)
		wantProblem(t, what, r, b, c.status, c.word)
	}
	if _, b := w.client.get(t, "/kv?prefix"); !strings.Contains(string(b), `"count":"0"`) {
		t.Errorf("something was written: %s", b)
	}
}

// TestManyAreUnderWayAtOnce: one after the other would take a turn each.
func TestManyAreUnderWayAtOnce(t *testing.T) {
	w := newTown(t)
	var list []string
	for i := range 64 {
		list = append(list, fmt.Sprintf(`{"put":{"key":"k%d","value":"%0256d"}}`, i, i))
	}
	before := w.proposer.loop.Counts().StepsOf[paxos.KindPropose].Load()
	status, b := w.client.post(t, "/kv", `{"commands":[`+strings.Join(list, ",")+`]}`)
	if _, names := kinds(t, b); status != http.StatusOK || names != strings.Repeat("written ", 64) {
		t.Fatalf("%d %s", status, names)
	}
	if n := w.proposer.loop.Counts().StepsOf[paxos.KindPropose].Load() - before; n > 16 {
		t.Errorf("64 commands were proposed in %d messages", n)
	}
	if _, b := w.client.get(t, "/kv?prefix&count_only"); !strings.Contains(string(b), `"count":"64"`) {
		t.Errorf("%s", b)
	}
}

// TestManyAreNotAllOrNone: those that find no room are said not to be applied.
func TestManyAreNotAllOrNone(t *testing.T) {
	w := newTown(t)
	g := w.client.server.gate
	g.inside.Store(g.bound.Load() - 2)
	_, b := w.client.post(t, "/send", `{"commands":[{"value":"a"},{"value":"b"},{"value":"c"}]}`)
	if _, names := kinds(t, b); names != "sent sent not-applied " {
		t.Errorf("%s: %s", names, b)
	}
}

// streaming is a request of lines that is under way.
type streaming struct {
	t      testing.TB
	w      *io.PipeWriter
	answer *http.Response
	lines  *bufio.Scanner
}

func (n *made) stream(t testing.TB, path string) *streaming {
	t.Helper()
	r, w := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.address+path, r)
	must(t, err)
	request.Header.Set("Content-Type", "application/x-ndjson; charset=utf-8")
	answer, err := web.Do(request)
	must(t, err)
	t.Cleanup(func() { _ = w.Close(); _ = answer.Body.Close() })
	s := &streaming{t, w, answer, bufio.NewScanner(answer.Body)}
	s.lines.Buffer(nil, 1<<20)
	return s
}

func (s *streaming) say(text string) {
	s.t.Helper()
	_, err := io.WriteString(s.w, text)
	must(s.t, err)
}

// hear reads an answer, and gives its kind.
func (s *streaming) hear() (oneAnswer, string) {
	s.t.Helper()
	if !s.lines.Scan() {
		return oneAnswer{}, "end"
	}
	var a oneAnswer
	must(s.t, paxos.StrictJSON(s.lines.Bytes(), &a))
	return a, a.kind()
}

func (s *streaming) want(kind string) oneAnswer {
	s.t.Helper()
	a, got := s.hear()
	if got != kind {
		s.t.Fatalf("%s instead of %s: %s", got, kind, s.lines.Bytes())
	}
	return a
}

func TestLinesAreAnsweredAsTheyCome(t *testing.T) {
	w := newTown(t)
	for _, path := range []string{"/send", "/kv?timeout=5s"} {
		s := w.client.stream(t, path)
		if kind := s.answer.Header.Get("Content-Type"); s.answer.StatusCode != http.StatusOK || kind != "application/x-ndjson" {
			t.Fatalf("%d %s", s.answer.StatusCode, kind)
		}
		s.say(`{"put":{"key":"a","value":"1"}}` + "\n")
		s.want("written")
		s.say("\r\n \n" + `{"increment":{"key":"a","by":1}}` + "\r\n" + `{"put":{"ke` + "\n" + `{"value":"x"}` + "\n" + `{"va`)
		if v := s.want("written").Written.Key.Value; *v != "2" {
			t.Errorf("it is %s", *v)
		}
		s.want("bad-request")
		first := s.want("sent")
		s.say(`lue":"y"}` + "\n")
		if second := s.want("sent"); second.Sent.Slot < first.Sent.Slot {
			t.Errorf("%+v after %+v", second.Sent, first.Sent)
		}
		s.say(`{"value":"half"}`)
		must(t, s.w.Close())
		if a := s.want("bad-request"); !strings.Contains(a.Problem.Detail, "the last line has no end") {
			t.Errorf("%+v", a.Problem)
		}
		s.want("end")
	}
	_, b := w.client.get(t, "/read?limit=1000")
	if strings.Contains(string(b), "half") {
		t.Errorf("half a line was taken: %s", b)
	}
}

// TestLinesEndWithTheBody: also when many are under way, in their order.
func TestLinesEndWithTheBody(t *testing.T) {
	w := newTown(t)
	s := w.client.stream(t, "/kv")
	const n = 3 * streamMost
	go func() {
		for i := range n {
			if _, err := fmt.Fprintf(s.w, `{"put":{"key":"k%d","value":"1"}}`+"\n", i); err != nil {
				return
			}
		}
		_ = s.w.Close()
	}()
	for i := range n {
		if a := s.want("written"); a.Written.Key.Key != fmt.Sprintf("k%d", i) {
			t.Fatalf("answer %d is of %s", i, a.Written.Key.Key)
		}
	}
	s.want("end")
	if inside := w.client.server.gate.inside.Load(); inside != 0 {
		t.Errorf("%d are inside still", inside)
	}
}

func TestALineThatIsTooLongEndsThem(t *testing.T) {
	w := newTown(t)
	s := w.client.stream(t, "/kv")
	s.say(`{"value":"x"}` + "\n")
	s.want("sent")
	go func() {
		_, _ = s.w.Write(append([]byte(`{"value":"`), make([]byte, w.client.server.jsonLimit()+1<<20)...))
	}()
	s.want("too-large")
	s.want("end")
}

func TestLinesTakeNoHeadersOfOneCommand(t *testing.T) {
	w := newTown(t)
	for _, header := range []string{"Idempotency-Key", "If-Match", "If-None-Match", client.HeaderFence} {
		r, b := w.client.call(t, http.MethodPost, "/kv", []byte(`{"value":"x"}`+"\n"), "Content-Type", linesKind, header, `"1"`)
		wantProblem(t, header, r, b, http.StatusBadRequest, header+" has no meaning here")
	}
	r, b := w.client.call(t, http.MethodPost, "/send?wait=none", []byte(`{"value":"x"}`+"\n"), "Content-Type", linesKind)
	wantProblem(t, "wait", r, b, http.StatusBadRequest, "wait")
}

// TestWhoDoesNotReadIsNotReadFrom: no more than its share is under way, and it is
// hung up on in the end.
func TestWhoDoesNotReadIsNotReadFrom(t *testing.T) {
	w := newTown(t)
	w.client.server.patienceOfParts = 300 * time.Millisecond
	conn, err := net.Dial("tcp", w.client.address)
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err = fmt.Fprintf(conn, "POST /kv HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000000000\r\n\r\n", linesKind)
	must(t, err)
	must(t, conn.SetWriteDeadline(time.Now().Add(patience)))
	line := []byte(`{"value":"` + strings.Repeat("v", 100) + `"}` + "\n")
	sent := 0
	for ; err == nil; sent++ {
		_, err = conn.Write(line)
	}
	if sent > 200000 {
		t.Errorf("%d lines were taken, and no answer was read", sent)
	}
	until(t, "its commands have left", func() bool { return w.client.server.gate.inside.Load() == 0 })
	w.client.lives(t)
}

// TestWhoStopsAnswersTheLinesThatItTook, and says that it takes no more.
func TestWhoStopsAnswersTheLinesThatItTook(t *testing.T) {
	w := newTown(t)
	s := w.client.stream(t, "/kv")
	s.say(`{"put":{"key":"a","value":"1"}}` + "\n")
	s.want("written")
	stopped := make(chan struct{})
	go func() { w.client.stop(); close(stopped) }()
	s.want("stopping")
	s.want("end")
	<-stopped
}

// TestLinesOfAStuckLoopAreUnknown: in time, and each.
func TestLinesOfAStuckLoopAreUnknown(t *testing.T) {
	n := start(t, newBook(), "client1", "--request-timeout", "50ms")
	held, release := make(chan struct{}), make(chan struct{})
	go func() { _ = n.loop.Inspect(context.Background(), func() { close(held); <-release }) }()
	<-held
	s := n.stream(t, "/send")
	s.say(`{"value":"x"}` + "\n" + `{"value":"y"}` + "\n")
	s.want("unknown")
	s.want("unknown")
	status, b := n.post(t, "/send", `{"commands":[{"value":"x"}]}`)
	var p client.Problem
	if json.Unmarshal(b, &p) != nil || status != http.StatusGatewayTimeout || p.Type != "urn:paxos:unknown" {
		t.Errorf("%d %s", status, b)
	}
	close(release)
}
