package ctl

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/internal/kube"
	"paxos/internal/local"
	"paxos/paxos"
)

// place is where the cluster is.
type place struct {
	*client.Client                // of the client services
	local          *local.Cluster // nil if it is another one
	kube           *kube.Cluster  // nil if it is not on Kubernetes
	endpoints      []string
}

// reach finds the cluster, and gives the time that the command has for it; leave
// must be called in the end.
func (a *app) reach(cmd *cobra.Command) (ctx context.Context, p *place, leave func(), err error) {
	ctx, cancel := a.context(cmd)
	if p, err = a.find(ctx); err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, p, func() { cancel(); p.Close() }, nil
}

// find gives the place that the flags, the environment and the directory say.
func (a *app) find(ctx context.Context) (*place, error) {
	if a.on.kube {
		return a.findOnKube(ctx)
	}
	p := &place{endpoints: a.endpoints}
	if len(p.endpoints) == 0 && !a.dataGiven {
		p.endpoints = fromEnvironment("PAXOS_ENDPOINTS")
	}
	if len(p.endpoints) == 0 {
		var err error
		if p.local, err = a.saved(); err != nil {
			return nil, err
		}
		if p.local == nil && a.dataGiven {
			_, err := a.existing()
			return nil, err
		}
		if p.local == nil {
			if p.local, err = local.New(local.Options{Dir: a.data}); err != nil {
				return nil, err
			}
		}
		for _, n := range p.local.Of(paxos.ClientRole) {
			p.endpoints = append(p.endpoints, n.Address)
		}
	}
	var err error
	if p.Client, err = client.New(p.endpoints); err != nil {
		return nil, usage("--endpoints: %w", err)
	}
	a.spokenTo = p
	return p, nil
}

// whomToStart names the client services of the local cluster that do not run,
// when that is why nobody answers; otherwise it is the usual hint.
func (a *app) whomToStart(err error, usual string) string {
	if a.spokenTo != nil && a.spokenTo.kube != nil {
		return a.whomToScale(err)
	}
	if a.spokenTo == nil || a.spokenTo.local == nil {
		return usual
	}
	if c, err := a.saved(); err != nil || c == nil {
		return "nothing was changed; there is no local cluster in " + a.data + ": see --endpoints, and paxosctl local up"
	}
	var ids []paxos.NodeID
	c := a.spokenTo.local
	for _, n := range c.Of(paxos.ClientRole) {
		ids = append(ids, n.ID)
	}
	if count(c, local.Stopped) == len(c.Nodes()) {
		return "nothing was changed; " + a.localHint("start", nil)
	}
	if stopped := inState(c, ids, local.Stopped); len(stopped) > 0 {
		return "nothing was changed; " + a.localHint("start", stopped)
	}
	if paused := inState(c, ids, local.Paused); len(paused) > 0 {
		return "nothing was changed; " + a.localHint("resume", paused)
	}
	return usual
}

// target is a node to ask.
type target struct {
	ID      paxos.NodeID   `json:"node"`
	Role    paxos.RoleName `json:"role"`
	Address string         `json:"address"`
	// Gossip is gossip's opinion, "" if no gossip knows the node.
	Gossip string `json:"gossip,omitempty"`
}

var roleOrder = []paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole}

// nodes lists the cluster's nodes: those that gossip knows, and for a local
// cluster those that do not run too.
func (a *app) nodes(ctx context.Context, p *place) ([]target, error) {
	found, err := a.gossip(ctx, p)
	if err != nil && p.local == nil && p.kube == nil {
		return nil, err
	}
	var list []target
	for _, m := range found.Members {
		list = append(list, target{m.ID, m.Role, p.addressOf(m), m.State})
	}
	if p.local != nil {
		for _, n := range p.local.Nodes() {
			if !slices.ContainsFunc(list, func(t target) bool { return t.ID == n.ID }) {
				list = append(list, target{ID: n.ID, Role: n.Role, Address: n.Address})
			}
		}
	}
	if p.kube != nil {
		for _, n := range p.kube.Nodes() {
			if !slices.ContainsFunc(list, func(t target) bool { return string(t.ID) == n.ID }) {
				list = append(list, target{ID: paxos.NodeID(n.ID), Role: paxos.RoleName(n.Role), Address: n.Address()})
			}
		}
	}
	slices.SortFunc(list, func(s, t target) int {
		return cmp.Or(cmp.Compare(slices.Index(roleOrder, s.Role), slices.Index(roleOrder, t.Role)),
			cmp.Compare(len(s.ID), len(t.ID)), strings.Compare(string(s.ID), string(t.ID)))
	})
	return list, nil
}

// gossip asks the client services who is there, then any other node whose
// address is known: a cluster without client services is still a cluster.
func (a *app) gossip(ctx context.Context, p *place) (client.Members, error) {
	found, err := p.Members(ctx)
	if err == nil {
		return found, nil
	}
	others := slices.Concat(a.addresses(p, paxos.ProposerRole), a.addresses(p, paxos.AcceptorRole), a.addresses(p, paxos.LearnerRole))
	if len(others) == 0 {
		return found, err
	}
	c, bad := p.to(others)
	if bad != nil {
		return found, usage("%w", bad)
	}
	defer c.Close()
	if also, otherErr := c.Members(ctx); otherErr == nil {
		return also, nil
	}
	return found, err
}

// addresses are those of a role that were given, not found: by flag, by the
// environment, or by the local cluster's directory.
func (a *app) addresses(p *place, role paxos.RoleName) []string {
	given := map[paxos.RoleName][]string{paxos.ProposerRole: a.proposers, paxos.AcceptorRole: a.acceptors}[role]
	if len(given) == 0 && p.kube != nil {
		return p.ofKube(role)
	}
	if len(given) == 0 && p.local == nil {
		given = fromEnvironment("PAXOS_" + strings.ToUpper(string(role)) + "_ENDPOINTS")
	}
	if len(given) == 0 && p.local != nil {
		for _, n := range p.local.Of(role) {
			given = append(given, n.Address)
		}
	}
	return given
}

// ofRole gives the addresses of a role's nodes: those given, and those found.
func (a *app) ofRole(ctx context.Context, p *place, role paxos.RoleName) ([]string, error) {
	list := a.addresses(p, role)
	if p.kube != nil && len(list) > 0 {
		return list, nil // gossip would tell the same nodes by their pods' addresses
	}
	found, err := a.gossip(ctx, p)
	if err != nil && len(list) == 0 {
		return nil, err
	}
	for _, m := range found.Members {
		if m.Role == role && m.State != "left" && !slices.Contains(list, m.REST) {
			list = append(list, m.REST)
		}
	}
	return list, nil
}

func (a *app) proposersFlag(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&a.proposers, "proposers", nil, "host:port of proposers, if they cannot be found ($PAXOS_PROPOSER_ENDPOINTS)")
}

func (a *app) acceptorsFlag(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&a.acceptors, "acceptors", nil, "host:port of acceptors, if they cannot be found ($PAXOS_ACCEPTOR_ENDPOINTS)")
}
