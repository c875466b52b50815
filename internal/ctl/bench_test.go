package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"paxos/client"
	"paxos/test/ports"
)

// benchStore is a made-up client service that has what bench asks for, and goes
// wrong as it is told.
type benchStore struct {
	sync.Mutex
	keys    map[string]string
	ever    map[string]bool // keys that were written
	writes  int
	burnt   []string
	deleted []string
	late    bool           // something was burnt after a deletion
	asked   map[string]int // by method, and consistency
	// before sees the write or read of a key; true: it has answered.
	before func(w http.ResponseWriter, r *http.Request, key, body string) bool
	// loses an acknowledged write, seen by its number.
	loses func(number int) bool
}

func newBenchStore() *benchStore {
	return &benchStore{keys: map[string]string{}, ever: map[string]bool{}, asked: map[string]int{}}
}

func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(client.Problem{Type: "urn:paxos:" + kind, Status: status, Detail: "it is " + kind})
}

func (s *benchStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	root, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	s.Lock()
	defer s.Unlock()
	if r.Header.Get("Upgrade") != "" {
		refuse(w, http.StatusUpgradeRequired, "wrong-protocol")
		return
	}
	s.asked[r.Method+" "+root+" "+r.URL.Query().Get("consistency")]++
	if s.before != nil && root == "kv" && s.before(w, r, key, string(body)) {
		return
	}
	// A write of which the sender has had enough may come after it was burnt.
	if slices.Contains(s.burnt, r.Header.Get("Idempotency-Key")) {
		refuse(w, http.StatusConflict, "burnt")
		return
	}
	switch {
	case root == "outcome":
		s.burnt, s.late = append(s.burnt, key), s.late || s.deleted != nil
		_ = json.NewEncoder(w).Encode(client.Outcome{Status: "burnt"})
	case root == "txn":
		var txn client.Txn
		if err := json.Unmarshal(body, &txn); err != nil {
			refuse(w, http.StatusBadRequest, "bad-request")
			return
		}
		for _, o := range txn.Then {
			s.put(o.Put.Key, *o.Put.Value)
		}
		_ = json.NewEncoder(w).Encode(client.Written{Succeeded: true})
	case r.Method == http.MethodPut:
		s.put(key, string(body))
		_ = json.NewEncoder(w).Encode(client.Written{})
	case r.Method == http.MethodDelete:
		s.deleted = append(s.deleted, key)
		maps.DeleteFunc(s.keys, func(k, _ string) bool { return strings.HasPrefix(k, key) })
		_ = json.NewEncoder(w).Encode(client.Written{})
	default:
		value, has := s.keys[key]
		if !has {
			refuse(w, http.StatusNotFound, "no-such-key")
			return
		}
		_ = json.NewEncoder(w).Encode(client.Got{KV: client.KV{Key: key, Value: &value}})
	}
}

func (s *benchStore) put(key, value string) {
	s.writes++
	s.ever[key] = true
	if s.loses == nil || !s.loses(s.writes) {
		s.keys[key] = value
	}
}

// bench runs the command for a second.
func (s *benchStore) bench(t *testing.T, line string) result {
	t.Helper()
	return run(t.Context(), nil, append(strings.Fields(line), "--endpoints", made(t, s.ServeHTTP), "--for", "1s")...)
}

