package ctl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
)

// possession is a lock or a leadership.
type possession interface {
	Context() context.Context
	Place() client.Place
}

const untilHeld = "how long to wait for it, such as 10s (default: for ever)"

func (a *app) lock() *cobra.Command {
	ttl := ttlFlag(30 * time.Second)
	var owner string
	var try, show bool
	cmd := &cobra.Command{
		Use: "lock NAME [-- COMMAND...]", Short: "Holds a lock, while a command runs.",
		Long: "Waits for a lock, and runs COMMAND while it is held; the exit code is COMMAND's. Its environment has\n" +
			"PAXOS_LOCK (the name), PAXOS_TOKEN, PAXOS_FENCE (for --fence and the header If-Fence) and PAXOS_LEASE.\n" +
			"If the lock is lost, COMMAND is ended, by SIGTERM and 5 s later by SIGKILL, and the exit code is 4.\n\n" +
			"Without COMMAND it shows the token and holds the lock until it is interrupted. With --show it only shows\nwho holds it, and who waits.\n\n" +
			aboutKilled + "\n\n" +
			"A command that was stopped for a while may believe that it still holds the lock: what it writes should be\nwritten with --fence.\n\n" + aboutExits(),
		Example: "  paxosctl lock backup -- ./backup.sh\n  paxosctl lock backup -- sh -c 'paxosctl put --fence \"$PAXOS_FENCE\" backup/last \"$(date)\"'\n" +
			"  paxosctl lock --try backup -- ./backup.sh\n  paxosctl lock --show backup",
		ValidArgsFunction: a.completeQueue("locks/"),
	}
	cmd.Flags().Var(&ttl, "ttl", "how long the lock outlives a holder that is gone, at least 1s")
	cmd.Flags().StringVar(&owner, "owner", "", "a text that others see: who holds it (default: host and process)")
	cmd.Flags().BoolVar(&try, "try", false, "do not wait: exit code 4 if it is held")
	cmd.Flags().BoolVar(&show, "show", false, "only show who holds it, and who waits")
	a.storeFlags(cmd, untilHeld)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		words, program, err := programOf(cmd, args, "NAME")
		if err != nil {
			return err
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		if show {
			return a.printQueue(p.LockQueue(ctx, words[0]))
		}
		take := p.Lock
		if try {
			take = p.TryLock
		}
		l, err := take(ctx, words[0], client.TTL(time.Duration(ttl)), client.Owner(ownerOr(owner)))
		if err != nil {
			return a.stored(err)
		}
		environment := append(held(l.Place()), "PAXOS_LOCK="+words[0], "PAXOS_FENCE="+fenceOf(l.Place()))
		return a.hold(cmd.Context(), l, l.Unlock, program, environment)
	}
	return cmd
}

// held is what a command's environment says of either.
func held(p client.Place) []string {
	return []string{"PAXOS_TOKEN=" + strconv.FormatUint(uint64(p.Token), 10), "PAXOS_LEASE=" + p.Lease.String()}
}

// hold runs a program while something is held, or waits for the interrupt, and
// lets it go.
func (a *app) hold(ctx context.Context, h possession, letGo func(context.Context) error, program, environment []string) error {
	lost := h.Context()
	running, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(lost, stop)()
	var ended error
	if len(program) > 0 {
		ended = a.runProgram(running, program, a.In, environment...)
	} else {
		if err := a.printPlace(h.Place()); err != nil {
			ended = err
		} else {
			<-running.Done()
		}
	}
	if lost.Err() != nil {
		sentence, _ := explain(context.Cause(lost))
		hint := "whoever holds it now has a higher token; what was written with --fence is safe"
		return (&failure{code: ExitConflict, hint: hint, err: fmt.Errorf("%q was lost: %s", h.Place().Name, sentence)}).because(context.Cause(lost))
	}
	// Whatever interrupted us, the next one should not wait for the TTL.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := letGo(after); err != nil {
		sentence, _ := explain(err)
		a.note("%q was not let go, and ends with its lease: %s", h.Place().Name, sentence)
		if ended == nil {
			return (&failure{code: exitCode(err), err: errors.New(sentence)}).because(err)
		}
	}
	return ended
}

