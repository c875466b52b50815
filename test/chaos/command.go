//go:build linux

package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"paxos/internal/figures"
)

const usage = `usage: chaos [flags]

Runs ten real processes while four kinds of users work and everything breaks:
processes, network, disks, power. Checks what users were told (linearizability)
and what nodes wrote and said (the protocol's invariants).

  go run ./cmd/chaos                                      60,000 operations, all faults
  go run ./cmd/chaos -operations 1000000 -sums docs/figures/chaos.json
                                                          a long run: a fresh cluster every 60,000
  go run ./cmd/chaos -faults kill,power -seed 7           some faults, drawn from 7

Cuts take root, iproute2 and iptables; disks that fail, are slow and lose power
take root and /dev/fuse. Data, logs and traces of a cluster (a few hundred MB)
are deleted when it was right, and kept when it was not.

Exit code 0: nothing was wrong, and enough happened; 1: something was wrong, or
too little happened, or it was interrupted; 2: wrong usage.

`

// perCluster is how many operations one cluster answers before it is judged and
// a fresh one takes its place: traces are large.
const perCluster = 60_000

type command struct {
	operations int
	length     time.Duration
	seed       uint64
	faults     string
	out        string
	sums       string
	phase      time.Duration

	stderr io.Writer
	began  time.Time
	kinds  []string
	left   []string // kinds that cannot be done here
}

// Main is the command chaos; it gives the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	c := command{stderr: stderr, began: time.Now()}
	figures.Commit() // of the tree as it is now, not when the run ends
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	flags.IntVar(&c.operations, "operations", perCluster, "how many operations to have checked")
	flags.DurationVar(&c.length, "for", 0, "end this long after the beginning, or soon after (up to 1h); fewer operations than -operations are exit code 1 then, and still kept with -sums; 0: no limit")
	flags.Uint64Var(&c.seed, "seed", 0, "from which users and faults are drawn; of processes no seed gives the same run twice (default: with -sums the one after the last, else drawn)")
	flags.StringVar(&c.faults, "faults", strings.Join(Faults, ","), "the kinds of faults, with commas between")
	flags.StringVar(&c.out, "out", "", "directory for what a failure leaves: histories as HTML, logs, traces (default: a new one in /var/tmp)")
	flags.DurationVar(&c.phase, "phase", 8*time.Second, "length of one phase of faults, 2s to 1m")
	flags.StringVar(&c.sums, "sums", "", "add the counts to this file of sums")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		fmt.Fprint(stdout, usage)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "chaos: see -h")
		return 2
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "faults" })
	if err := c.check(flags.NArg()); err != nil {
		return c.fail(2, err)
	}
	if err := c.prepare(given); err != nil {
		return c.fail(2, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return c.run(ctx, stdout)
}

func (c *command) fail(code int, err error) int {
	hint := ""
	if code == 2 {
		hint = "; see -h"
	}
	fmt.Fprintf(c.stderr, "chaos: %v%s\n", err, hint)
	return code
}

func (c *command) check(rest int) error {
	c.kinds = strings.Split(c.faults, ",")
	for _, k := range c.kinds {
		if !slices.Contains(Faults, k) {
			return fmt.Errorf("-faults: there is no %q; there are %s", k, strings.Join(Faults, ","))
		}
	}
	switch {
	case rest > 0:
		return errors.New("there are only flags")
	case c.operations < 1:
		return fmt.Errorf("-operations %d: at least 1 is needed", c.operations)
	case c.length < 0 || c.length > time.Hour:
		return errors.New("-for: a leg takes an hour at most; long runs are many legs, with -sums")
	case c.phase < 2*time.Second || c.phase > time.Minute:
		return fmt.Errorf("-phase %v: 2s to 1m are possible", c.phase)
	}
	return nil
}

// prepare makes the directory, and leaves out loudly what cannot be done here,
// unless it was asked for by name.
func (c *command) prepare(given bool) error {
	if c.sums != "" {
		f, err := figures.Read(c.sums)
		if err != nil {
			return err
		}
		if c.seed == 0 {
			c.seed = uint64(f.Sums()["clusters"]) + 1
		}
	}
	if c.seed == 0 {
		c.seed = uint64(c.began.UnixNano())
	}
	var err error
	if c.out == "" {
		c.out, err = os.MkdirTemp(workshop, "paxos-chaos-")
	} else {
		err = os.MkdirAll(c.out, 0o755)
	}
	if err != nil {
		return err
	}
	if c.out, err = filepath.Abs(c.out); err != nil {
		return err
	}
	can, why := Possible(c.out)
	c.kinds = slices.DeleteFunc(c.kinds, func(k string) bool {
		if !slices.Contains(can, k) {
			c.left = append(c.left, k)
		}
		return !slices.Contains(can, k)
	})
	if len(c.left) > 0 && given {
		_ = os.Remove(c.out) // if it is empty
		return fmt.Errorf("%s cannot be done here: %w", strings.Join(c.left, ","), why)
	}
	if len(c.left) > 0 {
		fmt.Fprintf(c.stderr, "!!! %s are LEFT OUT: %v\n", strings.Join(c.left, ","), why)
	}
	return nil
}

// workshop is on a real disk wherever /tmp is not.
const workshop = "/var/tmp"

// run runs one cluster after the other.
func (c *command) run(ctx context.Context, stdout io.Writer) int {
	c.tell("seed %d, faults %s", c.seed, strings.Join(c.kinds, ","))
	sums := map[string]int64{}
	program, err := Build(c.out, false)
	if err != nil {
		return c.end(ctx, err, nil, sums, stdout)
	}
	o := Options{Program: program, Dir: c.out, Phase: c.phase, Faults: c.kinds, Tell: c.tell}
	if c.length > 0 {
		o.Until = c.began.Add(c.length)
	}
	var wrong []string
	for sums["operations"] < int64(c.operations) && len(wrong) == 0 && err == nil && !o.late() {
		o.Seed, o.Operations = c.seed+uint64(sums["clusters"]), min(perCluster, c.operations-int(sums["operations"]))
		var result Result
		result, err = Run(ctx, o)
		wrong = result.Wrong
		if err == nil && len(wrong) == 0 {
			sums["clusters"]++
			for what, n := range result.Sums {
				sums[what] += n
			}
			c.tell("cluster %d was right; %d operations so far", sums["clusters"], sums["operations"])
		}
	}
	for _, what := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(stdout, "%10d  %s\n", sums[what], what)
	}
	for _, w := range wrong {
		fmt.Fprintf(stdout, "WRONG  %s\n", w)
	}
	return c.end(ctx, err, wrong, sums, stdout)
}

