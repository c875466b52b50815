package ctl

import (
	"github.com/spf13/cobra"

	"paxos/internal/service"
	"paxos/paxos"
)

// node runs one node in this process: the very code of cmd/proposer and the
// others, so that a local cluster needs no other program than this one.
func node() *cobra.Command {
	cmd := &cobra.Command{Use: "node", Short: "Runs one node, as the program of its role does.", Hidden: true}
	for _, role := range []paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole} {
		cmd.AddCommand(service.Command(role))
	}
	return group(cmd)
}
