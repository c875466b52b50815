package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paxos/bench/load"
	"paxos/bench/report"
	"paxos/bench/system"
)

// Operations with a server that is killed and started again under load, and the
// server that it is.
const (
	recoverAcceptor load.Op = "recovery of an acceptor"
	recoverLearner  load.Op = "recovery of a learner"
)

var recovered = map[load.Op]string{recoverAcceptor: "acceptor3", recoverLearner: "learner2"}

// evens is what there is to say when a server has come as far as its like: an
// acceptor need not have what was chosen without it, only to vote again.
var evens = map[load.Op]string{recoverAcceptor: "s until it votes as high as the others", recoverLearner: "s until even"}

// The course of such a cell, in seconds of counted time.
const (
	healthy    = 5  // before the kill
	without    = 10 // until the restart
	recoverFor = 30 // at most

	sustainedFor = 3 // before that
)

// recovery measures how long a server needs until it takes part again, and what
// becomes of the load meanwhile.
func (b *bench) recovery(ctx context.Context, sys system.System, r *report.Result) error {
	nodes, ok := sys.(system.Restarter)
	if !ok {
		return fmt.Errorf("killing one server: %w", system.ErrNot)
	}
	way, err := sys.Way(r.Protocol)
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	spec := b.spec(r.Cell)
	spec.Op = load.Put
	// Who is started while the users work in batches would have that from them.
	spec.Interrupting = true
	crowd, err := load.NewCrowd(spec, way)
	if err != nil {
		return err
	}
	b.status("%s: the load that can be sustained", r.Cell)
	sustained, err := crowd.Again(time.Second, sustainedFor).Run(ctx, load.Moments{})
	if err != nil {
		return err
	}
	// Half of it: who catches up needs a part of the processor that a closed loop
	// would take.
	crowd.Again(time.Second, healthy+without+recoverFor).Pace(sustained.Rate() / 2)
	id := recovered[load.Op(r.Op)]
	r.More = map[string]float64{"ops/s sustained": sustained.Rate()}
	course := make(chan error, 1)
	o, err := crowd.Run(ctx, load.Moments{Begin: func() error {
		go func() { course <- b.course(ctx, nodes, id, r) }()
		return nil
	}})
	if err = errors.Join(err, <-course); err != nil {
		return err
	}
	r.Rate, r.Intervals, r.Ops, r.Errors = o.Rate(), o.Rates, o.Ops, o.Errors
	back := min(healthy+without+int(r.More[evens[load.Op(r.Op)]])+1, len(o.Rates)-1)
	r.More["ops/s before"] = report.Median(o.Rates[:healthy])
	r.More["ops/s without it"] = report.Median(o.Rates[healthy+1 : healthy+without])
	r.More["ops/s while it recovers"] = report.Median(o.Rates[healthy+without : back])
	r.More["ops/s after"] = report.Median(o.Rates[back:])
	if r.Checked, err = crowd.Check(ctx); err == nil && o.Failed() > mostErrors {
		err = fmt.Errorf("%.2f %% of all operations went wrong: %v", 100*o.Failed(), o.Errors)
	}
	return err
}

// course kills the server, starts it again, and waits until it is even with the
// others.
func (b *bench) course(ctx context.Context, nodes system.Restarter, id string, r *report.Result) error {
	if err := sleep(ctx, healthy*time.Second); err != nil {
		return err
	}
	if err := nodes.Kill(id); err != nil {
		return err
	}
	if err := sleep(ctx, without*time.Second); err != nil {
		return err
	}
	if err := nodes.Restart(id); err != nil {
		return err
	}
	begun := time.Now()
	var behind int64
	var err error
	even := evens[load.Op(r.Op)]
	for since := time.Duration(0); since < recoverFor*time.Second; since = time.Since(begun) {
		// It does not answer at first, and under load its metrics may come late.
		var serves bool
		behind, serves, err = nodes.Behind(ctx, id)
		if _, had := r.More["s until it serves"]; err == nil && serves && !had {
			r.More["s until it serves"] = time.Since(begun).Seconds()
		}
		if err == nil && behind <= 0 {
			r.More[even] = time.Since(begun).Seconds()
			return nil
		}
		b.status("%s: %s is %d slots behind (%v)", r.Cell, id, behind, err)
		// Each look costs a node a page of metrics.
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s was not even with the others %d s after its restart: %d slots behind, or not to be asked (%v)", id, recoverFor, behind, err)
}
