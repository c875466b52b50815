package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// fake is a client service with a store of its own, of which it knows just
// enough for the tests and the examples.
type fake struct {
	sync.Mutex
	revision uint64
	keys     map[string]client.KV
	history  []client.Changes
	changed  chan struct{} // closed at the next change
	answers  map[string][]byte
	requests []string
	queue    []client.Place // of the one lock or election there is
	renewed  int
	gone     bool // the lease
	before   func(w http.ResponseWriter, r *http.Request) bool
}

func newFake() *fake {
	return &fake{revision: 1, keys: map[string]client.KV{}, changed: make(chan struct{}), answers: map[string][]byte{}}
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		refusal(w, 426, "wrong-protocol")
		return
	}
	f.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	before := f.before
	f.Unlock()
	if before != nil && before(w, r) {
		return
	}
	root, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case root == "watch":
		f.watch(w, r)
		return
	case r.Method == http.MethodGet && root == "kv":
		f.get(w, r, rest)
		return
	case r.Method == http.MethodGet:
		f.who(w, rest)
		return
	case root == "outcome":
		f.burn(w, rest)
		return
	}
	f.Lock()
	defer f.Unlock()
	key := r.Header.Get("Idempotency-Key")
	answer, known := f.answers[key]
	if !known {
		var bad bool
		if answer, bad = f.write(w, r, root, rest); bad {
			return
		}
	}
	if key != "" {
		f.answers[key] = answer
	}
	if strings.Contains(string(answer), `"held":false`) {
		w.WriteHeader(http.StatusAccepted)
	}
	_, _ = w.Write(answer)
}

func (f *fake) write(w http.ResponseWriter, r *http.Request, root, rest string) (answer []byte, bad bool) {
	body, _ := io.ReadAll(r.Body)
	old, there := f.keys[rest]
	var v any
	switch {
	case root == "kv" && r.Header.Get("If-None-Match") == "*" && there:
		refusal(w, 412, "condition-failed")
		return nil, true
	case root == "kv" && r.Header.Get("If-Fence") != "" && (len(f.queue) == 0 || r.Header.Get("If-Fence") != fmt.Sprintf("%s:%d", url.PathEscape(f.queue[0].Name), f.queue[0].Token)):
		refusal(w, 412, "fenced")
		return nil, true
	case root == "kv" && r.Method == http.MethodDelete:
		v = f.remove(rest, r.URL.Query().Has("prefix"))
	case root == "kv" && r.Method == http.MethodPut:
		v = f.put(rest, string(body))
	case root == "kv":
		var sum struct{ Increment string }
		if json.Unmarshal(body, &sum) != nil || sum.Increment == "" {
			refusal(w, 422, "not-a-number")
			return nil, true
		}
		by, _ := strconv.ParseInt(sum.Increment, 10, 64)
		n, _ := old.Int()
		v = f.put(rest, strconv.FormatInt(n+by, 10))
	default:
		return f.hold(w, r, root, rest, body)
	}
	b, _ := json.Marshal(v)
	return b, false
}

// hold is what is written about leases and queues.
func (f *fake) hold(w http.ResponseWriter, r *http.Request, root, rest string, body []byte) (answer []byte, bad bool) {
	var words struct {
		TTL   int64      `json:"ttl_ms"`
		Lease kv.LeaseID `json:"lease"`
		Value string     `json:"value"`
	}
	_ = json.Unmarshal(body, &words)
	var v any
	switch {
	case root == "lease" && f.gone:
		refusal(w, 404, "no-lease")
		return nil, true
	case root == "lease" && r.Method == http.MethodPost:
		f.renewed++
		v = client.Leased{Lease: client.Lease{ID: 7, TTL: max(words.TTL, 1000)}}
	case root == "lease":
		f.queue = nil
		v = client.Leased{Lease: client.Lease{ID: 7}}
	case r.Method == http.MethodDelete:
		old := len(f.queue)
		f.queue = slices.DeleteFunc(f.queue, func(p client.Place) bool { return number(p.Token) == r.URL.Query().Get("token") })
		if len(f.queue) == old {
			refusal(w, 409, "not-held")
			return nil, true
		}
		v = client.Placed{Place: client.Place{Name: rest}}
	default:
		f.revision++
		at := slices.IndexFunc(f.queue, func(p client.Place) bool { return p.Lease == words.Lease })
		if at < 0 {
			at = len(f.queue)
			f.queue = append(f.queue, client.Place{Name: rest, Key: "locks/" + rest, Token: paxos.Number(f.revision), Lease: words.Lease, Value: words.Value})
		}
		p := f.queue[at]
		p.Held, p.Ahead = at == 0, at
		v = client.Placed{Place: p}
	}
	b, _ := json.Marshal(v)
	return b, false
}

