package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"paxos/bench/system"
	"paxos/internal/quantile"
)

// watchedKey is the key that one user writes and the others watch.
const watchedKey = "bench/watched"

// Watched is a fan-out: one user writes at a rate, the others are told.
type Watched struct {
	Watchers int
	Rate     float64 // writes a second
	Size     int
	Warmup   time.Duration
	Counted  time.Duration
}

// watcher counts what it was told. Only its own goroutine touches it until it has
// ended.
type watcher struct {
	delays quantile.Histogram
	told   int64 // in the counted time
	last   uint64
	wrong  error
}

// settle is how long what was written last may be under way to the watchers.
const settle = 5 * time.Second

// Run gives how many events a second arrived at all watchers together, and how
// long after their writes began. An event that is missing, or comes twice, is an
// error.
func (s Watched) Run(ctx context.Context, way system.Way, at Moments) (Outcome, error) {
	eyes, ok := way.(system.Watcher)
	if !ok {
		return Outcome{}, fmt.Errorf("watching: %w", system.ErrNot)
	}
	writer, err := way.User(0)
	if err != nil {
		return Outcome{}, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	list := make([]watcher, s.Watchers)
	ended := make(chan error, s.Watchers)
	ready := make(chan struct{}, s.Watchers)
	last := &finish{done: make(chan struct{}), left: s.Watchers}
	var began atomic.Int64 // when the first write was due
	counted := func(now time.Time) bool {
		since := time.Duration(now.UnixNano() - began.Load())
		return since >= s.Warmup && since < s.Warmup+s.Counted
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for i := range list {
		running.Go(func() {
			w := &list[i]
			ended <- eyes.Watch(watching, watchedKey, func() { ready <- struct{}{} }, func(value []byte) { w.see(value, counted, last) })
		})
	}
	for range list {
		select {
		case err := <-ended:
			return Outcome{}, fmt.Errorf("a watch ended at its beginning: %w", err)
		case <-ready:
		case <-ctx.Done():
			return Outcome{}, context.Cause(ctx)
		}
	}
	began.Store(time.Now().UnixNano())
	written, err := s.write(ctx, writer, time.Unix(0, began.Load()), at)
	if err != nil {
		return Outcome{}, err
	}
	last.wait(ctx, written)
	stop()
	running.Wait()
	return s.sum(list, written)
}

// finish waits until every watcher has seen the last write.
type finish struct {
	mu   sync.Mutex
	seen map[uint64]int
	want uint64
	left int
	done chan struct{}
}

func (f *finish) saw(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[uint64]int{}
	}
	f.seen[seq]++
	f.seen[seq-1]--
	if f.want > 0 && f.seen[f.want] == f.left {
		close(f.done)
		f.want = 0
	}
	if f.seen[seq-1] == 0 {
		delete(f.seen, seq-1)
	}
}

func (f *finish) wait(ctx context.Context, seq uint64) {
	f.mu.Lock()
	all := f.seen[seq] == f.left
	f.want = seq
	f.mu.Unlock()
	if all {
		return
	}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *watcher) see(value []byte, counted func(time.Time) bool, last *finish) {
	now := time.Now()
	number, rest, _ := bytes.Cut(value, []byte("."))
	sent, _, _ := bytes.Cut(rest, []byte("."))
	seq, err := strconv.ParseUint(string(number), 10, 64)
	nanos, err2 := strconv.ParseInt(string(sent), 10, 64)
	switch {
	case errors.Join(err, err2) != nil:
		w.wrong = fmt.Errorf("%w: a watcher was told %.60q", ErrOld, value)
		return
	case seq != w.last+1 && w.wrong == nil:
		w.wrong = fmt.Errorf("%w: a watcher was told of write %d after %d", ErrOld, seq, w.last)
	}
	w.last = seq
	if counted(now) {
		w.told++
		w.delays.Add(now.Sub(time.Unix(0, nanos)))
	}
	last.saw(seq)
}

// write writes at the rate, until the counted time is over.
func (s Watched) write(ctx context.Context, writer system.User, begin time.Time, at Moments) (written uint64, err error) {
	values := NewValues(s.Size)
	pace := newPace(s.Rate, begin)
	var value []byte
	started := false
	for {
		due := pace.next()
		if due.After(begin.Add(s.Warmup + s.Counted)) {
			return written, call(at.End)
		}
		if !started && !due.Before(begin.Add(s.Warmup)) {
			started = true
			if err := call(at.Begin); err != nil {
				return written, err
			}
		}
		if err := wait(ctx, time.Until(due)); err != nil {
			return written, err
		}
		written++
		value = append(strconv.AppendUint(value[:0], written, 10), '.')
		value = append(strconv.AppendInt(value, time.Now().UnixNano(), 10), '.')
		value = append(value, values.pool[:max(s.Size-len(value), 0)]...)
		// A write that fails leaves open what watchers must see.
		if err := writer.Put(ctx, watchedKey, value); err != nil {
			return written, fmt.Errorf("write %d: %w", written, err)
		}
	}
}

func (s Watched) sum(list []watcher, written uint64) (Outcome, error) {
	o := Outcome{Latency: &quantile.Histogram{}, Refused: &quantile.Histogram{}, Errors: map[string]int64{}, Seconds: s.Counted.Seconds()}
	var wrong []error
	for i := range list {
		w := &list[i]
		o.Latency.Merge(&w.delays)
		o.Ops += w.told
		if w.last != written && w.wrong == nil {
			w.wrong = fmt.Errorf("%w: a watcher was told of the writes up to %d, not of all %d", ErrOld, w.last, written)
		}
		wrong = append(wrong, w.wrong)
	}
	o.Rates = []float64{float64(o.Ops) / o.Seconds}
	o.Checked = len(list)
	return o, firstOf(wrong)
}
