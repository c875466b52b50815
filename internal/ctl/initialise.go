package ctl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/paxos"
)

func (a *app) initialise() *cobra.Command {
	cmd := &cobra.Command{
		Use: "init", Short: "Initialises the cluster, once and for ever.", Args: exactly(),
		Long: "Initialises the cluster, once and for ever: all configured acceptors must answer, and their disks be empty.\n" +
			"On a cluster that is initialised it changes nothing and says which one it is. A local cluster needs it\n" +
			"only when \"local up\" was stopped before it was done.\n\n" + aboutExits(),
		Example: "  paxosctl init\n  paxosctl init --acceptors 10.0.0.11:4001,10.0.0.12:4001 --timeout 1m",
	}
	a.acceptorsFlag(cmd)
	a.remoteFlags(cmd)
	cmd.Flags().Lookup("timeout").Usage = "how long to wait (default: 30s)"
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := a.find(cmd.Context())
		if err != nil {
			return err
		}
		defer p.Close()
		if a.timeout == 0 {
			a.timeout = formPatience
		}
		ctx, cancel := a.context(cmd)
		defer cancel()
		list, err := a.ofRole(ctx, p, paxos.AcceptorRole)
		if err != nil {
			return err
		}
		made, err := a.form(ctx, p, list)
		if err != nil {
			return err
		}
		return a.print(made, func(row func(...any)) {
			row("CLUSTER", "INITIALISED")
			row(made.Cluster, map[string]string{"done": "now", "already": "before"}[made.Progress])
		})
	}
	return cmd
}

// formPatience is how long the acceptors may take to form a cluster.
const formPatience = 30 * time.Second

// form asks the acceptors in turn until the cluster is made.
func (a *app) form(ctx context.Context, p *place, acceptors []string) (client.Initialised, error) {
	if len(acceptors) == 0 {
		return client.Initialised{}, failed(ExitUnavailable, "name some with --acceptors", "no acceptor is known")
	}
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	last, heard := "", false
	for turn := 0; ; turn++ {
		pending := "the acceptors to form the cluster"
		one, cancel := context.WithTimeout(ctx, 2*time.Second)
		made, err := p.Initialise(one, acceptors[turn%len(acceptors)])
		cancel()
		switch {
		case errors.Is(err, client.ErrConflict), errors.Is(err, client.ErrBadRequest), errors.Is(err, client.ErrNotFound):
			return made, err
		case err != nil:
			sentence, _ := explain(err)
			pending += " (" + sentence + ")"
		case made.Progress != "forming":
			return made, nil
		default:
			heard = true
			if len(made.Waiting) > 0 {
				pending = fmt.Sprintf("%s to answer", joined(made.Waiting))
			}
		}
		if pending != last {
			a.note("waiting for %s", pending)
			last = pending
		}
		select {
		case <-ctx.Done():
			if !heard {
				return made, failed(ExitUnavailable, "are the acceptors there? See --acceptors, and paxosctl members", "no acceptor took it: waiting for %s", pending)
			}
			return made, failed(ExitUnknown, "it goes on by itself as acceptors answer; paxosctl init tells", "the cluster is not formed yet: waiting for %s", pending)
		case <-ticker.C:
		}
	}
}

func joined(ids []paxos.NodeID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}