func (a *app) printPlace(p client.Place) error {
	return a.print(p, func(row func(...any)) {
		row("NAME", "TOKEN", "LEASE", "VALUE")
		row(cell(p.Name), p.Token, p.Lease, cell(p.Value))
	})
}

func (a *app) printQueue(q client.Queue, err error) error {
	if err != nil {
		return err
	}
	return a.print(q, func(row func(...any)) {
		row("PLACE", "TOKEN", "LEASE", "VALUE")
		if q.Holder != nil {
			row("holds", q.Holder.Token, q.Holder.Lease, cell(q.Holder.Value))
		}
		for i, p := range q.Queue {
			row(i+1, p.Token, p.Lease, cell(p.Value))
		}
	})
}

func (a *app) elect() *cobra.Command {
	ttl := ttlFlag(30 * time.Second)
	var observe, leader bool
	cmd := &cobra.Command{
		Use: "elect NAME [VALUE] [-- COMMAND...]", Short: "Takes part in an election, or watches it.",
		Long: "Waits until it leads, shows VALUE to the others, and runs COMMAND while it leads, as paxosctl lock does; its\n" +
			"environment has PAXOS_ELECTION (the name), PAXOS_TOKEN and PAXOS_LEASE. Without COMMAND it leads until it is\ninterrupted. " + aboutKilled + "\n\n" +
			"With --leader it only shows who leads (exit code 3: nobody), with --observe it goes on to show that whenever\nit changes, until it is interrupted.\n\n" + aboutExits(),
		Example:           "  paxosctl elect scheduler 10.0.0.7:80 -- ./scheduler\n  paxosctl elect scheduler --leader -o value\n  paxosctl elect scheduler --observe",
		ValidArgsFunction: a.completeQueue("elections/"),
	}
	cmd.Flags().Var(&ttl, "ttl", "how long leading outlives a leader that is gone, at least 1s")
	cmd.Flags().BoolVar(&observe, "observe", false, "show who leads, whenever that changes")
	cmd.Flags().BoolVar(&leader, "leader", false, "show who leads")
	exclusive(cmd, "observe", "leader")
	a.storeFlags(cmd, untilHeld, "table", "json", "value")
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		names := []string{"NAME", "VALUE"}
		if observe || leader {
			names = names[:1]
		}
		words, program, err := programOf(cmd, args, names...)
		if err != nil {
			return err
		}
		if len(program) > 0 && len(names) == 1 {
			return usage("%s: --leader and --observe run no command", cmd.CommandPath())
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		e := p.Election(words[0])
		switch {
		case leader:
			return a.printLeader(e.Leader(ctx))
		case observe:
			return a.observe(ctx, e)
		}
		l, err := e.Campaign(ctx, words[1], client.TTL(time.Duration(ttl)))
		if err != nil {
			return a.stored(err)
		}
		return a.hold(cmd.Context(), l, l.Resign, program, append(held(l.Place()), "PAXOS_ELECTION="+words[0]))
	}
	return cmd
}

func (a *app) printLeader(p client.Place, err error) error {
	switch {
	case errors.Is(err, client.ErrNotFound):
		sentence, _ := explain(err)
		return failed(ExitNotFound, "paxosctl elect NAME VALUE takes part", "%s", sentence)
	case err != nil:
		return err
	case a.output == "value":
		_, err := fmt.Fprintln(a.Out, p.Value)
		return err
	}
	return a.printPlace(p)
}

// observe writes a line for each leader.
func (a *app) observe(ctx context.Context, e client.Election) error {
	for p, err := range e.Observe(ctx) {
		switch {
		case ctx.Err() != nil:
			return nil // how observing ends
		case err != nil:
			return err
		case a.output == "json":
			err = a.printJSON(p, "")
		case a.output == "value":
			_, err = fmt.Fprintln(a.Out, p.Value)
		case !p.Held:
			_, err = fmt.Fprintln(a.Out, "-         nobody leads")
		default:
			_, err = fmt.Fprintf(a.Out, "%-8d  %s\n", p.Token, cell(p.Value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
