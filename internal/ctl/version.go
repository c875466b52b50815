package ctl

import (
	"github.com/spf13/cobra"

	"paxos/internal/service"
)

func (a *app) version() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Shows which version this is.", Args: exactly(),
		Long:    "Shows which version this is, as paxosctl --version does. Those of nodes are in paxosctl status -o json.\n\n" + aboutExits(),
		Example: "  paxosctl version\n  paxosctl version -o json",
	}
	a.outputFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		return a.print(map[string]string{"version": service.Version()}, func(row func(...any)) {
			row("paxosctl version " + service.Version())
		})
	}
	return cmd
}