func number(n paxos.Number) string { return strconv.FormatUint(uint64(n), 10) }

// burn is what DELETE /outcome/{key} does.
func (f *fake) burn(w http.ResponseWriter, key string) {
	f.Lock()
	defer f.Unlock()
	answer, applied := f.answers[key]
	if !applied {
		f.answers[key] = []byte(`{"status":"burnt"}`)
		_, _ = w.Write(f.answers[key])
		return
	}
	_ = json.NewEncoder(w).Encode(client.Outcome{Status: "applied", Result: answer})
}

func (f *fake) command() client.Command {
	return client.Command{Slot: paxos.Slot(f.revision), SessionToken: fmt.Sprint("t", f.revision)}
}

func (f *fake) put(key, value string) client.Written {
	f.revision++
	kv := client.KV{Key: key, Value: &value, Mod: paxos.Number(f.revision), Create: paxos.Number(f.revision), Version: f.keys[key].Version + 1}
	f.keys[key] = kv
	f.note(client.KeyEvent{Type: "put", KV: kv})
	return client.Written{Revision: paxos.Number(f.revision), Succeeded: true, Key: &kv, Command: f.command()}
}

func (f *fake) remove(key string, prefix bool) client.Written {
	w := client.Written{Succeeded: true}
	f.revision++
	for _, k := range slices.Sorted(maps.Keys(f.keys)) {
		if k == key || prefix && strings.HasPrefix(k, key) {
			delete(f.keys, k)
			w.Deleted++
			f.note(client.KeyEvent{Type: "delete", KV: client.KV{Key: k, Mod: paxos.Number(f.revision)}})
		}
	}
	w.Revision, w.Command = paxos.Number(f.revision), f.command()
	return w
}

func (f *fake) note(e client.KeyEvent) {
	f.history = append(f.history, client.Changes{Revision: paxos.Number(f.revision), Events: []client.KeyEvent{e}})
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) freshness() client.Freshness {
	return client.Freshness{Revision: paxos.Number(f.revision), Applied: paxos.Slot(f.revision), SessionToken: fmt.Sprint("t", f.revision), Consistency: "linearizable"}
}

func (f *fake) get(w http.ResponseWriter, r *http.Request, key string) {
	f.Lock()
	defer f.Unlock()
	q := r.URL.Query()
	if !q.Has("prefix") {
		got, there := f.keys[key]
		if !there {
			refusal(w, 404, "no-such-key")
			return
		}
		_ = json.NewEncoder(w).Encode(client.Got{KV: got, Freshness: f.freshness()})
		return
	}
	page := client.Keys{Freshness: f.freshness()}
	for _, k := range slices.Sorted(maps.Keys(f.keys)) {
		if !strings.HasPrefix(k, key) {
			continue
		}
		page.Count++
		limit, _ := strconv.Atoi(q.Get("limit"))
		switch {
		case k <= q.Get("page"):
		case limit > 0 && len(page.Keys) == limit:
			page.More, page.Page = true, page.Keys[limit-1].Key
		default:
			page.Keys = append(page.Keys, f.keys[k])
		}
	}
	_ = json.NewEncoder(w).Encode(page)
}

func (f *fake) who(w http.ResponseWriter, name string) {
	f.Lock()
	defer f.Unlock()
	q := client.Queue{Name: name, Freshness: f.freshness()}
	if len(f.queue) > 0 {
		q.Holder, q.Queue = &f.queue[0], f.queue[1:]
	}
	_ = json.NewEncoder(w).Encode(q)
}

func (f *fake) watch(w http.ResponseWriter, r *http.Request) {
	next, err := strconv.ParseUint(r.URL.Query().Get("from"), 10, 64)
	f.Lock()
	if err != nil {
		next = f.revision + 1
	}
	f.Unlock()
	fmt.Fprintf(w, "event: progress\nid: %d\ndata: {\"revision\":\"%d\"}\n\n", next-1, next-1)
	for {
		f.Lock()
		changed := f.changed
		for _, c := range f.history {
			if uint64(c.Revision) >= next {
				b, _ := json.Marshal(c)
				fmt.Fprintf(w, "event: change\nid: %d\ndata: %s\n\n", c.Revision, b)
				next = uint64(c.Revision) + 1
			}
		}
		f.Unlock()
		_ = http.NewResponseController(w).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// asked gives the requests so far.
func (f *fake) asked() []string {
	f.Lock()
	defer f.Unlock()
	return slices.Clone(f.requests)
}
