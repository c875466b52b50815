package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// put sets a key at the client service.
func (w *town) put(t testing.TB, key, value string, headers ...string) client.Written {
	t.Helper()
	patient := "?timeout=20s" // machines that run tests are slow
	if strings.Contains(key, "?") {
		patient = "&timeout=20s"
	}
	r, b := w.client.call(t, http.MethodPut, "/kv/"+key+patient, []byte(value), headers...)
	return decode[client.Written](t, r.StatusCode, b, http.StatusOK)
}

// both are who answers reads: a learner, and a client service for it.
func (w *town) both() []*made { return []*made{w.learner, w.client} }

func TestAKeyIsWrittenReadAndDeleted(t *testing.T) {
	w := newTown(t)
	first := w.put(t, "config/color", "red")
	if first.Revision != 2 || !first.Succeeded || first.Key == nil || first.Key.Create != 2 || first.Key.Version != 1 || first.Key.Value != nil ||
		first.Slot == 0 || first.SessionToken != tokenOf(first.Slot) || first.Client != "client1" || first.Outcome == "" {
		t.Fatalf("a first put: %+v", first)
	}
	r, b := w.client.call(t, http.MethodPut, "/kv/config/color?prev", []byte("blue"))
	second := decode[client.Written](t, r.StatusCode, b, http.StatusOK)
	if len(second.Prev) != 1 || *second.Prev[0].Value != "red" || second.Key.Version != 2 || r.Header.Get("ETag") != `"3"` {
		t.Errorf("a second put: %s", b)
	}
	for _, n := range w.both() {
		r, b := n.call(t, http.MethodGet, "/kv/config/color", nil)
		h := r.Header
		if r.StatusCode != http.StatusOK || string(b) != "blue" || h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("ETag") != `"3"` ||
			h.Get("Paxos-Revision") != "3" || h.Get("Paxos-Mod-Revision") != "3" || h.Get("Paxos-Create-Revision") != "2" || h.Get("Paxos-Version") != "2" ||
			h.Get("Paxos-Consistency") != "linearizable" || h.Get("Paxos-Learner") != "learner1" || h.Get("Paxos-Age-Ms") == "" || h.Get("Content-Length") != "4" {
			t.Errorf("the value at %s: %d %v %s", n.id, r.StatusCode, h, b)
		}
		if token, err := parseToken(h.Get(client.HeaderToken)); err != nil || token < second.Slot || h.Get("Paxos-Applied") != fmt.Sprint(token+1) {
			t.Errorf("the session token at %s is %q: %v", n.id, h.Get(client.HeaderToken), err)
		}
		r, b = n.call(t, http.MethodGet, "/kv/config/color", nil, "Accept", "application/json")
		if got := decode[client.Got](t, r.StatusCode, b, http.StatusOK); got.Key != "config/color" || *got.Value != "blue" || got.Revision != 3 || got.Age == nil {
			t.Errorf("as JSON at %s: %s", n.id, b)
		}
		if r, again := n.call(t, http.MethodGet, "/read?key=config/color", nil); r.StatusCode != http.StatusOK || !strings.Contains(string(again), `"value":"blue"`) {
			t.Errorf("/read at %s: %d %s", n.id, r.StatusCode, again)
		}
		if r, b := n.call(t, http.MethodHead, "/kv/config/color", nil); r.StatusCode != http.StatusOK || len(b) > 0 || r.Header.Get("Content-Length") != "4" || r.Header.Get("ETag") != `"3"` {
			t.Errorf("HEAD at %s: %d %v", n.id, r.StatusCode, r.Header)
		}
		if r, b := n.call(t, http.MethodGet, "/kv/config/color", nil, "If-None-Match", `"3"`); r.StatusCode != http.StatusNotModified || len(b) > 0 || r.Header.Get("ETag") != `"3"` {
			t.Errorf("not modified at %s: %d %v %s", n.id, r.StatusCode, r.Header, b)
		}
		if r, b := n.call(t, http.MethodGet, "/kv/config/color?revision=2", nil, "If-None-Match", `"3"`); r.StatusCode != http.StatusOK || string(b) != "red" {
			t.Errorf("of revision 2 at %s: %d %s", n.id, r.StatusCode, b)
		}
		r, b = n.call(t, http.MethodGet, "/kv/nothing", nil)
		wantProblem(t, "a missing key", r, b, http.StatusNotFound, "urn:paxos:no-such-key", "nothing")
		if r.Header.Get("Paxos-Revision") != "3" || r.Header.Get(client.HeaderToken) == "" {
			t.Errorf("a missing key at %s says nothing of its freshness: %v", n.id, r.Header)
		}
	}
	r, b = w.client.call(t, http.MethodDelete, "/kv/config/color?prev", nil)
	if gone := decode[client.Written](t, r.StatusCode, b, http.StatusOK); gone.Deleted != 1 || len(gone.Prev) != 1 || *gone.Prev[0].Value != "blue" || gone.Revision != 4 {
		t.Errorf("deleted: %s", b)
	}
	if _, b = w.client.call(t, http.MethodDelete, "/kv/config/color", nil); !strings.Contains(string(b), `"deleted":"0"`) {
		t.Errorf("deleted again: %s", b)
	}
}

