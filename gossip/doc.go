// Package gossip finds the other nodes: who is out there, at which address,
// and who says that it leads. It is a thin house around hashicorp/memberlist,
// which no other package imports.
//
// It is an address book and a hint. It never decides who votes: that comes
// from configuration and from the log. Nothing it says is needed for safety,
// all of it may be late, wrong or missing; whoever uses an address checks the
// id of the node that answers there.
//
// The words for a member are alive, suspect, dead and left: gossip's opinion,
// not a verdict. A member is a node as gossip sees it; a process is one run of
// a node. One node may be several processes for a while: the one that crashed
// and the one that replaced it, or two pods under one id.
//
// Neighbours: paxos has the words, internal/node carries messages to the
// addresses found here, internal/rest shows Members on /gossip/nodes.
package gossip
