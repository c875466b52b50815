package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"paxos/bench/report"
	"paxos/bench/system"
)

// profiled takes CPU profiles during the counted time, of the servers and of the
// bench itself, if they are asked for and the system gives them. What it returns
// waits for them.
func (b *bench) profiled(ctx context.Context, sys system.System, c report.Cell) (wait func()) {
	p, ok := sys.(system.Profiled)
	if b.profile == "" || !ok {
		return func() {}
	}
	dir := filepath.Join(b.profile, strings.ReplaceAll(fmt.Sprintf("%s-%s-%s-%d-%d", c.System, c.Protocol, c.Op, c.Users, c.Size), "/", "-"))
	seconds := max(int((b.interval * time.Duration(b.intervals)).Seconds()), 1)
	done := make(chan struct{})
	timer := time.AfterFunc(b.warmup, func() {
		defer close(done)
		stop, err := own(dir)
		if err == nil {
			err = errors.Join(p.Profile(ctx, dir, seconds), stop())
		}
		if err != nil {
			b.say("%s: profiles: %v", c, err)
			return
		}
		b.say("profiles are in %s; go tool pprof -top %s %s sums them up", dir, filepath.Join(b.kit.bin, "node"), filepath.Join(dir, "*[0-9].pprof"))
	})
	return func() {
		if !timer.Stop() {
			<-done
		}
	}
}

// own profiles the bench.
func own(dir string) (stop func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "bench.pprof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
