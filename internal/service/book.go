package service

import (
	"slices"
	"sync/atomic"

	"paxos/gossip"
	"paxos/internal/config"
	"paxos/paxos"
)

// book is where nodes are: the fixed addresses of --peers, and what gossip
// found. It implements rest.Book.
type book struct {
	settings *config.Settings
	fixed    map[paxos.NodeID]string
	gossip   atomic.Pointer[gossip.Gossip]
	never    chan struct{}
}

func newBook(s *config.Settings, fixed map[paxos.NodeID]string) *book {
	return &book{settings: s, fixed: fixed, never: make(chan struct{})}
}

func (b *book) use(g *gossip.Gossip) { b.gossip.Store(g) }

// Addresses gives fixed addresses first.
func (b *book) Addresses(id paxos.NodeID) []string {
	var list []string
	if fixed, ok := b.fixed[id]; ok {
		list = append(list, fixed)
	}
	if g := b.gossip.Load(); g != nil {
		for _, address := range g.Addresses(id) {
			if !slices.Contains(list, address) {
				list = append(list, address)
			}
		}
	}
	return list
}

// RoleOf knows acceptors and learners from the configuration, which alone
// says who they are, and the others from gossip.
func (b *book) RoleOf(id paxos.NodeID) paxos.RoleName {
	c := b.settings.Configuration()
	switch g := b.gossip.Load(); {
	case c.IsAcceptor(id):
		return paxos.AcceptorRole
	case slices.Contains(c.Learners, id):
		return paxos.LearnerRole
	case g == nil:
		return ""
	case slices.Contains(g.Of(paxos.ProposerRole), id):
		return paxos.ProposerRole
	case slices.Contains(g.Of(paxos.ClientRole), id):
		return paxos.ClientRole
	}
	return ""
}

// Changed gives a channel that is closed at gossip's next change.
func (b *book) Changed() <-chan struct{} {
	if g := b.gossip.Load(); g != nil {
		return g.Changed()
	}
	return b.never
}
