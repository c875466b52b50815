package ctl

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) members() *cobra.Command {
	cmd := &cobra.Command{
		Use: "members", Short: "Shows the nodes as gossip sees them.", Args: exactly(),
		Long: "Shows the nodes as the gossip of one of them sees them: alive, suspect, dead or left. Gossip is an address\n" +
			"book and an opinion; who votes is not its business.\n\n" + aboutExits(),
		Example: "  paxosctl members\n  paxosctl members -o json | jq -r '.members[] | select(.role == \"learner\") | .rest'",
	}
	a.proposersFlag(cmd)
	a.acceptorsFlag(cmd)
	a.remoteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		m, err := a.gossip(ctx, p)
		if err != nil {
			return err
		}
		return a.print(m, func(row func(...any)) {
			row("NODE", "ROLE", "ADDRESS", "GOSSIP", "STATE", "STARTED", "ALSO AT")
			for _, n := range m.Members {
				row(n.ID, n.Role, n.REST, n.Gossip, n.State, time.UnixMilli(int64(n.Started)).Format(time.DateTime), dash(strings.Join(n.Others, ",")))
			}
		})
	}
	return cmd
}
