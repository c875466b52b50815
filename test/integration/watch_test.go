package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/raced"
	"paxos/paxos"
)

// ledger is what writers were told: the key and the value of every revision
// from the one after first on.
type ledger struct {
	first  uint64
	lines  []string
	filled atomic.Int64
}

// write notes an acknowledged write; each has a revision of its own.
func (l *ledger) write(t *testing.T, revision paxos.Number, key, value string) {
	n := int(uint64(revision) - l.first - 1)
	if n < 0 || n >= len(l.lines) || l.lines[n] != "" {
		t.Errorf("%s=%s was acknowledged at revision %d, which is another write's", key, value, revision)
		return
	}
	l.lines[n] = key + "=" + value
	l.filled.Add(1)
}

// fill writes so many keys through all client services, many at once.
func (c *cluster) fill(l *ledger, writers int) *sync.WaitGroup {
	var wg sync.WaitGroup
	var next atomic.Int64
	for i, to := range c.crowd(writers) {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(len(l.lines)); n = next.Add(1) {
				ctx, cancel := context.WithTimeout(context.Background(), outlive)
				key, value := fmt.Sprintf("watched/%d", (int64(i)+n)%500), strconv.FormatInt(n, 10)
				w, err := to.Put(ctx, key, value)
				cancel()
				if err != nil {
					c.t.Errorf("put %s: %v", key, err)
					return
				}
				l.write(c.t, w.Revision, key, value)
			}
		})
	}
	return &wg
}

// witness checks what one watch tells against the order of the revisions.
type witness struct {
	name  string
	first uint64
	told  []string // by revision
	count atomic.Int64
	from  atomic.Pointer[paxos.NodeID] // the learner that serves it
	turns atomic.Int64                 // how often that has changed
}

func (w *witness) served(by paxos.NodeID) {
	if old := w.from.Swap(&by); old == nil || *old != by {
		w.turns.Add(1)
	}
}

func (w *witness) change(t *testing.T, c client.Changes) {
	expected := w.first + 1 + uint64(len(w.told))
	if uint64(c.Revision) != expected || len(c.Events) != 1 || c.Events[0].Mod != c.Revision {
		t.Errorf("%s: revision %d with %d events came where %d was due", w.name, c.Revision, len(c.Events), expected)
	}
	w.told = append(w.told, c.Events[0].Key+"="+c.Events[0].Text())
	w.count.Store(int64(len(w.told)))
}

// judge compares what was told with what was written.
func (w *witness) judge(t *testing.T, l *ledger) {
	t.Helper()
	if len(w.told) != len(l.lines) {
		t.Errorf("%s: %d events were told of %d writes", w.name, len(w.told), len(l.lines))
		return
	}
	for i, line := range l.lines {
		if w.told[i] != line {
			t.Fatalf("%s: revision %d was %q and was told as %q", w.name, l.first+1+uint64(i), line, w.told[i])
		}
	}
	t.Logf("%s: %d events, each once and in order; served by %d learners in turn", w.name, len(w.told), w.turns.Load())
}

// follow watches as any user of HTTP does; the stream must last until all is
// told, whatever happens to learners.
func (w *witness) follow(ctx context.Context, c *cluster, id paxos.NodeID, total int) {
	url := c.url(id, fmt.Sprintf("/watch?prefix=watched/&from=%d", w.first+1))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		c.t.Error(err)
		return
	}
	response, err := (&http.Client{}).Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		c.t.Errorf("%s: %v %v", w.name, response, err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	name := ""
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for len(w.told) < total && lines.Scan() {
		field, text, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case field == "event":
			name = text
		case field == "data" && name == "change":
			var changes client.Changes
			if err := json.Unmarshal([]byte(text), &changes); err != nil {
				c.t.Errorf("%s: %v in %q", w.name, err, text)
				return
			}
			w.change(c.t, changes)
		case field == "data" && name == "progress":
			var p client.Progress
			if err := json.Unmarshal([]byte(text), &p); err == nil {
				w.served(p.Learner)
			}
		case field == "data":
			c.t.Errorf("%s: event %s: %s", w.name, name, text)
			return
		}
	}
	if len(w.told) < total {
		c.t.Errorf("%s: the stream ended after %d events: %v", w.name, len(w.told), lines.Err())
	}
}

// use watches with the Go client.
func (w *witness) use(ctx context.Context, t *testing.T, to *client.Client, total int) {
	on := client.OnProgress(func(p client.Progress) { w.served(p.Learner) })
	for changes, err := range to.Watch(ctx, client.Prefix("watched/"), client.WatchFrom(w.first+1), on) {
		if err != nil {
			t.Errorf("%s: after %d events: %v", w.name, len(w.told), err)
			return
		}
		if w.change(t, changes); len(w.told) == total {
			return
		}
	}
}

// A watcher over many writes (100,000 in the long form) with the learner it uses
// killed twice: every event once, in order.
func TestAWatchOutlivesItsLearners(t *testing.T) {
	total := 20_000
	switch {
	case long():
		total = 100_000
	case raced.On:
		total = 10_000
	}
	c := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	state, err := c.store().Page(ctx, client.Prefix(""), "")
	c.must(err)
	l := &ledger{first: uint64(state.Revision), lines: make([]string, total)}
	through := &witness{name: "/watch at client1", first: l.first}
	library := &witness{name: "the Go client at both services", first: l.first}
	direct := &witness{name: "the Go client at the learners themselves", first: l.first}
	all := []*witness{through, library, direct}
	var watching sync.WaitGroup
	watching.Go(func() { through.follow(ctx, c, "client1", total) })
	watching.Go(func() { library.use(ctx, t, c.store(), total) })
	watching.Go(func() { direct.use(ctx, t, c.store(c.ids(paxos.LearnerRole)...), total) })
	began := time.Now()
	writing := c.fill(l, 64)
	for n := range 2 {
		mark := int64(total * (n + 1) / 3)
		c.within(time.Minute, fmt.Sprintf("event %d has come", mark), func() bool { return through.count.Load() >= mark && l.filled.Load() >= mark })
		victim := *through.from.Load()
		written, told := l.filled.Load(), through.count.Load()
		c.must(c.Kill(victim))
		t.Logf("%s killed, after %d writes and %d events", victim, written, told)
		c.within(2*time.Second, "the watch and the writes go on without it", func() bool {
			return through.count.Load() > told+int64(total/20) && l.filled.Load() > written+int64(total/20) && *through.from.Load() != victim
		})
		c.must(c.Start(victim))
		c.within(10*time.Second, "it serves again", func() bool {
			_, status, err := c.readOnce(victim, "watched/1", "")
			return err == nil && status == http.StatusOK
		})
	}
	writing.Wait()
	took := time.Since(began)
	t.Logf("%d writes in %v: %d a second", total, took.Round(time.Millisecond), int64(total)*int64(time.Second)/int64(took))
	c.within(10*time.Second, "all is told", func() bool {
		return min(through.count.Load(), library.count.Load(), direct.count.Load()) == int64(total) || t.Failed()
	})
	if t.Failed() {
		cancel()
	}
	watching.Wait()
	for _, w := range all {
		w.judge(t, l)
	}
	if through.turns.Load() < 3 {
		t.Errorf("%s was served by %d learners in turn: it did not use the one that was killed", through.name, through.turns.Load())
	}
	c.equalStores()
}
