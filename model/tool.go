package model

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"paxos/internal/figures"
)

const usage = `usage: model [flags]

Visits, breadth first, every state that two proposers, three acceptors and a
learner can reach within the bounds, with the real rooms, and judges each.
Messages may be lost, doubled, late and reordered in any way: there is no flag
for that, since what was said may always arrive once more, or never. Without
-states, -for and -memory it ends when there are no more states.

With -short it visits a few small spaces, each to its end: that is what CI runs.

Exit code 0: no violation; 1: a violation (its shortest way is printed), or a
run of which more was demanded (-complete, -least), or which was interrupted;
2: wrong usage.

`

// tool is what the command's flags say.
type tool struct {
	opts      Options
	campaigns string
	short     bool
	complete  bool
	least     uint64
	sums      string
	out, err  io.Writer
}

func (t *tool) flags() *flag.FlagSet {
	f := flag.NewFlagSet("model", flag.ContinueOnError)
	f.SetOutput(t.err)
	f.Usage = func() {}
	o := Default()
	t.opts = o
	f.StringVar(&t.campaigns, "campaigns", "2,2", "how often proposer 1 and proposer 2 stand for election")
	f.IntVar(&t.opts.Commands, "commands", o.Commands, "commands that clients have; each may be brought once to each proposer")
	f.BoolVar(&t.opts.Own, "own", false, "each command is brought to one proposer only: the first to proposer 1, the next to proposer 2, and so on in turn")
	f.IntVar(&t.opts.Slots, "slots", o.Slots, "the last slot that a command is put into")
	f.IntVar(&t.opts.Window, "window", o.Window, "slots that a leader may run ahead")
	f.IntVar(&t.opts.Crashes, "crashes", o.Crashes, "crashes of acceptors, of all together: before a write, or after it and before speaking")
	f.IntVar(&t.opts.Restarts, "restarts", o.Restarts, "crashes of proposers, of both together")
	f.BoolVar(&t.opts.Pages, "pages", false, "promises come in pages of one slot")
	f.BoolVar(&t.opts.Beats, "beats", o.Beats, "leaders send heartbeats, which tell the chosen watermark")
	f.BoolVar(&t.opts.Finish, "finish", false, "a learner may ask a leader to finish all slots")
	f.BoolVar(&t.opts.Learner, "learner", false, "the learner's state is a part of the state; else all votes of a state are shown to one in a few orders")
	f.BoolVar(&t.opts.Lives, "lives", false, "messages carry what an acceptor says of its disk's past; needs -beats=false, and no -finish")
	f.BoolVar(&t.opts.AsIs, "asis", false, "visit states, too, that differ only in which acceptor is which: about six times as many")
	f.IntVar(&t.opts.Workers, "workers", o.Workers, "threads")
	f.IntVar(&t.opts.Depth, "depth", 0, "visit what can be reached in so many steps, and nothing beyond; 0: no bound")
	f.Uint64Var(&t.opts.States, "states", 0, "end after about so many distinct states; 0: no bound")
	f.DurationVar(&t.opts.For, "for", 0, "end after this time, e.g. 50m; 0: no bound")
	f.Uint64Var(&t.opts.Megabytes, "memory", 8192, "end when so many MiB are had from the system; 0: no bound")
	f.BoolVar(&t.short, "short", false, "visit the small spaces of CI; of the other flags only -workers, -memory, -least and -sums count")
	f.BoolVar(&t.complete, "complete", false, "exit 1 if the run ended before there were no more states within the bounds, -depth among them")
	f.Uint64Var(&t.least, "least", 0, "exit 1 if there were fewer distinct states, all runs together")
	f.StringVar(&t.sums, "sums", "", "a file of sums to which the run is added, each space once, e.g. docs/figures/model.json")
	return f
}

