package run

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"paxos/bench/peers"
	"paxos/bench/report"
)

const usage = `usage: bench [-rows NAMES] [-pairs N] [flags]

Starts our ten processes and a peer's cluster in turn, on empty directories and
never two at once, drives the same load against each, reads back what was
acknowledged, and compares the two pair by pair. Every write is synced on a
quorum before it is answered, on either side.

Times are durations such as 2s or 500ms. Results go to stdout as text, and into
files with -json and -table; progress goes to stderr.

Exit code 0: everything was measured; 1: something was lost, or failed, or a row
could not be measured; 2: wrong usage. A row that misses what is demanded of it
is a result, and no failure.

`

type options struct {
	bench
	rowNames, only  string
	root, bin, node string
	json            string
	list            bool
	page            string
}

// Command is the program; it gives the exit code.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, code, ok := parse(args, stdout, stderr)
	if !ok {
		return code
	}
	rows, err := pick(o.rowNames)
	if err != nil {
		return wrong(stderr, err)
	}
	switch {
	case o.list:
		for _, r := range rows {
			fmt.Fprintf(stdout, "%-26s %s\n", r.Name, r.What)
		}
		return 0
	case o.page != "":
		return failed(stderr, report.Rewrite(o.page, o.json))
	}
	if err := o.whole(rows); err != nil {
		return wrong(stderr, err)
	}
	if err := o.prepare(stderr); err != nil {
		return wrong(stderr, err)
	}
	list, err := o.rows(ctx, rows)
	// Before anything is printed: whoever reads may have gone away, which ends this.
	err = errors.Join(err, os.RemoveAll(o.dir), o.keep(list), report.Text(stdout, list))
	for _, reason := range lost(list) {
		err = errors.Join(err, errors.New(reason))
	}
	return failed(stderr, err)
}

func failed(stderr io.Writer, err error) int {
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

func wrong(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "bench: %v; see -h\n", err)
	return 2
}

func parse(args []string, stdout, stderr io.Writer) (o *options, code int, ok bool) {
	o = &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	flags.StringVar(&o.rowNames, "rows", "demanded", "the rows to measure, separated by commas; patterns such as puts-*; demanded (about 35 minutes), or all (hours)")
	flags.BoolVar(&o.list, "list", false, "list the rows that -rows means, and end")
	flags.IntVar(&o.pairs, "pairs", 5, "how often each row with a demand is measured; the others are measured once")
	flags.StringVar(&o.only, "only", "", "only these systems, separated by commas, and their variants: paxos, paxos/before, "+strings.Join(peers.Names(), ", ")+"; ratios need both sides, so it cannot replace a row of -json")
	flags.StringVar(&o.dir, "dir", ".", "a directory on a real disk, for the data of all servers")
	flags.DurationVar(&o.warmup, "warmup", 2*time.Second, "load that is not counted")
	flags.DurationVar(&o.interval, "interval", 3*time.Second, "how long a counted interval is")
	flags.IntVar(&o.intervals, "intervals", 3, "how many intervals are counted")
	flags.IntVar(&o.keys, "keys", 1000, "keys of each user")
	flags.BoolVar(&o.interrupting, "interrupting", false, "let the users of the bench interrupt the servers, whose processors they share, for each answer; else they work in batches (SCHED_BATCH)")
	flags.IntVar(&o.sample, "sample", 4096, "how many keys are read back after each cell, all if there are not more; 1000 at least")
	flags.StringVar(&o.json, "json", "", "a file for all results, e.g. docs/figures/bench/bench.json; rows that it has already are replaced")
	flags.StringVar(&o.page, "table", "", "measure nothing; write the tables of this page anew from the file of -json, e.g. docs/performance.md")
	flags.StringVar(&o.profile, "profile", "", "a directory for CPU profiles of our processes over the counted time; costs some speed")
	flags.StringVar(&o.node, "node", "", "a program to run as our nodes, instead of the one that is built from this tree")
	flags.StringVar(&o.root, "root", cmp.Or(os.Getenv("PAXOS_BENCH_ROOT"), "."), "the top of the repository, to build programs from; the default is what cmd/bench says in PAXOS_BENCH_ROOT")
	flags.StringVar(&o.bin, "bin", "", "where programs are built (default ROOT/bin/bench)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		fmt.Fprint(stdout, usage)
		flags.PrintDefaults()
		return o, 0, false
	case err != nil:
		fmt.Fprintln(stderr, "bench: see -h")
		return o, 2, false
	}
	if err := o.check(flags.Args()); err != nil {
		return o, wrong(stderr, err), false
	}
	return o, 0, true
}

func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is no flag; a switch such as -list takes no value, or -list=false", rest[0])
	case o.pairs < 1, o.intervals < 1, o.keys < 1:
		return errors.New("-pairs, -intervals and -keys are 1 at least")
	case o.interval < 10*time.Millisecond, o.warmup < 0:
		return errors.New("-interval is 10ms at least, -warmup 0 at least")
	case o.sample < 1000:
		return errors.New("-sample is 1000 at least: fewer keys say little about what was lost")
	case o.page != "" && o.json == "":
		return errors.New("-table needs -json, the file with the results")
	}
	return nil
}

// prepare makes what a run needs.
func (o *options) prepare(stderr io.Writer) (err error) {
	o.stderr = stderr
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(o.root, "bench", "go.mod")); err != nil {
		return fmt.Errorf("-root: %w", err)
	}
	if o.bin == "" {
		o.bin = filepath.Join(o.root, "bin", "bench")
	}
	if o.node != "" {
		if o.node, err = filepath.Abs(o.node); err != nil {
			return err
		}
	}
	if o.only != "" {
		o.bench.only = map[string]bool{}
		for name := range strings.SplitSeq(o.only, ",") {
			name = strings.TrimSpace(name)
			if !measurable(name) {
				return fmt.Errorf("-only: there is no system %q", name)
			}
			o.bench.only[name] = true
		}
	}
	o.kit = &kit{root: o.root, bin: o.bin, node: o.node, pprof: o.profile != "", say: o.say, built: map[string]bool{}}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.bin, 0o755); err != nil {
		return err
	}
	o.dir, err = scratch(o.dir)
	return err
}

// measurable says whether a system, or a variant of one, is in any row.
func measurable(name string) bool {
	kind, _, _ := strings.Cut(name, "/")
	if name == kind && slices.Contains(peers.Names(), name) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(demanded(), matrix()), func(r report.Row) bool {
		return slices.ContainsFunc(append([]report.Cell{r.Ours}, r.Peers...), func(c report.Cell) bool { return c.System == name })
	})
}

// whole says whether rows may take the place of those in the file: one without
// its peers would lose what was measured of them.
func (o *options) whole(rows []report.Row) error {
	if o.only == "" || o.json == "" {
		return nil
	}
	f, err := report.Read(o.json)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if slices.ContainsFunc(f.Rows, func(c report.Comparison) bool { return c.Name == r.Name }) {
			return fmt.Errorf("-only leaves peers out, and %s has the row %s with them: give -json another file", o.json, r.Name)
		}
	}
	return nil
}

// keep adds results to the file.
func (o *options) keep(list []report.Comparison) error {
	if o.json == "" {
		return nil
	}
	f, err := report.Read(o.json)
	if err != nil {
		return err
	}
	for _, c := range list {
		if len(c.Pairs) > 0 {
			f.Put(c)
		}
	}
	return f.Write(o.json)
}
