package run

import (
	"context"
	"fmt"
	"time"

	"paxos/bench/load"
	"paxos/bench/report"
	"paxos/bench/system"
)

const (
	endurance load.Op = "endurance" // full load for long
	// enduranceFor is how long; the rate is told of each stretch.
	enduranceFor = 10 * time.Minute
	stretch      = 10 * time.Second
	// longest is how many writes it must come to, and flat which part of the rate
	// of a tenth of that there must be then.
	longest = 10_000_000
	flat    = 0.8
)

// endurance keeps a system under full load and looks whether it stays as fast as
// it was, whatever the length of the log, and whether anybody who was merely late
// was taken for dead.
func (b *bench) endurance(ctx context.Context, sys system.System, r *report.Result) error {
	counting, ok := sys.(system.Electing)
	if !ok {
		return fmt.Errorf("counting elections: %w", system.ErrNot)
	}
	way, err := sys.Way(r.Protocol)
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	spec := b.spec(r.Cell)
	spec.Op, spec.Interval, spec.Intervals = load.Put, stretch, int(enduranceFor/stretch)
	crowd, err := load.NewCrowd(spec, way)
	if err != nil {
		return err
	}
	before, err := counting.Elections(ctx)
	if err != nil {
		return err
	}
	b.status("%s: for %v", r.Cell, enduranceFor)
	scale := &scale{ctx: ctx, sys: sys, pids: sys.Processes()}
	o, err := crowd.Run(ctx, load.Moments{Begin: scale.begin, End: scale.end})
	if err != nil {
		return err
	}
	fill(r, o, scale)
	after, err := counting.Elections(ctx)
	if err != nil {
		return err
	}
	r.More = atLengths(o.Rates)
	r.More["elections"] = float64(after - before)
	if r.Checked, err = crowd.Check(ctx); err != nil {
		return err
	}
	return endured(r, o.Rates[len(o.Rates)-1], after-before, o.Failed())
}

// atLengths is the rate of the stretch in which the log came to so many writes.
func atLengths(rates []float64) map[string]float64 {
	more := map[string]float64{}
	written, mark := 0.0, 100_000.0
	for _, rate := range rates {
		for written += rate * stretch.Seconds(); written >= mark; mark *= 10 {
			more[atLength(mark)] = rate
		}
	}
	return more
}

func atLength(writes float64) string { return fmt.Sprintf("ops/s at %.0f", writes) }

// endured says what is wrong with a long run; last is the rate of its last stretch.
func endured(r *report.Result, last float64, elections int64, failed float64) error {
	then, long := r.More[atLength(longest)]
	then = min(then, last)
	switch {
	case elections > 0:
		return fmt.Errorf("%d elections were stood in, and nobody had died", elections)
	case failed > mostErrors:
		return fmt.Errorf("%.2f %% of all operations went wrong: %v", 100*failed, r.Errors)
	case !long:
		return fmt.Errorf("only %d writes in %v; the log was to have %d", r.Ops, enduranceFor, longest)
	case then < flat*r.More[atLength(longest/10)]:
		return fmt.Errorf("it is not flat: %.0f ops/s at %d writes or at the end, %.0f at a tenth of that", then, longest, r.More[atLength(longest/10)])
	}
	return nil
}
