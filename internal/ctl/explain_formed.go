package ctl

import (
	"fmt"
	"slices"

	"paxos/paxos"
)

// formation is what is known of the cluster where no acceptor that answers is a
// member of one: it may not be initialised, or its disks may be lost.
type formation struct {
	sentence string // "" where there is no doubt that there is a cluster
	init     bool   // paxosctl init is what helps, or does no harm
	lost     bool   // there was a cluster, and the disks are other ones
}

// form finds that out, and marks lost disks. That a cluster is not initialised is
// said only where every configured acceptor says that it is blank and no node
// knows a cluster: who is told to initialise what was one gives up what it had.
func (e *explanation) form() {
	var blank, forming, silent []paxos.NodeID
	var coming []paxos.ClusterID
	for _, x := range e.Acceptors {
		switch {
		case x.Health == nil:
			silent = append(silent, x.ID)
		case x.Health.Status != "waiting":
			return // a member, or one that knows of members
		case x.role.Standing == "forming":
			forming, coming = append(forming, x.ID), append(coming, x.Health.Cluster)
		default:
			blank = append(blank, x.ID)
		}
	}
	who, known := e.known()
	switch {
	case len(blank)+len(forming) == 0:
	case who != "" && !slices.Contains(coming, known):
		e.loseDisks(slices.Concat(blank, forming), who, known)
	case len(forming) > 0:
		e.formed = formation{sentence: "the cluster is being formed, and waits for all its acceptors", init: true}
		if !e.Quorum.Guessed {
			e.formed.sentence = fmt.Sprintf("the cluster is being formed, and waits for all %d acceptors", len(e.Quorum.Configured))
		}
	case len(silent) > 0:
		e.formed.sentence = fmt.Sprintf("whether the cluster is initialised is not known: %s %s blank, and %s %s not answer",
			joined(blank), one(len(blank), "is", "are"), joined(silent), one(len(silent), "does", "do"))
	case e.Quorum.Guessed:
		e.formed.sentence = fmt.Sprintf("whether the cluster is initialised is not known: %s %s blank, and no proposer says who the acceptors are",
			joined(blank), one(len(blank), "is", "are"))
	default:
		e.formed = formation{sentence: "the cluster is not initialised", init: true}
	}
}

// known is a cluster that a node knows which is no acceptor. Such a node has
// heard of it from a quorum of members, so that there was one.
func (e *explanation) known() (paxos.NodeID, paxos.ClusterID) {
	for _, list := range [][]explained{e.Learners, e.Proposers, e.Clients} {
		for _, x := range list {
			if x.Health != nil && !x.Health.Cluster.IsZero() {
				return x.ID, x.Health.Cluster
			}
		}
	}
	return "", paxos.ClusterID{}
}

func (e *explanation) loseDisks(ids []paxos.NodeID, who paxos.NodeID, known paxos.ClusterID) {
	for i, x := range e.Acceptors {
		if slices.Contains(ids, x.ID) {
			// Its own words send one to paxosctl init.
			e.Acceptors[i].lost, e.Acceptors[i].Why = true, fmt.Sprintf("this disk is of no cluster, and %s knows one: a lost disk never votes", who)
		}
	}
	e.formed = formation{lost: true, sentence: fmt.Sprintf("%s: %s %s no member of any cluster, and %s knows the cluster %s; %s",
		one(len(ids), "the disk of an acceptor is lost", "the disks of acceptors are lost"), joined(ids), one(len(ids), "is", "are"), who, known, e.tooFew(e.Quorum.Voting))}
}
