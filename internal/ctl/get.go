package ctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"paxos/client"
)

// getting are the flags of get.
type getting struct {
	*app
	spanFlags
	freshness
	revision uint64
	limit    int
	keysOnly bool
	count    bool
}

func (a *app) get() *cobra.Command {
	g := &getting{app: a}
	cmd := &cobra.Command{
		Use: "get KEY", Short: "Reads a key, or many.", Args: exactly("KEY"),
		Long: "Prints the value of a key, exactly (on a terminal, with a line's end), or with --prefix or --end a table of\n" +
			"all keys there, as of one revision. A key that is not there is exit code 3.\n\n" + aboutConsistency + "\n\n" + aboutExits(),
		Example: "  paxosctl get config/color\n  paxosctl get --prefix config/\n  paxosctl get --prefix '' --keys-only -o value\n" +
			"  paxosctl get config/color -o json --consistency bounded --max-age 500ms\n  paxosctl get --prefix config/ --revision 12 -o ndjson",
		ValidArgsFunction: a.completeKeys(1),
	}
	g.spanFlags.flags(cmd)
	g.freshness.flags(cmd)
	cmd.Flags().Uint64Var(&g.revision, "revision", 0, "as the store was at this revision (default: now)")
	cmd.Flags().IntVar(&g.limit, "limit", 0, "at most so many keys (default: all)")
	cmd.Flags().BoolVar(&g.keysOnly, "keys-only", false, "leave the values out")
	cmd.Flags().BoolVar(&g.count, "count", false, "only say how many keys there are")
	exclusive(cmd, "count", "limit")
	exclusive(cmd, "count", "keys-only")
	a.storeFlags(cmd, keepTrying, "value", "table", "json", "ndjson")
	cmd.Flags().Lookup("output").Usage += "; of several keys table is the default"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fresh, err := g.option()
		if err != nil {
			return err
		}
		if g.limit < 0 {
			return usage("--limit %d is negative", g.limit)
		}
		opts := []client.ReadOption{fresh, client.AtRevision(g.revision)}
		if g.keysOnly {
			opts = append(opts, client.KeysOnly())
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		many := g.prefix || g.end != ""
		if many && !cmd.Flags().Changed("output") {
			a.output = "table"
		}
		switch {
		case g.count:
			return g.printCount(p.Count(ctx, g.span(args[0]), opts...))
		case many:
			return g.printRange(ctx, p, g.span(args[0]), opts)
		case g.keysOnly || g.limit != 0:
			return usage("--keys-only and --limit belong to --prefix or --end")
		}
		return g.printOne(args[0])(p.Get(ctx, args[0], opts...))
	}
	return cmd
}

func (g *getting) printCount(k client.Keys, err error) error {
	switch {
	case err != nil:
		return err
	case g.output == "json" || g.output == "ndjson":
		return g.printJSON(k, "")
	}
	_, err = fmt.Fprintln(g.Out, k.Count)
	return err
}

func (g *getting) printOne(key string) func(client.Got, error) error {
	return func(got client.Got, err error) error {
		switch {
		case errors.Is(err, client.ErrNotFound):
			return failed(ExitNotFound, "paxosctl get --prefix "+quoted(directory(key))+" shows what is there", "there is no key %q", key)
		case err != nil:
			return err
		case g.output == "value":
			return g.printValue(got.Text())
		case g.output == "ndjson":
			return g.printJSON(got, "")
		}
		return g.print(got, func(row func(...any)) { g.rows(row, []client.KV{got.KV}) })
	}
}

// directory is the part of a key up to its last slash.
func directory(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }

// printValue writes a value as it is. Only a person needs a line's end.
func (g *getting) printValue(text string) error {
	if isTerminal(g.Out) && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err := fmt.Fprint(g.Out, text)
	return err
}

// isTerminal reports whether a stream is one where a person looks, or types.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func (g *getting) rows(row func(...any), keys []client.KV) {
	if g.keysOnly {
		row("KEY", "REVISION", "VERSION", "LEASE")
	} else {
		row("KEY", "VALUE", "REVISION", "VERSION", "LEASE")
	}
	for _, k := range keys {
		lease := leaseOf(k)
		if g.keysOnly {
			row(cell(k.Key), k.Mod, k.Version, lease)
			continue
		}
		row(cell(k.Key), short(k), k.Mod, k.Version, lease)
	}
}

// mostKeys is the largest page.
const mostKeys = 1000

// printRange writes the keys of all pages, or as many as --limit says. Lines are
// written as the pages arrive; a table and a JSON text need all of them.
func (g *getting) printRange(ctx context.Context, p *place, span client.KeySpan, opts []client.ReadOption) error {
	var all client.Keys
	for page, left := "", g.limit; ; {
		size := mostKeys
		if left > 0 {
			size = min(size, left)
		}
		k, err := p.Page(ctx, span, page, append(opts[:len(opts):len(opts)], client.PageSize(size))...)
		if err != nil {
			return err
		}
		if err := g.printLines(k.Keys); err != nil {
			return err
		}
		if page == "" {
			all = k
		} else if g.output == "json" || g.output == "table" {
			all.Keys = append(all.Keys, k.Keys...)
		}
		all.More, all.Page, page = k.More, k.Page, k.Page
		left -= len(k.Keys)
		if page == "" || g.limit > 0 && left <= 0 {
			break
		}
	}
	if all.Page != "" {
		g.note("%d keys in all; --limit left some out", all.Count)
	}
	if g.output == "value" || g.output == "ndjson" {
		return nil
	}
	return g.print(all, func(row func(...any)) { g.rows(row, all.Keys) })
}

// printLines writes keys in the formats that have a line for each.
func (g *getting) printLines(keys []client.KV) error {
	for _, k := range keys {
		var err error
		switch {
		case g.output == "ndjson":
			err = g.printJSON(k, "")
		case g.output == "value" && g.keysOnly:
			_, err = fmt.Fprintln(g.Out, k.Key)
		case g.output == "value":
			_, err = fmt.Fprintln(g.Out, k.Text())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