func TestABenchCountsReadsBackAndCleansUp(t *testing.T) {
	t.Parallel()
	for line, kinds := range map[string][]string{
		"bench -o json --clients 3 --keys 7 --size 10":                             {"put"},
		"bench get -o json --clients 2 --keys 300 --size 40 --prefix b":            {"get"},
		"bench mixed -o json --clients 2 --keys 5 --size 40 --consistency session": {"put", "get", "all"},
	} {
		t.Run(kinds[0]+fmt.Sprint(len(kinds)), func(t *testing.T) {
			t.Parallel()
			s := newBenchStore()
			got := s.bench(t, line)
			var r benched
			if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != ExitOK {
				t.Fatalf("%v: %v", err, got)
			}
			var said []string
			for _, k := range r.Operations {
				said = append(said, k.Operation)
				if k.Count == 0 || math.Abs(k.PerSecond-float64(k.Count)/r.Seconds) > 0.1 || k.Bytes != int64(k.Count*r.Size) || k.P50 <= 0 || k.P99 < k.P50 || k.P999 < k.P99 || k.Longest < k.P999 || k.Refused+k.Unknown != 0 {
					t.Errorf("%+v", k)
				}
			}
			if !slices.Equal(said, kinds) || r.Lost != 0 || r.Kept || r.Interrupted || r.Seconds != 1 {
				t.Errorf("%+v", r)
			}
			want := len(s.ever)
			if kinds[0] == "get" {
				want = 0
			}
			if r.ReadBack != want || want > 0 && s.asked["GET kv "] < want {
				t.Errorf("%d of %d keys read back, asked %v", r.ReadBack, want, s.asked)
			}
			if len(s.ever) != r.Clients*r.Keys && kinds[0] == "get" || len(s.keys) != 0 || len(s.deleted) != r.Clients {
				t.Errorf("%d keys were written; %d are left after deleting %q", len(s.ever), len(s.keys), s.deleted)
			}
			for key := range s.ever {
				if !strings.HasPrefix(key, r.Prefix) {
					t.Errorf("%s is not below %s", key, r.Prefix)
				}
			}
			if !strings.Contains(got.err, fmt.Sprintf("of %d bytes, of %d keys below %s of the cluster at 127.0.0.1:", r.Size, r.Clients*r.Keys, r.Prefix)) || strings.Count(got.err, "\n") != 1 {
				t.Errorf("%v", got)
			}
			if consistency := "GET kv session"; (s.asked[consistency] > 0) != strings.Contains(line, "session") {
				t.Errorf("asked %v", s.asked)
			}
		})
	}
}

func TestAtMostAThousandKeysAreReadBack(t *testing.T) {
	t.Parallel()
	s := newBenchStore()
	got := s.bench(t, "bench mixed --clients 2 --keys 2000 --keep --consistency stale")
	if got.code != ExitOK || !strings.Contains(got.out, "the values of 1000 keys, and all that was acknowledged is there") || s.asked["GET kv "] != 1000 || len(s.keys) != 4000 || s.deleted != nil {
		t.Errorf("%v, asked %v, %d keys are kept", got, s.asked, len(s.keys))
	}
}

