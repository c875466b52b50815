// Command sim runs the world of dice (package sim): many seeds, one seed with
// its conversation, or a scenario that was kept. It decides nothing; what is
// wrong is for the checkers to say.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"paxos/internal/figures"
	"paxos/sim"
)

const usage = `usage: sim [flags]

Simulates clusters: one seed, one world, with faults of all kinds. Judged are
the protocol's invariants, what users were told, and that a healed core makes
progress. The same seed always gives the same world.

  go run ./cmd/sim -seeds 5000           seeds 1 to 5000
  go run ./cmd/sim -seed 17 -v           seed 17, with its conversation
  go run ./cmd/sim -seed 17 -shrink      the smallest scenario that fails as seed 17 does, as JSON
  go run ./cmd/sim -scenario FILE -v     a scenario that was kept
  go run ./cmd/sim -for 50m -sums docs/figures/simulation.json
                                         a leg of a long run; it begins where the last one ended
  go run ./cmd/sim -seeds 5000 -within 5m -last docs/figures/simulation-short.json
                                         the short form, and the file that keeps the last run of it

Exit code 0: nothing was wrong, and enough happened; 1: something was wrong, or
too little happened, or it took too long, or it was interrupted; 2: wrong usage.

`

type options struct {
	seed     uint64
	seeds    int64
	length   time.Duration
	within   time.Duration
	workers  int
	failFast bool
	verbose  bool
	shrink   bool
	scenario string
	sums     string
	last     string
	output   string
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	// Worlds are small and make much garbage: memory is cheaper here than time.
	debug.SetGCPercent(800)
	var o options
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	flags.Uint64Var(&o.seed, "seed", 0, "the first seed, and the only one unless -seeds or -for say more (default: 1, or with -sums the one after the last)")
	flags.Int64Var(&o.seeds, "seeds", 0, "how many seeds; 0: one, or as many as fit into -for")
	flags.DurationVar(&o.length, "for", 0, "how long, by this machine's clock; at most 1h")
	flags.DurationVar(&o.within, "within", 0, "exit with 1 if the run took longer than this, by this machine's clock; 0: it may")
	flags.IntVar(&o.workers, "workers", runtime.NumCPU(), "worlds at once")
	flags.BoolVar(&o.failFast, "fail-fast", false, "end at the first seed that fails")
	flags.BoolVar(&o.verbose, "v", false, "print the conversation of one seed or scenario")
	flags.BoolVar(&o.shrink, "shrink", false, "look for the smallest scenario that fails as this seed or scenario does, and print it")
	flags.StringVar(&o.scenario, "scenario", "", "run the scenario in this file (JSON, as -shrink prints it)")
	flags.StringVar(&o.sums, "sums", "", "add the counts to this file of sums")
	flags.StringVar(&o.last, "last", "", "keep the counts in this file of sums, in the place of the run that is there")
	flags.StringVar(&o.output, "o", "text", "how to print results: text or json")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		return 2
	}
	if err := o.check(flags.NArg()); err != nil {
		fmt.Fprintf(stderr, "sim: %v; see -h\n", err)
		return 2
	}
	if o.scenario != "" || o.seeds == 0 && o.length == 0 {
		return o.one(stdout, stderr)
	}
	return o.many(stdout, stderr)
}

func (o *options) check(rest int) error {
	many := o.seeds != 0 || o.length != 0
	switch {
	case rest > 0:
		return errors.New("there are only flags")
	case o.output != "text" && o.output != "json":
		return fmt.Errorf("-o %q: text or json is needed", o.output)
	case o.seeds < 0 || o.length < 0 || o.within < 0 || o.workers < 1:
		return errors.New("-seeds, -for and -within must not be negative, -workers must be at least 1")
	case o.length > time.Hour:
		return errors.New("-for: a leg takes an hour at most; long runs are many legs, with -sums")
	case many && (o.verbose || o.shrink || o.scenario != ""):
		return errors.New("-v, -shrink and -scenario are for one run: leave out -seeds and -for")
	case !many && o.scenario == "" && o.seed == 0:
		return errors.New("-seed (from 1 on), -seeds, -for or -scenario is needed")
	case o.scenario != "" && o.seed != 0:
		return errors.New("a -scenario has its own seed: leave out -seed")
	case o.sums != "" && o.seed != 0:
		return errors.New("-sums chooses the seeds: those after the last that were added")
	case !many && (o.sums != "" || o.last != "" || o.within != 0):
		return errors.New("-sums, -last and -within are for many seeds: give -seeds or -for")
	case o.sums != "" && o.last != "":
		return errors.New("-sums adds to what is kept, -last takes its place: give one of them")
	}
	return nil
}

// one runs a single world.
func (o *options) one(stdout, stderr io.Writer) int {
	scenario := sim.Draw(o.seed)
	if o.scenario != "" {
		text, err := os.ReadFile(o.scenario)
		if err == nil {
			scenario, err = sim.Parse(text)
		}
		if err != nil {
			fmt.Fprintln(stderr, "sim:", err)
			return 2
		}
	}
	if o.shrink {
		return o.smallest(scenario, stdout, stderr)
	}
	var trace io.Writer
	if o.verbose {
		trace = stdout
	}
	r := sim.Run(&scenario, trace)
	sums := sim.Sums{Counts: r.Counts, Seeds: 1}
	if len(r.Objections) > 0 {
		sums.Failures = []sim.Failure{{Seed: scenario.Seed, At: r.At, Objection: r.Objections[0]}}
	}
	return o.report(sums, stdout, stderr)
}

