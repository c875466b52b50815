package integration

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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

// volume is a load of many writes to few keys, and what is measured meanwhile.
type volume struct {
	c       *cluster
	total   int
	keys    int
	done    atomic.Int64
	wrong   atomic.Int64
	last    []string // by key, the value that was acknowledged last
	took    [][]timed
	samples []sample
	windows []window
}

// timed is how long a write took, and when.
type timed struct {
	began time.Time
	took  time.Duration
}

// sample is what nodes hold at a moment.
type sample struct {
	writes       int64
	disk, memory map[paxos.NodeID]int64
}

// window is a time in which a learner writes a snapshot.
type window struct{ from, to time.Time }

const valueBytes = 256

// load writes them all; keys are divided among the writers, so that the last
// value of each is known.
func (v *volume) load(writers int) {
	v.last, v.took = make([]string, v.keys), make([][]timed, writers)
	var wg sync.WaitGroup
	for i, to := range v.c.crowd(writers) {
		wg.Go(func() {
			for n := 0; v.done.Add(1) <= int64(v.total); n++ {
				key := (i + n*writers) % v.keys
				for ; key%writers != i; key = (key + 1) % v.keys {
				}
				value := fmt.Sprintf("%s%0*d", strings.Repeat("v", valueBytes-20), 20, n)
				began := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				_, err := to.Put(ctx, volumeKey(key), value, client.WithoutKey())
				cancel()
				if err != nil {
					v.wrong.Add(1)
					v.c.t.Errorf("put: %v", err)
					return
				}
				v.last[key] = value
				v.took[i] = append(v.took[i], timed{began, time.Since(began)})
			}
		})
	}
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { v.sample(stop) })
	watching.Go(func() { v.lookForSnapshots(stop) })
	wg.Wait()
	close(stop)
	watching.Wait()
}

func volumeKey(n int) string { return fmt.Sprintf("volume/%04d", n) }

// sample looks at every node a few hundred times.
func (v *volume) sample(stop chan struct{}) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for ended := false; !ended; {
		select {
		case <-stop:
			ended = true
		case <-ticker.C:
		}
		s := sample{min(v.done.Load(), int64(v.total)), map[paxos.NodeID]int64{}, map[paxos.NodeID]int64{}}
		for _, id := range v.c.ids("") {
			s.disk[id], s.memory[id] = v.c.disk(id), v.c.memory(id)
		}
		v.samples = append(v.samples, s)
	}
}

// lookForSnapshots sees when one is being written: it has another name then.
func (v *volume) lookForSnapshots(stop chan struct{}) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	var open *window
	for {
		now := time.Now()
		if v.c.snapshotUnderWay() {
			if open == nil {
				open = &window{from: now}
			}
			open.to = now
		} else if open != nil {
			v.windows = append(v.windows, *open)
			open = nil
		}
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
	}
}

func (c *cluster) snapshotUnderWay() bool {
	for _, id := range c.ids(paxos.LearnerRole) {
		if found, _ := filepath.Glob(filepath.Join(c.DataDir(id), "*.snapshot.tmp")); len(found) > 0 {
			return true
		}
	}
	return false
}

// most gives the highest figure of every node while the writes from a share of
// the total to another were made.
func (v *volume) most(what func(sample) map[paxos.NodeID]int64, from, to float64) map[paxos.NodeID]int64 {
	highest := map[paxos.NodeID]int64{}
	for _, s := range v.samples {
		if at := float64(s.writes) / float64(v.total); at < from || at > to {
			continue
		}
		for id, n := range what(s) {
			highest[id] = max(highest[id], n)
		}
	}
	return highest
}

// steady is the share of the writes after which nothing is to grow any more: in
// the long form, with five snapshots, the third is over by then.
const steady = 0.7

func onDisk(s sample) map[paxos.NodeID]int64   { return s.disk }
func inMemory(s sample) map[paxos.NodeID]int64 { return s.memory }

// bounded demands that what nodes hold does not grow with the number of writes:
// once there are two snapshots and a third is being written, with the log
// between them, all is there that ever will be.
func (v *volume) bounded(name string, what func(sample) map[paxos.NodeID]int64, slack, limit int64) {
	v.c.t.Helper()
	first, second := v.most(what, 0, steady), v.most(what, steady, 1)
	for _, id := range slices.Sorted(maps.Keys(second)) {
		if first[id] == 0 && second[id] == 0 {
			continue
		}
		quarters := ""
		for q := range 4 {
			quarters += " " + megabytes(v.most(what, float64(q)/4, float64(q+1)/4)[id])
		}
		v.c.t.Logf("%s of %s, most in each quarter of the writes:%s", name, id, quarters)
		if second[id] > first[id]+first[id]/4+slack || second[id] > limit {
			v.c.t.Errorf("%s of %s grows with the writes: %s, and %s after %.0f %% of them (limit %s)", name, id, megabytes(first[id]), megabytes(second[id]), 100*steady, megabytes(limit))
		}
	}
}

// percentile99 is of the writes that ok picks; 0 if there are too few.
func (v *volume) percentile99(ok func(timed) bool) time.Duration {
	var list []time.Duration
	for _, writes := range v.took {
		for _, w := range writes {
			if ok(w) {
				list = append(list, w.took)
			}
		}
	}
	if len(list) < 200 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)*99/100]
}

