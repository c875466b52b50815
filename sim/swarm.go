package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"paxos/audit"
)

// Swarm runs one seed after another, each in a world of its own, on some
// goroutines at once: which seed gives what does not depend on that.
type Swarm struct {
	First   uint64 // seed
	Seeds   int64  // how many; 0: until Until
	Until   time.Time
	Workers int
	// FailFast ends the run at the first seed that fails.
	FailFast bool
	// Progress, unless nil, is told the sums so far, every few seconds and at
	// every failure.
	Progress func(Sums)
}

// Sums are what happened in all seeds of a run.
type Sums struct {
	Counts
	Seeds    int64
	Failures []Failure // by seed
	Elapsed  time.Duration
}

// Failure is a seed in whose world something was wrong.
type Failure struct {
	Seed      uint64          `json:"seed"`
	At        int64           `json:"events"`
	Objection audit.Objection `json:"objection"`
}

// Add adds what happened in another run.
func (c *Counts) Add(o Counts) {
	for _, f := range []struct {
		to   *int64
		from int64
	}{
		{&c.Events, o.Events}, {&c.Messages, o.Messages}, {&c.Lost, o.Lost}, {&c.Twice, o.Twice}, {&c.Late, o.Late}, {&c.Gone, o.Gone}, {&c.Ticks, o.Ticks},
		{&c.DiskOps, o.DiskOps}, {&c.Starts, o.Starts}, {&c.Ends, o.Ends}, {&c.Tripped, o.Tripped}, {&c.Kept, o.Kept}, {&c.Applied, o.Applied},
		{&c.Installed, o.Installed}, {&c.Calls, o.Calls}, {&c.Writes, o.Writes}, {&c.Reads, o.Reads}, {&c.Judged, o.Judged}, {&c.Slots, o.Slots},
		{&c.Leaders, o.Leaders}, {&c.PutBack, o.PutBack}, {&c.Micros, o.Micros},
	} {
		*f.to += f.from
	}
	if c.Faults == nil {
		c.Faults = map[FaultKind]int64{}
	}
	for kind, n := range o.Faults {
		c.Faults[kind] += n
	}
}

// AllFaults is how many faults there were, of all kinds. Messages that were
// lost, late or doubled are not among them.
func (c *Counts) AllFaults() (n int64) {
	for _, of := range c.Faults {
		n += of
	}
	return n
}

// Run runs the seeds until they, the time or ctx end.
func (s Swarm) Run(ctx context.Context) Sums {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun := time.Now()
	sums := Sums{Counts: Counts{Faults: map[FaultKind]int64{}}}
	var mu sync.Mutex
	var next int64
	told := begun
	take := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil || s.Seeds > 0 && next >= s.Seeds || !s.Until.IsZero() && time.Now().After(s.Until) {
			return 0, false
		}
		next++
		return s.First + uint64(next-1), true
	}
	done := func(seed uint64, r Result) {
		mu.Lock()
		defer mu.Unlock()
		sums.Counts.Add(r.Counts)
		sums.Seeds++
		sums.Elapsed = time.Since(begun)
		failed := len(r.Objections) > 0
		if failed {
			sums.Failures = append(sums.Failures, Failure{seed, r.At, r.Objections[0]})
			if s.FailFast {
				cancel()
			}
		}
		if s.Progress != nil && (failed || time.Since(told) >= 5*time.Second) {
			told = time.Now()
			s.Progress(sums)
		}
	}
	var workers sync.WaitGroup
	for range max(1, s.Workers) {
		workers.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				scenario := Draw(seed)
				done(seed, Run(&scenario, nil))
			}
		})
	}
	workers.Wait()
	slices.SortFunc(sums.Failures, func(a, b Failure) int { return int(int64(a.Seed - b.Seed)) })
	sums.Elapsed = time.Since(begun)
	return sums
}

// enough is what has to happen in a seed, on the average, for a run to prove
// anything.
var enough = []struct {
	what  string
	least float64
	of    func(*Sums) int64
}{
	{"events", 10_000, func(s *Sums) int64 { return s.Events }},
	{"slots chosen", 20, func(s *Sums) int64 { return s.Slots }},
	{"ballots that led", 2, func(s *Sums) int64 { return s.Leaders }},
	{"faults", 20, func(s *Sums) int64 { return s.AllFaults() }},
	{"writes acknowledged", 10, func(s *Sums) int64 { return s.Writes }},
	{"reads answered", 5, func(s *Sums) int64 { return s.Reads }},
	{"starts of processes", 12, func(s *Sums) int64 { return s.Starts }},
	{"findings that a port is closed", 5, func(s *Sums) int64 { return s.Gone }},
	{"messages lost", 50, func(s *Sums) int64 { return s.Lost }},
	{"processes killed between sync and speech", 0.1, func(s *Sums) int64 { return s.Tripped }},
	{"disks put back", 0.01, func(s *Sums) int64 { return s.PutBack }},
	{"snapshots that a learner went on from", 0.1, func(s *Sums) int64 { return s.Installed }},
}

// Enough reports what happened too seldom: a run in which little happens finds
// little, and is no success. It says nothing of fewer than 100 seeds.
func (s *Sums) Enough() error {
	if s.Seeds < 100 {
		return nil
	}
	var lacks []error
	for _, e := range enough {
		if n := e.of(s); float64(n) < e.least*float64(s.Seeds) {
			lacks = append(lacks, fmt.Errorf("too little happened: %d %s in %d seeds, at least %g each are demanded", n, e.what, s.Seeds, e.least))
		}
	}
	if s.Seeds >= 1000 {
		for _, kind := range FaultKinds() {
			if s.Faults[kind] == 0 {
				lacks = append(lacks, fmt.Errorf("too little happened: no fault of the kind %q in %d seeds", kind, s.Seeds))
			}
		}
	}
	if s.Micros > 20*second*s.AllFaults() {
		lacks = append(lacks, fmt.Errorf("too little happened: %d faults in %d simulated seconds; one every 20 is demanded", s.AllFaults(), s.Micros/second))
	}
	return errors.Join(lacks...)
}

// Named gives the counts by name, as they are printed and added up.
func (s *Sums) Named() map[string]int64 {
	named := map[string]int64{
		"seeds": s.Seeds, "events": s.Events, "messages": s.Messages, "messages lost": s.Lost, "messages doubled": s.Twice, "messages late": s.Late, "ports found closed": s.Gone,
		"ticks": s.Ticks, "disk operations": s.DiskOps, "starts": s.Starts, "slots chosen": s.Slots, "slots applied": s.Applied,
		"snapshots installed": s.Installed, "disks put back": s.PutBack, "leaders": s.Leaders, "writes acknowledged": s.Writes, "reads answered": s.Reads,
		"calls judged": s.Judged, "simulated seconds": s.Micros / second, "faults": s.AllFaults(), "violations": int64(len(s.Failures)),
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Faults)) {
		named["fault: "+string(kind)] = s.Faults[kind]
	}
	return named
}
