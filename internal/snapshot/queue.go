package snapshot

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"paxos/paxos"
)

// maxReads is how many parts may wait to be read for others, who ask again. What
// the learner itself asks for is never dropped: it has one snapshot saved, and
// one part written, at a time.
const maxReads = 8

// queue holds what waits to be done.
type queue struct {
	mu      sync.Mutex
	tasks   []paxos.Message // all but ReadPart
	reads   []paxos.ReadPart
	dropped atomic.Int64
	wake    chan struct{} // room for one
}

// Take hands a task to the goroutine in Run. It never waits; a ReadPart for
// which there is no room is lost, as a message may be.
func (k *Keeper) Take(m paxos.Message) {
	q := &k.queue
	q.mu.Lock()
	if read, ok := m.(paxos.ReadPart); !ok {
		q.tasks = append(q.tasks, m)
	} else if len(q.reads) < maxReads {
		q.reads = append(q.reads, read)
	} else {
		q.dropped.Add(1)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next gives the next task, reads first: they are short, and others wait.
func (q *queue) next(readsOnly bool) (m paxos.Message, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.reads) > 0 {
		m, q.reads = q.reads[0], q.reads[1:]
		return m, true
	}
	if len(q.tasks) == 0 || readsOnly {
		return nil, false
	}
	m = q.tasks[0]
	q.tasks[0] = nil // it may hold a whole state
	q.tasks = q.tasks[1:]
	return m, true
}

// Run does what is taken until ctx ends (nil), or until the disk or answer
// fails. While a snapshot is written or verified it gives way: it works at most
// half of the time, and reads parts for others between two chunks.
func (k *Keeper) Run(ctx context.Context, answer func(context.Context, paxos.Message) error) error {
	worked := time.Now()
	k.breathe = func() error {
		if err := k.serve(ctx, answer, true); err != nil {
			return err
		}
		pause(ctx, time.Since(worked))
		worked = time.Now()
		return ctx.Err()
	}
	for {
		worked = time.Now()
		if err := k.serve(ctx, answer, false); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.queue.wake:
		}
	}
}

// serve does what waits, and tells the answers.
func (k *Keeper) serve(ctx context.Context, answer func(context.Context, paxos.Message) error, readsOnly bool) error {
	for ctx.Err() == nil {
		m, ok := k.queue.next(readsOnly)
		if !ok {
			return nil
		}
		answers, err := k.Do(m)
		for _, a := range answers {
			if err == nil {
				err = answer(ctx, a)
			}
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// longestPause is the most that a chunk is followed by. A disk that takes longer
// for one is slow by itself.
const longestPause = 100 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(min(d, longestPause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Stats is what a keeper has done and holds; any goroutine may ask.
type Stats struct {
	Last, Previous paxos.Slot
	LastBytes      int64         // the size of the newest whole snapshot
	DiskBytes      int64         // of all whole snapshots and the transfer under way
	LastTook       time.Duration // how long the last save took, its pauses included
	Saved, Taken   int64         // snapshots made here, and taken from elsewhere, since Open
	PartsRead      int64         // for other learners, since Open
	PartsDropped   int64         // for want of room in the queue, since Open
}

type counts struct {
	last, previous, lastBytes, diskBytes, took, saved, taken, partsRead atomic.Int64
}

func (k *Keeper) count() {
	last, previous := k.slots()
	k.stats.last.Store(int64(last))
	k.stats.previous.Store(int64(previous))
	var size int64
	for n, w := range k.kept {
		if n == 0 {
			k.stats.lastBytes.Store(w.size)
		}
		size += w.size
	}
	if k.incoming != nil {
		size += k.incoming.next
	}
	k.stats.diskBytes.Store(size)
}

// Stats gives the figures.
func (k *Keeper) Stats() Stats {
	s := &k.stats
	return Stats{
		Last: paxos.Slot(s.last.Load()), Previous: paxos.Slot(s.previous.Load()), LastBytes: s.lastBytes.Load(), DiskBytes: s.diskBytes.Load(),
		LastTook: time.Duration(s.took.Load()), Saved: s.saved.Load(), Taken: s.taken.Load(), PartsRead: s.partsRead.Load(),
		PartsDropped: k.queue.dropped.Load(),
	}
}
