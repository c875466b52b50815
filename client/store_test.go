package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
)

func TestWritesAreRepeatedUnderOneKeyUntilTheyAreAnswered(t *testing.T) {
	bothWays(t, writesAreRepeatedUnderOneKeyUntilTheyAreAnswered)
}

func writesAreRepeatedUnderOneKeyUntilTheyAreAnswered(t *testing.T, service func(*testing.T, http.HandlerFunc) string) {
	var keys []string
	f := newFake()
	var guard sync.Mutex
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		guard.Lock()
		defer guard.Unlock()
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		switch len(keys) {
		case 1:
			hangUp(w, r)
		case 2:
			refusal(w, 503, "not-applied")
		case 3:
			refusal(w, 504, "unknown")
		case 4:
			http.Error(w, "a proxy is tired", http.StatusBadGateway)
		default:
			return false
		}
		return true
	}
	taken := func() (list []string) {
		guard.Lock()
		defer guard.Unlock()
		list, keys = keys, nil
		return list
	}
	c := connect(t, service(t, f.ServeHTTP))
	w, err := c.Put(t.Context(), "k", "v")
	got := taken()
	if err != nil || w.Key.Key != "k" || len(got) != 5 {
		t.Fatalf("%+v, %v, after %d", w, err, len(got))
	}
	if got[0] == "" || len(slices.Compact(got)) != 1 {
		t.Errorf("keys %q", got)
	}
	if w.Revision != 2 {
		t.Errorf("it was applied %d times", w.Revision-1)
	}
	_, err = c.Put(t.Context(), "k", "w", client.WithoutKey())
	if got := taken(); !errors.Is(err, client.ErrUnknown) || len(got) != 1 || got[0] != "" || client.KeyOf(err) != "" {
		t.Errorf("without a key: %v after %q", err, got)
	}
}

func TestAWriteThatIsNotAnsweredIsUnknownUnlessEveryAttemptWasRefused(t *testing.T) {
	bothWays(t, aWriteThatIsNotAnsweredIsUnknownUnlessEveryAttemptWasRefused)
}

