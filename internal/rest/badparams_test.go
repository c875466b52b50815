package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"paxos/client"
	"paxos/paxos"
)

// badNumbers are what no parameter that counts takes.
var badNumbers = []string{"-1", tooLarge64, "x", "", "1.5", "0x10", "1e3", "%20", "+1", "１"}

func TestBadParametersAreRefused(t *testing.T) {
	w := newTown(t)
	all := w.all()
	type parameter struct {
		nodes []*made
		path  string
		name  string
		bad   []string
	}
	list := []parameter{
		{all, "/view-logs", "kind", []string{"nonsense", "prepare,nonsense"}},
		{all, "/view-logs", "format", []string{"xml", "%00"}},
		{all, "/view-logs", "follow", []string{"2", "true", ""}},
		{[]*made{w.client}, "/read", "timeout", []string{"x", "-1s", "0s", "1h", "5", ""}},
		{[]*made{w.acceptor}, "/highest", "timeout", []string{"x", "-1s"}},
		{[]*made{w.learner}, "/outcome", "session", []string{"1", "x", "", "-1"}},
		{[]*made{w.learner}, "/outcome?session=0000000000000001&", "sequence", badNumbers},
	}
	for _, name := range []string{"since", "limit"} {
		list = append(list, parameter{all, "/view-logs", name, badNumbers})
	}
	for _, name := range []string{"from", "position", "limit", "slot"} {
		list = append(list, parameter{[]*made{w.learner}, "/get-values", name, badNumbers}, parameter{[]*made{w.client}, "/read", name, badNumbers})
	}
	list = append(list, parameter{[]*made{w.learner, w.client}, "/get-values", "position", nil},
		parameter{[]*made{w.learner}, "/get-values", "position", []string{"4294967296"}},
		parameter{[]*made{w.learner}, "/get-values", "slot", []string{"18446744073709551615"}},
		parameter{[]*made{w.learner}, "/chosen", "from", badNumbers}, parameter{[]*made{w.learner}, "/chosen", "limit", append(badNumbers, "0", "10001")},
		parameter{[]*made{w.client}, "/get-responses", "limit", append(badNumbers, "0", "10001")},
		parameter{[]*made{w.client}, "/read", "limit", []string{"0", "10001"}})
	for _, p := range list {
		for _, n := range p.nodes {
			for _, value := range p.bad {
				if strings.TrimLeft(value, "0123456789") != "" && !strings.Contains(value, "%") {
					value = url.QueryEscape(value)
				}
				path := p.path + "?" + p.name + "=" + value
				if strings.Contains(p.path, "?") {
					path = p.path + p.name + "=" + value
				}
				r, b := n.call(t, http.MethodGet, path, nil)
				wantProblem(t, fmt.Sprintf("%s at %s", path, n.id), r, b, http.StatusBadRequest)
			}
		}
	}
	for _, n := range all {
		n.lives(t)
	}
}

func TestTheLargestNumbersAreAnswered(t *testing.T) {
	w := newTown(t)
	const most = "18446744073709551615"
	for _, c := range []struct {
		n    *made
		path string
	}{
		{w.acceptor, "/view-logs?since=" + most}, {w.learner, "/get-values?from=" + most}, {w.learner, "/get-values?position=4294967295"},
		{w.learner, "/chosen?from=" + most}, {w.learner, "/chosen?from=0"}, {w.client, "/read?from=" + most},
		{w.learner, "/outcome?session=ffffffffffffffff&sequence=" + most}, {w.client, "/outcome/ffffffffffffffff/" + most},
	} {
		if status, b := c.n.get(t, c.path); status != http.StatusOK {
			t.Errorf("%s: %d %s", c.path, status, b)
		}
	}
	var logs struct{ Lost string }
	_, b := w.acceptor.get(t, "/view-logs?since="+most)
	if must(t, json.Unmarshal(b, &logs)); logs.Lost != "0" {
		t.Errorf("after the largest number, %s events are lost", logs.Lost)
	}
}

