package local

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"paxos/internal/config"
	"paxos/paxos"
)

// ours are the flags that say which node it is and where its cluster is: not
// for users to give to all nodes alike.
var ours = []string{"id", "listen", "advertise", "gossip-listen", "gossip-advertise", "data", "join", "peers", "acceptors", "learners", "local", "cluster-name"}

// Check says what is wrong with the further flags of the nodes, as the nodes
// themselves would.
func (c *Cluster) Check() error {
	given := everyFlag()
	if err := parse(given, c.opts.Args); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(c.opts.Args, " "), err)
	}
	var bad error
	given.Visit(func(f *pflag.Flag) {
		if slices.Contains(ours, f.Name) {
			bad = fmt.Errorf("--%s is not for all nodes alike: each is given its own", f.Name)
		}
	})
	if bad != nil {
		return bad
	}
	for _, n := range c.nodes {
		own := flags(n.Role)
		err := parse(own.set, c.arguments(n)[1:])
		if err == nil {
			err = own.settings.Check()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", n.ID, err)
		}
	}
	return nil
}

// flagged are a node's flags and what they say.
type flagged struct {
	set      *pflag.FlagSet
	settings *config.Settings
}

func flags(role paxos.RoleName) flagged {
	set := pflag.NewFlagSet(string(role), pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	return flagged{set, config.Flags(set, role)}
}

// everyFlag has the flags of all roles.
func everyFlag() *pflag.FlagSet {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	all.SetOutput(io.Discard)
	all.Usage = func() {}
	for _, role := range []paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole} {
		all.AddFlagSet(flags(role).set)
	}
	return all
}

// knownTo gives those of the arguments that are flags of the role; all of them
// when they cannot be read, so that the node says what is wrong.
func knownTo(role paxos.RoleName, args []string) []string {
	all, own := everyFlag(), flags(role).set
	if parse(all, args) != nil {
		return args
	}
	var list []string
	all.Visit(func(f *pflag.Flag) {
		if own.Lookup(f.Name) != nil {
			list = append(list, "--"+f.Name+"="+f.Value.String())
		}
	})
	return list
}

func parse(set *pflag.FlagSet, args []string) error {
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%q is not expected: a node takes flags only", set.Arg(0))
	}
	return nil
}