func TestValuesAreAnyBytes(t *testing.T) {
	w := newTown(t)
	for name, value := range map[string]string{"empty": "", "bytes": "\xff\x00\xfe", "nul": "\x00", "text": "ção <&> \u2028"} {
		w.put(t, name, value)
		for _, n := range w.both() {
			if r, b := n.call(t, http.MethodGet, "/kv/"+name, nil); r.StatusCode != http.StatusOK || string(b) != value || (name == "bytes") != (r.Header.Get("Content-Type") == "application/octet-stream") {
				t.Errorf("%s at %s: %d %q as %s", name, n.id, r.StatusCode, b, r.Header.Get("Content-Type"))
			}
			_, b := n.call(t, http.MethodGet, "/kv/"+name, nil, "Accept", "text/html, application/json;q=0.9")
			var got client.Got
			if must(t, json.Unmarshal(b, &got)); got.Text() != value || (name == "bytes") != (got.Value == nil) {
				t.Errorf("%s as JSON at %s: %s", name, n.id, b)
			}
		}
	}
}

func TestKeysAreAnyText(t *testing.T) {
	w := newTown(t)
	for path, key := range map[string]string{"a/b": "a/b", "a%2Fb%20c": "a/b c", "a+b": "a+b", "%2B": "+", "/a": "/a", "a/": "a/", "%C3%A7": "ç", "100%25": "100%", "%3F%23": "?#", "..%2F..": "../.."} {
		if got := w.put(t, path, key); got.Key.Key != key {
			t.Errorf("%s is the key %q", path, got.Key.Key)
		}
		if _, b := w.client.get(t, "/kv/"+path); string(b) != key {
			t.Errorf("%s: %s", path, b)
		}
	}
}