func TestBadSendsAndOutcomesAreRefused(t *testing.T) {
	w := newTown(t)
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		words              string
	}{
		"no value":            {"POST", "/send", `{}`, nil, 400, `field \"value\" is missing`},
		"null":                {"POST", "/send", `null`, nil, 400, ""},
		"a null value":        {"POST", "/send", `{"value":null}`, nil, 400, `field \"value\" is missing`},
		"a number":            {"POST", "/send", `{"value":1}`, nil, 400, `field \"value\" is a JSON number; a string is needed`},
		"an unknown field":    {"POST", "/send", `{"value":"x","nonsense":1}`, nil, 400, "nonsense"},
		"malformed":           {"POST", "/send", `{"value":`, nil, 400, "the JSON ends too early"},
		"nothing":             {"POST", "/send", ``, nil, 400, "the body is empty"},
		"no UTF-8":            {"POST", "/send", "{\"value\":\"\xff\"}", nil, 400, "not valid UTF-8"},
		"a long key":          {"POST", "/send", `{"value":"x","key":"` + strings.Repeat("k", 257) + `"}`, nil, 400, "at most 256 bytes"},
		"two keys":            {"POST", "/send", `{"value":"x","key":"a"}`, []string{"Idempotency-Key", "b"}, 400, "differ"},
		"an empty key":        {"POST", "/send", `{"value":"x"}`, []string{"Idempotency-Key", ""}, 400, "empty"},
		"a key of no UTF-8":   {"POST", "/send", `{"value":"x"}`, []string{"Idempotency-Key", "\xff"}, 400, "UTF-8"},
		"wait for what":       {"POST", "/send?wait=long", `{"value":"x"}`, nil, 400, "is not none"},
		"a bad timeout":       {"POST", "/send?timeout=2", `{"value":"x"}`, nil, 400, "is no duration"},
		"an outcome's name":   {"GET", "/outcome/zz/1", ``, nil, 400, "session id"},
		"a negative sequence": {"GET", "/outcome/0000000000000001/-1", ``, nil, 400, "is negative"},
		"a large sequence":    {"GET", "/outcome/0000000000000001/" + tooLarge64, ``, nil, 400, "is too large"},
		"a burnt bad name":    {"DELETE", "/outcome/zz/1", ``, nil, 400, "session id"},
		"a burnt long key":    {"DELETE", "/outcome/" + strings.Repeat("k", 257), ``, nil, 400, "at most 256 bytes"},
		"a burnt bad key":     {"DELETE", "/outcome/%ff", ``, nil, 400, "UTF-8"},
		"a long key's fate":   {"GET", "/outcome/" + strings.Repeat("k", 257), ``, nil, 400, "at most 256 bytes"},
		"nobody to join":      {"POST", "/gossip", `{"join":[]}`, nil, 400, "1 to 64"},
		"too many to join":    {"POST", "/gossip", `{"join":[` + strings.Repeat(`"a:1",`, 64) + `"a:1"]}`, nil, 400, "1 to 64"},
		"join's wrong type":   {"POST", "/gossip", `{"join":"a:1"}`, nil, 400, "a list is needed"},
		"join null":           {"POST", "/gossip", `null`, nil, 400, "1 to 64"},
		"an unknown join":     {"POST", "/gossip", `{"jion":["a:1"]}`, nil, 400, "jion"},
	} {
		r, b := w.client.call(t, c.method, c.path, []byte(c.body), c.headers...)
		wantProblem(t, name, r, b, c.status, c.words)
	}
	w.client.lives(t)
}

func TestProposalsThatCannotBeReadAreRefused(t *testing.T) {
	w := newTown(t)
	command := func(fields string) string { return `{"commands":[{` + fields + `}]}` }
	for name, c := range map[string]struct{ body, words string }{
		"nothing":              {`{}`, "nothing is proposed"},
		"no commands":          {`{"commands":[]}`, "nothing is proposed"},
		"a value and commands": {`{"value":"x","commands":[]}`, "commands"},
		"a null value":         {`{"value":null}`, `field \"value\" is missing`},
		"no sequence":          {command(`"session":"0000000000000001","body":"AQE="`), "begins at 1"},
		"no body":              {command(`"session":"0000000000000001","sequence":"1"`), "unknown command"},
		"an unknown version":   {command(`"session":"0000000000000001","sequence":"1","body":"CQE="`), "version 1"},
		"an unknown operation": {command(`"session":"0000000000000001","sequence":"1","body":"AWM="`), "operation 99"},
		"no base64":            {command(`"session":"0000000000000001","sequence":"1","body":"!"`), "base64"},
	} {
		r, b := w.proposer.call(t, http.MethodPost, "/propose", []byte(c.body))
		wantProblem(t, name, r, b, http.StatusBadRequest, c.words)
	}
	empty := paxos.AppendEnvelope(nil, w.proposer.server.role.Header().Envelope("proposer1", paxos.Propose{}))
	r, b := w.proposer.call(t, http.MethodPost, "/propose", empty, "Content-Type", binaryForm)
	wantProblem(t, "an empty binary proposal", r, b, http.StatusBadRequest, "nothing is proposed")
	r, b = w.acceptor.call(t, http.MethodPost, "/accept", []byte(`{"ballot":{"number":"1","proposer":"p","start":"0000000000000001"}}`))
	wantProblem(t, "an empty Accept", r, b, http.StatusBadRequest, "nothing to accept")
	// None of it has reached the log, and what is right still does.
	status, b := w.proposer.post(t, "/propose", `{"value":"right"}`)
	if status != http.StatusOK {
		t.Fatalf("a good proposal: %d %s", status, b)
	}
	var page client.Page
	until(t, "one value", func() bool {
		_, b := w.learner.get(t, "/get-values")
		return json.Unmarshal(b, &page) == nil && len(page.Values) == 1
	})
	if page.Values[0].Value != "right" || page.Count != 1 {
		t.Fatalf("the log holds %+v", page)
	}
}

func TestKeysWithSlashesAndPlusesFindTheirOutcome(t *testing.T) {
	w := newTown(t)
	for _, key := range []string{"plain", "a/b", "a+b c", "100%", "/", "ção?&#", "..", "%2F"} {
		body, err := json.Marshal(map[string]string{"value": "x", "key": key})
		must(t, err)
		status, b := w.client.post(t, "/send", string(body))
		var sent client.Sent
		if must(t, json.Unmarshal(b, &sent)); status != http.StatusOK {
			t.Fatalf("%q: %d %s", key, status, b)
		}
		var o client.Outcome
		status, b = w.client.get(t, sent.Outcome)
		if must(t, json.Unmarshal(b, &o)); status != http.StatusOK || o.Status != "applied" || o.Slot != sent.Slot {
			t.Errorf("the outcome of %q, at %s: %d %s", key, sent.Outcome, status, b)
		}
		r, b := w.client.call(t, http.MethodDelete, sent.Outcome, nil)
		if must(t, json.Unmarshal(b, &o)); r.StatusCode != http.StatusOK || o.Status != "applied" {
			t.Errorf("burning %q, which was applied: %d %s", key, r.StatusCode, b)
		}
	}
}
