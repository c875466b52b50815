package ctl

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paxos/internal/local"
	"paxos/paxos"
)

// verb is a command that does something to nodes.
type verb struct {
	name, short string
	do          nodeVerb
	runs        bool         // the nodes must run
	leader      bool         // "leader" may stand for a node
	none        local.Status // those in this state are meant if none is named; "" if some must be
}

type nodeVerb = func(c *local.Cluster, ctx context.Context, ids ...paxos.NodeID) error

func plain(do func(*local.Cluster, ...paxos.NodeID) error) nodeVerb {
	return func(c *local.Cluster, _ context.Context, ids ...paxos.NodeID) error { return do(c, ids...) }
}

// verbCommand is the verb's command, without what it does.
func (a *app) verbCommand(v verb) *cobra.Command {
	cmd := &cobra.Command{Use: v.name + " NODE...", Short: v.short, Long: v.short,
		Example: "  paxosctl local " + v.name + " acceptor1\n  paxosctl local " + v.name + " proposer1 learner2"}
	if v.none != "" {
		cmd.Use = v.name + " [NODE...]"
		cmd.Example = "  paxosctl local " + v.name + "\n  paxosctl local " + v.name + " acceptor1 learner2"
	}
	if v.name == "kill" {
		cmd.Example = "  paxosctl local kill acceptor1\n  paxosctl local kill leader"
	}
	cmd.Long += "\nNODE is an id"
	if v.leader {
		cmd.Long += ", or \"leader\" for whichever proposer leads"
	}
	cmd.Long += ".\n\n" + aboutExits()
	cmd.ValidArgsFunction = a.completeNodes(v.leader)
	a.dataFlag(cmd)
	a.outputFlag(cmd)
	return cmd
}

// localVerb is a command that signals nodes.
func (a *app) localVerb(v verb) *cobra.Command {
	cmd := a.verbCommand(v)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && v.none == "" {
			return usage("%s: which nodes?", cmd.CommandPath())
		}
		c, ids, err := a.named(cmd, v, args)
		if err != nil {
			return err
		}
		if stopped := inState(c, ids, local.Stopped); v.runs && len(stopped) > 0 {
			return failed(ExitConflict, a.localHint("start", stopped), "%s %s not run", joined(stopped), oneOrMany(stopped, "does", "do"))
		}
		if len(ids) == 0 {
			a.note("no node is %s", v.none)
			return a.printProcesses(c, ids)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), stopPatience)
		defer cancel()
		if err := v.do(c, ctx, ids...); err != nil {
			return err
		}
		return a.printProcesses(c, ids)
	}
	return cmd
}

// localStart starts nodes and waits for them.
func (a *app) localStart() *cobra.Command {
	v := verb{name: "start", short: "Starts nodes that do not run (all of them if none is named), and waits until they are of use.", none: local.Stopped}
	cmd := a.verbCommand(v)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, ids, err := a.named(cmd, v, args)
		if err != nil {
			return err
		}
		if err := a.refusePaused(c, ids); err != nil {
			return err
		}
		if paused := inState(c, everyNode(c), local.Paused); len(paused) > 0 {
			a.note("%s %s paused: %s", joined(paused), oneOrMany(paused, "stays", "stay"), a.localHint("resume", paused))
		}
		if len(ids) == 0 {
			a.note("no node is stopped")
			return a.printRows(rows(cmd.Context(), c, everyNode(c)))
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), stopPatience)
		defer cancel()
		if err := a.startNodes(ctx, ids); err != nil {
			return err
		}
		joining, cancel := context.WithTimeout(ctx, joinPatience)
		defer cancel()
		// Whoever has not joined by then says in its row what it waits for.
		if err := c.WaitJoined(joining, nil, ids...); err != nil && !errors.As(err, new(*local.LateError)) {
			return err
		}
		return a.printRows(rows(cmd.Context(), c, ids))
	}
	return cmd
}

// joinPatience is how long started nodes may take to learn their cluster.
const joinPatience = 5 * time.Second

// refusePaused refuses to wait for nodes that cannot answer.
func (a *app) refusePaused(c *local.Cluster, ids []paxos.NodeID) error {
	paused := inState(c, ids, local.Paused)
	if len(paused) == 0 {
		return nil
	}
	return failed(ExitConflict, a.localHint("resume", paused), "%s %s paused", joined(paused), oneOrMany(paused, "is", "are"))
}

// localHint is a command line for the local cluster.
func (a *app) localHint(verb string, ids []paxos.NodeID) string {
	words := []string{"paxosctl local", verb}
	if a.dataGiven {
		words = append(words, "--data", quoted(a.data))
	}
	for _, id := range ids {
		words = append(words, string(id))
	}
	return strings.Join(words, " ")
}

func oneOrMany(ids []paxos.NodeID, one, many string) string {
	if len(ids) == 1 {
		return one
	}
	return many
}

// theLeader stands for whichever proposer leads, where a node is named.
const theLeader = "leader"

// leaderPatience is how long a local command waits for somebody to lead.
const leaderPatience = 3 * time.Second

// named gives the local cluster and those of its nodes that args name; those
// that the verb means by itself when there are none.
func (a *app) named(cmd *cobra.Command, v verb, args []string) (*local.Cluster, []paxos.NodeID, error) {
	if !v.leader && slices.Contains(args, theLeader) {
		return nil, nil, usage("%s: whoever leads runs; name a node by its id", cmd.CommandPath())
	}
	c, err := a.existing()
	if err != nil {
		return nil, nil, err
	}
	var ids []paxos.NodeID
	if len(args) == 0 {
		return c, inState(c, everyNode(c), v.none), nil
	}
	for _, arg := range args {
		id := paxos.NodeID(arg)
		if arg == theLeader {
			if id, err = a.whoLeads(cmd.Context(), c); err != nil {
				return nil, nil, err
			}
		} else if _, ok := c.Node(id); !ok {
			return nil, nil, &local.NotFoundError{ID: id, Have: c.Nodes()}
		}
		ids = append(ids, id)
	}
	return c, ids, nil
}

func (a *app) whoLeads(ctx context.Context, c *local.Cluster) (paxos.NodeID, error) {
	ctx, cancel := context.WithTimeout(ctx, leaderPatience)
	defer cancel()
	id, err := c.WaitLeader(ctx)
	var late *local.LateError
	if errors.As(err, &late) {
		return "", failed(ExitUnavailable, a.localHint("status", nil), "nobody leads: waited for %s", late.Pending)
	}
	return id, err
}

// startNodes starts nodes that outlive this command, and waits for them.
func (a *app) startNodes(ctx context.Context, ids []paxos.NodeID) error {
	opts, _, err := local.Saved(a.data)
	if err != nil {
		return err
	}
	if opts.Program, err = program(a.data); err != nil {
		return err
	}
	able, err := local.New(opts)
	if err != nil {
		return err
	}
	if err := able.Start(ids...); err != nil {
		return err
	}
	return able.WaitAnswering(ctx, func(pending string) { a.note("waiting for %s", pending) }, ids...)
}

// completeNodes completes ids of nodes, and "leader" where that is one.
func (a *app) completeNodes(leader bool) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := a.saved()
		if err != nil || c == nil {
			if c, err = local.New(local.Options{Dir: defaultData}); err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
		}
		var names []string
		for _, n := range c.Nodes() {
			names = append(names, string(n.ID)+"\t"+string(n.Role)+" at "+n.Address)
		}
		if leader {
			names = append(names, theLeader+"\twhichever proposer leads")
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
