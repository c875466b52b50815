package ctl

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/paxos"
)

func (a *app) put() *cobra.Command {
	var d dependence
	var lease leaseFlag
	var keep, prev bool
	cmd := &cobra.Command{
		Use: "put KEY VALUE|-", Short: "Sets a key to a value.", Args: exactly("KEY", "VALUE"),
		Long: "Sets a key to a value, any bytes; with - the value is all of standard input. It is done when the command\n" +
			"ends: applied, and on the disks of a quorum of acceptors.\n\n" +
			"A write is repeated until --timeout, and takes effect once. A condition that does not hold is exit code 4,\nand nothing is done.\n\n" + aboutExits(),
		Example: "  paxosctl put config/color green\n  paxosctl put config/logo - <logo.png\n  paxosctl put --if-missing owner \"$HOSTNAME\"\n" +
			"  paxosctl put --lease 00000000000000ab workers/7 ready\n  paxosctl put --if-match 12 config/color blue",
		ValidArgsFunction: a.completeKeys(1),
	}
	d.flags(cmd, true)
	cmd.Flags().Var(&lease, "lease", "attach the key to this lease: it is deleted when the lease ends")
	cmd.Flags().BoolVar(&keep, "keep-lease", false, "leave the key attached to its lease (default: detach it)")
	cmd.Flags().BoolVar(&prev, "prev", false, "show the key as it was before")
	_ = cmd.RegisterFlagCompletionFunc("lease", a.completeLeases)
	exclusive(cmd, "lease", "keep-lease")
	a.storeFlags(cmd, keepTrying)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		value, err := a.value(args[1])
		if err != nil {
			return err
		}
		opts, err := d.options(cmd)
		if err != nil {
			return err
		}
		if lease.id != 0 {
			opts = append(opts, client.WithLease(lease.id))
		}
		if keep {
			opts = append(opts, client.KeepLease())
		}
		if prev {
			opts = append(opts, client.WithPrev())
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		w, err := p.Put(ctx, args[0], value, opts...)
		if err != nil {
			return a.stored(err)
		}
		return a.printWritten(w)
	}
	return cmd
}

func (a *app) del() *cobra.Command {
	var d dependence
	var s spanFlags
	var prev, all bool
	cmd := &cobra.Command{
		Use: "del KEY", Short: "Deletes a key, or many.", Args: exactly("KEY"),
		Long: "Deletes a key, or with --prefix all keys that begin with KEY, or with --end those from KEY up to another\n" +
			"one, at one revision. That there was nothing to delete is no error.\n\n" + aboutExits(),
		Example:           "  paxosctl del config/color\n  paxosctl del --prefix config/\n  paxosctl del --prev config/color -o json",
		ValidArgsFunction: a.completeKeys(1),
	}
	d.flags(cmd, true)
	s.flags(cmd)
	cmd.Flags().BoolVar(&prev, "prev", false, "show the keys as they were before")
	cmd.Flags().BoolVar(&all, "all", false, "with --prefix '': yes, all keys")
	a.storeFlags(cmd, keepTrying)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opts, err := d.options(cmd)
		if err != nil {
			return err
		}
		if s.prefix && args[0] == "" && !all {
			return usage("an empty prefix is that of all keys: say --all too, to delete all of them")
		}
		if prev {
			opts = append(opts, client.WithPrev())
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		w, err := p.DeleteRange(ctx, s.span(args[0]), opts...)
		if err != nil {
			return a.stored(err)
		}
		return a.print(deletion{w, w.Deleted}, func(row func(...any)) {
			row("DELETED", "REVISION", "SLOT")
			row(w.Deleted, w.Revision, w.Slot)
			beforeRows(row, w.Prev)
		})
	}
	return cmd
}

// deletion is the answer to a delete, which says that it was of nothing too.
type deletion struct {
	client.Written
	Deleted paxos.Number `json:"deleted"`
}

// spanFlags say that more than one key is meant.
type spanFlags struct {
	prefix bool
	end    string
}

func (s *spanFlags) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.prefix, "prefix", false, "all keys that begin with KEY; of '' all keys")
	cmd.Flags().StringVar(&s.end, "end", "", "all keys from KEY up to (not including) this one")
	exclusive(cmd, "prefix", "end")
}

func (s *spanFlags) span(key string) client.KeySpan {
	return client.KeySpan{Key: key, Prefix: s.prefix, End: s.end}
}

