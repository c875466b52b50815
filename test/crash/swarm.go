package crash

import (
	"context"
	"maps"
	"sync"
	"time"
)

// jobOrder is how lives are numbered: two of each seed.
var jobOrder = []string{"acceptor", "learner"}

// Swarm takes many lives down, several at once.
type Swarm struct {
	First   int64 // the first life: seed First/2, an acceptor's if even
	States  int64 // ends with the life in which so many states were reached
	Until   time.Time
	Workers int
	// Progress is told the sums so far every few seconds.
	Progress func(Sums)

	mu     sync.Mutex
	next   int64
	sums   Sums
	failed *Failure
}

// Run takes lives down until there are enough states, the time is over, or one
// has failed. Lives that were begun are ended, so that the next swarm can go on
// with the life after the last.
func (s *Swarm) Run(ctx context.Context) (Sums, *Failure) {
	s.next, s.sums = s.First, Sums{}
	done := make(chan struct{})
	var workers sync.WaitGroup
	for range s.Workers {
		workers.Go(func() {
			for kind, seed, ok := s.job(ctx); ok; kind, seed, ok = s.job(ctx) {
				e := &explorer{kind: kind, seed: seed, bounds: usual(seed), add: s.add}
				if f := e.run(birth(kind, seed)); f != nil {
					s.fail(f)
				}
			}
		})
	}
	go func() {
		workers.Wait()
		close(done)
	}()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return s.sums, s.failed
		case <-tick.C:
			if s.Progress != nil {
				s.mu.Lock()
				now := maps.Clone(s.sums)
				s.mu.Unlock()
				s.Progress(now)
			}
		}
	}
}

// usual are the bounds of a life: that of seed 0 has everything done to it.
func usual(seed uint64) bounds {
	if seed == 0 {
		return bounds{whole: 1024, some: 256, again: 32, kills: 1, harms: 1}
	}
	return bounds{whole: 512, some: 384, again: 64, kills: 8, harms: 32}
}

func (s *Swarm) job(ctx context.Context) (kind string, seed uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil || s.failed != nil || s.sums[states] >= s.States || !s.Until.IsZero() && time.Now().After(s.Until) {
		return "", 0, false
	}
	job := s.next
	s.next++
	return jobOrder[job%2], uint64(job / 2), true
}

func (s *Swarm) add(more Sums) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range more {
		s.sums[name] += n
	}
}

func (s *Swarm) fail(f *Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = f
	}
}
