package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/ports"
)

// refuses is a made-up service that refuses everything.
func refuses(t *testing.T, status int, kind, detail string) string {
	t.Helper()
	return answers(t, status, client.Problem{Type: "urn:paxos:" + kind, Detail: detail})
}

func text(s string) *string { return &s }

func TestWhatTheCommandsOfTheStoreSay(t *testing.T) {
	t.Chdir(t.TempDir())
	kv, long := client.KV{Key: "a/b", Value: text("7"), Mod: 5, Create: 2, Version: 3}, client.KV{Key: "long", Value: text(strings.Repeat("é", 101))}
	written := client.Written{Revision: 5, Succeeded: true, Key: &kv, Deleted: 2, Command: client.Command{Slot: 9}}
	current := client.Problem{Type: "urn:paxos:condition-failed", Detail: "it is not so", Current: &kv}
	for _, x := range []struct {
		at, line string
		code     int
		out, err string // parts
	}{
		{answers(t, 200, written), "put a/b 7", ExitOK, "a/b  5         3        9", ""},
		{answers(t, 200, written), "put a/b 7 -o json", ExitOK, `"mod_revision": "5"`, ""},
		{answers(t, 412, current), "put --if-missing a/b 7", ExitConflict, "", "nothing was changed; it is 7, at revision 5"},
		{refuses(t, 412, "fenced", "not held"), "put --fence a:3 a/b 7", ExitConflict, "", "not held"},
		{ports.Closed(t), "put --fence a a/b 7", ExitUsage, "", `--fence "a" is not NAME:TOKEN`},
		{ports.Closed(t), "put --lease x a/b 7", ExitUsage, "", "16 hexadecimal digits"},
		{ports.Closed(t), "put --if-missing --if-exists a 7", ExitUsage, "", "--if-missing and --if-exists do not go together"},
		{ports.Closed(t), "put a -7", ExitUsage, "", "paxosctl put -- KEY -7"},
		{answers(t, 200, client.Got{KV: kv}), "get a/b", ExitOK, "7", ""},
		{answers(t, 200, client.Got{KV: kv}), "get a/b -o table", ExitOK, "a/b  7      5         3        -", ""},
		{refuses(t, 404, "no-such-key", "no key"), "get a/b", ExitNotFound, "", `paxosctl get --prefix a/ shows`},
		{refuses(t, 410, "compacted", "it was forgotten"), "get a/b --revision 2", ExitNotFound, "", "it was forgotten"},
		{ports.Closed(t), "get a --consistency bounded", ExitUsage, "", "--max-age"},
		{ports.Closed(t), "get a --consistency session", ExitUsage, "", "--session-token"},
		{ports.Closed(t), "get a --consistency x", ExitUsage, "", "none of linearizable"},
		{ports.Closed(t), "get a --limit 3", ExitUsage, "", "belong to --prefix"},
		{answers(t, 200, client.Keys{Keys: []client.KV{kv, long}, Count: 2}), "get --prefix a", ExitOK, strings.Repeat("é", 100) + "…", ""},
		{answers(t, 200, client.Keys{Keys: []client.KV{kv}, Count: 9, More: true, Page: "x"}), "get --prefix a --limit 1 -o value", ExitOK, "7\n", "9 keys in all"},
		{answers(t, 200, client.Keys{Keys: []client.KV{kv}}), "get --prefix a --keys-only -o value", ExitOK, "a/b\n", ""},
		{answers(t, 200, client.Keys{Keys: []client.KV{kv}}), "get --prefix a -o ndjson", ExitOK, `{"key":"a/b","value":"7",`, ""},
		{answers(t, 200, client.Keys{Count: 12}), "get --prefix a --count", ExitOK, "12\n", ""},
		{answers(t, 200, written), "del --prefix a", ExitOK, "2        5", ""},
		{ports.Closed(t), "del --prefix ''", ExitUsage, "", "--all"},
		{answers(t, 200, written), "cas a 6 7", ExitOK, "a/b", ""},
		{answers(t, 412, current), "cas a 6 7", ExitConflict, "", "it is 7"},
		{answers(t, 200, written), "cas --missing a 7", ExitOK, "a/b", ""},
		{ports.Closed(t), "cas a 7", ExitUsage, "", "NEW is missing"},
		{answers(t, 200, written), "incr a", ExitOK, "7\n", ""},
		{answers(t, 200, written), "incr -- a -3", ExitOK, "7\n", ""},
		{ports.Closed(t), "incr a x", ExitUsage, "", "no whole number"},
		{answers(t, 200, client.Written{Key: &kv, Count: 3}), "append a x", ExitOK, "3\n", ""},
		{answers(t, 200, client.Compacted{Revision: 9, Compacted: 5}), "compact 5", ExitOK, "9         5", ""},
		{answers(t, 200, client.Keys{Freshness: client.Freshness{Revision: 9}}), "compact --keep 10", ExitOK, "9         -", "nothing is to be forgotten"},
		{answers(t, 200, client.Leased{Lease: client.Lease{ID: 0xab, TTL: 30000}}), "lease grant 30s -o value", ExitOK, "00000000000000ab\n", ""},
		{answers(t, 200, client.Leased{Lease: client.Lease{ID: 0xab, TTL: 30000}}), "lease keep-alive --once 00000000000000ab", ExitOK, "30s", ""},
		{refuses(t, 404, "no-lease", "no lease"), "lease keep-alive 00000000000000ab", ExitNotFound, "", "no lease"},
		{answers(t, 200, client.Lease{ID: 0xab, Keys: []string{"k"}}), "lease info 00000000000000ab", ExitOK, "k", ""},
		{ports.Closed(t), "lease info 7", ExitUsage, "", "16 hexadecimal digits"},
		{answers(t, 200, client.Queue{Name: "l"}), "elect --leader l", ExitNotFound, "", `nobody leads "l"`},
		{answers(t, 200, client.Queue{Holder: &client.Place{Value: "me", Lease: 1}}), "elect --leader l -o value", ExitOK, "me\n", ""},
		{answers(t, 200, client.Queue{Holder: &client.Place{Value: "me", Lease: 1}}), "lock --try l -- true", ExitConflict, "", `held by "me"`},
		{answers(t, 200, client.Queue{Holder: &client.Place{Value: "me", Lease: 1}}), "lock --show l", ExitOK, "holds", ""},
		{ports.Closed(t), "lock l true", ExitUsage, "", "a command goes after --"},
		{refuses(t, 503, "not-applied", "no quorum"), "put a b --timeout 400ms", ExitUnavailable, "", "no quorum"},
		{refuses(t, 504, "unknown", "nobody knows"), "put a b --timeout 400ms --key k", ExitUnknown, "", "paxosctl burn k makes sure"},
		{refuses(t, 504, "unknown", "nobody knows"), "put a b --timeout 400ms", ExitUnknown, "", "paxosctl outcome "},
	} {
		words := strings.Fields(x.line)
		if words[len(words)-1] == "''" {
			words[len(words)-1] = ""
		}
		got := run(t.Context(), strings.NewReader(""), append([]string{words[0], "--endpoints", x.at}, words[1:]...)...)
		if words[0] == "lease" {
			got = run(t.Context(), strings.NewReader(""), append([]string{"lease", words[1], "--endpoints", x.at}, words[2:]...)...)
		}
		if got.code != x.code || !strings.Contains(got.out, x.out) || !strings.Contains(got.err, x.err) || x.err == "" && got.err != "" || x.out == "" && got.out != "" {
			t.Errorf("%s: want exit code %d, %q and %q\n%v", x.line, x.code, x.out, x.err, got)
		}
	}
}

