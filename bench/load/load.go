package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"paxos/bench/system"
	"paxos/internal/quantile"
	"paxos/internal/sched"
)

// Op is what users ask for.
type Op string

// What users can ask for.
const (
	Put      Op = "put"
	Get      Op = "get"       // linearizable
	StaleGet Op = "stale-get" // of what a server has in memory
	Mixed    Op = "mixed"     // 95 % linearizable gets, 5 % puts
	Incr     Op = "incr"      // all users, one key
	Batch    Op = "batch"     // BatchSize puts in one request; each counts
)

// BatchSize is how many puts a batch has.
const BatchSize = 64

// Spec is a load.
type Spec struct {
	Op    Op
	Users int
	Size  int // bytes of a value
	Keys  int // of each user
	// Warmup is not counted; then come that many intervals of Interval.
	Warmup    time.Duration
	Interval  time.Duration
	Intervals int
	// Rate is how many operations a second are begun, over all users; 0 is a closed
	// loop. What is begun late, since all users are busy, counts its delay.
	Rate float64
	// Patience is how long a user tries one operation, again and again if it fails at
	// once; 0: once, for as long as its way takes.
	Patience time.Duration
	// Acked, if there is one, is told when each operation was acknowledged, in
	// whatever goroutine.
	Acked func(at time.Time)
	// Interrupting lets the users interrupt the servers, whose processors they use
	// too, whenever one of them has an answer; else they work in batches.
	Interrupting bool
	// Sample is how many keys are read back afterwards: all of them, if there are
	// not more.
	Sample int
}

// Moments are called at the borders of what is counted.
type Moments struct {
	Begin, End func() error
}

// Outcome is what came of a load, in its counted time.
type Outcome struct {
	Rates   []float64 // operations a second, of each interval
	Ops     int64     // acknowledged
	Seconds float64
	Latency *quantile.Histogram
	Errors  map[string]int64    // by kind
	Refused *quantile.Histogram // how long those took that went wrong
	// Checked is how many keys were read back.
	Checked int
}

// Rate is the median of the intervals.
func (o Outcome) Rate() float64 {
	if len(o.Rates) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(o.Rates))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Failed is the part of all operations that went wrong.
func (o Outcome) Failed() float64 {
	var n int64
	for _, m := range o.Errors {
		n += m
	}
	if n+o.Ops == 0 {
		return 0
	}
	return float64(n) / float64(n+o.Ops)
}

// Crowd is the users of one cluster, with what each of them remembers.
type Crowd struct {
	spec    Spec
	values  Values
	workers []*worker
	pace    *pace
	lone    bool    // all workers share one user
	witness *worker // nil if there is none
}

// NewCrowd makes the users.
func NewCrowd(spec Spec, way system.Way) (*Crowd, error) {
	if spec.Users < 1 || spec.Keys < 1 || spec.Interval <= 0 || spec.Intervals < 1 {
		return nil, fmt.Errorf("a load needs users, keys and intervals: %+v", spec)
	}
	if spec.Op == Batch && spec.Keys < BatchSize {
		return nil, fmt.Errorf("batches of %d need as many keys a user, not %d", BatchSize, spec.Keys)
	}
	c := &Crowd{spec: spec, values: NewValues(spec.Size)}
	for i := range spec.Users {
		user, err := way.User(i)
		if err != nil {
			return nil, fmt.Errorf("user %d: %w", i, err)
		}
		c.workers = append(c.workers, newWorker(i, user, c))
	}
	// While a load is mixed, writer and reader of a worker ask in turn. Otherwise
	// the next worker's user reads, if there is one, who has nothing to do any more
	// by then.
	for i, w := range c.workers {
		w.reader = c.workers[(i+1)%len(c.workers)].user
		if spec.Op == Mixed || spec.Users == 1 {
			var err error
			if w.reader, err = way.User(i + 1); err != nil {
				return nil, fmt.Errorf("user %d: %w", i+1, err)
			}
		}
	}
	if spec.Op == Get {
		c.witness = newWorker(spec.Users, nil, c)
		for n, user := range []*system.User{&c.witness.user, &c.witness.reader} {
			var err error
			if *user, err = way.User(spec.Users + n); err != nil {
				return nil, fmt.Errorf("the witness: %w", err)
			}
		}
	}
	return c, nil
}