func (o *options) smallest(scenario sim.Scenario, stdout, stderr io.Writer) int {
	least, r := sim.Shrink(scenario, 2000)
	if len(r.Objections) == 0 {
		fmt.Fprintln(stderr, "sim: nothing is wrong in this scenario")
		return 1
	}
	text, err := json.MarshalIndent(least, "", "  ")
	if err != nil {
		fmt.Fprintln(stderr, "sim:", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s\n", text)
	fmt.Fprintf(stderr, "%d faults are left, and after %d events: %v\n", len(least.Faults), r.At, r.Objections[0])
	return 1
}

func (o *options) many(stdout, stderr io.Writer) int {
	if o.sums != "" && o.seed == 0 {
		file, err := figures.Read(o.sums)
		if err != nil {
			fmt.Fprintln(stderr, "sim:", err)
			return 2
		}
		o.seed = 1 + uint64(file.Sums()["seeds"])
	}
	if o.sums != "" || o.last != "" {
		figures.Commit() // what is tested is what is there now
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return o.swarm(ctx, stdout, stderr)
}

func (o *options) swarm(ctx context.Context, stdout, stderr io.Writer) int {
	told := 0
	swarm := sim.Swarm{First: max(1, o.seed), Seeds: o.seeds, Workers: o.workers, FailFast: o.failFast, Progress: func(s sim.Sums) {
		fmt.Fprintf(stderr, "%6.0f s: %d seeds, %.1f million events, %d faults, %d slots, %d failures\n",
			s.Elapsed.Seconds(), s.Seeds, float64(s.Events)/1e6, s.AllFaults(), s.Slots, len(s.Failures))
		for _, f := range s.Failures[told:] {
			fmt.Fprintf(stderr, "seed %d, after %d events: %v\n", f.Seed, f.At, f.Objection)
		}
		told = len(s.Failures)
	}}
	begun := time.Now()
	if o.length > 0 {
		swarm.Until = begun.Add(o.length)
	}
	sums := swarm.Run(ctx)
	code := o.report(sums, stdout, stderr)
	if o.within > 0 && sums.Elapsed > o.within {
		fmt.Fprintf(stderr, "it took %.1f s, and -within demands %v at most\n", sums.Elapsed.Seconds(), o.within)
		code = 1
	}
	interrupted := ctx.Err() != nil
	if interrupted {
		fmt.Fprintf(stderr, "interrupted after %d seeds, from %d on\n", sums.Seeds, swarm.First)
		code = 1
	}
	if err := o.keep(sums, swarm.First, begun, interrupted, stdout); err != nil {
		fmt.Fprintln(stderr, "sim:", err)
		return 1
	}
	return code
}

// keep adds the leg to its file, unless so little happened that it proves
// nothing. One that was interrupted says so for ever.
func (o *options) keep(sums sim.Sums, first uint64, begun time.Time, interrupted bool, stdout io.Writer) error {
	if o.sums == "" && o.last == "" || sums.Seeds == 0 || sums.Enough() != nil {
		return nil
	}
	leg := figures.NewLeg(begun)
	leg.Sums = sums.Named()
	if interrupted {
		leg.Notes = map[string]string{fmt.Sprintf("the leg from seed %d on", first): fmt.Sprintf("was interrupted after %d seeds", sums.Seeds)}
	}
	keep, path, test := figures.Add, o.sums, "simulation"
	if o.last != "" {
		keep, path, test = figures.Replace, o.last, "simulation, short"
	}
	file, err := keep(path, test, leg)
	if err == nil {
		file.Print(stdout)
	}
	return err
}

// report prints what happened, and gives the exit code.
func (o *options) report(s sim.Sums, stdout, stderr io.Writer) int {
	if o.output == "json" {
		out := json.NewEncoder(stdout)
		for _, f := range s.Failures {
			_ = out.Encode(map[string]any{"seed": f.Seed, "checker": f.Objection.Checker, "text": f.Objection.Text, "events": f.At})
		}
		_ = out.Encode(map[string]any{"sums": s.Named(), "seconds": s.Elapsed.Seconds()})
	} else {
		text(s, stdout)
	}
	code := 0
	for i, f := range s.Failures {
		again := fmt.Sprintf("-seed %d", f.Seed)
		if o.scenario != "" {
			again = "-scenario " + o.scenario
		}
		if i < 10 {
			fmt.Fprintf(stderr, "seed %d, after %d events: %v\n  go run ./cmd/sim %s -v\n", f.Seed, f.At, f.Objection, again)
		}
		code = 1
	}
	if err := s.Enough(); err != nil && code == 0 {
		fmt.Fprintln(stderr, err)
		code = 1
	}
	if code == 0 && o.output == "text" {
		fmt.Fprintln(stdout, "nothing was wrong")
	}
	return code
}

func text(s sim.Sums, stdout io.Writer) {
	named := s.Named()
	for _, name := range slices.Sorted(maps.Keys(named)) {
		fmt.Fprintf(stdout, "%14d  %s\n", named[name], name)
	}
	if seconds := s.Elapsed.Seconds(); seconds > 0 {
		fmt.Fprintf(stdout, "%14.1f  seconds by this machine's clock\n%14.0f  events per second\n", seconds, float64(s.Events)/seconds)
	}
}