func TestAValueComesOutAsItWentIn(t *testing.T) {
	var body []byte
	at := made(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, _ = io.ReadAll(r.Body)
			_ = json.NewEncoder(w).Encode(client.Written{})
			return
		}
		_ = json.NewEncoder(w).Encode(client.Got{KV: client.KV{ValueBase64: body}})
	})
	value := "\x00\xff\nno end"
	if got := run(t.Context(), strings.NewReader(value), "put", "k", "-", "--endpoints", at); got.code != ExitOK {
		t.Fatal(got)
	}
	if got := run(t.Context(), nil, "get", "k", "--endpoints", at); got.out != value {
		t.Errorf("%q", got.out)
	}
}

func TestTransactionsAreReadInBothForms(t *testing.T) {
	var body string
	at := made(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
		_ = json.NewEncoder(w).Encode(client.Written{Succeeded: true, Responses: []client.OpAnswer{{Keys: []client.KV{{Key: "k", Value: text("v")}}}, {Deleted: 3}}})
	})
	readable := "value(\"a b\") != \"x\\\"y\"\n mod(k)>5\nmissing(m)\n\nput k 'a \"b\" c'\nincr n -2\nappend l {\"x\":1}\ndel --prefix \"p q\"\n\nget k\n\n"
	want := `{"if":[{"key":"a b","is":"!=","value":"x\"y"},{"key":"k","is":"\u003e","mod_revision":"5"},{"key":"m","is":"=","version":"0"}],` +
		`"then":[{"put":{"key":"k","value":"a \"b\" c"}},{"increment":{"key":"n","by":"-2"}},{"append":{"key":"l","item":{"x":1}}},{"delete":{"key":"p q","prefix":true}}],` +
		`"else":[{"range":{"key":"k"}}]}`
	for in, sent := range map[string]string{readable: want, ` {"then":[]}`: ` {"then":[]}`} {
		got := run(t.Context(), strings.NewReader(in), "txn", "--endpoints", at)
		if got.code != ExitOK || body != sent || !strings.Contains(got.out, "true") || !strings.Contains(got.out, "deleted:") {
			t.Errorf("sent %s\nwant %s\n%v", body, sent, got)
		}
	}
	for _, bad := range []string{"", "value(k) ~ 3", "mod(k) = x", "\nput k", "\nput \"k v", "\n\n\nx", "\nincr k x", "\nrm k"} {
		if got := run(t.Context(), strings.NewReader(bad), "txn", "-", "--endpoints", at); got.code != ExitUsage || got.err == "" {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// locks is a made-up service with one lock, whose lease can be ended.
func locks(t *testing.T, gone *atomic.Bool) (at string, asked func() string) {
	var mu sync.Mutex
	var list []string
	at = made(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		list = append(list, r.Method+" "+r.URL.Path)
		mu.Unlock()
		switch {
		case strings.HasPrefix(r.URL.Path, "/lease") && gone.Load():
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(404)
			_ = json.NewEncoder(w).Encode(client.Problem{Type: "urn:paxos:no-lease", Detail: "there is no such lease"})
		case strings.HasPrefix(r.URL.Path, "/lease"):
			_ = json.NewEncoder(w).Encode(client.Leased{Lease: client.Lease{ID: 0xab, TTL: 1000}})
		default:
			_ = json.NewEncoder(w).Encode(client.Placed{Place: client.Place{Name: "l o", Key: "locks/l o/x", Held: true, Token: 7, Lease: 0xab}})
		}
	})
	return at, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(list, ", ")
	}
}