// all lets every worker do its part at once.
func (c *Crowd) all(do func(*worker) error) error {
	errs := make([]error, len(c.workers))
	if c.lone {
		for i, w := range c.workers {
			errs[i] = do(w)
		}
		return firstOf(errs)
	}
	var running sync.WaitGroup
	for i, w := range c.workers {
		running.Go(func() { errs[i] = do(w) })
	}
	running.Wait()
	return firstOf(errs)
}

// firstOf is the first error, and how many there were: of 512 users, all often
// say the same.
func firstOf(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return fmt.Errorf("%w (and %d more)", errs[0], len(errs)-1)
}

// Fill writes every key once: for loads that read.
func (c *Crowd) Fill(ctx context.Context) error {
	return c.all(func(w *worker) error { return w.fill(ctx) })
}

// Run drives the load. The users stop when the counted time is over, or ctx ends.
func (c *Crowd) Run(ctx context.Context, at Moments) (Outcome, error) {
	counted := c.spec.Interval * time.Duration(c.spec.Intervals)
	var stop atomic.Bool
	begin := time.Now().Add(c.spec.Warmup)
	if c.spec.Rate > 0 {
		c.pace = newPace(c.spec.Rate, time.Now())
	}
	if !c.spec.Interrupting && sched.Usual(os.Getpid()) { // a policy of whoever runs the bench stays
		if sched.Batch(os.Getpid(), true) == nil {
			defer func() { _ = sched.Batch(os.Getpid(), false) }()
		}
	}
	var running sync.WaitGroup
	asking, give := context.WithCancelCause(ctx)
	defer give(nil)
	for _, w := range c.workers {
		w.reset(c.spec, begin)
		running.Go(func() { w.run(asking, &stop) })
	}
	if c.witness != nil {
		running.Go(func() { c.witness.testify(asking, &stop) })
	}
	err := errors.Join(wait(ctx, c.spec.Warmup), call(at.Begin), wait(ctx, time.Until(begin.Add(counted))), call(at.End))
	stop.Store(true)
	late := time.AfterFunc(patience, func() { give(errNoAnswer) })
	running.Wait()
	late.Stop()
	var wrong []error
	for _, w := range c.workers {
		wrong = append(wrong, w.wrong)
	}
	if c.witness != nil {
		wrong = append(wrong, c.witness.wrong)
		if c.witness.seen == 0 && counted > patience/5 && ctx.Err() == nil {
			wrong = append(wrong, errors.New("the witness never read what it had written"))
		}
	}
	return c.outcome(), errors.Join(err, firstOf(wrong))
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func (c *Crowd) outcome() Outcome {
	o := Outcome{Latency: &quantile.Histogram{}, Refused: &quantile.Histogram{}, Errors: map[string]int64{}, Rates: make([]float64, c.spec.Intervals),
		Seconds: (c.spec.Interval * time.Duration(c.spec.Intervals)).Seconds()}
	for _, w := range c.workers {
		o.Latency.Merge(&w.latency)
		o.Refused.Merge(&w.refused)
		for i, n := range w.counts {
			o.Ops += n
			o.Rates[i] += float64(n) / c.spec.Interval.Seconds()
		}
		for kind, n := range w.errors {
			o.Errors[kind] += n
		}
	}
	return o
}

// Check reads back what was acknowledged. It gives how many keys it looked at;
// an error names what is missing or older than it may be.
func (c *Crowd) Check(ctx context.Context) (int, error) {
	if c.spec.Op == Incr {
		return 1, c.checkCounter(ctx)
	}
	var looked atomic.Int64
	most := max((c.spec.Sample+len(c.workers)-1)/len(c.workers), 1)
	err := c.all(func(w *worker) error {
		n, err := w.check(ctx, most)
		looked.Add(int64(n))
		return err
	})
	return int(looked.Load()), err
}

// Again changes how long the next Run is.
func (c *Crowd) Again(interval time.Duration, intervals int) *Crowd {
	c.spec.Interval, c.spec.Intervals = interval, intervals
	return c
}

// Pace changes how many operations a second the next Run begins.
func (c *Crowd) Pace(rate float64) *Crowd {
	c.spec.Rate = rate
	return c
}