func (a *app) cas() *cobra.Command {
	var d dependence
	var missing bool
	cmd := &cobra.Command{
		Use: "cas KEY OLD NEW", Short: "Sets a key if it has an old value.",
		Long: "Compares and swaps: sets a key to a new value if it has the old one, or with --missing (and without OLD)\n" +
			"if it is not there. Exit code 4: it has another value, and nothing is done.\n\n" + aboutExits(),
		Example:           "  paxosctl cas config/color green blue\n  paxosctl cas --missing leader \"$HOSTNAME\"",
		ValidArgsFunction: a.completeKeys(1),
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if missing {
			return exactly("KEY", "NEW")(cmd, args)
		}
		return exactly("KEY", "OLD", "NEW")(cmd, args)
	}
	cmd.Flags().BoolVar(&missing, "missing", false, "if the key is not there, instead of OLD")
	d.flags(cmd, false)
	a.storeFlags(cmd, keepTrying)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opts, err := d.options(cmd)
		if err != nil {
			return err
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		var w client.Written
		if missing {
			w, err = p.Create(ctx, args[0], args[1], opts...)
		} else {
			w, err = p.Swap(ctx, args[0], args[1], args[2], opts...)
		}
		if err != nil {
			return a.stored(err)
		}
		return a.printWritten(w)
	}
	return cmd
}

func (a *app) incr() *cobra.Command {
	var d dependence
	cmd := &cobra.Command{
		Use: "incr KEY [BY]", Short: "Adds to a number.",
		Long: "Adds BY, 1 without it, to a key whose value is a decimal 64-bit number, 0 if it is not there, and prints\n" +
			"the sum. Exit code 4: the value is no number, or the sum would not fit.\n\n" + aboutExits(),
		Example:           "  paxosctl incr visits\n  paxosctl incr visits 10\n  paxosctl incr -- visits -3",
		ValidArgsFunction: a.completeKeys(1),
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 2 {
			return nil
		}
		return exactly("KEY")(cmd, args)
	}
	d.flags(cmd, false)
	a.storeFlags(cmd, keepTrying, "value", "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		by := int64(1)
		if len(args) == 2 {
			var err error
			if by, err = strconv.ParseInt(args[1], 10, 64); err != nil {
				return usage("BY %q is no whole number of 64 bits", args[1])
			}
		}
		return a.changed(cmd, d, func(p *place, opts []client.WriteOption) (client.Written, error) {
			ctx, cancel := a.context(cmd)
			defer cancel()
			return p.Increment(ctx, args[0], by, opts...)
		})
	}
	return cmd
}

func (a *app) append() *cobra.Command {
	var d dependence
	cmd := &cobra.Command{
		Use: "append KEY JSON|TEXT|-", Short: "Adds an item to a list.", Args: exactly("KEY", "JSON|TEXT"),
		Long: "Adds an item to the end of a key whose value is a JSON array, the empty one if it is not there, and prints\n" +
			"how many items it has now. What is no JSON is added as a text; with - the item is all of standard input.\n\n" + aboutExits(),
		Example:           "  paxosctl append events '{\"what\":\"started\"}'\n  paxosctl append names Anna\n  paxosctl append names '\"7\"'",
		ValidArgsFunction: a.completeKeys(1),
	}
	d.flags(cmd, false)
	a.storeFlags(cmd, keepTrying, "value", "table", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := a.value(args[1])
		if err != nil {
			return err
		}
		var item any = text
		if json.Valid([]byte(text)) {
			item = json.RawMessage(text)
		}
		return a.changed(cmd, d, func(p *place, opts []client.WriteOption) (client.Written, error) {
			ctx, cancel := a.context(cmd)
			defer cancel()
			return p.Append(ctx, args[0], item, opts...)
		})
	}
	return cmd
}

// changed makes a write whose answer is the new value, or how many items there are.
func (a *app) changed(cmd *cobra.Command, d dependence, do func(*place, []client.WriteOption) (client.Written, error)) error {
	opts, err := d.options(cmd)
	if err != nil {
		return err
	}
	p, err := a.find(cmd.Context())
	if err != nil {
		return err
	}
	defer p.Close()
	w, err := do(p, opts)
	switch {
	case err != nil:
		return a.stored(err)
	case a.output == "value" && w.Count != 0:
		_, err = fmt.Fprintln(a.Out, w.Count)
		return err
	case a.output == "value" && w.Key != nil:
		_, err = fmt.Fprintln(a.Out, w.Key.Text())
		return err
	}
	return a.printWritten(w)
}
