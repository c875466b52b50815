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

const usage = `usage: crash [-states N] [-for TIME] [-seed N | -sums FILE] [-workers N]
       crash -at PLACE

Loses the power at every point of the lives of acceptors' and learners' disks,
in memory, and judges what nodes make of what is left. Life 0 has every kind of
step in it, in order; all others are drawn.

  go run ./cmd/crash                     10^5 states
  go run ./cmd/crash -states 10000000 -for 50m -sums docs/figures/crash.json
                                         a leg of a long run; it begins where the last one ended
  go run ./cmd/crash -at learner:7       one life
  go run ./cmd/crash -at acceptor:0/105+4!0.1.0.1/4fk/9!0
                                         one state, as a failure names it

A PLACE is a life, and for each start in it where that ended, and how:

  acceptor:0  the life of an acceptor (or learner) that is drawn from seed 0
  /105        after 105 changes of the disk since the start: what is created,
              written, synced, renamed or removed
  +4          and after 4 sectors of 512 bytes of the next, which is a write
  !0.1.0.1    the power went: of each thing that was not durable, in this order,
              which version survived. 0 is the one before; of a sector 1, 2, ...
              are those that were written since; a name that was made, changed
              or removed, and the growth of a file, survived (1) or not (0).
              What is left out is 0. -at prints the things in their order.
  k           instead: the process died, and all that it wrote is seen
  fk          it died because the next change, a sync, failed

The last line printed is the verdict.

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
	set.Usage = func() {}
	set.Int64Var(&f.states, "states", 100_000, "end with the life in which so many crash states were judged")
	set.DurationVar(&f.length, "for", 0, "begin no more lives after this time, at most 1h; 0: no bound")
	set.Int64Var(&f.seed, "seed", -1, "the seed of the first lives (default 0, or with -sums the first that is not in there)")
	set.Lookup("seed").DefValue = "0" // -1 only tells that none was given
	set.IntVar(&f.workers, "workers", runtime.NumCPU(), "lives at once")
	set.StringVar(&f.sums, "sums", "", "add the counts to this file of sums")
	set.StringVar(&f.at, "at", "", "judge the state at this PLACE only, and say how it comes about")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		set.SetOutput(stdout)
		set.PrintDefaults()
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
	case f.seed >= 0 && f.sums != "":
		return errors.New("-sums chooses the seeds: those after the last that were added")
	case f.at != "" && f.sums != "":
		return errors.New("-sums is for many lives: leave out -at")
	}
	return nil
}

func (f *flags) one(stdout, stderr io.Writer) int {
	p, err := parsePlace(f.at)
	var failed *Failure
	if err == nil {
		e := &explorer{bounds: usual(p.seed)}
		// What may have been done to this disk besides is done, all of it.
		if len(p.ends) > 0 {
			e.bounds.harms, e.bounds.again = 1, 1<<62
		}
		failed, err = e.replay(p)
	}
	if err != nil {
		fmt.Fprintf(stderr, "crash: -at: %v; see -h\n", err)
		return 2
	}
	if failed == nil {
		return f.told(p, fmt.Sprintf("nothing is wrong at %s", f.at), 0, stdout, stderr)
	}
	// It may be what came after the place that went wrong.
	if p, err = parsePlace(failed.Where); err != nil {
		fmt.Fprintf(stderr, "crash: %v\n", err)
	}
	return f.told(p, fmt.Sprintf("something is wrong at %v", failed), 1, stdout, stderr)
}

// told prints how a place is come to, and the verdict.
func (f *flags) told(p place, verdict string, code int, stdout, stderr io.Writer) int {
	_, _, lines, err := new(explorer).walk(p)
	if err != nil {
		fmt.Fprintf(stderr, "crash: %v\n", err)
	}
	for _, line := range append(lines, verdict) {
		fmt.Fprintln(stdout, line)
	}
	return code
}

func (f *flags) many(ctx context.Context, stdout, stderr io.Writer) int {
	first := 2 * f.seed
	if f.seed < 0 {
		first = 0
	}
	if f.sums != "" {
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
		fmt.Fprintf(stdout, "  go run ./cmd/crash -at '%s'\nsomething is wrong at %v\n", failed.Where, failed)
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
		fmt.Fprintf(stdout, "too little happened: %d states were judged, and %d were to be; nothing was wrong in them\n", sums[states], f.states)
		return 1
	}
	fmt.Fprintf(stdout, "nothing was wrong in %d states of %d lives\n", sums[states], sums[lives])
	return 0
}
