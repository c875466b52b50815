//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"paxos/client"
	// The program that is built is all of the product: a test's result that is
	// kept from an earlier run must not outlive a change of any of it.
	_ "paxos/internal/ctl"
	"paxos/paxos"
	"paxos/test/chaos/lossfs"
)

// Options say what is to happen.
type Options struct {
	Program    string        // that runs nodes: paxosctl
	Dir        string        // for what a run needs while it runs; made if missing
	Out        string        // for what a failure leaves behind; "" for Dir
	Seed       uint64        // from which users and faults are drawn
	Operations int           // to be checked, at least
	Phase      time.Duration // the length of one phase of faults
	Faults     []string      // the kinds, of Faults
	Until      time.Time     // after which no more operations are waited for; zero: no limit
	Tell       func(format string, args ...any)
}

func (o Options) late() bool { return !o.Until.IsZero() && time.Now().After(o.Until) }

func (o Options) has(fault string) bool { return slices.Contains(o.Faults, fault) }

// Result is what a run came to.
type Result struct {
	Wrong []string         // what is wrong, or too little; empty is good
	Sums  map[string]int64 // what happened, by name
}

// Build builds the program in a directory, with the race detector or without.
func Build(dir string, race bool) (program string, err error) {
	program = filepath.Join(dir, "paxosctl")
	args := []string{"build", "-tags", "nomsgpack", "-o", program}
	if race {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "paxos/cmd/paxosctl")...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("building paxosctl: %w\n%s", err, out)
	}
	return program, err
}

// Run runs one cluster from its beginning to its end, through a phase of each
// kind of fault at least, and until enough operations were answered; then it
// judges. The error is the run's own trouble, or ctx's: it could not be judged.
func Run(ctx context.Context, o Options) (result Result, err error) {
	// What a run left mounted that was killed.
	if err := lossfs.Sweep(filepath.Dir(o.Dir)); err != nil {
		return Result{}, err
	}
	dir, err := os.MkdirTemp(o.Dir, "run-")
	if err != nil {
		return Result{}, err
	}
	if o.Out == "" {
		o.Out = o.Dir
	}
	r := &report{tell: o.Tell}
	c, err := newCluster(o, dir, r)
	run := &run{o: o, c: c, report: r, sums: map[string]int64{}}
	if err == nil {
		err = run.through(ctx)
		if err != nil && ctx.Err() == nil {
			run.diagnose(ctx)
		}
		err = errors.Join(err, c.close())
		if ctx.Err() == nil {
			err = errors.Join(err, run.audit())
		}
	} else {
		err = errors.Join(err, c.close())
	}
	result = Result{Wrong: r.found(), Sums: run.sums}
	if len(result.Wrong) > 0 || err != nil && ctx.Err() == nil {
		kept := filepath.Join(o.Out, fmt.Sprintf("failed-%d", o.Seed))
		o.Tell("logs, traces and disks are kept in %s", kept)
		for _, n := range c.nodes {
			if n.disk != nil {
				err = errors.Join(err, n.disk.Save(n.data))
			}
		}
		return result, errors.Join(err, os.Rename(dir, kept))
	}
	return result, errors.Join(err, os.RemoveAll(dir))
}

// run is one under way.
type run struct {
	o      Options
	c      *cluster
	report *report
	sums   map[string]int64

	mu  sync.Mutex
	led map[paxos.Ballot]bool // the ballots of those who led
}

// mostPhases is after how many phases a cluster waits for no more operations. A
// slow machine may take many; one that answers too few even then is reported.
const mostPhases = 40

func (r *run) through(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := r.c.start(); err != nil {
		return err
	}
	if err := r.c.form(ctx); err != nil {
		return err
	}
	all, err := r.c.workloads(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	working, rest := context.WithCancel(ctx)
	defer rest()
	wait := work(working, r.o.Seed, all)
	watched := r.watch(working, all)
	n := newNemesis(r.c, rand.New(rand.NewPCG(r.o.Seed, 0)))
	err = n.run(ctx, r.o.Faults, r.o.Phase, func() bool {
		return answered(all) >= r.o.Operations+r.o.Operations/50 || n.phases >= mostPhases || r.o.late()
	})
	if err == nil {
		err = r.c.whole(ctx)
	}
	took := time.Since(began)
	rest()
	wait()
	watched()
	if err != nil {
		return err
	}
	maps.Copy(r.sums, n.counts)
	r.sums["phases"] = n.phases
	n.judge(r.o.Faults)
	return r.judge(ctx, all, took)
}

// diagnose says of each node what it says of itself, when the run cannot go on.
func (r *run) diagnose(ctx context.Context) {
	for _, id := range r.c.ids("") {
		h := client.Health{Status: "without an answer"}
		if r.c.get(ctx, id, "/health", &h); h.Status != "ok" {
			r.report.Errorf("%s is %s %s", id, h.Status, h.Why)
		}
	}
}

// judge has every history checked.
func (r *run) judge(ctx context.Context, all []*workload, took time.Duration) error {
	r.report.Logf("the faults are over after %v: every key is read at every node, and then the histories are checked", took.Round(time.Second))
	for _, w := range all {
		if err := w.end(ctx); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	for _, w := range all {
		operations, keys, err := w.verdict(ctx, took, r.o.Out)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		r.sums["operations"] += int64(operations)
		r.sums["operations: "+w.name] += int64(operations)
		r.sums["keys"] += int64(keys)
		for what, count := range w.r.counts {
			if _, of, found := strings.Cut(what, " "); found && slices.Contains([]string{acknowledged.String(), declined.String(), unknown.String(), refused.String()}, of) {
				r.sums["answers: "+of] += int64(count)
			}
		}
	}
	r.sums["leader changes"] = int64(max(0, len(r.led)-1))
	if r.sums["leader changes"] < leastLeaders {
		r.report.Errorf("too little happened: %d leader changes, at least %d are needed", r.sums["leader changes"], leastLeaders)
	}
	if got := r.sums["operations"]; got < int64(r.o.Operations) && !r.o.late() {
		r.report.Errorf("too little happened: %d operations were checked, at least %d are needed", got, r.o.Operations)
	}
	for _, id := range r.c.ids("") {
		if !r.c.node(id).runs() {
			r.report.Errorf("%s does not run in the end", id)
		}
	}
	return nil
}

const leastLeaders = 2

// answered is how many operations there are in the histories so far. A few of
// them are left out when they are checked: writes of unknown fate that nobody saw.
func answered(all []*workload) (n int) {
	for _, w := range all {
		w.r.mu.Lock()
		n += len(w.r.ops)
		w.r.mu.Unlock()
	}
	return n
}

// watch takes down who leads, and tells how far the run is, until ctx ends.
func (r *run) watch(ctx context.Context, all []*workload) (wait func()) {
	r.led = map[paxos.Ballot]bool{}
	var watching sync.WaitGroup
	watching.Go(func() {
		told := time.Now()
		for ; ctx.Err() == nil; rest(ctx, 250*time.Millisecond) {
			if time.Since(told) > 9*time.Second {
				told = time.Now()
				r.report.Logf("%d operations so far", answered(all))
			}
			if l, known := r.c.leads(ctx); known {
				r.mu.Lock()
				r.led[l.Ballot] = true
				r.mu.Unlock()
			}
		}
	})
	return watching.Wait
}
