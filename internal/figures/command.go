package figures

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

const usage = `usage: figures [-check] [-page FILE] [-dir DIR]
       figures add -test NAME -sums FILE -command LINE -seconds N [-commit HASH] COUNT=NUMBER …
       figures commit

Rewrites the blocks of figures of a page from the files of sums. With add, adds
a leg to a file of sums and prints the new sums: for runs that are no Go program.
With commit, prints the commit of the tree as it is: for add, when the run is over.

Exit code 0: done, or the page is as the files say; 1: -check found that it
differs, or a file cannot be read or written; 2: wrong usage, or no such
directory.

`

// Run is the command figures; it gives the exit code.
func Run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "add" {
		return add(args[1:], stdout, stderr)
	}
	if len(args) == 1 && args[0] == "commit" {
		fmt.Fprintln(stdout, Commit())
		return 0
	}
	flags := newFlags(stderr)
	check := flags.Bool("check", false, "write nothing; exit 1 if the page differs from the files")
	page := flags.String("page", "docs/testing.md", "the page with the blocks")
	dir := flags.String("dir", "docs/figures", "the directory with the files of sums")
	if code, ok := parse(flags, args, stdout, stderr); !ok {
		return code
	}
	if flags.NArg() > 0 {
		return wrong(stderr, fmt.Errorf("%q is neither a flag nor one of the words add and commit", flags.Arg(0)))
	}
	if _, err := os.ReadDir(*dir); err != nil {
		return wrong(stderr, fmt.Errorf("-dir: %w", err))
	}
	changed, err := Rewrite(*page, *dir, *check)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "figures:", err)
		return 1
	case changed && *check:
		fmt.Fprintf(stderr, "figures: %s differs from the files in %s; go run ./cmd/figures writes it anew\n", *page, *dir)
		return 1
	case changed:
		fmt.Fprintf(stdout, "%s written\n", *page)
	}
	return 0
}

func newFlags(stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet("figures", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	return flags
}

func parse(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) (code int, ok bool) {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		fmt.Fprint(stdout, usage)
		flags.PrintDefaults()
		return 0, false
	case err != nil:
		fmt.Fprintln(stderr, "figures: see -h")
		return 2, false
	}
	return 0, true
}

func wrong(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "figures: %v; see -h\n", err)
	return 2
}

func add(args []string, stdout, stderr io.Writer) int {
	flags := newFlags(stderr)
	test := flags.String("test", "", "what the counts are of, e.g. fuzzing")
	path := flags.String("sums", "", "the file of sums, e.g. docs/figures/fuzzing.json")
	command := flags.String("command", "", "the command line of the run, as typed at the top of the repository")
	seconds := flags.Float64("seconds", 0, "how long the run took, in seconds of wall time")
	commit := flags.String("commit", "", "the commit that the run began at (default: that of the tree as it is now)")
	if code, ok := parse(flags, args, stdout, stderr); !ok {
		return code
	}
	leg := Leg{Command: *command, Commit: cmp.Or(*commit, Commit()), Date: today(), Seconds: *seconds, Sums: map[string]int64{}}
	for _, a := range flags.Args() {
		name, number, ok := strings.Cut(a, "=")
		n, err := strconv.ParseInt(number, 10, 64)
		if _, twice := leg.Sums[name]; !ok || err != nil || twice {
			return wrong(stderr, fmt.Errorf("%q is not COUNT=NUMBER, each count once", a))
		}
		leg.Sums[name] = n
	}
	if err := leg.check(); err != nil {
		return wrong(stderr, err)
	}
	if *test == "" || *path == "" {
		return wrong(stderr, errors.New("-test and -sums are needed"))
	}
	f, err := Add(*path, *test, leg)
	if err != nil {
		fmt.Fprintln(stderr, "figures:", err)
		return 1
	}
	f.Print(stdout)
	return 0
}

// Print writes the sums of all legs, for the end of a leg.
func (f File) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d legs, %s in all\n", f.Test, len(f.Legs), duration(f.Seconds()))
	sums := f.Sums()
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(w, "%16s %s\n", amount(name, sums[name]), name)
	}
}
