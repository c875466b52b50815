// Package topology lists broken networks in which some proposer still reaches a
// quorum, and another one used to lead: the networks that stop systems whose
// servers elect one another. Who leads must be found again within four election
// timeouts, and then stay.
//
// It is data: it cuts nothing and judges nothing. Its neighbours cut along it:
// sim in a network of dice, test/partial in one of namespaces. It knows the ids
// of proposers and acceptors only; learners and clients reach everybody.
//
// Where the topologies come from, and how they are adapted. OmniPaxos (Ng,
// Haridi, Carbone, EuroSys 2023, section 2 and figure 1) and the Cloudflare
// incident of 2020-11-02 ("A Byzantine failure in the real world") tell of
// servers, each of which leads, votes and keeps the log. Here these are
// different nodes. Where a topology is about servers, server k is proposer k and
// acceptor k, which always reach each other, and a link between two servers is
// all that their nodes say to each other. Since only acceptors decide who leads,
// a proposer is quorum-connected when a quorum of acceptors hears it and is
// heard by it; that another proposer is out of reach says nothing. A proposer
// has no log: the stale one is its server's acceptor. Topologies that servers
// cannot form, such as two proposers that reach different acceptors and none of
// their own, are added.
package topology

import (
	"slices"
	"strconv"

	"paxos/paxos"
)

// Leader is who leads when the first step is taken.
const Leader = paxos.NodeID("proposer1")

// Link is one direction: what From sends to To.
type Link struct{ From, To paxos.NodeID }

// Topology is a network that breaks in steps.
type Topology struct {
	Name string
	// About says what is hard about it.
	About                string
	Proposers, Acceptors int
	// Steps are the links that are cut, step by step; none is healed. Before each
	// step commands are chosen.
	Steps [][]Link
}

// Cut gives all links that are cut in the end.
func (t Topology) Cut() []Link { return slices.Concat(t.Steps...) }

// QuorumConnected lists the proposers which a quorum of acceptors hears, and is
// heard by, in the end.
func (t Topology) QuorumConnected() []paxos.NodeID {
	cut := map[Link]bool{}
	for _, l := range t.Cut() {
		cut[l] = true
	}
	var list []paxos.NodeID
	for k := 1; k <= t.Proposers; k++ {
		n := 0
		for a := 1; a <= t.Acceptors; a++ {
			if !cut[Link{proposer(k), acceptor(a)}] && !cut[Link{acceptor(a), proposer(k)}] {
				n++
			}
		}
		if n >= t.Acceptors/2+1 {
			list = append(list, proposer(k))
		}
	}
	return list
}

// LeaderStays reports whether the leader keeps its quorum: then nobody else may
// ever lead.
func (t Topology) LeaderStays() bool { return slices.Contains(t.QuorumConnected(), Leader) }

// LedBy gives the same topology for a cluster in which another proposer leads:
// its server changes places with the first.
func (t Topology) LedBy(leader paxos.NodeID) Topology {
	k := 1
	for i := 1; i <= t.Proposers; i++ {
		if proposer(i) == leader {
			k = i
		}
	}
	other := map[paxos.NodeID]paxos.NodeID{proposer(1): proposer(k), proposer(k): proposer(1)}
	if k <= t.Acceptors {
		other[acceptor(1)], other[acceptor(k)] = acceptor(k), acceptor(1)
	}
	name := func(id paxos.NodeID) paxos.NodeID {
		if to, ok := other[id]; ok {
			return to
		}
		return id
	}
	steps := make([][]Link, len(t.Steps))
	for i, step := range t.Steps {
		for _, l := range step {
			steps[i] = append(steps[i], Link{name(l.From), name(l.To)})
		}
	}
	t.Steps = steps
	return t
}

func proposer(k int) paxos.NodeID { return paxos.NodeID("proposer" + strconv.Itoa(k)) }
func acceptor(k int) paxos.NodeID { return paxos.NodeID("acceptor" + strconv.Itoa(k)) }

// mute gives the links from a node to others.
func mute(from paxos.NodeID, to ...paxos.NodeID) []Link {
	var links []Link
	for _, id := range to {
		links = append(links, Link{from, id})
	}
	return links
}

// deaf gives the links to a node from others.
func deaf(to paxos.NodeID, from ...paxos.NodeID) []Link {
	var links []Link
	for _, id := range from {
		links = append(links, Link{id, to})
	}
	return links
}

func both(one paxos.NodeID, others ...paxos.NodeID) []Link {
	return append(mute(one, others...), deaf(one, others...)...)
}

func acceptors(numbers ...int) []paxos.NodeID {
	var list []paxos.NodeID
	for _, k := range numbers {
		list = append(list, acceptor(k))
	}
	return list
}

// apart parts the servers of two numbers.
func apart(a, b int) []Link {
	one, two := []paxos.NodeID{proposer(b), acceptor(b)}, both(proposer(a), proposer(b), acceptor(b))
	return append(two, both(acceptor(a), one...)...)
}

// sees parts a proposer from all acceptors of n but those of these numbers.
func sees(k, n int, numbers ...int) []Link {
	var links []Link
	for a := 1; a <= n; a++ {
		if !slices.Contains(numbers, a) {
			links = append(links, both(proposer(k), acceptor(a))...)
		}
	}
	return links
}
