package run

import (
	"context"
	"time"

	"paxos/bench/load"
	"paxos/bench/report"
	"paxos/bench/system"
)

const (
	watch load.Op = "watch" // the users watch, and one more writes
	// watchRate is how many writes a second there are to be told of.
	watchRate = 100
)

func (b *bench) watch(ctx context.Context, sys system.System, r *report.Result) error {
	way, err := sys.Way(r.Protocol)
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	scale := &scale{ctx: ctx, sys: sys, pids: sys.Processes()}
	o, err := load.Watched{Watchers: r.Users, Rate: watchRate, Size: r.Size, Warmup: b.warmup, Counted: b.interval * time.Duration(b.intervals)}.
		Run(ctx, way, load.Moments{Begin: scale.begin, End: scale.end})
	if err != nil {
		return err
	}
	fill(r, o, scale)
	r.Checked = o.Checked
	return nil
}