func TestACommandRunsWhileALockIsHeld(t *testing.T) {
	var gone atomic.Bool
	at, asked := locks(t, &gone)
	got := run(t.Context(), nil, "lock", "--endpoints", at, "l o", "--", "sh", "-c", `echo "$PAXOS_LOCK|$PAXOS_TOKEN|$PAXOS_FENCE|$PAXOS_LEASE"; exit 9`)
	if got.code != 9 || got.out != "l o|7|l%20o:7|00000000000000ab\n" || got.err != "" || !strings.HasSuffix(asked(), "POST /lock/l o, DELETE /lease/00000000000000ab") {
		t.Errorf("%v; asked %s", got, asked())
	}
	got = run(t.Context(), nil, "elect", "--endpoints", at, "e", "me", "--", "sh", "-c", `echo "$PAXOS_ELECTION|$PAXOS_TOKEN"`)
	if got.code != ExitOK || got.out != "e|7\n" {
		t.Error(got)
	}
	got = run(t.Context(), nil, "lock", "--endpoints", at, "l", "--", "/nowhere/at/all")
	if got.code != ExitNoProgram || got.err != "/nowhere/at/all cannot be run: no such file or directory\n" {
		t.Error(got)
	}
	got = run(t.Context(), nil, "lock", "--endpoints", at, "l", "--", "sh", "-c", "kill -KILL $$")
	if got.code != 137 {
		t.Error(got)
	}
	time.AfterFunc(100*time.Millisecond, func() { gone.Store(true) })
	got = run(t.Context(), nil, "lock", "--ttl", "1s", "--endpoints", at, "l", "--", "sh", "-c", "trap 'echo told to end; exit 3' TERM; sleep 30 & wait")
	if got.code != ExitConflict || got.out != "told to end\n" || !strings.Contains(got.err, "was lost: there is no such lease") {
		t.Errorf("a lock that is lost: %v", got)
	}
}