func aWriteThatIsNotAnsweredIsUnknownUnlessEveryAttemptWasRefused(t *testing.T, service func(*testing.T, http.HandlerFunc) string) {
	for _, x := range []struct {
		about string
		first http.HandlerFunc
		then  http.HandlerFunc
		want  error
	}{
		{"always refused", nil, kind(503, "not-applied"), client.ErrUnavailable},
		{"once lost, then refused", hangUp, kind(503, "not-applied"), client.ErrUnknown},
		{"once unknown, then too large", kind(504, "unknown"), kind(413, "too-large"), client.ErrUnknown},
		{"once unknown, then expired", kind(504, "unknown"), kind(409, "session_expired"), client.ErrUnknown},
		{"once unknown, then fenced", kind(504, "unknown"), kind(412, "fenced"), client.ErrConflict},
		{"expired at once", nil, kind(409, "session_expired"), client.ErrExpired},
		{"a full disk", nil, kind(507, "disk-full"), client.ErrUnavailable},
		{"too many keys", nil, kind(507, "too-many-keys"), client.ErrUnavailable},
		{"once unknown, then too many keys", kind(504, "unknown"), kind(507, "too-many-keys"), client.ErrUnknown},
		{"too much work", nil, kind(413, "too-much-work"), client.ErrBadRequest},
		{"once lost, then a full disk", hangUp, kind(507, "disk-full"), client.ErrUnknown},
	} {
		var asked atomic.Int32
		c := connect(t, service(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 1 && x.first != nil {
				x.first(w, r)
				return
			}
			x.then(w, r)
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := c.Increment(ctx, "k", 1)
		cancel()
		if !errors.Is(err, x.want) || !strings.HasPrefix(client.KeyOf(err), paxos.CallKeyPrefix) {
			t.Errorf("%s: %v, of key %q", x.about, err, client.KeyOf(err))
		}
		for _, other := range []error{client.ErrUnavailable, client.ErrUnknown, client.ErrConflict, client.ErrExpired, client.ErrBadRequest} {
			if other != x.want && errors.Is(err, other) {
				t.Errorf("%s: it is also %q: %v", x.about, other, err)
			}
		}
	}
}

func kind(status int, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refusal(w, status, name) }
}

func TestWhatARefusalOfTheStoreMeans(t *testing.T) { bothWays(t, whatARefusalOfTheStoreMeans) }

func whatARefusalOfTheStoreMeans(t *testing.T, service func(*testing.T, http.HandlerFunc) string) {
	for _, x := range []struct {
		status int
		kind   string
		want   error
	}{
		{404, "no-such-key", client.ErrNotFound}, {404, "no-lease", client.ErrNotFound}, {410, "compacted", client.ErrCompacted},
		{400, "future-revision", client.ErrBadRequest}, {412, "condition-failed", client.ErrConflict}, {412, "fenced", client.ErrConflict},
		{409, "not-held", client.ErrConflict}, {409, "late", client.ErrExpired}, {422, "key-reused", client.ErrConflict},
		{422, "not-a-number", client.ErrConflict}, {422, "bad-ttl", client.ErrBadRequest}, {413, "value-too-large", client.ErrBadRequest},
	} {
		c := connect(t, service(t, kind(x.status, x.kind)))
		_, err := c.Put(t.Context(), "k", "v")
		var p *client.Problem
		if !errors.Is(err, x.want) || !errors.As(err, &p) || p.Kind() != x.kind || p.Hint != "a hint" {
			t.Errorf("%d %s: %v", x.status, x.kind, err)
		}
	}
}

func TestReadsAreRepeatedAndAProxyDoesNotSayThatAKeyIsMissing(t *testing.T) {
	f := newFake()
	f.put("k", "v")
	var asked atomic.Int32
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		switch asked.Add(1) {
		case 1:
			refusal(w, 503, "no-quorum")
		case 2:
			refusal(w, 504, "not-applied-yet")
		case 3:
			http.NotFound(w, r)
		default:
			return false
		}
		return true
	}
	c := connect(t, service(t, f.ServeHTTP))
	if got, err := c.Get(t.Context(), "k"); err != nil || got.Text() != "v" {
		t.Errorf("%+v, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := connect(t, service(t, kind(503, "no-quorum"))).Get(ctx, "k"); !errors.Is(err, client.ErrUnavailable) {
		t.Error(err)
	}
}

func TestConsistencyIsToldAndTheHighestTokenIsKept(t *testing.T) {
	var asked []string
	slot := "0"
	c := connect(t, service(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("consistency")+" "+r.URL.Query().Get("max_age")+" "+r.Header.Get(client.HeaderToken))
		fmt.Fprintf(w, `{"key":"k","applied_watermark":%q,"session_token":"at-%s"}`, slot, slot)
	}))
	for _, x := range []struct {
		slot string
		how  client.Consistency
		want string
	}{
		{"7", client.Linearizable, "  "}, {"5", client.Session, "session  at-7"}, {"9", client.Stale, "stale  "}, {"1", client.Bounded(500 * time.Millisecond), "bounded 500ms "},
		{"1", client.Session, "session  at-9"}, {"1", client.SessionAfter("x"), "session  x"},
	} {
		slot = x.slot
		if _, err := c.Get(t.Context(), "k", x.how); err != nil {
			t.Fatal(err)
		}
		if got := asked[len(asked)-1]; got != x.want {
			t.Errorf("%v: asked %q, want %q", x.how, got, x.want)
		}
	}
	if c.SessionToken() != "at-9" {
		t.Error(c.SessionToken())
	}
	if _, err := client.ParseConsistency("bounded", 0); err == nil {
		t.Error("bounded by nothing")
	}
	if l, err := client.ParseConsistency("", 0); err != nil || l != client.Linearizable {
		t.Error(l, err)
	}
}

