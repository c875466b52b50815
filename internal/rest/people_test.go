package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"paxos/client"
	"paxos/paxos"
)

func decode[T any](t testing.TB, status int, b []byte, want int) (v T) {
	t.Helper()
	if status != want {
		t.Fatalf("the answer is %d %s, not %d", status, b, want)
	}
	must(t, json.Unmarshal(b, &v))
	return v
}

func TestAValueGoesInAtAClientAndComesOutEverywhere(t *testing.T) {
	w := newTown(t)
	for i, value := range []string{"teste123", "", "<&> ção 中 \u2028", strings.Repeat("x", 1<<20)} {
		body, err := json.Marshal(map[string]string{"value": value})
		must(t, err)
		status, b := w.client.post(t, "/send", string(body))
		sent := decode[client.Sent](t, status, b, http.StatusOK)
		if sent.Status != "applied" || sent.Slot == 0 || sent.Client != "client1" {
			t.Errorf("value %d: %+v", i, sent)
		}
		for path, n := range map[string]*made{"/read": w.client, "/get-values": w.learner} {
			status, b := n.get(t, fmt.Sprintf("%s?slot=%d", path, sent.Slot))
			page := decode[client.Page](t, status, b, http.StatusOK)
			if len(page.Values) != 1 || page.Values[0].Value != value || page.Consistency != "stale" || page.Learner != "learner1" {
				t.Errorf("value %d at %s: %.300s", i, path, b)
			}
		}
	}
	status, b := w.client.get(t, "/get-responses")
	if got := decode[client.Responses](t, status, b, http.StatusOK); len(got.Responses) < 4 || got.Responses[0].Learner != "learner1" || got.Responses[0].Status != "applied" {
		t.Errorf("/get-responses: %s", b)
	}
	status, b = w.learner.get(t, "/get-values?limit=3")
	page := decode[client.Page](t, status, b, http.StatusOK)
	status, b = w.learner.get(t, fmt.Sprintf("/get-values?from=%d&position=%d", page.Next.Slot, page.Next.Position))
	if rest := decode[client.Page](t, status, b, http.StatusOK); !page.More || rest.More || len(page.Values) != 3 || len(rest.Values) != 1 {
		t.Errorf("two pages: %+v, then %d values", page.Next, len(rest.Values))
	}
}

func TestAKeyTakesEffectOnce(t *testing.T) {
	w := newTown(t)
	send := func(value, key string, want int) []byte {
		r, b := w.client.call(t, http.MethodPost, "/send", []byte(`{"value":"`+value+`"}`), "Idempotency-Key", key)
		if r.StatusCode != want {
			t.Fatalf("%s under %s: %d %s", value, key, r.StatusCode, b)
		}
		return b
	}
	var first, again client.Sent
	must(t, json.Unmarshal(send("x", "k", http.StatusOK), &first))
	must(t, json.Unmarshal(send("x", "k", http.StatusOK), &again))
	if first.Slot != again.Slot || first.Position != again.Position {
		t.Errorf("the same key gave %+v and then %+v", first, again)
	}
	if b := send("y", "k", http.StatusUnprocessableEntity); !strings.Contains(string(b), "urn:paxos:key-reused") {
		t.Errorf("another value under the key: %s", b)
	}
	r, b := w.client.call(t, http.MethodDelete, "/outcome/fresh", nil)
	if o := decode[client.Outcome](t, r.StatusCode, b, http.StatusOK); o.Status != "burnt" {
		t.Errorf("burning a fresh key: %s", b)
	}
	if b := send("z", "fresh", http.StatusConflict); !strings.Contains(string(b), "urn:paxos:burnt") {
		t.Errorf("a value under a burnt key: %s", b)
	}
	status, b := w.client.get(t, "/outcome/never")
	if o := decode[client.Outcome](t, status, b, http.StatusOK); o.Status != "not-seen" {
		t.Errorf("a key that nobody used: %s", b)
	}
	status, b = w.client.get(t, "/outcome/0123456789abcdef/7")
	if o := decode[client.Outcome](t, status, b, http.StatusOK); o.Status != "expired" {
		t.Errorf("a name of a session that is not open: %s", b)
	}
	r, b = w.client.call(t, http.MethodDelete, "/outcome/0123456789abcdef/7", nil)
	if o := decode[client.Outcome](t, r.StatusCode, b, http.StatusOK); o.Status != "expired" || o.Slot == 0 {
		t.Errorf("burning a name of a session that is not open: %s", b)
	}
}

