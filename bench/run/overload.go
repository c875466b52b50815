package run

import (
	"context"
	"fmt"
	"time"

	"paxos/bench/load"
	"paxos/bench/report"
	"paxos/bench/system"
)

// tooMany is how many times as many clients overload a cluster.
const tooMany = 10

// mostOf is which part of what the few got the many must still get.
const mostOf = 0.8

// overload measures puts with a cell's users, and then with ten times as many:
// what is still acknowledged must be most of what the few got, and whoever is
// refused must be told to come again.
func (b *bench) overload(ctx context.Context, sys system.System, r *report.Result) error {
	way, err := sys.Way(r.Protocol)
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	few := r.Cell
	few.Op = string(load.Put)
	base, err := load.NewCrowd(b.spec(few), way)
	if err != nil {
		return err
	}
	b.status("%s: the load that can be sustained", r.Cell)
	sustained, err := base.Run(ctx, load.Moments{})
	if err != nil {
		return err
	}
	many := few
	many.Users *= tooMany
	spec := b.spec(many)
	spec.Keys = max(spec.Keys/tooMany, 1)
	crowd, err := load.NewCrowd(spec, way)
	if err != nil {
		return err
	}
	b.status("%s: %d users", r.Cell, many.Users)
	scale := &scale{ctx: ctx, sys: sys, pids: sys.Processes()}
	o, err := crowd.Run(ctx, load.Moments{Begin: scale.begin, End: scale.end})
	if err != nil {
		return err
	}
	fill(r, o, scale)
	r.More = map[string]float64{"ops/s sustained": sustained.Rate(), "goodput, part": r.Rate / sustained.Rate(), "users": float64(many.Users)}
	r.More["refused, p99 ms"] = float64(o.Refused.Quantile(0.99)) / float64(time.Millisecond)
	// Refusing is the answer to too much; anything else is none.
	var other int64
	for kind, n := range o.Errors {
		r.More["times "+kind] = float64(n)
		if kind != "status 503, retry later" {
			other += n
		}
	}
	if float64(other) > mostErrors*float64(o.Ops) {
		return fmt.Errorf("under overload operations did not succeed and were not refused either: %v", o.Errors)
	}
	if r.Checked, err = crowd.Check(ctx); err == nil && r.Rate < mostOf*sustained.Rate() {
		err = fmt.Errorf("of %.0f ops/s %.0f are left", sustained.Rate(), r.Rate)
	}
	return err
}
