package gossip

import (
	"slices"

	"paxos/paxos"
)

// Members gives one row per role and id, this node included, sorted by role
// and id. The row shows the freshest process: the living before the gone, then
// the newest by start time. Members that are dead or left stay for 5 minutes,
// at most 64 processes of them. A process whose metadata cannot be read is not
// shown, only logged.
func (g *Gossip) Members() []Member {
	var rows []Member
	for _, p := range g.book.sorted() {
		if n := len(rows); n == 0 || rows[n-1].ID != p.card.ID || rows[n-1].Role != p.card.Role {
			rows = append(rows, p.member())
			continue
		}
		row := &rows[len(rows)-1]
		if p.state.living() && p.card.REST != row.REST && !slices.Contains(row.Others, p.card.REST) {
			row.Others = append(row.Others, p.card.REST)
		}
	}
	return rows
}

// Addresses gives the REST addresses to try for a node, each once, the best
// first: the living processes, newest first by their own clocks. When none is
// living, the dead ones, newest first, because gossip may be wrong; those that
// left are not given. Nothing here is proof: the caller checks who answers
// and goes on to the next address. Empty means that nothing is known.
func (g *Gossip) Addresses(id paxos.NodeID) []string {
	var living, dead []string
	for _, p := range g.book.sorted() {
		if p.card.ID != id {
			continue
		}
		switch {
		case p.state.living():
			living = add(living, p.card.REST)
		case p.state == Dead:
			dead = add(dead, p.card.REST)
		}
	}
	if len(living) > 0 {
		return living
	}
	return dead
}

func add(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// Of gives the ids seen alive or suspect with that role, sorted, each once;
// this node's own too. It is not the set of acceptors: that comes from
// configuration.
func (g *Gossip) Of(role paxos.RoleName) []paxos.NodeID {
	var ids []paxos.NodeID
	for _, p := range g.book.sorted() {
		if p.card.Role == role && p.state.living() {
			ids = append(ids, p.card.ID)
		}
	}
	return slices.Compact(ids)
}

// Leader gives the hint with the highest ballot among the living members,
// this one included, that claim to lead themselves; the zero Hint when nobody
// does. What a member says about another one does not count.
func (g *Gossip) Leader() Hint {
	var best Hint
	for _, p := range g.book.sorted() {
		if !p.state.living() || !p.leads() {
			continue
		}
		if best.Leader == "" || best.Ballot.Less(p.card.Hint.Ballot) {
			best = p.card.Hint
		}
	}
	return best
}

// Changed gives a channel that is closed at the next change of what Members,
// Addresses, Of or Leader answer. Take the channel, then look, then wait: no
// change is missed, and many at once are one. Any number may wait; nobody is
// waited for.
func (g *Gossip) Changed() <-chan struct{} {
	g.book.mu.Lock()
	defer g.book.mu.Unlock()
	return g.book.changed
}
