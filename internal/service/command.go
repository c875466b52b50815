package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"paxos/internal/awake"
	"paxos/internal/config"
	"paxos/paxos"
)

// ErrUsage is wrapped by errors that mean a wrong flag or value: exit code 2.
var ErrUsage = errors.New("usage")

var about = map[paxos.RoleName]string{
	paxos.ProposerRole: "A proposer leads, or waits until it may.",
	paxos.AcceptorRole: "An acceptor remembers promises and accepted values, on disk.",
	paxos.LearnerRole:  "A learner counts votes, applies what is chosen, and answers reads.",
	paxos.ClientRole:   "A client service takes users' values and reads, and finds the leader by itself.",
}

// Command makes the program of a role: the same for cmd/ and for a local
// cluster.
func Command(role paxos.RoleName) *cobra.Command {
	cmd := &cobra.Command{
		Use:   string(role),
		Short: about[role],
		Long: about[role] + "\n\nEvery flag can also be given by an environment variable: --request-timeout is PAXOS_REQUEST_TIMEOUT.\n" +
			"Durations are written like 50ms or 2s, sizes in bytes. Exit codes: 0 stopped, 1 the node had to end, 2 usage.",
		Version: Version(), SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: %q is not expected: a node takes flags only", ErrUsage, args[0])
			}
			return nil
		},
	}
	settings := config.Flags(cmd.Flags(), role)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %v", ErrUsage, err) })
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := config.FromEnvironment(cmd.Flags()); err != nil {
			return fmt.Errorf("%w: %v", ErrUsage, err)
		}
		if err := settings.Check(); err != nil {
			return fmt.Errorf("%w: %v", ErrUsage, err)
		}
		return Run(cmd.Context(), settings, os.Stderr)
	}
	return cmd
}

// Main runs the program of a role and ends the process: 0 after SIGTERM or
// SIGINT, 1 when the node had to end, 2 for a wrong flag or value.
func Main(role paxos.RoleName) {
	awake.Begin()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := Command(role).ExecuteContext(ctx)
	stop()
	os.Exit(ExitCode(err))
}

// MainByName runs the program of the role that the program is called by, or else
// of its first argument: one file can stand for the four programs.
func MainByName() {
	awake.Begin()
	role := paxos.RoleName(filepath.Base(os.Args[0]))
	if _, ok := about[role]; !ok && len(os.Args) > 1 {
		role, os.Args = paxos.RoleName(os.Args[1]), os.Args[1:]
	}
	if _, ok := about[role]; !ok {
		os.Exit(ExitCode(fmt.Errorf("%w: %q is no role: proposer, acceptor, learner or client", ErrUsage, role)))
	}
	Main(role)
}

// ExitCode tells the error, if there is one, and gives the code for it.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrUsage):
		fmt.Fprintf(os.Stderr, "%v\nsee --help\n", err)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "%v\n", err)
		return 1
	}
}