func TestOneKeyIsChangedByWhatItIs(t *testing.T) {
	w := newTown(t)
	post := func(key, body string, status int) client.Written {
		t.Helper()
		got, b := w.client.post(t, "/kv/"+key, body)
		return decode[client.Written](t, got, b, status)
	}
	if got := post("n", `{"increment":"5"}`, 200); got.Key.Text() != "5" || got.Key.Version != 1 {
		t.Errorf("5: %+v", got)
	}
	if got := post("n", `{"increment":-7}`, 200); got.Key.Text() != "-2" || got.Key.Version != 2 {
		t.Errorf("-2: %+v", got)
	}
	item := `{"Name":"x","n":12345678901234567890,"list":[1,{"append":{"item":1}}]}`
	post("l", `{"append": "a" }`, 200)
	post("l", `{"append":null}`, 200)
	if got := post("l", `{"append":  `+item+`}`, 200); got.Count != 3 || got.Key.Version != 3 || got.Key.Value != nil {
		t.Errorf("a list: %+v", got)
	}
	if _, b := w.client.get(t, "/kv/l"); string(b) != `["a",null,`+item+`]` {
		t.Errorf("a list: %s", b)
	}
	nested := strings.Repeat("[", kv.MaxItemDepth+1) + strings.Repeat("]", kv.MaxItemDepth+1)
	r, b := w.client.call(t, http.MethodPost, "/kv/l", []byte(`{"append":`+nested+`}`))
	wantProblem(t, "a deep item", r, b, http.StatusBadRequest, "urn:paxos:bad-request", "more than 1000 deep")
	if got := post("s", `{"swap":{"old":null,"new":"a"}}`, 200); got.Key.Version != 1 {
		t.Errorf("a swap of nothing: %+v", got)
	}
	if got := post("s", `{"swap":{"old":"a","new_base64":"/w=="}}`, 200); got.Key.Version != 2 {
		t.Errorf("a swap: %+v", got)
	}
	post("s", `{"swap":{"old_base64":"/w==","new":"c"}}`, 200)
	r, b = w.client.call(t, http.MethodPost, "/kv/s", []byte(`{"swap":{"old":"a","new":"d"}}`))
	wantProblem(t, "a swap of something else", r, b, http.StatusPreconditionFailed, "urn:paxos:condition-failed", `"current":{"key":"s","value":"c"`)
	r, b = w.client.call(t, http.MethodPost, "/kv/s", []byte(`{"increment":"1"}`))
	wantProblem(t, "no number", r, b, http.StatusUnprocessableEntity, "urn:paxos:not-a-number")
	r, b = w.client.call(t, http.MethodPost, "/kv/s", []byte(`{"append":"1"}`))
	wantProblem(t, "no list", r, b, http.StatusUnprocessableEntity, "urn:paxos:not-a-list")
	post("n", `{"increment":"9223372036854775807"}`, 200)
	r, b = w.client.call(t, http.MethodPost, "/kv/n", []byte(`{"increment":"9223372036854775807"}`))
	wantProblem(t, "too much", r, b, http.StatusUnprocessableEntity, "urn:paxos:overflow")
}

func TestConditionsGuardAWrite(t *testing.T) {
	w := newTown(t)
	w.put(t, "k", "1", "If-None-Match", "*")
	r, b := w.client.call(t, http.MethodPut, "/kv/k", []byte("2"), "If-None-Match", "*")
	wantProblem(t, "it is there", r, b, http.StatusPreconditionFailed, "condition-failed", `"current":{"key":"k","value":"1","create_revision":"2"`)
	w.put(t, "k", "2", "If-Match", `"2"`)
	for _, headers := range [][]string{{"If-Match", `"2"`}, {"If-None-Match", `"3"`}} {
		r, b = w.client.call(t, http.MethodPut, "/kv/k", []byte("3"), headers...)
		wantProblem(t, fmt.Sprint(headers), r, b, http.StatusPreconditionFailed, `"mod_revision":"3"`)
	}
	w.put(t, "k", "3", "If-None-Match", `"2"`)
	w.put(t, "k", "4", "If-Match", "*")
	r, b = w.client.call(t, http.MethodPut, "/kv/other", []byte("x"), "If-Match", "*")
	wantProblem(t, "it is not there", r, b, http.StatusPreconditionFailed, "condition-failed")
	if strings.Contains(string(b), `"current":`) {
		t.Errorf("what is not there: %s", b)
	}
	r, b = w.client.call(t, http.MethodDelete, "/kv/k", nil, "If-Match", `"2"`)
	wantProblem(t, "a delete", r, b, http.StatusPreconditionFailed, "condition-failed")
	r, b = w.client.call(t, http.MethodPost, "/kv/k", []byte(`{"increment":"1"}`), "If-Match", `"2"`)
	wantProblem(t, "an increment", r, b, http.StatusPreconditionFailed, `"value":"4"`)
	// A value that is too large to be read in a transaction is left out.
	w.put(t, "large", strings.Repeat("x", 1<<20))
	r, b = w.client.call(t, http.MethodPut, "/kv/large", []byte("x"), "If-None-Match", "*")
	wantProblem(t, "a large one", r, b, http.StatusPreconditionFailed, "condition-failed")
}

