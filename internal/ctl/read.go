package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"paxos/client"
	"paxos/paxos"
)

// reading are the flags of read.
type reading struct {
	slot  uint64
	from  string
	limit int
	all   bool
}

func (a *app) read() *cobra.Command {
	var r reading
	cmd := &cobra.Command{
		Use: "read", Short: "Shows the values in log order.", Args: exactly(),
		Long: "Shows the values in log order, as one learner has applied them: the answer may be stale, and says of\n" +
			"which slot it is. One page, unless --all is given. With --slot it waits until that slot is applied.\n\n" + aboutExits(),
		Example: "  paxosctl read\n  paxosctl read --from 120 --limit 10\n  paxosctl read --slot 42\n  paxosctl read --all -o json | jq -r '.values[].value'",
	}
	cmd.Flags().Uint64Var(&r.slot, "slot", 0, "the values of this slot only; wait until it is applied")
	cmd.Flags().StringVar(&r.from, "from", "1", "SLOT or SLOT.POSITION to begin with")
	cmd.Flags().IntVar(&r.limit, "limit", 100, "values of a page, 1 to 10000")
	cmd.Flags().BoolVar(&r.all, "all", false, "all values from there on, not one page")
	a.remoteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := r.check(cmd.Flags())
		if err != nil {
			return err
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		switch {
		case r.all:
			return a.printAll(ctx, p, from)
		case r.slot != 0:
			page, err := p.ReadSlot(ctx, paxos.Slot(r.slot))
			return a.printPage(page, err)
		default:
			page, err := p.Read(ctx, from, r.limit)
			return a.printPage(page, err)
		}
	}
	return cmd
}

func (r reading) check(flags *pflag.FlagSet) (client.Cursor, error) {
	var from client.Cursor
	for _, two := range [][2]string{{"slot", "from"}, {"slot", "all"}, {"limit", "all"}} {
		if flags.Changed(two[0]) && flags.Changed(two[1]) {
			return from, usage("--%s and --%s do not go together", two[0], two[1])
		}
	}
	slot, position, more := strings.Cut(r.from, ".")
	n, err := paxos.ParseUint(slot)
	if err != nil || n == 0 {
		return from, usage("--from %q is neither SLOT nor SLOT.POSITION, from slot 1 on", r.from)
	}
	from.Slot = paxos.Slot(n)
	if more {
		n, err := paxos.ParseUint(position)
		if err != nil || n > 1<<32-1 {
			return from, usage("--from %q is neither SLOT nor SLOT.POSITION", r.from)
		}
		from.Position = uint32(n)
	}
	switch {
	case flags.Changed("slot") && r.slot == 0:
		return from, usage("--slot 0: the first slot is 1")
	case r.limit < 1 || r.limit > 10000:
		return from, usage("--limit %d is not between 1 and 10000", r.limit)
	}
	return from, nil
}

func (a *app) printPage(page client.Page, err error) error {
	if err != nil {
		return err
	}
	if page.More {
		a.note("more values follow: --from %d.%d, or --all", page.Next.Slot, page.Next.Position)
	}
	return a.print(page, func(row func(...any)) {
		row("SLOT", "POSITION", "VALUE")
		for _, v := range page.Values {
			row(v.Slot, v.Position, cell(v.Value))
		}
	})
}

// printAll writes values as they arrive: there may be more than fit in memory.
func (a *app) printAll(ctx context.Context, p *place, from client.Cursor) error {
	asJSON := a.output == "json"
	line := func(v client.Value) error {
		_, err := fmt.Fprintf(a.Out, "%-8d  %-8d  %s\n", v.Slot, v.Position, cell(v.Value))
		return err
	}
	begin, separator, end := "SLOT      POSITION  VALUE\n", "", ""
	if asJSON {
		begin, separator, end = `{"values":[`, ",", "]}\n"
		line = func(v client.Value) error { return compact(a, v) }
	}
	before := begin
	for v, err := range p.ReadAll(ctx, from) {
		if err != nil {
			// What was written is closed, so that it can be read; the exit
			// code says that it is not all.
			if before != begin {
				fmt.Fprint(a.Out, end)
			}
			return err
		}
		fmt.Fprint(a.Out, before)
		if err := line(v); err != nil {
			return err
		}
		before = separator
	}
	if before == begin {
		fmt.Fprint(a.Out, begin)
	}
	fmt.Fprint(a.Out, end)
	return nil
}

func compact(a *app, v any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := fmt.Fprint(a.Out, strings.TrimSuffix(b.String(), "\n"))
	return err
}