// TestALostAcknowledgedValueIsFound: one that was never stored, and one that is
// older than it may be.
func TestALostAcknowledgedValueIsFound(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		line  string
		loses func(number int) bool
		says  string
	}{
		"missing": {"bench --clients 1 --keys 100000", func(n int) bool { return n == 5 }, `"0.5.`},
		"older":   {"bench --clients 1 --keys 1", func(n int) bool { return n > 5 }, `and "0.5.`},
		"read":    {"bench get --clients 1 --keys 20", func(n int) bool { return n == 7 }, `"0.7.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBenchStore()
			s.loses = x.loses
			// So slow that every key is read back.
			s.before = func(http.ResponseWriter, *http.Request, string, string) bool {
				<-time.After(4 * time.Millisecond)
				return false
			}
			got := s.bench(t, x.line)
			missing := strings.Contains(got.out, "was acknowledged last, and it is not there")
			if got.code != ExitError || !strings.Contains(got.out, "LOST: of bench/") || !strings.Contains(got.out, x.says) || missing == (name == "older") {
				t.Errorf("%v", got)
			}
			if s.deleted != nil || !strings.Contains(got.err, " lost: of bench/") || !strings.Contains(got.err, "paxosctl del --prefix bench/") {
				t.Errorf("deleted %q: %v", s.deleted, got)
			}
		})
	}
}

// TestWhatMayBeAppliedIsNoLoss: a write that nobody answers for may be there or
// not. It is counted, and burnt before the deletion, behind which it could come.
func TestWhatMayBeAppliedIsNoLoss(t *testing.T) {
	t.Parallel()
	s := newBenchStore()
	fates := map[string]int{} // of each write, however often it is sent
	s.before = func(w http.ResponseWriter, r *http.Request, key, body string) bool {
		name := r.Header.Get("Idempotency-Key")
		if r.Method != http.MethodPut {
			return false
		}
		fate, sent := fates[name]
		if !sent {
			fate = len(fates) % 4
			fates[name] = fate
		}
		switch fate {
		case 1: // it is applied, and the answer is lost
			s.put(key, body)
			refuse(w, http.StatusGatewayTimeout, "unknown")
		case 2: // it is lost
			refuse(w, http.StatusGatewayTimeout, "unknown")
		case 3:
			refuse(w, http.StatusServiceUnavailable, "not-applied")
		}
		return fate != 0
	}
	got := s.bench(t, "bench -o json --clients 1 --keys 20 --timeout 300ms")
	var r benched
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != ExitOK || r.Lost != 0 || r.ReadBack == 0 {
		t.Fatalf("%v: %v", err, got)
	}
	if o := r.Operations[0]; o.Unknown == 0 || o.Refused == 0 || o.Count == 0 || !strings.Contains(got.err, "the last error: it is ") {
		t.Errorf("%v", got)
	}
	for name, fate := range fates {
		if (fate == 1 || fate == 2) && !slices.Contains(s.burnt, name) {
			t.Errorf("%s is not burnt", name)
		}
	}
	// On a slow machine an answer may come too late for others, too.
	for _, name := range s.burnt {
		if _, sent := fates[name]; !sent {
			t.Errorf("%s is burnt, and was never sent", name)
		}
	}
	if s.late || len(s.keys) != 0 {
		t.Errorf("burnt after the deletion: %v; %d keys are left", s.late, len(s.keys))
	}
}

// TestTheWarmUpIsNotCountedAndAStallAtTheEndIs: neither its errors nor its time
// are hidden by when they end.
func TestTheWarmUpIsNotCountedAndAStallAtTheEndIs(t *testing.T) {
	t.Parallel()
	s := newBenchStore()
	var begun time.Time
	refused, stalled := 0, 0
	s.before = func(w http.ResponseWriter, r *http.Request, _, _ string) bool {
		if begun.IsZero() {
			begun = time.Now()
			return false
		}
		switch since := time.Since(begun); {
		case r.Method == http.MethodPut && since < benchWarmUp/2:
			refused++
			refuse(w, http.StatusInsufficientStorage, "disk-full")
			return true
		case since > benchWarmUp+700*time.Millisecond && stalled == 0:
			stalled++
			<-time.After(600 * time.Millisecond)
		}
		return false
	}
	got := s.bench(t, "bench -o json --clients 1 --verbose")
	var r benched
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != ExitOK || refused == 0 || strings.Contains(got.err, "last error") || !strings.Contains(got.err, "1s: ") {
		t.Fatalf("%v: %d refused: %v", err, refused, got)
	}
	if o := r.Operations[0]; o.Refused != 0 || o.Count == 0 || o.Longest < 600 || r.Seconds != 1 {
		t.Errorf("%v", got)
	}
}

func TestTheFormOfABenchInJSONStays(t *testing.T) {
	b, err := json.Marshal((&bench{benching: &benching{operation: benchMixed}, count: 1, lost: []lostValue{{}}}).result(false))
	kind := `"count":0,"per_second":0,"bytes":0,"megabytes_per_second":0,"p50_ms":0,"p99_ms":0,"p99_9_ms":0,"longest_ms":0,"refused":0,"unknown":0}`
	want := `{"prefix":"","clients":0,"keys_per_client":0,"size":0,"seconds":0,"consistency":"linearizable","operations":[{"operation":"put",` + kind +
		`,{"operation":"get",` + kind + `,{"operation":"all",` + kind + `],"read_back":0,"lost":1,"lost_values":[{"key":"","acknowledged":null,"read":null}],"kept":true,"interrupted":false}`
	if err != nil || string(b) != want {
		t.Errorf("%v: %s\nwant %s", err, b, want)
	}
}

func TestABenchGoesThroughTheAPIServer(t *testing.T) {
	t.Chdir(t.TempDir())
	s := newBenchStore()
	service := made(t, s.ServeHTTP)
	apiServer(t, func(path string) any {
		return map[string]any{"/api/v1/namespaces/mine/pods": map[string]any{}, "/apis/apps/v1/namespaces/mine/deployments": map[string]any{"items": []any{map[string]any{
			"metadata": map[string]any{"name": "client1", "labels": map[string]any{"role": "client"}}}}}}[path]
	}, func(string, string) string { return service })
	got := run(t.Context(), nil, "bench", "mixed", "--kube", "-n", "mine", "--for", "1s", "--clients", "3", "--keys", "5")
	if got.code != ExitOK || !strings.Contains(got.out, "the values of 15 keys") || !strings.Contains(got.err, " of the cluster in namespace mine of context here, ") || len(s.keys) != 0 {
		t.Errorf("%v", got)
	}
}

// TestAnOutageInTheEndIsNoLoss: what cannot be read back is not said to be there,
// and what cannot be deleted is named.
func TestAnOutageInTheEndIsNoLoss(t *testing.T) {
	t.Parallel()
	s := newBenchStore()
	s.before = func(w http.ResponseWriter, r *http.Request, _, _ string) bool {
		if r.Method != http.MethodPut {
			refuse(w, http.StatusServiceUnavailable, "not-applied")
		}
		return r.Method != http.MethodPut
	}
	got := s.bench(t, "bench --clients 2 --keys 3 --timeout 200ms")
	if got.code != ExitUnavailable || !strings.Contains(got.out, "\nnothing was read back\n") || !strings.Contains(got.err, "is not all deleted: it is not-applied; paxosctl del --prefix bench/") ||
		!strings.HasSuffix(got.err, "what was acknowledged could not be read back: it is not-applied\npaxosctl explain tells why\n") {
		t.Errorf("%v", got)
	}
}

func TestAnInterruptedBenchPrintsAndCleansUp(t *testing.T) {
	t.Parallel()
	s := newBenchStore()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(1500*time.Millisecond, cancel)
	got := run(ctx, nil, "bench", "--clients", "2", "--for", "1m", "--endpoints", made(t, s.ServeHTTP))
	if got.code != ExitInterrupted || !strings.Contains(got.out, "put        ") || !strings.Contains(got.out, "interrupted after 0.") || !strings.HasSuffix(got.err, "interrupted before it was done\n") {
		t.Errorf("%v", got)
	}
	if len(s.keys) != 0 || len(s.ever) == 0 {
		t.Errorf("%d of %d keys are left", len(s.keys), len(s.ever))
	}
}

func TestABenchOfACluster(t *testing.T) {
	for line, x := range map[string]struct {
		at   string
		code int
		says string
	}{
		"bench mixed --timeout 300ms":        {ports.Closed(t), ExitUnavailable, "connection refused"},
		"bench --size 4000000":               {refuses(t, 413, "too-large", "too large"), ExitUsage, "too large"},
		"bench get --size 4000 --clients 1":  {refuses(t, 413, "too-large", "too large"), ExitUsage, "too large"},
		"bench --clients 2 --prefix a//b":    {refuses(t, 400, "bad-request", "no such key"), ExitUsage, "no such key"},
		"bench --timeout 300ms -o json put ": {ports.Closed(t), ExitUnavailable, `"exit_code":5`},
	} {
		got := run(t.Context(), nil, append(strings.Fields(line), "--endpoints", x.at)...)
		if got.code != x.code || !strings.Contains(got.err, x.says) || got.out != "" {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestABenchRefusesWhatIsOutOfBounds(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"bench delete":                     `"delete" is none of put, get, mixed`,
		"bench put get":                    `"get" is not expected`,
		"bench --clients 0":                "--clients 0 is not between 1 and 1024",
		"bench --clients 1025":             "--clients 1025 is not",
		"bench --for 999ms":                "--for 999ms is not between 1s and 10m0s",
		"bench --for 11m":                  "--for 11m0s is not",
		"bench --size 0":                   "--size 0 is not between 1 and 4194304 bytes",
		"bench --size 4194305":             "--size 4194305 is not",
		"bench --keys 0":                   "--keys 0 is not between 1 and 100000",
		"bench --keys 100001":              "--keys 100001 is not",
		"bench get --keys 20000":           "1280000 keys of 256 bytes would be written first",
		"bench get --size 100000":          "64000 keys of 100000 bytes would be written first",
		"bench --consistency stale":        "are of reads",
		"bench get --consistency old":      "none of linearizable",
		"bench get --consistency bounded":  "needs a highest age",
		"bench --prefix=":                  "is no place for a bench",
		"bench --prefix locks/x":           "--prefix locks/x/ is reserved",
		"bench --prefix values":            "--prefix values/ is reserved",
		"bench --prefix elections/":        "written by the store alone",
		"bench --timeout 1us":              "no time to wait",
		"bench -o yaml":                    "neither table nor json",
		"bench --for soon":                 `--for "soon" is no duration`,
		"bench --clients many":             `--clients "many" is no whole number`,
		"bench mixed --endpoints nowhere ": "not host:port",
	} {
		got := run(t.Context(), nil, strings.Fields(line)...)
		if got.code != ExitUsage || !strings.Contains(got.err, want) || !strings.HasSuffix(got.err, "see --help\n") || got.out != "" {
			t.Errorf("%s: want %q\n%v", line, want, got)
		}
	}
	if got := run(t.Context(), nil, "__complete", "bench", ""); !strings.HasPrefix(got.out, "put\nget\nmixed\n") {
		t.Errorf("%v", got)
	}
}