func (w window) has(one timed) bool {
	return !one.began.After(w.to) && !one.began.Add(one.took).Before(w.from)
}

// tails compares the slowest writes while a snapshot is written with the usual.
func (v *volume) tails() (usual time.Duration, ratio float64) {
	v.c.t.Helper()
	usual = v.percentile99(func(one timed) bool {
		return !slices.ContainsFunc(v.windows, func(w window) bool { return w.has(one) })
	})
	var during []time.Duration
	for _, w := range v.windows {
		if p := v.percentile99(w.has); p > 0 {
			v.c.t.Logf("snapshot written in %v: p99 of the writes meanwhile %v", w.to.Sub(w.from).Round(time.Millisecond), p.Round(time.Microsecond))
			during = append(during, p)
		}
	}
	if len(during) == 0 || usual == 0 {
		return usual, 0
	}
	slices.Sort(during)
	return usual, float64(during[len(during)/2]) / float64(usual)
}

// judge compares all keys at every learner with what was acknowledged last.
func (v *volume) judge() {
	v.c.t.Helper()
	for _, id := range v.c.ids(paxos.LearnerRole) {
		n := 0
		for kv, err := range v.c.store(id).GetPrefix(soon(v.c.t), "volume/") {
			v.c.must(err)
			if n >= v.keys || kv.Key != volumeKey(n) || kv.Text() != v.last[n] {
				v.c.t.Fatalf("%s: key %d is %s=%.40q, acknowledged was %.40q", id, n, kv.Key, kv.Text(), v.last[min(n, v.keys-1)])
			}
			n++
		}
		if n != v.keys {
			v.c.t.Errorf("%s has %d keys of %d", id, n, v.keys)
		}
	}
}

// freshLearner empties a learner's disk and starts it; it gives the time until
// it answers a linearizable read.
func (c *cluster) freshLearner(id paxos.NodeID) {
	c.t.Helper()
	c.must(c.Kill(id))
	c.must(os.RemoveAll(c.DataDir(id)))
	began := time.Now()
	c.must(c.Start(id))
	c.within(10*time.Second, string(id)+", with an empty disk, serves a linearizable read", func() bool {
		_, status, err := c.readOnce(id, volumeKey(0), "?timeout=500ms")
		return err == nil && status == http.StatusOK
	})
	c.t.Logf("%v after its start, with %v of processor time", time.Since(began).Round(time.Millisecond), c.cpu(id))
}

// Many writes of 256 B to 1,000 keys: what nodes hold on disk and in memory is
// bounded, and a fresh learner serves soon.
func TestDiskAndMemoryStayBounded(t *testing.T) {
	needProc(t)
	// Everything is scaled down alike: snapshots, segments, history, writes.
	total, scale := 40_000, 5<<18
	diskLimit, memoryLimit := int64(40<<20), int64(400<<20)
	if raced.On {
		total, scale, memoryLimit = 20_000, 640<<10, 2<<30
	}
	args := []string{fmt.Sprintf("--snapshot-bytes=%d", scale), fmt.Sprintf("--segment-bytes=%d", scale/2),
		fmt.Sprintf("--history-bytes=%d", scale), "--history-revisions=8000"}
	if long() {
		total, args = 1_000_000, nil
		diskLimit, memoryLimit = 1<<30, 2<<30
	}
	c := start(t, args...)
	v := &volume{c: c, total: total, keys: 1000}
	began := time.Now()
	v.load(64)
	took := time.Since(began)
	t.Logf("%d writes of %d B to %d keys in %v: %d a second", total, valueBytes, v.keys, took.Round(time.Millisecond), int64(total)*int64(time.Second)/int64(took))
	if v.wrong.Load() > 0 {
		t.Fatalf("%d writers failed", v.wrong.Load())
	}
	v.bounded("disk", onDisk, 2<<20, diskLimit)
	v.bounded("memory", inMemory, 48<<20, memoryLimit)
	usual, ratio := v.tails()
	t.Logf("%d snapshots; usual p99 of writes %v, while a snapshot is written %.2f times that (bound 3)", len(v.windows), usual.Round(time.Microsecond), ratio)
	if len(v.windows) < 3 {
		t.Errorf("only %d snapshots were seen", len(v.windows))
	}
	if long() && ratio > 3 {
		t.Errorf("writes wait for snapshots: p99 is %.2f times its usual", ratio)
	}
	for _, id := range c.ids(paxos.AcceptorRole) {
		n := c.dropped(id)
		t.Logf("%s has truncated %d segments", id, n)
		if n == 0 {
			t.Errorf("%s has truncated nothing", id)
		}
	}
	c.freshLearner("learner2")
	v.judge()
	c.equalStores()
}

// dropped is how many segments an acceptor has removed from its journal.
func (c *cluster) dropped(id paxos.NodeID) (n uint64) {
	c.t.Helper()
	segments, err := filepath.Glob(filepath.Join(c.DataDir(id), "*.wal"))
	c.must(err)
	if len(segments) == 0 {
		c.t.Fatalf("%s has no journal", id)
	}
	first, _, _ := strings.Cut(filepath.Base(segments[0]), ".") // in the order of their names
	n, err = strconv.ParseUint(first, 16, 64)
	c.must(err)
	return n - 1
}