func TestASendThatDoesNotWaitSaysWhereToAsk(t *testing.T) {
	w := newTown(t)
	status, b := w.client.post(t, "/send?wait=none", `{"value":"x"}`)
	sent := decode[client.Sent](t, status, b, http.StatusAccepted)
	if sent.Status != "pending" || sent.Outcome == "" {
		t.Fatalf("%s", b)
	}
	until(t, "it is applied", func() bool {
		var o client.Outcome
		status, b := w.client.get(t, sent.Outcome)
		return status == http.StatusOK && json.Unmarshal(b, &o) == nil && o.Status == "applied"
	})
}

func TestAProposerThatDoesNotLeadSaysWhoDoes(t *testing.T) {
	w := newTown(t)
	other := start(t, w.book, "proposer2")
	must(t, other.loop.Submit(context.Background(), paxos.Envelope{To: other.id, Message: paxos.Directory{Leader: "proposer1"}}))
	var b []byte
	until(t, "proposer2 refuses and says who leads", func() bool {
		r, got := other.call(t, http.MethodPost, "/propose", []byte(`{"value":"x"}`))
		b = got
		if r.StatusCode == http.StatusServiceUnavailable {
			return false // it knows no quorum yet
		}
		wantProblem(t, "at proposer2", r, b, http.StatusMisdirectedRequest, "not-leading")
		return strings.Contains(string(b), w.proposer.address)
	})
	var p client.Problem
	must(t, json.Unmarshal(b, &p))
	if p.Leader != "proposer1" || p.Address != w.proposer.address {
		t.Errorf("%s", b)
	}
	e := w.envelope(t, paxos.Propose{Commands: []paxos.Command{command("x")}})
	e.To = "proposer2"
	r, got := other.call(t, http.MethodPost, "/propose", paxos.AppendEnvelope(nil, e), "Content-Type", binaryForm)
	e, err := paxos.DecodeEnvelope(got)
	must(t, err)
	if m, ok := e.Message.(paxos.Refused); !ok || r.StatusCode != http.StatusMisdirectedRequest || m.Reason != paxos.NotLeading || m.Leader != "proposer1" {
		t.Errorf("in the binary form: %d %+v", r.StatusCode, e.Message)
	}
}

func TestWithoutAcceptorsASendFailsAndSaysSo(t *testing.T) {
	w := newTown(t)
	w.acceptor.stop()
	until(t, "the leader has noticed", func() bool {
		r, b := w.client.call(t, http.MethodPost, "/send?timeout=300ms", []byte(`{"value":"x"}`))
		switch r.StatusCode {
		case http.StatusGatewayTimeout:
			wantProblem(t, "in flight", r, b, http.StatusGatewayTimeout, "urn:paxos:unknown", `"outcome":"/outcome/`)
			return false
		default:
			wantProblem(t, "noticed", r, b, http.StatusServiceUnavailable, "no quorum: 0 acceptors answer, 1 are needed", `"acceptors_needed":1`)
			return true
		}
	})
	if status, b := w.client.get(t, "/read"); status != http.StatusOK {
		t.Errorf("a stale read: %d %s", status, b)
	}
	for _, n := range []*made{w.proposer, w.learner, w.client} {
		if status, b := n.get(t, "/livez"); status != http.StatusOK {
			t.Errorf("%s: /livez says %d %s", n.id, status, b)
		}
	}
}

