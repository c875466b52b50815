package model

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Result is what a run has found.
type Result struct {
	States      uint64 // distinct; of each family that differs by names of acceptors only, one
	Families    uint64 // how many states these stand for
	Transitions uint64 // steps that led from a state to another one
	Depth       int    // steps of the longest of all shortest ways
	Frontier    int    // states from which no step was taken yet
	Rooms       uint64 // distinct states of single rooms
	Played      uint64 // steps of real rooms
	Messages    uint64 // different ones
	Chosen      uint64 // transitions that made a value chosen
	Seconds     float64
	Megabytes   uint64 // the most memory that was had from the system
	// Complete says that there are no more states within the bounds, of which
	// Options.Depth is one; else Why says what ended the run.
	Complete  bool
	Why       string
	Violation *Violation
}

// Violation is a state that must not be, and a shortest way there.
type Violation struct {
	Checker string
	Text    string
	Way     []string
}

const chunk = 4096 // states that a worker takes at once

// search is one run.
type search struct {
	w       *world
	opts    Options
	began   time.Time
	visited *visited
	level   [][]state // of this depth, in chunks
	taken   atomic.Int64
	states  atomic.Uint64
	workers []*worker
	stop    atomic.Pointer[string]
	depth   int
	beyond  int // states of the next depth, when the run was ended
}

// worker expands states; what it counts and finds is its own until the level
// ends.
type worker struct {
	*search
	hands       *hands
	next        [][]state
	families    uint64
	transitions uint64
	chosen      uint64
	found       []finding
}

type finding struct {
	from, to key
	wrong    *wrong
}

// Run walks the space.
func Run(ctx context.Context, opts Options) (Result, error) {
	if err := opts.Check(); err != nil {
		return Result{}, err
	}
	return newSearch(opts).run(ctx), nil
}

func newSearch(opts Options) *search {
	s := &search{w: &world{opts: opts, dumper: dumper{lives: opts.Lives}}, opts: opts, began: time.Now(), visited: newVisited()}
	for range opts.Workers {
		s.workers = append(s.workers, &worker{search: s, hands: newHands()})
	}
	first, family, _ := s.w.canonical(s.workers[0].hands, s.w.beginning(s.workers[0].hands))
	s.workers[0].families += uint64(family)
	s.visited.add(s.w.keyOf(first), 0)
	s.states.Store(1)
	s.level = [][]state{{first}}
	return s
}

func (w *world) beginning(h *hands) state {
	var s state
	for place := range uint8(places) {
		switch {
		case place == learnerPlace && !w.opts.Learner:
		case place >= firstAcceptor && place < learnerPlace && !w.opts.AsIs:
			s[place] = w.first(h, firstAcceptor)
		default:
			s[place] = w.first(h, place)
		}
	}
	return s
}

// keyOf is the state's own: made of what its nodes are, and where.
func (w *world) keyOf(s state) key {
	var k key
	for place, id := range s {
		if id != 0 {
			n := w.nodes.get(id).key
			by := 2*uint64(place)*0x9e3779b97f4a7c15 + 0xc2b2ae3d27d4eb4f
			k.hi += n.hi * by
			k.lo += mixed(n.lo^n.hi>>32) * by
		}
	}
	k.hi, k.lo = mixed(k.hi), mixed(k.lo)
	if k == (key{}) {
		k.lo = 1 // the empty cell's key
	}
	return k
}

func (s *search) run(ctx context.Context) Result {
	watch := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, watch) })
	var result Result
	for s.opts.Depth == 0 || s.depth < s.opts.Depth {
		s.expand()
		size := 0
		var next [][]state
		var found []finding
		for _, wk := range s.workers {
			for _, c := range wk.next {
				size += len(c)
			}
			next, found = append(next, wk.next...), append(found, wk.found...)
			wk.next = nil
		}
		if len(found) > 0 {
			result.Violation = s.explain(found)
			break
		}
		if size == 0 || s.stop.Load() != nil {
			s.beyond = size
			break
		}
		s.depth++
		s.level = next
	}
	close(watch)
	watching.Wait()
	violation := result.Violation
	result = s.result()
	result.Violation = violation
	result.Complete = violation == nil && (result.Frontier == 0 || s.opts.Depth > 0 && s.depth == s.opts.Depth)
	if why := s.stop.Load(); why != nil && !result.Complete {
		result.Why = *why
	}
	return result
}

// expand takes every state of this depth one step further.
func (s *search) expand() {
	s.taken.Store(0)
	var all sync.WaitGroup
	for _, wk := range s.workers {
		all.Go(func() {
			for s.stop.Load() == nil {
				i := int(s.taken.Add(1)) - 1
				if i >= len(s.level) {
					return
				}
				for _, st := range s.level[i] {
					wk.from(st)
				}
				s.level[i] = nil
				if s.opts.States > 0 && s.states.Load() >= s.opts.States {
					s.end("the bound of states is reached")
				}
			}
		})
	}
	all.Wait()
}

func (s *search) end(why string) { s.stop.CompareAndSwap(nil, &why) }

// from visits all states that one step leads to.
func (wk *worker) from(st state) {
	from := wk.w.keyOf(st)
	wk.w.successors(wk.hands, &st, func(next state, place int, _ uint32) {
		wk.transitions++
		wk.chosen += wk.w.newlyChosen(&next, place, st[place])
		c, family, _ := wk.w.canonical(wk.hands, next)
		k := wk.w.keyOf(c)
		if !wk.visited.add(k, from.lo) {
			return
		}
		wk.search.states.Add(1)
		wk.families += uint64(family)
		if bad := wk.w.judge(wk.hands, &next, place, st[place]); bad != nil {
			wk.found = append(wk.found, finding{from, k, bad})
			return
		}
		last := len(wk.next) - 1
		if last < 0 || len(wk.next[last]) == chunk {
			wk.next = append(wk.next, make([]state, 0, chunk))
			last++
		}
		wk.next[last] = append(wk.next[last], c)
	})
}

// watch ends the run when its time or memory is over, and says how far it is.
func (s *search) watch(ctx context.Context, done chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for seconds := 1; ; seconds++ {
		select {
		case <-done:
			return
		case <-ctx.Done():
			s.end("it was interrupted")
			return
		case <-tick.C:
		}
		if s.opts.For > 0 && time.Since(s.began) >= s.opts.For {
			s.end("its time is over")
		}
		if s.opts.Megabytes > 0 && memory() > s.opts.Megabytes {
			s.end("the bound of memory is reached")
		}
		if s.opts.Say != nil && seconds%5 == 0 {
			s.opts.Say(Result{States: s.states.Load(), Depth: s.depth, Played: s.w.played.Load(), Rooms: uint64(s.w.rooms.count.Load()),
				Seconds: time.Since(s.began).Seconds(), Megabytes: memory()})
		}
	}
}

// memory is what the process has from the system, which never gets less.
func memory() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys >> 20
}

func (s *search) result() Result {
	r := Result{States: s.states.Load(), Depth: s.depth, Rooms: uint64(s.w.rooms.count.Load()), Played: s.w.played.Load(),
		Messages: uint64(s.w.contents.count.Load()), Seconds: time.Since(s.began).Seconds(), Megabytes: memory()}
	for _, wk := range s.workers {
		r.Families += wk.families
		r.Transitions += wk.transitions
		r.Chosen += wk.chosen
	}
	r.Frontier = s.beyond
	for _, c := range s.level {
		r.Frontier += len(c)
	}
	return r
}