func TestRequestsOfTheStore(t *testing.T) {
	var got string
	c := connect(t, service(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		query := r.URL.Query()
		query.Del("timeout")
		got = strings.TrimSpace(fmt.Sprintf("%s %s?%s %s", r.Method, r.URL.EscapedPath(), query.Encode(), bytes.TrimSpace(body)))
		for _, name := range []string{"If-Match", "If-None-Match", "If-Fence"} {
			for _, v := range r.Header[name] {
				got += " " + name + ":" + v
			}
		}
		fmt.Fprint(w, `{"lease":"0000000000000007"}`)
	}))
	ctx := t.Context()
	for want, call := range map[string]func() error{
		"GET /kv/a/b%20%C3%BC%3F?revision=7 ": func() error { _, err := c.Get(ctx, "a/b ü?", client.AtRevision(uint64(7))); return err },
		"GET /kv/%2F%2Fa%2F..?":               func() error { _, err := c.Get(ctx, "//a/.."); return err },
		"GET /kv/a/%2E%2E/b?":                 func() error { _, err := c.Get(ctx, "a/../b"); return err },
		"GET /kv/?count_only=&prefix=":        func() error { _, err := c.Count(ctx, client.Prefix("")); return err },
		"GET /kv/a?end=c&keys_only=&limit=5": func() error {
			_, err := c.Page(ctx, client.From("a", "c"), "", client.KeysOnly(), client.Limit(5))
			return err
		},
		"PUT /kv/k?keep_lease=&prev= v If-Match:\"9\"": func() error {
			_, err := c.Put(ctx, "k", "v", client.KeepLease(), client.WithPrev(), client.IfRevision(uint64(9)))
			return err
		},
		"PUT /kv/k?lease=00000000000000ab If-None-Match:*": func() error { _, err := c.Create(ctx, "k", "", client.WithLease(0xab)); return err },
		"DELETE /kv/k/?prefix= If-Fence:a%2Fb:3": func() error {
			_, err := c.DeletePrefix(ctx, "k/", client.Fenced("a/b", uint64(3)))
			return err
		},
		`POST /kv/k? {"swap":{"new":"b","old":"a"}}`:          func() error { _, err := c.Swap(ctx, "k", "a", "b"); return err },
		`POST /kv/k? {"swap":{"new_base64":"/w==","old":""}}`: func() error { _, err := c.Swap(ctx, "k", "", "\xff"); return err },
		`POST /kv/k? {"append":{"a":"<b>"}}`:                  func() error { _, err := c.Append(ctx, "k", map[string]string{"a": "<b>"}); return err },
		`POST /kv/k? {"increment":"-5"}`:                      func() error { _, err := c.Increment(ctx, "k", -5); return err },
		`POST /compact? {"revision":"12"}`:                    func() error { _, err := c.Compact(ctx, 12); return err },
		`POST /lease? {"ttl_ms":30000}`:                       func() error { _, err := c.Grant(ctx, 30*time.Second); return err },
		`POST /lease/0000000000000007/keepalive?`:             func() error { _, err := c.KeepAlive(ctx, 7); return err },
		`DELETE /lock/a%2Fb?token=4`:                          func() error { _, err := c.ReleaseLock(ctx, "a/b", 4); return err },
		`POST /txn? {"if":[{"key":"k","is":"!=","version":"0"}],"then":[{"put":{"key":"k","value":"v"}}],"else":[{"increment":{"key":"n","by":"2"}}]}`: func() error {
			_, err := c.Txn(ctx, client.Txn{If: []client.Condition{client.Exists("k")}, Then: []client.Operation{client.ThenPut("k", "v")}, Else: []client.Operation{client.ThenIncrement("n", 2)}})
			return err
		},
	} {
		if err := call(); err != nil || got != strings.TrimSpace(want) {
			t.Errorf("asked %s, %v\nwant  %s", got, err, want)
		}
	}
	for _, key := range []string{"", "\xff"} {
		if _, err := c.Put(ctx, key, "v"); !errors.Is(err, client.ErrBadRequest) {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

func TestARangeIsReadOverAllPagesAtOneRevision(t *testing.T) {
	f := newFake()
	for i := range 25 {
		f.put(fmt.Sprintf("a/%02d", i), "v")
	}
	c := connect(t, service(t, f.ServeHTTP))
	var keys []string
	for kv, err := range c.GetPrefix(t.Context(), "a/", client.PageSize(10)) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, kv.Key)
	}
	if len(keys) != 25 || !slices.IsSorted(keys) {
		t.Errorf("%q", keys)
	}
	asked := f.asked()
	if len(asked) != 3 || strings.Contains(asked[0], "session") || !strings.Contains(asked[1], "consistency=session") || !strings.Contains(asked[2], "page=a%2F19") {
		t.Errorf("%q", asked)
	}
	var last error
	for _, last = range connect(t, service(t, kind(410, "compacted"))).GetPrefix(t.Context(), "a/") {
	}
	if !errors.Is(last, client.ErrCompacted) {
		t.Error(last)
	}
}

func TestNumbersOfAnswersAreRead(t *testing.T) {
	var w client.Written
	if err := json.Unmarshal([]byte(`{"key":{"key":"k","value_base64":"/w=="},"deleted":"3"}`), &w); err != nil || w.Key.Text() != "\xff" || w.Deleted != 3 {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := w.Key.Int(); err == nil {
		t.Error("a value that is no number was taken for one")
	}
}
