package mutants

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"paxos/internal/figures"
)

const usage = `usage: mutants [flags]

Plants one bug after another in copies of the program (test/mutants/*.diff),
builds the simulator with it, and lets the swarm judge it. First the program
without a bug is judged: of what it passes, mutants get no seed more. Caught is
what the swarm finds within -for, with a seed that replays it.

  go run ./cmd/mutants                                    all of them
  go run ./cmd/mutants -only ballot-reused,gap-never-filled
  go run ./cmd/mutants -list                              what each is
  go run ./cmd/mutants -only gap-never-filled -shrink     the smallest scenario that shows one, as JSON

Exit code 0: every mutant was caught, and the program without a bug was not, or
a scenario was printed; 1: one survived, or could not be judged, or it was interrupted; 2: wrong usage.

`

type options struct {
	only    string
	list    bool
	shrunk  bool
	sums    string
	program string
	swarm   Swarm
}

// Run is the command mutants; it gives the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	flags.StringVar(&o.only, "only", "", "the names of some mutants, with commas between them; default: all")
	flags.BoolVar(&o.list, "list", false, "print what each mutant is, and end")
	flags.BoolVar(&o.shrunk, "shrink", false, "look for a seed that shows the one mutant of -only, and print the smallest scenario that still does")
	flags.DurationVar(&o.swarm.For, "for", time.Minute, "how long a program is judged, by this machine's clock; at most 1h")
	flags.Uint64Var(&o.swarm.First, "seed", 1, "the first seed of the swarm")
	flags.Int64Var(&o.swarm.Seeds, "seeds", 0, "how many seeds; 0: as many as the program without a bug passes in -for")
	flags.IntVar(&o.swarm.Workers, "workers", runtime.NumCPU(), "worlds at once")
	flags.StringVar(&o.sums, "sums", "", "add the counts and each mutant's verdict to this file of sums, e.g. docs/figures/mutants.json")
	flags.StringVar(&o.program, "program", "./cmd/sim", "the program that judges: it takes the flags of cmd/sim")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		fmt.Fprint(stdout, usage)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "mutants: see -h")
		return 2
	}
	chosen, err := o.check(flags.NArg())
	if err != nil {
		fmt.Fprintf(stderr, "mutants: %v; see -h\n", err)
		return 2
	}
	if o.list {
		for _, m := range chosen {
			fmt.Fprintf(stdout, "%s\n  %s\n  Shipped: %s\n  Notice: %s\n", m.Name, m.Bug, m.Shipped, m.Notice)
		}
		return 0
	}
	if o.shrunk {
		if err := o.shrink(ctx, chosen[0], stdout, stderr); err != nil {
			fmt.Fprintln(stderr, "mutants:", err)
			return 1
		}
		return 0
	}
	survived, err := o.hunt(ctx, chosen, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
	}
	if err != nil || survived > 0 {
		return 1
	}
	return 0
}

func (o *options) check(rest int) ([]Mutant, error) {
	switch {
	case rest > 0:
		return nil, errors.New("there are only flags")
	case o.swarm.For <= 0 || o.swarm.For > time.Hour:
		return nil, errors.New("-for takes more than nothing, and at most an hour")
	case o.swarm.Workers < 1 || o.swarm.First < 1 || o.swarm.Seeds < 0:
		return nil, errors.New("-workers and -seed are at least 1, and -seeds at least 0")
	}
	var names []string
	if o.only != "" {
		names = strings.Split(o.only, ",")
	}
	if o.shrunk && (len(names) != 1 || o.sums != "" || o.list) {
		return nil, errors.New("-shrink is for one mutant: give its name to -only, and leave out -sums and -list")
	}
	return Select(names)
}

