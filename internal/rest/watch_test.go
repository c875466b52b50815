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

// seen is a watch of a test.
type seen struct {
	t        testing.TB
	lines    *bufio.Reader
	response *http.Response
	stop     func()
}

// watch opens a watch at a node; it must answer 200.
func (n *made) watch(t testing.TB, query string, headers ...string) *seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.address+"/watch?"+query, nil)
	must(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	must(t, err)
	w := &seen{t, bufio.NewReader(response.Body), response, func() { cancel(); _ = response.Body.Close() }}
	t.Cleanup(w.stop)
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("/watch?%s at %s: %d as %s", query, n.id, response.StatusCode, kind)
	}
	return w
}

func (w *seen) next() (event, error) { return readEvent(w.lines, func() {}) }

// want demands that these changes come next, "revision:put key=value …" each.
func (w *seen) want(list ...string) {
	w.t.Helper()
	for _, want := range list {
		got := ""
		for got == "" {
			e, err := w.next()
			if err != nil {
				w.t.Fatalf("instead of %s: %v", want, err)
			}
			got = told(w.t, e)
		}
		if got != want {
			w.t.Fatalf("told was %s, not %s", got, want)
		}
	}
}

// told is an event in short, "" for progress.
func told(t testing.TB, e event) string {
	t.Helper()
	_, data, _ := strings.Cut(string(e.raw), "data: ")
	switch e.name {
	case "change":
		var c client.Changes
		must(t, json.Unmarshal([]byte(data), &c))
		if uint64(c.Revision) != e.id {
			t.Errorf("the id of %s is %d", data, e.id)
		}
		text := fmt.Sprintf("%d:", c.Revision)
		for _, e := range c.Events {
			text += e.Type + " " + e.Key
			if e.Type == "put" {
				text += "=" + e.Text()
			}
			if e.Prev != nil {
				text += " was " + e.Prev.Text()
			}
			text += ";"
		}
		return text
	case "progress":
		var p client.Progress
		must(t, json.Unmarshal([]byte(data), &p))
		if uint64(p.Revision) != e.id || p.Learner == "" {
			t.Errorf("a progress: %s", e.raw)
		}
		return ""
	case "resync":
		var r client.Resync
		must(t, json.Unmarshal([]byte(data), &r))
		return fmt.Sprintf("resync %d %d", r.Revision, r.Compacted)
	}
	t.Errorf("an unknown event: %s", e.raw)
	return "?"
}

func TestAWatchTellsEveryChangeOnceInOrder(t *testing.T) {
	w := newTown(t)
	w.put(t, "a/1", "before")
	for _, n := range w.both() {
		_, b := n.get(t, "/kv/?prefix&count_only")
		var now client.Keys
		must(t, json.Unmarshal(b, &now))
		r := int(now.Revision)
		all, one := n.watch(t, "prefix=a/&prev"), n.watch(t, "key=a/1&filter=delete")
		span := n.watch(t, "key=a/1&end=a/2&filter=put")
		w.put(t, "a/1", "x\ny")
		w.put(t, "b", "no")
		status, b := w.client.post(t, "/txn", `{"then":[{"put":{"key":"a/2","value":"2"}},{"delete":{"key":"a/1"}},{"put":{"key":"c","value":"no"}}]}`)
		decode[client.Written](t, status, b, http.StatusOK)
		w.put(t, "a/1", "before")
		all.want(fmt.Sprintf("%d:put a/1=x\ny was before;", r+1), fmt.Sprintf("%d:put a/2=2;delete a/1 was x\ny;", r+3), fmt.Sprintf("%d:put a/1=before;", r+4))
		one.want(fmt.Sprintf("%d:delete a/1;", r+3))
		span.want(fmt.Sprintf("%d:put a/1=x\ny;", r+1), fmt.Sprintf("%d:put a/1=before;", r+4))
		// From the past, and on from where another stream ended.
		n.watch(t, fmt.Sprintf("prefix=a/&from=%d", r+3)).want(fmt.Sprintf("%d:put a/2=2;delete a/1;", r+3), fmt.Sprintf("%d:put a/1=before;", r+4))
		n.watch(t, "prefix=a/&from=2", "Last-Event-ID", fmt.Sprint(r+3)).want(fmt.Sprintf("%d:put a/1=before;", r+4))
		status, b = w.client.post(t, "/txn", `{"then":[{"delete":{"key":"a/2"}}]}`)
		decode[client.Written](t, status, b, http.StatusOK)
	}
}