// end keeps the sums and clears up. Clusters that came to their end count, when
// the next one was interrupted, too.
func (c *command) end(ctx context.Context, err error, wrong []string, sums map[string]int64, stdout io.Writer) int {
	interrupted := ctx.Err() != nil && len(wrong) == 0 && (err != nil || sums["operations"] < int64(c.operations))
	if interrupted {
		c.tell("interrupted: %v", err)
		err = nil
	}
	if err == nil && len(wrong) == 0 && sums["clusters"] == 0 && !interrupted {
		err = errors.New("not one cluster came to its end")
	}
	if c.sums != "" && err == nil && len(wrong) == 0 && sums["clusters"] > 0 {
		leg := figures.NewLeg(c.began)
		leg.Sums = sums
		if len(c.left) > 0 {
			leg.Notes = map[string]string{"left out": strings.Join(c.left, ",")}
		}
		f, failed := figures.Add(c.sums, "chaos", leg)
		if failed == nil {
			f.Print(stdout)
		}
		err = errors.Join(err, failed)
	}
	if failed := os.Remove(filepath.Join(c.out, "paxosctl")); !errors.Is(failed, fs.ErrNotExist) {
		err = errors.Join(err, failed)
	}
	if os.Remove(c.out) == nil { // it is empty
		c.out = ""
	}
	switch {
	case err == nil && interrupted:
		fmt.Fprintf(stdout, "interrupted after %d of %d operations, in %d clusters that came to their end and were right; nothing is said of the one under way\n", sums["operations"], c.operations, sums["clusters"])
		return 1
	case err == nil && len(wrong) == 0 && sums["operations"] < int64(c.operations):
		fmt.Fprintf(stdout, "too little happened: %d operations, and %d were to be; nothing was wrong in them\n", sums["operations"], c.operations)
		return 1
	case err == nil && len(wrong) == 0:
		fmt.Fprintln(stdout, "nothing was wrong, and enough happened")
		return 0
	}
	if err != nil {
		c.fail(1, err)
	}
	if c.out != "" {
		fmt.Fprintf(stdout, "what a failure left behind is in %s\n", c.out)
	}
	return 1
}

func (c *command) tell(format string, args ...any) {
	fmt.Fprintf(c.stderr, "%8s  %s\n", time.Since(c.began).Round(time.Second), fmt.Sprintf(format, args...))
}