// hunt judges the program without a bug, and then each mutant.
func (o *options) hunt(ctx context.Context, chosen []Mutant, stdout, stderr io.Writer) (survived int, err error) {
	begun := time.Now()
	figures.Commit() // now: HEAD may move
	root, err := Root(".")
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	at := &progress{to: stderr}
	defer at.begin()()
	clean, err := o.clean(ctx, root, dir, at)
	switch {
	case ctx.Err() != nil:
		return 0, errors.New("interrupted before the program without a bug was judged: nothing is said of any mutant")
	case err != nil:
		return 0, err
	}
	fmt.Fprintf(stdout, "without a bug: %d seeds, %d events, nothing wrong in %.1f s\n\n", clean.Seeds, clean.Events, clean.Took.Seconds())
	o.swarm.Seeds = clean.Seeds
	fmt.Fprintf(stdout, "%-30s %-20s %6s %8s\n", "mutant", "caught by", "seed", "seconds")
	leg := figures.Leg{Sums: map[string]int64{"events": clean.Events, "seeds": clean.Seeds}, Notes: map[string]string{}}
	for i, m := range chosen {
		at.say("mutant %d of %d: %s", i+1, len(chosen), m.Name)
		v, err := o.one(ctx, root, filepath.Join(dir, m.Name), m)
		if err != nil && ctx.Err() != nil {
			return survived, fmt.Errorf("interrupted after %d of %d mutants: nothing is said of the others", i, len(chosen))
		}
		leg.Sums["mutants judged"]++
		leg.Sums["events"] += v.Events
		leg.Sums["seeds"] += v.Seeds
		leg.Notes[m.Name] = verdict(v, err)
		if err == nil && v.Caught() {
			leg.Sums["mutants caught"]++
		} else {
			survived++
		}
		row(stdout, stderr, m.Name, v, err)
	}
	fmt.Fprintf(stdout, "\n%d of %d caught\n", len(chosen)-survived, len(chosen))
	if survived < len(chosen) {
		fmt.Fprintf(stdout, "to replay one: git apply test/mutants/MUTANT.diff && go run %s -seed SEED -v; git apply -R test/mutants/MUTANT.diff takes the bug back\n", o.program)
	}
	return survived, o.keep(leg, begun, stdout)
}

// row is a mutant's line of the table.
func row(stdout, stderr io.Writer, name string, v Verdict, err error) {
	switch {
	case err != nil:
		fmt.Fprintf(stdout, "%-30s could not be judged: %s\n", name, short(err.Error()))
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
	case v.Caught():
		fmt.Fprintf(stdout, "%-30s %-20s %6d %8.1f  %s\n", name, v.Checker, v.Seed, v.Took.Seconds(), short(v.Text))
	case v.Late:
		fmt.Fprintf(stdout, "%-30s %-20s %6s %8.1f  %s\n", name, "SURVIVED", "", v.Took.Seconds(), verdict(v, nil))
	default:
		fmt.Fprintf(stdout, "%-30s %-20s %6s %8.1f  it passed %d seeds\n", name, "SURVIVED", "", v.Took.Seconds(), v.Seeds)
	}
}

// clean judges the program without a bug: if it fails, nothing is proven.
func (o *options) clean(ctx context.Context, root, dir string, at *progress) (Verdict, error) {
	at.say("the program without a bug")
	program := filepath.Join(dir, "clean")
	if err := Build(ctx, root, "", o.program, program); err != nil {
		return Verdict{}, err
	}
	v, err := o.swarm.Judge(ctx, program)
	if err == nil && v.Checker != "" {
		err = fmt.Errorf("the program without a bug fails at seed %d (%s: %s): what mutants do proves nothing", v.Seed, v.Checker, v.Text)
	}
	return v, err
}

// one plants a mutant, builds it, and judges it; what it needed is removed.
func (o *options) one(ctx context.Context, root, dir string, m Mutant) (Verdict, error) {
	defer os.RemoveAll(dir)
	overlay, err := m.Plant(ctx, root, dir)
	if err != nil {
		return Verdict{}, err
	}
	program := filepath.Join(dir, "program")
	if err := Build(ctx, root, overlay, o.program, program); err != nil {
		return Verdict{}, err
	}
	return o.swarm.Judge(ctx, program)
}

func verdict(v Verdict, err error) string {
	switch {
	case err != nil:
		return "not judged"
	case v.Late:
		return fmt.Sprintf("too late: found by %s at seed %d only after %.1f s", v.Checker, v.Seed, v.Took.Seconds())
	case !v.Caught():
		return fmt.Sprintf("survived %d seeds", v.Seeds)
	}
	return fmt.Sprintf("caught by %s at seed %d, after %.1f s", v.Checker, v.Seed, v.Took.Seconds())
}

// short is a text that fits into a line of a table.
func short(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if r := []rune(text); len(r) > 100 {
		return string(r[:100]) + "…"
	}
	return text
}

func (o *options) keep(leg figures.Leg, begun time.Time, stdout io.Writer) error {
	if o.sums == "" {
		return nil
	}
	full := figures.NewLeg(begun)
	full.Sums, full.Notes = leg.Sums, leg.Notes
	f, err := figures.Add(o.sums, "mutants", full)
	if err == nil {
		f.Print(stdout)
	}
	return err
}

// progress says every few seconds what is going on.
type progress struct {
	to  io.Writer
	now atomic.Pointer[string]
}

func (p *progress) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.now.Store(&text)
}

func (p *progress) begin() (end func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(ended)
		tick := time.NewTicker(8 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if text := p.now.Load(); text != nil {
					fmt.Fprintf(p.to, "%6.0f s: %s\n", time.Since(begun).Seconds(), *text)
				}
			}
		}
	}()
	return func() { close(done); <-ended }
}
