package rest

import (
	"bufio"
	"bytes"
	"hash/crc32"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paxos/paxos"
)

// stream is an open stream to a node, held by the test.
type stream struct {
	net.Conn
	in *bufio.Reader
	h  paxos.Header
}

// knock asks for a stream; headers are name, value and change the right ones.
func knock(t testing.TB, n *made, from paxos.NodeID, headers ...string) (*stream, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", n.address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	r, err := http.NewRequest(http.MethodPost, "http://"+n.address+doors[roleOf(n.id)], nil)
	must(t, err)
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": streamProtocol, headerFrom: string(from), headerTo: string(n.id), headerConfig: members.Stamp().String()} {
		r.Header.Set(name, value)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	must(t, r.Write(conn))
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, r)
	must(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return &stream{conn, in, paxos.Header{Node: from, Cluster: paxos.ClusterID{7}, Config: members.Stamp()}}, response
}

func dial(t testing.TB, n *made, from paxos.NodeID) *stream {
	t.Helper()
	s, r := knock(t, n, from)
	if r.StatusCode != http.StatusSwitchingProtocols || r.Header.Get(headerFrom) != string(n.id) {
		t.Fatalf("the stream is answered with %v", r.Status)
	}
	return s
}

// next gives the next message, or an error when the stream has ended.
func (s *stream) next() (paxos.Envelope, error) {
	for {
		b, err := readFrame(s.in)
		if err != nil {
			return paxos.Envelope{}, err
		}
		if b != nil {
			return paxos.DecodeEnvelope(b)
		}
	}
}

func (s *stream) ask(t testing.TB, to paxos.NodeID, m paxos.Message) paxos.Message {
	t.Helper()
	_, err := s.Write(framed(nil, s.h.Envelope(to, m)))
	must(t, err)
	e, err := s.next()
	must(t, err)
	return e.Message
}

func TestStreamsAreRefusedWithAReason(t *testing.T) {
	w := newTown(t)
	for name, c := range map[string]struct {
		headers []string
		status  int
		words   string
	}{
		"another protocol":        {[]string{"Upgrade", "websocket"}, http.StatusUpgradeRequired, streamProtocol},
		"another node":            {[]string{headerTo, "acceptor2"}, http.StatusMisdirectedRequest, "not acceptor2"},
		"nobody":                  {[]string{headerTo, ""}, http.StatusMisdirectedRequest, "wrong-node"},
		"another configuration":   {[]string{headerConfig, "0/0000000000000001"}, http.StatusConflict, "wrong-configuration"},
		"no configuration":        {[]string{headerConfig, ""}, http.StatusConflict, "wrong-configuration"},
		"from nobody":             {[]string{headerFrom, ""}, http.StatusBadRequest, "1 to 63 characters"},
		"from no node":            {[]string{headerFrom, "a/b"}, http.StatusBadRequest, "letters, digits and hyphens"},
		"from one who asks local": {[]string{headerFrom, "local-1"}, http.StatusBadRequest, "no node is called local-1"},
	} {
		for _, n := range w.all() {
			_, r := knock(t, n, "proposer9", c.headers...)
			b := new(bytes.Buffer)
			_, err := b.ReadFrom(r.Body)
			must(t, err)
			wantProblem(t, name+" at "+string(n.id), r, b.Bytes(), c.status, c.words)
		}
	}
}