func TestAWatchOfTheFutureWaits(t *testing.T) {
	w := newTown(t)
	for _, n := range w.both() {
		_, b := n.get(t, "/kv/?prefix&count_only")
		var now client.Keys
		must(t, json.Unmarshal(b, &now))
		later := n.watch(t, fmt.Sprintf("prefix=&from=%d", now.Revision+2))
		w.put(t, "k", "1")
		w.put(t, "k", "2")
		later.want(fmt.Sprintf("%d:put k=2;", now.Revision+2))
	}
}

// TestAWatchEndsWithItsNode: whoever watches is to ask elsewhere at once.
func TestAWatchEndsWithItsNode(t *testing.T) {
	w := newTown(t)
	for _, n := range []*made{w.client, w.learner} {
		watch := n.watch(t, "prefix=")
		if _, err := watch.next(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			for {
				if _, err := watch.next(); err != nil {
					ended <- err
					return
				}
			}
		}()
		n.stop()
		<-ended
	}
}

func TestASlowWatcherIsToldThatItMissedSomething(t *testing.T) {
	w := newTown(t)
	watch := w.learner.watch(t, "prefix=")
	if _, err := watch.next(); err != nil {
		t.Fatal(err)
	}
	value := strings.Repeat("x", 1<<20)
	var last client.Written
	for range 16 { // more than the connection holds
		last = w.put(t, "k", value)
	}
	status, b := w.client.post(t, "/compact", fmt.Sprintf(`{"revision":"%d"}`, last.Revision))
	decode[client.Compacted](t, status, b, http.StatusOK)
	for told, expected := "", uint64(2); ; expected++ {
		e, err := watch.next()
		must(t, err)
		if e.name == "progress" {
			expected--
			continue
		}
		if e.name == "resync" {
			told = string(e.raw)
			if !strings.Contains(told, fmt.Sprintf(`{"revision":"%d","compacted":"%d"`, expected, last.Revision)) || expected > uint64(last.Revision) {
				t.Errorf("after revision %d: %s", expected-1, told)
			}
			break
		}
		if e.id != expected {
			t.Fatalf("revision %d came after %d", e.id, expected-1)
		}
	}
	if _, err := watch.next(); err == nil {
		t.Error("the stream goes on")
	}
}

// TestAWatchOutlivesItsLearners: two die behind the service, one after the
// other, and the second comes back; the watch has no gap and tells nothing
// twice.
func TestAWatchOutlivesItsLearners(t *testing.T) {
	flags := []string{"--learners", "learner2"}
	w := newTown(t, flags...)
	second := start(t, w.book, "learner2", flags...)
	must(t, second.loop.Submit(t.Context(), paxos.Envelope{To: "learner2", Message: paxos.Directory{
		Proposers: []paxos.NodeID{"proposer1"}, Clients: []paxos.NodeID{"client1"}, Leader: "proposer1"}}))
	until(t, "learner2 answers", func() bool {
		status, _ := second.get(t, "/kv/?prefix&count_only")
		return status == http.StatusOK
	})
	watch := w.client.watch(t, "prefix=k")
	write := func(from, to int) {
		for i := from; i < to; i++ {
			r, b := w.client.call(t, http.MethodPut, "/kv/k?timeout=10s", []byte(fmt.Sprint(i)))
			decode[client.Written](t, r.StatusCode, b, http.StatusOK)
		}
	}
	want := func(from, to int) {
		for i := from; i < to; i++ {
			watch.want(fmt.Sprintf("%d:put k=%d;", i+2, i))
		}
	}
	write(0, 5)
	want(0, 5)
	first := w.learner
	if strings.HasPrefix(w.client.server.learners()[0], second.address) {
		first, second = second, first
	}
	first.stop()
	w.book.set(first.id)
	write(5, 10)
	want(5, 10)
	again := start(t, w.book, first.id, flags...)
	must(t, again.loop.Submit(t.Context(), paxos.Envelope{To: again.id, Message: paxos.Directory{
		Proposers: []paxos.NodeID{"proposer1"}, Clients: []paxos.NodeID{"client1"}, Leader: "proposer1"}}))
	until(t, "it is back", func() bool {
		status, _ := again.get(t, "/kv/k")
		return status == http.StatusOK
	})
	second.stop()
	w.book.set(second.id)
	write(10, 15)
	want(10, 15)
}