func TestARangeComesInPagesOfOneRevision(t *testing.T) {
	w := newTown(t)
	for i := range 7 {
		w.put(t, fmt.Sprintf("p/%d", i), "old")
	}
	w.put(t, "q", "x")
	for _, n := range w.both() {
		var got []string
		path := "/kv/p/?prefix&limit=3"
		for more := path; more != ""; {
			status, b := n.get(t, more)
			page := decode[client.Keys](t, status, b, http.StatusOK)
			for _, k := range page.Keys {
				got = append(got, k.Key+"="+k.Text())
			}
			if page.Count != 7 || page.More != (page.Page != "") {
				t.Errorf("a page at %s: %s", n.id, b)
			}
			w.put(t, "p/5", "new") // pages do not see it
			w.put(t, "p/a"+n.address, "new")
			if more = ""; page.Page != "" {
				more = path + "&page=" + page.Page
			}
		}
		if want := "p/0=old p/1=old p/2=old p/3=old p/4=old p/5=old p/6=old"; strings.Join(got, " ") != want {
			t.Errorf("at %s: %v", n.id, got)
		}
		r, _ := w.client.call(t, http.MethodDelete, "/kv/p/a?prefix", nil)
		if r.StatusCode != http.StatusOK {
			t.Errorf("deleting what was added: %d", r.StatusCode)
		}
		w.put(t, "p/5", "old")
		for path, want := range map[string]string{
			"/kv/p/?prefix&keys_only&limit=1": `"keys":[{"key":"p/0","create_revision"`, "/kv/p/?prefix&count_only": `"keys":[],"count":"7","more":false`,
			"/kv/p/2?end=p/4": `"count":"2"`, "/kv?prefix": `"count":"8"`, "/kv/?prefix": `"count":"8"`, "/kv/p/5?end=%00": `"count":"3"`,
			"/kv/p/?prefix&revision=3": `"count":"2"`, "/kv/z?prefix": `"keys":[],"count":"0"`, "/kv/?end=p/2": `"count":"2"`,
		} {
			if status, b := n.get(t, path); status != http.StatusOK || !strings.Contains(string(b), want) {
				t.Errorf("%s at %s: %d %s", path, n.id, status, b)
			}
		}
	}
	r, b := w.client.call(t, http.MethodDelete, "/kv/p/?prefix&prev", nil)
	if gone := decode[client.Written](t, r.StatusCode, b, http.StatusOK); gone.Deleted != 7 || len(gone.Prev) != 7 {
		t.Errorf("all deleted: %s", b)
	}
}

func TestATransactionIsExecutedWhole(t *testing.T) {
	w := newTown(t)
	w.put(t, "a", "1")
	status, b := w.client.post(t, "/txn", `{"if":[{"key":"a","value":"1"},{"key":"b","version":0},{"key":"a","is":">","mod_revision":"1"}],
		"then":[{"put":{"key":"a","value":"2","prev":true}},{"put":{"key":"b","value_base64":"/w=="}},{"range":{"key":"","prefix":true,"keys_only":true}},
			{"increment":{"key":"n","by":3}},{"append":{"key":"l","item":{"X":1}}},
			{"txn":{"if":[{"key":"zz","version":"1"}],"else":[{"put":{"key":"c","value":"3"}}]}},{"delete":{"key":"never"}}],
		"else":[{"range":{"key":"a"}}]}`)
	got := decode[client.Written](t, status, b, http.StatusOK)
	a := got.Responses
	if !got.Succeeded || got.Revision != 3 || len(a) != 7 || *a[0].Prev[0].Value != "1" || len(a[2].Keys) != 2 || a[2].Keys[0].Value != nil ||
		a[3].Key.Text() != "3" || a[4].Key.Value != nil || a[4].Count != 1 || a[5].Txn == nil || a[5].Txn.Succeeded || len(a[5].Txn.Responses) != 1 {
		t.Errorf("%s", b)
	}
	status, b = w.client.post(t, "/txn", `{"if":[{"key":"a","value":"1"}],"else":[{"range":{"key":"a"}}]}`)
	got = decode[client.Written](t, status, b, http.StatusOK)
	if got.Succeeded || got.Responses[0].Keys[0].Text() != "2" || got.Revision != 3 {
		t.Errorf("a condition that does not hold: %s", b)
	}
	for body, c := range map[string]struct {
		status int
		words  string
	}{
		`{"then":[{"put":{"key":"x","value":"1"}},{"put":{"key":"x","value":"2"}}]}`:    {400, "urn:paxos:duplicate-key"},
		`{"then":[{"put":{"key":"x","value":"1","lease":"0000000000000abc"}}]}`:         {404, "urn:paxos:no-lease"},
		`{"then":[{"put":{"key":"x","keep_value":true}}]}`:                              {404, "urn:paxos:no-key"},
		`{"then":[{"range":{"key":"x","revision":"99"}}]}`:                              {400, "urn:paxos:future-revision"},
		`{"fences":[{"lock":"l","token":"7"}],"then":[{"put":{"key":"x","value":""}}]}`: {412, "urn:paxos:fenced"},
	} {
		r, b := w.client.call(t, http.MethodPost, "/txn", []byte(body))
		wantProblem(t, body, r, b, c.status, c.words, `"outcome":"/outcome/`)
	}
}

