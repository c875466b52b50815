package ctl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
)

// watcher are the flags of watch.
type watcher struct {
	*app
	from  uint64
	key   bool
	end   string
	prev  bool
	only  string
	limit int

	opening
}

// opening is what is known of a watch while no service has opened its stream.
type opening struct {
	mu     sync.Mutex
	placed bool  // a stream was opened, and where it began was said
	why    error // what was the last trouble
}

// quiet is how long a watch waits for its stream without a word.
const quiet = time.Second

func (a *app) watch() *cobra.Command {
	w := &watcher{app: a}
	cmd := &cobra.Command{
		Use: "watch PREFIX [-- COMMAND...]", Short: "Shows changes of keys as they happen.",
		Long: "Shows the changes of all keys that begin with PREFIX as they happen, each once and none left out, whichever\n" +
			"nodes come and go, until it is interrupted. It begins now, or at the revision of --from. With -o json there\n" +
			"is one JSON object a line, with all changes of one revision.\n\n" +
			"COMMAND is run for each change, one after another, with PAXOS_WATCH_REVISION, PAXOS_WATCH_KEY and\n" +
			"PAXOS_WATCH_TYPE (put or delete) in its environment, and the new value as its standard input. The first that\n" +
			"fails ends the watch, with its exit code.\n\n" +
			"Exit code 3: the history from there on is no longer kept; read the keys, and watch from there. Exit code 5:\n" +
			"nobody answered before --timeout.\n\n" + aboutExits(),
		Example: "  paxosctl watch config/\n  paxosctl watch --key config/color -o value\n  paxosctl watch config/ --from 120 -o json\n" +
			"  paxosctl watch config/ -- sh -c 'echo \"$PAXOS_WATCH_KEY is now $(cat)\"'",
		ValidArgsFunction: a.completeKeys(1),
	}
	cmd.Flags().Uint64Var(&w.from, "from", 0, "begin with the changes of this revision (default: what changes from now on)")
	cmd.Flags().BoolVar(&w.key, "key", false, "PREFIX is one whole key")
	cmd.Flags().StringVar(&w.end, "end", "", "all keys from PREFIX up to (not including) this one")
	cmd.Flags().BoolVar(&w.prev, "prev", false, "with -o json: show each key as it was before too")
	cmd.Flags().StringVar(&w.only, "only", "", "put or delete: leave the others out")
	cmd.Flags().IntVar(&w.limit, "limit", 0, "end after so many changes (default: never)")
	exclusive(cmd, "key", "end")
	a.storeFlags(cmd, "end after this time, such as 1m (default: never)", "table", "json", "value")
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		words, program, err := programOf(cmd, args, "PREFIX")
		switch {
		case err != nil:
			return err
		case w.only != "" && w.only != "put" && w.only != "delete":
			return usage("--only %q is neither put nor delete", w.only)
		case w.limit < 0:
			return usage("--limit %d is negative", w.limit)
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		span := client.KeySpan{Key: words[0], Prefix: !w.key && w.end == "", End: w.end}
		return w.follow(ctx, p, span, program)
	}
	return cmd
}

func (w *watcher) options() []client.WatchOption {
	opts := []client.WatchOption{client.WatchFrom(w.from), client.OnProgress(func(p client.Progress) {
		if w.open() {
			w.note("watching, at revision %d", p.Revision)
		}
	}), client.OnTrouble(w.trouble)}
	if w.prev {
		opts = append(opts, client.WatchPrev())
	}
	if w.only != "" {
		opts = append(opts, client.WatchOnly(w.only))
	}
	return opts
}

// open notes that a stream is open, and reports whether it is the first one.
func (w *watcher) open() (first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first, w.placed = !w.placed, true
	return first
}

// trouble remembers why there is no stream. What ended with the time that was
// given says less than what was wrong before.
func (w *watcher) trouble(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.why == nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		w.why = err
	}
}

// patient says once what a watch waits for, if there is no stream yet.
func (w *watcher) patient(p *place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.placed:
	case w.why == nil:
		w.note("waiting for %s to answer", strings.Join(p.endpoints, ", "))
	default:
		sentence, _ := explain(w.why)
		w.note("waiting for %s to answer: %s", strings.Join(p.endpoints, ", "), sentence)
	}
}

// never is the error of a watch that ended without a stream, nil for any other.
func (w *watcher) never(p *place) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.placed {
		return nil
	}
	sentence, hint := "no stream was opened by "+strings.Join(p.endpoints, ", "), nobodyThere
	if w.why != nil {
		sentence, hint = explain(w.why)
	}
	return (&failure{code: ExitUnavailable, hint: hint, err: fmt.Errorf("nothing was watched: %s", sentence)}).because(w.why)
}

func (w *watcher) follow(ctx context.Context, p *place, span client.KeySpan, program []string) error {
	defer time.AfterFunc(quiet, func() { w.patient(p) }).Stop()
	seen := 0
	for changes, err := range p.Watch(ctx, span, w.options()...) {
		switch {
		case ctx.Err() != nil:
			return w.never(p) // Ctrl-C, or --timeout, is how watching ends
		case errors.Is(err, client.ErrCompacted):
			sentence, _ := explain(err)
			return (&failure{code: ExitNotFound, hint: "paxosctl get reads the keys; its revision (-o json) + 1 is where to watch --from", err: errors.New(sentence)}).because(err)
		case err != nil:
			return err
		}
		w.open()
		if w.output == "json" && len(program) == 0 {
			if err := w.printJSON(changes, ""); err != nil {
				return err
			}
		}
		for _, e := range changes.Events {
			if err := w.change(ctx, changes, e, program); err != nil {
				return err
			}
			seen++
		}
		// A revision is never split.
		if w.limit > 0 && seen >= w.limit {
			return nil
		}
	}
	return nil
}

// change shows one change, or runs the program for it.
func (w *watcher) change(ctx context.Context, all client.Changes, e client.KeyEvent, program []string) error {
	var err error
	switch {
	case len(program) > 0:
		return w.runProgram(ctx, program, strings.NewReader(e.Text()), "PAXOS_WATCH_REVISION="+strconv.FormatUint(uint64(all.Revision), 10),
			"PAXOS_WATCH_KEY="+e.Key, "PAXOS_WATCH_TYPE="+e.Type)
	case w.output == "json":
	case w.output == "value":
		_, err = fmt.Fprintln(w.Out, e.Text())
	case e.Type == "put":
		_, err = fmt.Fprintf(w.Out, "%-8d  %-6s  %s  %s\n", all.Revision, e.Type, cell(e.Key), short(e.KV))
	default:
		_, err = fmt.Fprintf(w.Out, "%-8d  %-6s  %s\n", all.Revision, e.Type, cell(e.Key))
	}
	return err
}
