package local

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"paxos/paxos"
)

// Options say which cluster it is and how its nodes are run.
type Options struct {
	// Dir is the cluster's directory; it is made when it is missing.
	Dir string `json:"-"`
	// Program is the beginning of a node's command line; the role and the
	// node's flags follow: {"/path/paxosctl", "node"}.
	Program []string `json:"-"`
	// Attached nodes are killed by the kernel when this process ends, however
	// it ends; others outlive it.
	Attached bool `json:"-"`

	// PortOffset is added to the usual REST ports, 3001, 4001, 5001 and 6001
	// on. Gossip takes the REST port + 10000.
	PortOffset int `json:"port_offset"`
	// Args are further flags, given to every node that has such a flag;
	// AcceptorArgs are given to acceptors, and to learners, which have a disk
	// too, as far as they have such flags.
	Args         []string `json:"args,omitempty"`
	AcceptorArgs []string `json:"acceptor_args,omitempty"`
	// How many nodes of each role there are; 0 means 3, 3, 2 and 2.
	Proposers int `json:"proposers"`
	Acceptors int `json:"acceptors"`
	Learners  int `json:"learners"`
	Clients   int `json:"clients"`
}

// Node is one process of the cluster, running or not.
type Node struct {
	ID   paxos.NodeID
	Role paxos.RoleName
	// Address is the host:port where it answers HTTP.
	Address string
	// Gossip is the host:port where it gossips, over TCP and UDP.
	Gossip string
}

const (
	host         = "127.0.0.1"
	gossipBeyond = 10000
	mostNodes    = 99 // of one role: the next role's ports begin 1000 further on
)

// complete fills in what is not said, and checks the rest.
func (o Options) complete() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("a directory is needed for the cluster")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, err
	}
	o.Dir = dir
	for _, n := range []struct {
		what string
		many *int
		def  int
	}{{"proposers", &o.Proposers, 3}, {"acceptors", &o.Acceptors, 3}, {"learners", &o.Learners, 2}, {"clients", &o.Clients, 2}} {
		if *n.many == 0 {
			*n.many = n.def
		}
		if *n.many < 1 || *n.many > mostNodes {
			return o, fmt.Errorf("%d %s: 1 to %d are possible on one machine", *n.many, n.what, mostNodes)
		}
	}
	if last := 6000 + o.Clients + o.PortOffset + gossipBeyond; o.PortOffset < -2000 || last > 65535 {
		return o, fmt.Errorf("port offset %d: ports from %d to %d would be needed", o.PortOffset, 3001+o.PortOffset, last)
	}
	return o, nil
}

// nodes lists the nodes by role, in the order in which values pass them.
func (o Options) nodes() []Node {
	var list []Node
	for _, r := range []struct {
		role paxos.RoleName
		many int
		base int
	}{
		{paxos.ProposerRole, o.Proposers, 3000}, {paxos.AcceptorRole, o.Acceptors, 4000},
		{paxos.LearnerRole, o.Learners, 5000}, {paxos.ClientRole, o.Clients, 6000},
	} {
		for i := 1; i <= r.many; i++ {
			port := r.base + i + o.PortOffset
			list = append(list, Node{
				ID: paxos.NodeID(string(r.role) + strconv.Itoa(i)), Role: r.role,
				Address: net.JoinHostPort(host, strconv.Itoa(port)), Gossip: net.JoinHostPort(host, strconv.Itoa(port+gossipBeyond)),
			})
		}
	}
	return list
}
