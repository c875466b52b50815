package ctl

import (
	"context"

	"github.com/spf13/cobra"

	"paxos/paxos"
)

func (a *app) leader() *cobra.Command {
	cmd := &cobra.Command{
		Use: "leader", Short: "Shows which proposer leads.", Args: exactly(),
		Long: "Asks all proposers and shows the one that leads. The exit code is 5 when none does: no value can be\n" +
			"sent then.\n\n" + aboutExits(),
		Example: "  paxosctl leader\n  curl -s -X POST $(paxosctl leader -o json | jq -r .address)/propose -d '{\"value\":\"x\"}'",
	}
	a.proposersFlag(cmd)
	a.remoteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		looking, found := context.WithTimeout(ctx, answerLimit)
		list, err := a.ofRole(looking, p, paxos.ProposerRole)
		found()
		if err != nil {
			return err
		}
		l, err := p.LeaderAmong(ctx, list)
		if err != nil && l.Node != "" {
			sentence, _ := explain(err)
			hint := "one may be elected any moment; paxosctl status shows more"
			if l.Answering < l.Needed {
				hint = "start acceptors; paxosctl status shows who is there"
			}
			return failed(ExitUnavailable, hint, "%s", sentence)
		}
		if err != nil {
			return err
		}
		return a.print(l, func(row func(...any)) {
			row("LEADER", "ADDRESS", "BALLOT", "CHOSEN", "ACCEPTORS", "NEEDED")
			row(l.Leader, dash(l.Address), l.Ballot.Number, l.Chosen, l.Answering, l.Needed)
		})
	}
	return cmd
}
