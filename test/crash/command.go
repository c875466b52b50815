package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"paxos/internal/figures"
)

const usage = `usage: crash [-states N] [-for TIME] [-seed N] [-workers N] [-sums FILE]
       crash -at PLACE

Loses the power at every point of the lives of acceptors' and learners' disks,
in memory, and judges what nodes make of what is left. Life 0 has every kind of
step in it, in order; all others are drawn.

  go run ./cmd/crash                     10^5 states
  go run ./cmd/crash -states 10000000 -for 50m -sums docs/figures/crash.json
                                         a leg of a long run; it begins where the last one ended
  go run ./cmd/crash -at acceptor:0/67k/9!1
                                         one state, as a failure names it

Exit code 0: nothing was wrong, in so many states; 1: something was wrong, or
there were fewer states; 2: wrong usage.

`

type flags struct {
	states  int64
	length  time.Duration
	seed    int64
	workers int
	sums    string
	at      string
}

// Run is the command crash; it gives the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f flags
	set := flag.NewFlagSet("crash", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() { _, _ = io.WriteString(stderr, usage); set.PrintDefaults() }
	set.Int64Var(&f.states, "states", 100_000, "end with the life in which so many crash states were judged")
	set.DurationVar(&f.length, "for", 0, "begin no more lives after this time, at most 1h; 0: no bound")
	set.Int64Var(&f.seed, "seed", -1, "the seed of the first lives (default 0, or with -sums the first that is not in there)")
	set.IntVar(&f.workers, "workers", runtime.NumCPU(), "lives at once")
	set.StringVar(&f.sums, "sums", "", "add the counts to this file of sums")
	set.StringVar(&f.at, "at", "", "judge this state only, e.g. acceptor:0/112+2!0.1, or this life, e.g. learner:7")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := f.check(set.NArg()); err != nil {
		fmt.Fprintf(stderr, "crash: %v; see -h\n", err)
		return 2
	}
	if f.at != "" {
		return f.one(stdout, stderr)
	}
	return f.many(ctx, stdout, stderr)
}

func (f *flags) check(rest int) error {
	switch {
	case rest > 0:
		return errors.New("there are only flags")
	case f.states < 1 || f.workers < 1:
		return errors.New("-states and -workers must be at least 1")
	case f.length < 0 || f.length > time.Hour:
		return errors.New("-for: from 0 to 1h; long runs are many legs, with -sums")
	case f.seed < -1:
		return errors.New("-seed must not be negative")
	}
	return nil
}

func (f *flags) one(stdout, stderr io.Writer) int {
	p, err := parsePlace(f.at)
	if err == nil {
		e := &explorer{bounds: usual(p.seed)}
		// What may have been done to this disk besides is done, all of it.
		if len(p.ends) > 0 {
			e.bounds.harms, e.bounds.again = 1, 1<<62
		}
		var failed *Failure
		if failed, err = e.replay(p); failed != nil {
			fmt.Fprintln(stdout, failed)
			return 1
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "crash: -at: %v; see -h\n", err)
		return 2
	}
	fmt.Fprintf(stdout, "%s: nothing is wrong\n", f.at)
	return 0
}

func (f *flags) many(ctx context.Context, stdout, stderr io.Writer) int {
	first := 2 * f.seed
	if f.seed < 0 {
		first = 0
	}
	if f.seed < 0 && f.sums != "" {
		file, err := figures.Read(f.sums)
		if err != nil {
			fmt.Fprintln(stderr, "crash:", err)
			return 2
		}
		first = file.Sums()[lives]
	}
	// Nearly all memory is garbage at once.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	begun := time.Now()
	s := &Swarm{First: first, States: f.states, Workers: f.workers, Progress: func(sums Sums) {
		fmt.Fprintf(stderr, "%6.0f s: %d lives, %d states, %d damage states\n", time.Since(begun).Seconds(), sums[lives], sums[states], sums[damaged])
	}}
	if f.length > 0 {
		s.Until = begun.Add(f.length)
	}
	figures.Commit()
	sums, failed := s.Run(ctx)
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(stdout, "%12d  %s\n", sums[name], name)
	}
	fmt.Fprintf(stdout, "%12.1f  seconds by this machine's clock\n", time.Since(begun).Seconds())
	if failed != nil {
		fmt.Fprintf(stderr, "crash: %v\n  go run ./cmd/crash -at '%s'\n", failed, failed.Where)
		return 1
	}
	return f.finish(begun, sums, stdout, stderr)
}

func (f *flags) finish(begun time.Time, sums Sums, stdout, stderr io.Writer) int {
	if f.sums != "" {
		leg := figures.NewLeg(begun)
		leg.Sums = sums
		file, err := figures.Add(f.sums, "crash states", leg)
		if err != nil {
			fmt.Fprintln(stderr, "crash:", err)
			return 1
		}
		file.Print(stdout)
	}
	if sums[states] < f.states {
		fmt.Fprintf(stderr, "crash: %d states were judged, and %d were to be\n", sums[states], f.states)
		return 1
	}
	return 0
}