// Main is the command model; it gives the exit code.
func Main(args []string, out, errs io.Writer) int {
	t := &tool{out: out, err: errs}
	f := t.flags()
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(out)
		fmt.Fprint(out, usage)
		f.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintln(errs, "model: see -h")
		return 2
	}
	runs, err := t.runs(f)
	if err == nil && t.sums != "" {
		err = t.fresh(runs)
	}
	if err != nil {
		fmt.Fprintf(errs, "model: %v; see -h\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return t.run(ctx, runs)
}

// runs are the spaces to visit.
func (t *tool) runs(f *flag.FlagSet) ([]Options, error) {
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", f.Arg(0))
	}
	a, b, two := strings.Cut(t.campaigns, ",")
	first, err1 := strconv.Atoi(a)
	second, err2 := strconv.Atoi(b)
	if !two || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("-campaigns %q: two numbers with a comma are needed, e.g. 2,1", t.campaigns)
	}
	t.opts.Campaigns = [2]int{first, second}
	list := []Options{t.opts}
	if t.short {
		list = Short()
		for i := range list {
			list[i].Workers, list[i].Megabytes = t.opts.Workers, t.opts.Megabytes
		}
	}
	for i := range list {
		list[i].Say = t.say
		if err := list[i].Check(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (t *tool) say(r Result) {
	fmt.Fprintf(t.err, "model: %.0f s: %d states, depth %d, %d rooms, %d MiB\n", r.Seconds, r.States, r.Depth, r.Rooms, r.Megabytes)
}

func (t *tool) run(ctx context.Context, runs []Options) int {
	figures.Commit() // HEAD may move while this runs
	began, code := time.Now(), 0
	sums := map[string]int64{}
	notes := map[string]string{}
	peak := uint64(0)
	for i, opts := range runs {
		r, err := Run(ctx, opts)
		if err != nil {
			fmt.Fprintf(t.err, "model: %v; see -h\n", err)
			return 2
		}
		t.print(opts, r)
		peak = max(peak, r.Megabytes)
		notes[opts.String()] = fmt.Sprintf("%d states, %s", r.States, r.end())
		sums["states"] += int64(r.States)
		sums["states they stand for"] += int64(r.Families)
		sums["transitions"] += int64(r.Transitions)
		sums["steps of real rooms"] += int64(r.Played)
		sums["runs"]++
		switch {
		case r.Violation != nil:
			return 1
		case ctx.Err() != nil && !(r.Complete && i == len(runs)-1):
			fmt.Fprintf(t.err, "model: interrupted in space %d of %d, after %d distinct states in all: nothing is added to any sums\n", i+1, len(runs), sums["states"])
			return 1
		case r.Complete && r.Frontier > 0:
			sums["spaces visited to their depth"]++
		case r.Complete:
			sums["spaces visited to their end"]++
		case t.complete || t.short:
			fmt.Fprintf(t.err, "model: the space was to be visited to its end: %s\n", r.Why)
			code = 1
		}
	}
	if t.least > 0 && uint64(sums["states"]) < t.least {
		fmt.Fprintf(t.err, "model: %d states, and at least %d were demanded: widen the bounds\n", sums["states"], t.least)
		code = 1
	}
	if t.sums != "" && code == 0 {
		notes["peak memory"] = fmt.Sprintf("%d MiB", peak)
		return t.add(began, sums, notes)
	}
	return code
}

// fresh refuses a space that is in the file already: its states would be counted
// twice.
func (t *tool) fresh(runs []Options) error {
	f, err := figures.Read(t.sums)
	if err != nil {
		return err
	}
	notes := f.Notes()
	for _, o := range runs {
		if had, kept := notes[o.String()]; kept {
			return fmt.Errorf("-sums: %s has the space %s (%s), whose states would be counted twice: widen the bounds, or take its leg out of the file first", t.sums, o, had)
		}
	}
	return nil
}

func (t *tool) add(began time.Time, sums map[string]int64, notes map[string]string) int {
	leg := figures.NewLeg(began)
	leg.Sums, leg.Notes = sums, notes
	file, err := figures.Add(t.sums, "model", leg)
	if err != nil {
		fmt.Fprintln(t.err, "model:", err)
		return 1
	}
	file.Print(t.out)
	return 0
}

// String says which space it is, as the flags of the command.
func (o Options) String() string {
	s := fmt.Sprintf("-campaigns %d,%d -commands %d -slots %d -window %d -crashes %d -restarts %d -beats=%v",
		o.Campaigns[0], o.Campaigns[1], o.Commands, o.Slots, o.Window, o.Crashes, o.Restarts, o.Beats)
	for _, f := range []struct {
		on   bool
		name string
	}{{o.Own, "own"}, {o.Pages, "pages"}, {o.Finish, "finish"}, {o.Learner, "learner"}, {o.Lives, "lives"}, {o.AsIs, "asis"}} {
		if f.on {
			s += " -" + f.name
		}
	}
	if o.Depth > 0 {
		s += fmt.Sprintf(" -depth %d", o.Depth)
	}
	return s
}

// end says in a word how the run ended.
func (r Result) end() string {
	if r.Complete && r.Frontier == 0 {
		return "complete"
	}
	return "to depth " + strconv.Itoa(r.Depth)
}

func (t *tool) print(opts Options, r Result) {
	fmt.Fprintln(t.out, "space:", opts)
	fmt.Fprintf(t.out, "%d distinct states, which stand for %d (names of acceptors exchanged), %d transitions, depth %d\n", r.States, r.Families, r.Transitions, r.Depth)
	fmt.Fprintf(t.out, "%d distinct rooms, %d steps of real rooms, %d different messages, %d times a value became chosen\n", r.Rooms, r.Played, r.Messages, r.Chosen)
	fmt.Fprintf(t.out, "%.1f s, %.0f states/s, %.0f transitions/s, at most %d MiB\n", r.Seconds, float64(r.States)/r.Seconds, float64(r.Transitions)/r.Seconds, r.Megabytes)
	switch {
	case r.Violation != nil:
		fmt.Fprintf(t.out, "VIOLATION (%s): %s\nA shortest way there, %d steps:\n", r.Violation.Checker, r.Violation.Text, r.Depth+1)
		for _, line := range r.Violation.Way {
			fmt.Fprintln(t.out, line)
		}
	case r.Complete && r.Frontier > 0:
		fmt.Fprintf(t.out, "complete: every state that %d steps reach was visited; %d of them are that far, and may lead on; no violation\n", r.Depth, r.Frontier)
	case r.Complete:
		fmt.Fprintln(t.out, "complete: there are no more states within these bounds; no violation")
	default:
		fmt.Fprintf(t.out, "bounded: %s; every state up to depth %d was visited, and from %d states no step was taken yet; no violation\n", r.Why, r.Depth, r.Frontier)
	}
	fmt.Fprintln(t.out)
}
