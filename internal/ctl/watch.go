package ctl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"paxos/client"
)

// watcher are the flags of watch.
type watcher struct {
	*app
	from   uint64
	key    bool
	end    string
	prev   bool
	only   string
	limit  int
	placed bool // where it began was said
}

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
			"Exit code 3: the history from there on is no longer kept; read the keys, and watch from there.\n\n" + aboutExits(),
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
		if !w.placed {
			w.placed = true
			w.note("watching, at revision %d", p.Revision)
		}
	})}
	if w.prev {
		opts = append(opts, client.WatchPrev())
	}
	if w.only != "" {
		opts = append(opts, client.WatchOnly(w.only))
	}
	return opts
}

func (w *watcher) follow(ctx context.Context, p *place, span client.KeySpan, program []string) error {
	seen := 0
	for changes, err := range p.Watch(ctx, span, w.options()...) {
		switch {
		case ctx.Err() != nil:
			return nil // Ctrl-C, or --timeout, is how watching ends
		case errors.Is(err, client.ErrCompacted):
			sentence, _ := explain(err)
			return failed(ExitNotFound, "paxosctl get reads the keys; its revision (-o json) + 1 is where to watch --from", "%s", sentence)
		case err != nil:
			return err
		}
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