func TestALockIsHeldUntilTheInterrupt(t *testing.T) {
	var gone atomic.Bool
	at, asked := locks(t, &gone)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	got := run(ctx, nil, "lock", "l", "--endpoints", at)
	if got.code != ExitOK || !strings.Contains(got.out, "l o   7      00000000000000ab") || !strings.HasSuffix(asked(), "DELETE /lease/00000000000000ab") {
		t.Errorf("%v; asked %s", got, asked())
	}
}

func TestChangesAreShownAndRun(t *testing.T) {
	var asked string
	at := made(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		fmt.Fprint(w, "event: progress\nid: 4\ndata: {\"revision\":\"4\"}\n\n")
		for i, e := range []client.KeyEvent{{Type: "put", KV: client.KV{Key: "a/b", Value: text("v w")}}, {Type: "delete", KV: client.KV{Key: "a/c"}}} {
			b, _ := json.Marshal(client.Changes{Revision: paxos.Number(5 + i), Events: []client.KeyEvent{e}})
			fmt.Fprintf(w, "event: change\nid: %d\ndata: %s\n\n", 5+i, b)
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for line, want := range map[string]string{
		"watch a/ --limit 2":          "5         put     a/b  v w\n6         delete  a/c\n",
		"watch a/ --limit 1 -o value": "v w\n",
		"watch a/ --limit 1 -o json":  `{"revision":"5","events":[{"type":"put","key":"a/b","value":"v w"`,
		"watch a/ --timeout 300ms":    "delete  a/c",
	} {
		got := run(t.Context(), nil, append(strings.Fields(line), "--endpoints", at)...)
		if got.code != ExitOK || !strings.Contains(got.out, want) || got.err != "watching, at revision 4\n" || !strings.Contains(asked, "prefix=a%2F") {
			t.Errorf("%s: %v; asked %s", line, got, asked)
		}
	}
	got := run(t.Context(), nil, "watch", "--endpoints", at, "--key", "a/b", "--from", "5", "--", "sh", "-c", `echo "$PAXOS_WATCH_REVISION $PAXOS_WATCH_TYPE $PAXOS_WATCH_KEY $(cat)"; [ "$PAXOS_WATCH_TYPE" = put ] || exit 9`)
	if got.code != 9 || got.out != "5 put a/b v w\n6 delete a/c \n" || !strings.Contains(asked, "from=5&key=a%2Fb") {
		t.Errorf("%v; asked %s", got, asked)
	}
	behind := made(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "event: resync\ndata: {\"revision\":\"40\",\"compacted\":\"40\"}\n\n")
	})
	if got := run(t.Context(), nil, "watch", "a", "--endpoints", behind); got.code != ExitNotFound || !strings.Contains(got.err, "from revision 40 on") {
		t.Error(got)
	}
}

func TestKeysAreCompletedUpToTheNextSlash(t *testing.T) {
	t.Chdir(t.TempDir())
	keys := []string{"from", "fruit/apple", "fruit/fig/1", "fruit/fig/2", "fruit/pear", "other"}
	at := made(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var page client.Keys
		for _, k := range keys {
			if from := strings.TrimPrefix(r.URL.Path, "/kv/"); k >= from && k < q.Get("end") {
				if page.More = len(page.Keys) == 2; page.More {
					break
				}
				page.Keys = append(page.Keys, client.KV{Key: k})
			}
		}
		if q.Get("consistency") != "stale" || !q.Has("keys_only") {
			t.Errorf("asked %s", r.URL)
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	t.Setenv("PAXOS_ENDPOINTS", at)
	for line, want := range map[string]string{
		"__complete get fr":           "from\nfruit/\n:6\n",
		"__complete get fruit/":       "fruit/apple\nfruit/fig/\nfruit/pear\n:6\n",
		"__complete get fruit/fig/":   "fruit/fig/1\nfruit/fig/2\n:4\n",
		"__complete put from x":       ":4\n",
		"__complete get nothing/here": ":4\n",
	} {
		if got := run(t.Context(), nil, strings.Fields(line)...); got.out != want {
			t.Errorf("%s: %q, want %q", line, got.out, want)
		}
	}
	t.Setenv("PAXOS_ENDPOINTS", ports.Closed(t))
	if got := run(t.Context(), nil, "__complete", "get", "fr"); got.out != ":4\n" {
		t.Errorf("nobody there: %v", got)
	}
}
