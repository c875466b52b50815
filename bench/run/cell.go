package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"paxos/bench/load"
	"paxos/bench/report"
	"paxos/bench/system"
)

// settings are what is the same for all cells of a run.
type settings struct {
	dir       string
	warmup    time.Duration
	interval  time.Duration
	intervals int
	keys      int
	sample    int
	// interrupting lets users interrupt servers.
	interrupting bool
	profile      string
}

const (
	// mostErrors is the part of operations that may go wrong.
	mostErrors = 0.001
	// filled is how many keys there are at least where it is read.
	filled = 16 << 10
)

// measure runs a cell once, on a cluster of its own. Whatever goes wrong is in
// the result; an error means that the bench itself cannot go on.
func (b *bench) measure(ctx context.Context, c report.Cell) (report.Result, error) {
	r := report.Result{Cell: c}
	dir, err := os.MkdirTemp(b.dir, strings.ReplaceAll(c.System, "/", "-")+"-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sys, err := b.kit.make(ctx, c.System)
	if err != nil {
		return r, err
	}
	b.status("%s: starting", c)
	err = sys.Start(ctx, dir)
	if err == nil {
		do := (*bench).loaded
		if special, ok := specials[load.Op(c.Op)]; ok {
			do = special
		}
		err = do(b, ctx, sys, &r)
	}
	if stopped := sys.Stop(); stopped != nil {
		b.say("%s: stopping: %v", c.System, stopped)
	}
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	if err != nil {
		r.Failed = err.Error()
		b.say("%s FAILED: %v", c, err)
		return r, nil
	}
	if len(r.More) > 0 {
		b.say("%s: %v", c, r.More)
	}
	if r.Outage > 0 {
		b.say("%s: %.0f ms without a write", c, r.Outage)
		return r, nil
	}
	b.say("%s: %.0f ops/s, p50 %.2f ms, p99 %.1f ms, %.4f CPU s per 1,000 (bench %.4f), %d errors, %d keys read back", c, r.Rate, r.P50, r.P99, r.CPU, r.Loader, failures(r), r.Checked)
	return r, nil
}

func failures(r report.Result) (n int64) {
	for _, m := range r.Errors {
		n += m
	}
	return n
}

// spec is the load of a cell.
func (s settings) spec(c report.Cell) load.Spec {
	spec := load.Spec{Op: load.Op(c.Op), Users: c.Users, Size: c.Size, Keys: s.keys, Warmup: s.warmup, Interval: s.interval, Intervals: s.intervals, Sample: s.sample, Interrupting: s.interrupting}
	if reads(spec.Op) {
		spec.Keys = min(s.keys, max(filled/c.Users, 1))
	}
	return spec
}

func reads(op load.Op) bool { return op == load.Get || op == load.StaleGet || op == load.Mixed }

// loaded drives the load against a system that runs.
func (b *bench) loaded(ctx context.Context, sys system.System, r *report.Result) error {
	way, err := sys.Way(r.Protocol)
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	spec := b.spec(r.Cell)
	crowd, err := load.NewCrowd(spec, way)
	if err != nil {
		return err
	}
	if reads(spec.Op) {
		b.status("%s: writing what will be read", r.Cell)
		if err := crowd.Fill(ctx); err != nil {
			return fmt.Errorf("writing what is to be read: %w", err)
		}
	}
	scale := &scale{ctx: ctx, sys: sys, pids: sys.Processes()}
	b.status("%s: measuring", r.Cell)
	stopProfile := b.profiled(ctx, sys, r.Cell)
	o, err := crowd.Run(ctx, load.Moments{Begin: scale.begin, End: scale.end})
	stopProfile()
	if err != nil {
		return err
	}
	fill(r, o, scale)
	b.status("%s: reading back", r.Cell)
	if r.Checked, err = crowd.Check(ctx); err != nil {
		return err
	}
	if o.Failed() > mostErrors {
		return fmt.Errorf("%.2f %% of all operations went wrong, more than %.1f %%: %v", 100*o.Failed(), 100*mostErrors, o.Errors)
	}
	if o.Ops == 0 {
		return errors.New("no operation succeeded")
	}
	return nil
}

func fill(r *report.Result, o load.Outcome, s *scale) {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	r.Rate, r.Intervals, r.Ops, r.Errors = o.Rate(), o.Rates, o.Ops, o.Errors
	r.P50, r.P99, r.P999, r.Longest = ms(o.Latency.Quantile(0.5)), ms(o.Latency.Quantile(0.99)), ms(o.Latency.Quantile(0.999)), ms(o.Latency.Max())
	r.Memory, r.Peak = s.after.Memory, s.after.Peak
	if o.Ops == 0 {
		return
	}
	ops := float64(o.Ops)
	r.CPU = (s.after.CPU - s.before.CPU) / ops * 1000
	r.Loader = (s.loaderAfter.CPU - s.loaderBefore.CPU) / ops * 1000
	for role, spent := range s.rolesAfter {
		if r.Roles == nil {
			r.Roles = map[string]float64{}
		}
		r.Roles[role] = (spent - s.rolesBefore[role]) / ops * 1e6
	}
	r.Written = float64(s.after.Written-s.before.Written) / ops
	if syncs, ok := s.syncs(); ok {
		n := syncs / (ops / o.Seconds)
		r.Syncs = &n
	}
}

// scale weighs the servers, and the bench itself, at the borders of what is
// counted.
type scale struct {
	ctx  context.Context
	sys  system.System
	pids []int

	before, after             system.Weight
	rolesBefore, rolesAfter   map[string]float64 // seconds
	loaderBefore, loaderAfter system.Weight
	syncsBefore, syncsAfter   counted
	first                     chan counted
}

// counted is how many syncs there had been at a moment.
type counted struct {
	syncs int64
	at    time.Time
	err   error
}

// begin asks the servers for their own counts in the background: while they are
// under load an answer may take as long as what is counted.
func (s *scale) begin() error {
	s.first = make(chan counted, 1)
	go func() { s.first <- s.count() }()
	err := system.ResetPeak(s.pids)
	if err == nil {
		s.loaderBefore, err = system.Weigh([]int{os.Getpid()})
	}
	if err == nil {
		s.before, err = system.Weigh(s.pids)
	}
	if err == nil {
		s.rolesBefore, err = s.roles()
	}
	return err
}

// roles is the processor time of each kind of server, nil if all are of one.
func (s *scale) roles() (map[string]float64, error) {
	roled, ok := s.sys.(system.Roled)
	if !ok {
		return nil, nil
	}
	spent := map[string]float64{}
	for role, pids := range roled.Roles() {
		w, err := system.Weigh(pids)
		if err != nil {
			return nil, err
		}
		spent[role] = w.CPU
	}
	return spent, nil
}

func (s *scale) end() (err error) {
	if s.after, err = system.Weigh(s.pids); err != nil {
		return fmt.Errorf("a server is gone: %w", err)
	}
	if s.rolesAfter, err = s.roles(); err != nil {
		return err
	}
	if s.loaderAfter, err = system.Weigh([]int{os.Getpid()}); err != nil {
		return err
	}
	s.syncsAfter = s.count()
	s.syncsBefore = <-s.first
	return nil
}

func (s *scale) count() counted {
	counting, ok := s.sys.(system.Counting)
	if !ok {
		return counted{err: system.ErrNot}
	}
	c, err := counting.Counters(s.ctx)
	return counted{c.Syncs, time.Now(), err}
}

// syncs is how many there were in a second; false if nobody counts them.
func (s *scale) syncs() (float64, bool) {
	spent := s.syncsAfter.at.Sub(s.syncsBefore.at).Seconds()
	if s.syncsBefore.err != nil || s.syncsAfter.err != nil || spent <= 0 {
		return 0, false
	}
	return float64(s.syncsAfter.syncs-s.syncsBefore.syncs) / spent, true
}