// flawed are bytes on a stream that end it.
func flawed(h paxos.Header) map[string][]byte {
	good := framed(nil, h.Envelope("acceptor1", paxos.Survey{Question: 1}))
	change := func(at int, to byte) []byte { b := bytes.Clone(good); b[at] = to; return b }
	foreign := h
	foreign.Node = "proposer8"
	nowhere := h.Envelope("acceptor1", paxos.Learn{})
	return map[string][]byte{
		"text":                      []byte("GET / HTTP/1.1\r\n\r\n"),
		"a frame too large":         {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"a frame just too large":    {2, 0, 0, 1, 0, 0, 0, 0},
		"a wrong checksum":          change(4, good[4]+1),
		"a flipped message":         change(len(good)-1, good[len(good)-1]^1),
		"a beat with a checksum":    {0, 0, 0, 0, 1, 2, 3, 4},
		"an unknown kind":           frameOf(append([]byte{paxos.FormatVersion, 250}, good[frameHeader+2:]...)),
		"an unknown version":        frameOf(append([]byte{paxos.FormatVersion + 1}, good[frameHeader+1:]...)),
		"a cut message":             frameOf(good[frameHeader : len(good)-1]),
		"a message and more":        frameOf(append(bytes.Clone(good[frameHeader:]), 0)),
		"another node's message":    framed(nil, foreign.Envelope("acceptor1", paxos.Survey{})),
		"a kind that is not taken":  framed(nil, nowhere),
		"a good one, then garbage":  append(bytes.Clone(good), "garbage that is long enough"...),
		"half a frame, then no end": good[:len(good)-2],
	}
}

// framed appends an envelope's frame, made in one piece.
func framed(b []byte, e paxos.Envelope) []byte { return appendFrame(b, &e, nil) }

func frameOf(message []byte) []byte {
	b := framed(nil, paxos.Envelope{Message: paxos.Init{}})[:frameHeader]
	n := len(message)
	copy(b, []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	sum := crc32.Checksum(message, castagnoli)
	copy(b[4:], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	return append(b, message...)
}

func TestAFlawedStreamEndsAndNoOtherDoes(t *testing.T) {
	w := newTown(t)
	healthy := dial(t, w.acceptor, "proposer7")
	for name, b := range flawed(paxos.Header{Node: "proposer9", Cluster: paxos.ClusterID{7}, Config: members.Stamp()}) {
		s := dial(t, w.acceptor, "proposer9")
		_, err := s.Write(b)
		must(t, err)
		if strings.HasPrefix(name, "half") {
			continue // it is silent from here on, and ends as the silent do
		}
		for err == nil {
			_, err = s.next()
		}
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("%s: the stream goes on", name)
		}
		if got := healthy.ask(t, "acceptor1", paxos.Survey{Question: 5}).(paxos.Surveyed); got.Question != 5 {
			t.Errorf("%s: another stream gets %+v", name, got)
		}
	}
	if got := w.proposer.hub.Streams(); len(got) == 0 {
		t.Error("the proposer's own streams have ended")
	}
	w.acceptor.lives(t)
}

func TestASilentStreamEnds(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	began := time.Now()
	s := dial(t, w.acceptor, "proposer9")
	var err error
	for err == nil {
		_, err = s.next()
	}
	if took := time.Since(began); took < silenceLimit/2 || took > 5*silenceLimit {
		t.Errorf("a silent stream ended after %v (%v)", took, err)
	}
	until(t, "it is no longer listed", func() bool { return !strings.Contains(streamsOf(w.acceptor), "proposer9") })
}

func TestMessagesOnAStreamThatAreForOthersAreRejectedAndTheStreamGoesOn(t *testing.T) {
	w := newTown(t)
	s := dial(t, w.acceptor, "proposer9")
	before := w.acceptor.loop.Counts().Rejected.Load()
	for _, change := range []func(*paxos.Envelope){
		func(e *paxos.Envelope) { e.To = "acceptor2" }, func(e *paxos.Envelope) { e.Cluster[3] = 1 }, func(e *paxos.Envelope) { e.Config.Number = 1 },
	} {
		e := s.h.Envelope("acceptor1", paxos.Highest{Question: 3})
		change(&e)
		_, err := s.Write(framed(nil, e))
		must(t, err)
	}
	if got := s.ask(t, "acceptor1", paxos.Highest{Question: 4}).(paxos.HighestIs); got.Question != 4 {
		t.Errorf("the answer is %+v", got)
	}
	if n := w.acceptor.loop.Counts().Rejected.Load() - before; n != 3 {
		t.Errorf("%d messages were rejected, not 3", n)
	}
}

func TestTwoStreamsUnderOneIDBothGetTheAnswers(t *testing.T) {
	w := newTown(t)
	one, two := dial(t, w.acceptor, "proposer9"), dial(t, w.acceptor, "proposer9")
	until(t, "both are there", func() bool {
		w.acceptor.hub.mu.RLock()
		defer w.acceptor.hub.mu.RUnlock()
		return len(w.acceptor.hub.inbound["proposer9"]) == 2
	})
	if got := one.ask(t, "acceptor1", paxos.Highest{Question: 1}).(paxos.HighestIs); got.Question != 1 {
		t.Errorf("the first gets %+v", got)
	}
	if e, err := two.next(); err != nil || e.Message.(paxos.HighestIs).Question != 1 {
		t.Errorf("the second gets %+v %v", e, err)
	}
	must(t, one.Close())
	if got := two.ask(t, "acceptor1", paxos.Highest{Question: 2}).(paxos.HighestIs); got.Question != 2 {
		t.Errorf("the second, alone, gets %+v", got)
	}
}

func TestTheThreeWaysInGiveTheSameAnswer(t *testing.T) {
	w := newTown(t)
	s := dial(t, w.acceptor, "proposer9")
	ballot := paxos.Ballot{Number: 1000, Proposer: "proposer9", Start: 1}
	low := paxos.Ballot{Number: 1, Proposer: "proposer0", Start: 1}
	for _, m := range []paxos.Message{
		paxos.Prepare{Ballot: ballot, First: 1 << 20}, // first: it makes the leader step down
		paxos.Accept{Ballot: ballot, Proposals: []paxos.Proposal{{Slot: 9, Value: paxos.Value{Commands: []paxos.Command{command("x")}}}}},
		paxos.Prepare{Ballot: ballot, First: 9}, paxos.Highest{Question: 77}, paxos.CatchUp{First: 9}, paxos.Heartbeat{Ballot: ballot, Count: 1},
		paxos.Prepare{Ballot: low}, paxos.Heartbeat{Ballot: low}, paxos.Form{NewConfig: members},
	} {
		e := s.h.Envelope("acceptor1", m)
		path := "/" + m.Kind().String()
		byStream := s.ask(t, "acceptor1", m)
		text, err := paxos.EncodeJSON(e)
		must(t, err)
		r, b := w.acceptor.call(t, http.MethodPost, path, text)
		byText, err := paxos.DecodeJSON(byStream.Kind(), b)
		if err != nil {
			t.Fatalf("%T: %d %s: %v", m, r.StatusCode, b, err)
		}
		again, b := w.acceptor.call(t, http.MethodPost, path, paxos.AppendEnvelope(nil, e), "Content-Type", binaryForm)
		byBinary, err := paxos.DecodeEnvelope(b)
		must(t, err)
		if r.StatusCode != again.StatusCode || again.Header.Get("Content-Type") != binaryForm || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%T: %d as %s, %d as %s", m, r.StatusCode, r.Header.Get("Content-Type"), again.StatusCode, again.Header.Get("Content-Type"))
		}
		if diff := cmp.Diff(byStream, byText.Message); diff != "" {
			t.Errorf("%T: the stream's answer and JSON's differ: %s", m, diff)
		}
		if diff := cmp.Diff(byStream, byBinary.Message); diff != "" {
			t.Errorf("%T: the stream's answer and the binary form's differ: %s", m, diff)
		}
		if byText.From != "acceptor1" || byText.Cluster != s.h.Cluster || byText.Config != s.h.Config {
			t.Errorf("%T: the answer's header is %+v", m, byText)
		}
	}
}

func TestAnswersComeInTheFormThatIsAskedFor(t *testing.T) {
	w := newTown(t)
	r, b := w.acceptor.call(t, http.MethodPost, "/survey", []byte("{}"), "Accept", binaryForm)
	if e, err := paxos.DecodeEnvelope(b); err != nil || e.Message.Kind() != paxos.KindSurveyed || r.Header.Get("Content-Type") != binaryForm {
		t.Errorf("a JSON question with a binary answer: %v %v", e, err)
	}
	// curl -d announces a form, and means JSON.
	r, b = w.acceptor.call(t, http.MethodPost, "/survey", []byte("{}"), "Content-Type", "application/x-www-form-urlencoded")
	if r.StatusCode != http.StatusOK || !strings.Contains(string(b), `"message":"surveyed"`) {
		t.Errorf("JSON under another name: %d %s", r.StatusCode, b)
	}
	status, b := w.acceptor.post(t, "/formed", "{}")
	if status != http.StatusNoContent || len(b) != 0 {
		t.Errorf("a message without an answer: %d %s", status, b)
	}
}