func TestAnAnswerIsTheSameForTheSameKey(t *testing.T) {
	w := newTown(t)
	second := start(t, w.book, "client2")
	must(t, second.loop.Submit(t.Context(), paxos.Envelope{To: second.id, Message: paxos.Directory{Proposers: []paxos.NodeID{"proposer1"}, Leader: "proposer1"}}))
	must(t, w.learner.loop.Submit(t.Context(), paxos.Envelope{To: "learner1", Message: paxos.Directory{Proposers: []paxos.NodeID{"proposer1"}, Clients: []paxos.NodeID{"client1", "client2"}}}))
	first := w.put(t, "k", "1", "Idempotency-Key", "once")
	w.put(t, "k", "2")
	for _, n := range []*made{w.client, second} {
		r, b := n.call(t, http.MethodPut, "/kv/k?timeout=10s", []byte("1"), "Idempotency-Key", "once")
		again := decode[client.Written](t, r.StatusCode, b, http.StatusOK)
		if again.Revision != first.Revision || again.Slot != first.Slot || again.Key.Mod != first.Key.Mod || again.IdempotencyKey != "once" {
			t.Errorf("again at %s: %s", n.id, b)
		}
		r, b = n.call(t, http.MethodPut, "/kv/k", []byte("other"), "Idempotency-Key", "once")
		wantProblem(t, "another value", r, b, http.StatusUnprocessableEntity, "key-reused")
		status, b := n.get(t, "/outcome/once")
		o := decode[client.Outcome](t, status, b, http.StatusOK)
		if o.Status != "applied" || o.Revision != first.Revision || !strings.Contains(string(o.Result), `"succeeded":true`) {
			t.Errorf("the outcome at %s: %s", n.id, b)
		}
	}
	if _, b := w.client.get(t, "/kv/k"); string(b) != "2" {
		t.Errorf("the value is %s", b)
	}
}

func TestWhatWasCompactedIsGone(t *testing.T) {
	w := newTown(t)
	for _, v := range []string{"1", "2", "3"} {
		w.put(t, "k", v)
	}
	status, b := w.client.post(t, "/compact", `{"revision":"3"}`)
	if got := decode[client.Compacted](t, status, b, http.StatusOK); got.Revision != 4 || got.Compacted != 3 || got.Slot == 0 {
		t.Errorf("%s", b)
	}
	for _, n := range w.both() {
		for _, path := range []string{"/kv/k?revision=2", "/kv/?prefix&revision=2", "/watch?key=k&from=2"} {
			r, b := n.call(t, http.MethodGet, path, nil)
			wantProblem(t, path, r, b, http.StatusGone, "urn:paxos:compacted")
			if r.Header.Get(client.HeaderCompacted) != "3" {
				t.Errorf("%s at %s: %v", path, n.id, r.Header)
			}
		}
		r, b := n.call(t, http.MethodGet, "/kv/k?revision=9", nil)
		wantProblem(t, "the future", r, b, http.StatusBadRequest, "urn:paxos:future-revision")
		if status, b := n.get(t, "/kv/k?revision=3"); status != http.StatusOK || string(b) != "2" {
			t.Errorf("revision 3 at %s: %d %s", n.id, status, b)
		}
	}
	r, b := w.client.call(t, http.MethodPost, "/compact", []byte(`{"revision":3}`))
	wantProblem(t, "again", r, b, http.StatusGone, "compacted")
	r, b = w.client.call(t, http.MethodPost, "/compact", []byte(`{"revision":"99"}`))
	wantProblem(t, "the future", r, b, http.StatusBadRequest, "future-revision")
}
