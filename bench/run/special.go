package run

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"paxos/bench/load"
	"paxos/bench/report"
	"paxos/bench/system"
)

// Operations that are more than a load.
const (
	failover  load.Op = "failover"   // the leader is killed
	silence   load.Op = "silence"    // the leader is stopped, and nobody is told by a closed connection
	memory    load.Op = "memory"     // a million keys
	logLength load.Op = "log-length" // puts at growing lengths of the log
	overload  load.Op = "overload"   // ten times as many clients as are needed
)

// specials measure a system that runs.
var specials = map[load.Op]func(b *bench, ctx context.Context, sys system.System, r *report.Result) error{
	failover: (*bench).failover, silence: (*bench).failover, memory: (*bench).memory, logLength: (*bench).logLength, overload: (*bench).overload,
	watch: (*bench).watch, recoverAcceptor: (*bench).recovery, recoverLearner: (*bench).recovery,
	endurance: (*bench).endurance,
}

// Failover is measured with a write every 5 ms, whatever became of those before:
// users that all wait for a dead leader would not see that another one serves.
const (
	probeRate     = 200
	probePatience = time.Second
	afterKill     = 10 * time.Second
	longestOutage = 9 * time.Second
)

func (b *bench) failover(ctx context.Context, sys system.System, r *report.Result) error {
	way, err := sys.Way(r.Protocol)
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	var seen load.Outage
	crowd, err := load.NewCrowd(load.Spec{Op: load.Put, Users: r.Users, Size: r.Size, Keys: 8, Warmup: b.warmup, Interval: afterKill, Intervals: 1,
		Rate: probeRate, Patience: probePatience, Acked: seen.Acked, Sample: b.sample, Interrupting: b.interrupting}, way)
	if err != nil {
		return err
	}
	var killed time.Time
	var pid int
	silently := load.Op(r.Op) == silence
	o, err := crowd.Run(ctx, load.Moments{Begin: func() (err error) {
		killed = time.Now()
		pid, err = sys.LoseLeader(ctx, silently)
		return err
	}})
	if silently && pid > 0 {
		// It goes on, as one that was only cut off would: whoever is connected to it
		// can read what was acknowledged meanwhile.
		err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
	}
	if err != nil {
		return err
	}
	outage := seen.Longest(killed, killed.Add(afterKill))
	r.Outage = float64(outage) / float64(time.Millisecond)
	r.Ops, r.Errors, r.Rate = o.Ops, o.Errors, o.Rate()
	if outage > longestOutage {
		return fmt.Errorf("no write succeeded for %v after the leader was lost", outage.Round(time.Millisecond))
	}
	if err := crowd.Survivors(ctx); err != nil {
		return err
	}
	r.Checked, err = crowd.Check(ctx)
	return err
}

const (
	manyKeys = 1_000_000
	rest     = 10 * time.Second // before memory is read: what is under way must end
)

// memory writes a million keys once and looks what the servers have resident.
func (b *bench) memory(ctx context.Context, sys system.System, r *report.Result) error {
	way, err := sys.Way(r.Protocol)
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	crowd, err := load.NewCrowd(load.Spec{Op: load.Batch, Users: r.Users, Size: r.Size, Keys: (manyKeys + r.Users - 1) / r.Users, Interval: time.Second, Intervals: 1, Sample: b.sample}, way)
	if err != nil {
		return err
	}
	before := scale{ctx: ctx, sys: sys, pids: sys.Processes()}
	if err := before.begin(); err != nil {
		return err
	}
	begun := time.Now()
	if err := crowd.Fill(ctx); err != nil {
		return err
	}
	r.Ops, r.Rate = manyKeys, manyKeys/time.Since(begun).Seconds()
	b.status("%s: resting", r.Cell)
	if err := sleep(ctx, rest); err != nil {
		return err
	}
	if err := before.end(); err != nil {
		return err
	}
	r.Memory, r.Peak = before.after.Memory, before.after.Peak
	r.CPU = (before.after.CPU - before.before.CPU) / manyKeys * 1000
	r.Written = float64(before.after.Written-before.before.Written) / manyKeys
	r.Checked, err = crowd.Check(ctx)
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// lengths of the log at which puts are measured.
var lengths = []int64{10_000, 100_000, 1_000_000}

// logLength puts until the log is so long, and then measures; and again.
func (b *bench) logLength(ctx context.Context, sys system.System, r *report.Result) error {
	way, err := sys.Way(r.Protocol)
	if err != nil {
		return err
	}
	defer func() { _ = way.Close() }()
	spec := b.spec(r.Cell)
	spec.Op, spec.Warmup, spec.Interval, spec.Intervals = load.Put, 0, time.Second, 1
	crowd, err := load.NewCrowd(spec, way)
	if err != nil {
		return err
	}
	r.More = map[string]float64{}
	for _, length := range lengths {
		for r.Ops < length {
			b.status("%s: %d of %d puts", r.Cell, r.Ops, length)
			o, err := crowd.Run(ctx, load.Moments{})
			if err != nil {
				return err
			}
			if r.Ops += o.Ops; o.Ops == 0 {
				return fmt.Errorf("no put succeeds any more: %v", o.Errors)
			}
		}
		scale := &scale{ctx: ctx, sys: sys, pids: sys.Processes()}
		o, err := crowd.Again(b.interval, b.intervals).Run(ctx, load.Moments{Begin: scale.begin, End: scale.end})
		if err != nil {
			return err
		}
		if o.Failed() > mostErrors {
			return fmt.Errorf("at %d: %.2f %% of all operations went wrong: %v", length, 100*o.Failed(), o.Errors)
		}
		before := r.Ops
		fill(r, o, scale)
		r.Ops += before
		r.More[fmt.Sprintf("ops/s at %d", length)] = r.Rate
		r.More[fmt.Sprintf("p99 ms at %d", length)] = r.P99
		crowd.Again(time.Second, 1)
	}
	r.Checked, err = crowd.Check(ctx)
	return err
}
