package ctl

import (
	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/paxos"
)

func (a *app) compact() *cobra.Command {
	var keep uint64
	cmd := &cobra.Command{
		Use: "compact REVISION", Short: "Forgets old history of the keys.",
		Long: "Forgets the history below a revision, or with --keep all but the last so many revisions: reads and watches\n" +
			"of older ones fail from then on. The keys as they are now stay. Exit code 3: it was forgotten before.\n\n" + aboutExits(),
		Example: "  paxosctl compact 120\n  paxosctl compact --keep 10000",
	}
	cmd.Flags().Uint64Var(&keep, "keep", 0, "keep so many revisions, instead of REVISION")
	a.storeFlags(cmd, keepTrying)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("keep") {
			return exactly()(cmd, args)
		}
		return exactly("REVISION")(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		var revision uint64
		if len(args) == 1 {
			if revision, err = paxos.ParseUint(args[0]); err != nil {
				return usage("REVISION %q is no whole number", args[0])
			}
		} else {
			if keep == 0 {
				return usage("--keep 0: the last revision is always kept, which is --keep 1")
			}
			now, err := p.Count(ctx, client.Prefix(""))
			if err != nil {
				return err
			}
			if uint64(now.Revision) <= keep {
				a.note("the store is at revision %d: nothing is to be forgotten", now.Revision)
				return a.printCompacted(client.Compacted{Revision: now.Revision})
			}
			revision = uint64(now.Revision) - keep + 1
		}
		c, err := p.Compact(ctx, revision)
		if err != nil {
			return a.stored(err)
		}
		return a.printCompacted(c)
	}
	return cmd
}

func (a *app) printCompacted(c client.Compacted) error {
	return a.print(c, func(row func(...any)) {
		row("REVISION", "COMPACTED")
		row(c.Revision, dash(c.Compacted))
	})
}
