package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/history"
)

// load is a number of writers that go on until end, through both client
// services with the Go client: a call makes one turn through the services, and
// each value goes under a key of its own, so that a lost answer is asked for again.
type load struct {
	w      *world
	cancel context.CancelFunc
	wg     sync.WaitGroup
	odd    sync.Once
	began  time.Time

	mu     sync.Mutex
	ended  time.Time
	writes []write
}

// write is what came of one call, and when.
type write struct {
	value      string
	begun, end time.Time
	fate       history.Fate
	err        error
}

// Limits of one write: each service has half of the time, and says before it is
// over what it knows.
const (
	writeLimit = 5 * time.Second
	pause      = 10 * time.Millisecond // of a writer between two writes
)

func (w *world) write(writers int) *load {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{w: w, cancel: cancel, began: time.Now()}
	for range writers {
		l.wg.Go(func() {
			for ctx.Err() == nil {
				l.one()
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	// Whatever ends the drill, no writer may outlive it.
	w.t.Cleanup(func() { cancel(); l.wg.Wait() })
	return l
}

// one sends a value, and waits for its fate: a write under way is not given up
// at the end.
func (l *load) one() {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	value, begun := l.w.told.Value(), time.Now()
	sent, err := l.w.api.Send(ctx, value, client.Key(value))
	fate := history.Unknown
	switch {
	case err == nil:
		fate = history.Acknowledged
	case errors.Is(err, client.ErrUnavailable):
		fate = history.Refused
	case !errors.Is(err, client.ErrUnknown):
		l.odd.Do(func() { l.w.t.Errorf("send %q: neither done, nor refused, nor unknown: %v", value, err) })
	}
	l.w.told.Note(value, fate, sent)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, write{value, begun, time.Now(), fate, err})
}

// goesOn waits until some more writes were acknowledged.
func (l *load) goesOn(more int) {
	l.w.t.Helper()
	target := l.acknowledged() + more
	l.w.within(5*time.Second, fmt.Sprintf("%d more writes are acknowledged", more), func() bool { return l.acknowledged() >= target })
}

func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, x := range l.writes {
		if x.fate == history.Acknowledged {
			n++
		}
	}
	return n
}

// end stops the writers and prints the figures.
func (l *load) end() {
	l.w.t.Helper()
	l.cancel()
	l.wg.Wait()
	l.ended = time.Now()
	n := l.acknowledged()
	l.w.t.Logf("availability: %d of %d writes acknowledged in %v (%.3f %%), longest pause %v, slowest write %v", n, len(l.writes),
		l.ended.Sub(l.began).Round(100*time.Millisecond), 100*float64(n)/float64(max(1, len(l.writes))), l.longest().Round(time.Millisecond), l.slowest().Round(time.Millisecond))
}

// longest is the longest time in which no write was acknowledged.
func (l *load) longest() time.Duration {
	times := []time.Time{l.began, l.ended}
	for _, x := range l.writes {
		if x.fate == history.Acknowledged {
			times = append(times, x.end)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	var most time.Duration
	for i := 1; i < len(times); i++ {
		most = max(most, times[i].Sub(times[i-1]))
	}
	return most
}

func (l *load) slowest() time.Duration {
	var most time.Duration
	for _, x := range l.writes {
		most = max(most, x.end.Sub(x.begun))
	}
	return most
}

// allAcknowledged fails for every write that was not.
func (l *load) allAcknowledged() {
	l.w.t.Helper()
	shown := 0
	for _, x := range l.writes {
		if x.fate == history.Acknowledged {
			continue
		}
		if shown++; shown <= 5 {
			l.w.t.Errorf("a write failed: %s %v after the beginning, %v long: %s: %v", x.value, x.begun.Sub(l.began).Round(time.Millisecond), x.end.Sub(x.begun).Round(time.Millisecond), x.fate, x.err)
		}
	}
	if shown > 5 {
		l.w.t.Errorf("and %d more", shown-5)
	}
}

// values reads everything that a learner has applied.
func values(learner paxos.NodeID) ([]client.Value, bool) {
	var all []client.Value
	next := client.Cursor{Slot: 1}
	for {
		var page client.Page
		if get(learner, fmt.Sprintf("/get-values?from=%d&position=%d&limit=10000", next.Slot, next.Position), &page) != 200 || page.Learner != learner {
			return nil, false
		}
		all = append(all, page.Values...)
		if !page.More {
			return all, true
		}
		next = page.Next
	}
}

// judge waits until both learners have the same log, everything acknowledged in
// it, and judges it.
func (w *world) judge() {
	w.t.Helper()
	var logs [][]client.Value
	w.within(10*time.Second, "both learners have the same log, everything acknowledged in it", func() bool {
		logs = nil
		for _, id := range of(paxos.LearnerRole) {
			all, ok := values(id)
			if !ok {
				return false
			}
			logs = append(logs, all)
		}
		return len(logs[0]) >= w.told.Count(history.Acknowledged) && slices.Equal(logs[0], logs[1])
	})
	wrong := w.told.Judge(logs[0])
	for _, text := range wrong[:min(10, len(wrong))] {
		w.t.Error(text)
	}
	if len(wrong) > 10 {
		w.t.Errorf("and %d more", len(wrong)-10)
	}
	w.t.Logf("judged: %d acknowledged, %d refused, %d unknown, %d in the log", w.told.Count(history.Acknowledged), w.told.Count(history.Refused),
		w.told.Count(history.Unknown), len(logs[0]))
}