func TestEventsComeInEachFormAndAreFollowed(t *testing.T) {
	w := newTown(t)
	type logs struct {
		Events     []client.Event
		Last, Lost string
		State      map[string]any
	}
	status, b := w.acceptor.get(t, "/view-logs?kind=prepare,promise&limit=2&since=0")
	got := decode[logs](t, status, b, http.StatusOK)
	if len(got.Events) != 2 || got.Events[0].Kind != "prepare" || got.Events[1].Kind != "promise" || got.Events[0].Peer != "proposer1" || got.Lost != "0" || got.State["standing"] != "member" {
		t.Errorf("JSON: %s", b)
	}
	status, b = w.acceptor.get(t, "/view-logs?format=ndjson&kind=promise")
	if e := decode[client.Event](t, status, b, http.StatusOK); e.Kind != "promise" || strings.Count(string(b), "\n") != 1 {
		t.Errorf("NDJSON: %s", b)
	}
	if _, b := w.acceptor.get(t, "/view-logs?format=text&kind=promise"); !strings.Contains(string(b), " acceptor1 promise peer=proposer1 ballot=1.proposer1 slot=1") {
		t.Errorf("text: %s", b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.learner.address+"/view-logs?follow=1&kind=applied&since=0", nil)
	must(t, err)
	response, err := web.Do(r)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for i := range 3 {
		status, b := w.client.post(t, "/send", `{"value":"x"}`)
		sent := decode[client.Sent](t, status, b, http.StatusOK)
		for {
			if !lines.Scan() {
				t.Fatalf("the events end: %v", lines.Err())
			}
			var e client.Event
			must(t, json.Unmarshal(lines.Bytes(), &e))
			if e.Kind != "applied" || e.Slot > sent.Slot {
				t.Fatalf("event %d is %s", i, lines.Bytes())
			}
			if e.Slot == sent.Slot {
				break
			}
		}
	}
}

func TestEveryNodeTellsWhoItIs(t *testing.T) {
	w := newTown(t)
	for _, n := range w.all() {
		var h client.Health
		until(t, string(n.id)+" is ok", func() bool {
			status, b := n.get(t, "/health")
			h = decode[client.Health](t, status, b, http.StatusOK)
			return h.Status == "ok"
		})
		if h.Node != n.id || h.Role != roleOf(n.id) || h.Cluster != (paxos.ClusterID{7}) || h.Why != "" || h.State == nil {
			t.Errorf("%+v", h)
		}
		until(t, string(n.id)+" is ready", func() bool { status, _ := n.get(t, "/readyz"); return status == http.StatusOK })
		_, b := n.get(t, "/view-logs")
		if !strings.Contains(string(b), `"start":"`+h.Start+`"`) || h.Start == "" {
			t.Errorf("%s: /health says start %q, /view-logs %.200s", n.id, h.Start, b)
		}
		for _, path := range []string{"/health", "/livez", "/readyz"} {
			if r, b := n.call(t, http.MethodHead, path, nil); r.StatusCode != http.StatusOK || len(b) != 0 || r.Header.Get("Content-Type") == "" {
				t.Errorf("HEAD %s at %s: %d %v %q", path, n.id, r.StatusCode, r.Header, b)
			}
		}
		for _, path := range []string{"/livez", "/readyz", "/metrics", "/gossip/nodes"} {
			if status, b := n.get(t, path); status != http.StatusOK || len(b) == 0 {
				t.Errorf("%s at %s: %d %s", path, n.id, status, b)
			}
		}
	}
	status, b := w.proposer.get(t, "/leader")
	if l := decode[client.Leader](t, status, b, http.StatusOK); len(l.Acceptors) != 1 || l.Acceptors[0].Node != w.acceptor.id || !l.Acceptors[0].Answering || !l.Acceptors[0].Heard {
		t.Errorf("%+v", l)
	}
	status, b = w.acceptor.get(t, "/highest")
	if status != http.StatusOK || !strings.Contains(string(b), `"message":"highest-is"`) {
		t.Errorf("/highest: %d %s", status, b)
	}
	status, b = w.acceptor.post(t, "/init", "")
	if status != http.StatusOK || !strings.Contains(string(b), `"progress":"already"`) {
		t.Errorf("a second init: %d %s", status, b)
	}
	if status, b := w.learner.get(t, "/snapshot"); status != http.StatusOK || len(b) == 0 {
		t.Errorf("/snapshot: %d", status)
	}
}
