package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// fakes are two learners of a client service; what they do depends on who is
// asked first.
type fakes struct {
	client *made
	mu     sync.Mutex
	told   []time.Duration // the timeout in each question
	asked  []string        // whom
}

// behave plays a learner that was told to wait so long.
type behave func(w http.ResponseWriter, r *http.Request, told time.Duration)

func says(status int) behave {
	return func(w http.ResponseWriter, _ *http.Request, _ time.Duration) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "%d", status)
	}
}

// late answers when it was told to, at the latest.
func late(status int) behave {
	return func(w http.ResponseWriter, r *http.Request, told time.Duration) {
		timer := time.NewTimer(told)
		defer timer.Stop()
		select {
		case <-timer.C:
			says(status)(w, r, told)
		case <-r.Context().Done():
		}
	}
}

func hangs(_ http.ResponseWriter, r *http.Request, _ time.Duration) { <-r.Context().Done() }

func hangsUp(http.ResponseWriter, *http.Request, time.Duration) { panic(http.ErrAbortHandler) }

// newFakes gives learners of which the n-th one that is asked does turns[n].
func newFakes(t testing.TB, turns ...behave) *fakes {
	t.Helper()
	book := newBook()
	f := &fakes{client: start(t, book, "client1", "--learners", "learner2")}
	for _, id := range []paxos.NodeID{"learner1", "learner2"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != "" {
				w.WriteHeader(http.StatusUpgradeRequired)
				return
			}
			told, err := time.ParseDuration(r.URL.Query().Get("timeout"))
			must(t, err)
			f.mu.Lock()
			turn := turns[min(len(f.told), len(turns)-1)]
			f.told, f.asked = append(f.told, told), append(f.asked, string(id))
			f.mu.Unlock()
			turn(w, r, told)
		}))
		t.Cleanup(server.Close)
		book.set(id, strings.TrimPrefix(server.URL, "http://"))
	}
	return f
}

func TestAReaderWaitsAsLongAsItSaid(t *testing.T) {
	const patience = 2 * time.Second // of which a busy machine may take a part
	for name, c := range map[string]struct {
		turns  []behave
		status int
		asked  int
		waits  bool // the whole of the patience
	}{
		"the first is behind, the second not":        {[]behave{late(504), says(200)}, 200, 2, false},
		"the first is stuck, the second not":         {[]behave{says(503), says(200)}, 200, 2, false},
		"the first hangs, the second does not":       {[]behave{hangs, says(200)}, 200, 2, false},
		"the first hangs up, the second waits":       {[]behave{hangsUp, late(200)}, 200, 2, true},
		"both are behind":                            {[]behave{late(504), late(504)}, 504, 2, true},
		"the first is behind, the second is gone":    {[]behave{late(504), hangsUp, late(200)}, 200, 3, true},
		"it stays behind, and the second is gone":    {[]behave{late(504), hangsUp, late(504)}, 504, 3, true},
		"the question is wrong, whoever is asked":    {[]behave{says(400)}, 400, 1, false},
		"the first is stuck, the second is stopping": {[]behave{says(500), says(503)}, 503, 2, false},
		"nobody is there":                            {[]behave{hangsUp}, 503, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakes(t, c.turns...)
			began := time.Now()
			status, b := f.client.get(t, "/read?slot=7&timeout="+patience.String())
			took := time.Since(began)
			f.mu.Lock()
			defer f.mu.Unlock()
			if status != c.status || len(f.told) != c.asked || f.told[0] > patience/2 || f.asked[0] == f.asked[min(1, c.asked-1)] && c.asked > 1 {
				t.Errorf("%d %s; asked were %v, with %v", status, b, f.asked, f.told)
			}
			if c.waits && took < patience*9/10 {
				t.Errorf("it gave up after %v", took)
			}
		})
	}
}

// TestALargeAnswerThatBreaksOffIsNotTakenForAWhole: a small one is had from
// another learner, of a large one a part is with its reader already.
func TestALargeAnswerThatBreaksOffIsNotTakenForAWhole(t *testing.T) {
	breaks := func(size int) behave {
		return func(w http.ResponseWriter, _ *http.Request, _ time.Duration) {
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = w.Write(make([]byte, size-1))
			panic(http.ErrAbortHandler)
		}
	}
	f := newFakes(t, breaks(heldBack), says(200))
	if status, b := f.client.get(t, "/kv/k"); status != http.StatusOK || string(b) != "200" {
		t.Errorf("a small one: %d, %d bytes", status, len(b))
	}
	f = newFakes(t, breaks(4*heldBack), says(200))
	r, err := web.Get("http://" + f.client.address + "/kv/k?timeout=20s")
	must(t, err)
	defer func() { _ = r.Body.Close() }()
	if b, err := io.ReadAll(r.Body); err == nil || len(b) >= 4*heldBack {
		t.Errorf("a large one: %d bytes, %v", len(b), err)
	}
}

// apply puts a value into a learner's state, as if it had learned it; it must
// be called in the loop.
func apply(t testing.TB, learner *made, slot paxos.Slot, value string) {
	t.Helper()
	applyTo(t, learner.server.Machine, slot, value)
}

func applyTo(t testing.TB, m *kv.Machine, slot paxos.Slot, value string) {
	t.Helper()
	c := command(value)
	opened := paxos.Command{Session: c.Session, Sequence: 2, Body: kv.Encode(kv.Open{})}
	if _, err := m.Apply(paxos.Entry{Slot: slot, Value: paxos.Value{Commands: []paxos.Command{opened, c}}}); err != nil {
		t.Error(err)
	}
}

func TestLargeValuesComeInPages(t *testing.T) {
	const values, size = 70, 1_000_000
	book := newBook()
	learner, reader := start(t, book, "learner1"), start(t, book, "client1")
	must(t, learner.loop.Inspect(t.Context(), func() {
		for slot := range paxos.Slot(values) {
			apply(t, learner, slot+1, strings.Repeat("x", size))
		}
	}))
	path, got, pages := "/read?timeout=20s", 0, 0
	for more := true; more; pages++ {
		status, b := reader.get(t, path)
		var page client.Page
		if err := json.Unmarshal(b, &page); err != nil || status != http.StatusOK || len(page.Values) == 0 {
			t.Fatalf("%s: %d, %v, %d values", path, status, err, len(page.Values))
		}
		for _, v := range page.Values {
			if got++; int(v.Slot) != got || len(v.Value) != size {
				t.Fatalf("value %d is %d bytes of slot %d", got, len(v.Value), v.Slot)
			}
		}
		more = page.More
		if page.Count != values || !more && got != values {
			t.Fatalf("%d of %d values, more: %v", got, page.Count, more)
		}
		path = fmt.Sprintf("/read?timeout=20s&from=%d&position=%d", page.Next.Slot, page.Next.Position)
	}
	if 6*valuesBytes+valuesMost*100 > passedOn { // six bytes each, escaped, and what is around the values
		t.Error("a page may be larger than what is passed on")
	}
	if most := valuesBytes / size; pages != (values+most-1)/most {
		t.Errorf("%d pages of at most %d values", pages, most)
	}
}

// TestAPageIsNoCopy: a page of a large state costs what is in it.
func TestAPageIsNoCopy(t *testing.T) {
	m := kv.New()
	for slot := range paxos.Slot(10000) {
		applyTo(t, m, slot+1, "x")
	}
	if n := testing.AllocsPerRun(10, func() { m.Values(1, 0, 100) }); n > 20 {
		t.Errorf("a page of 100 of 10000 values takes %v allocations", n)
	}
}
