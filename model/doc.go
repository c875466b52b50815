// Package model walks every state that a small cluster can reach: two proposers,
// three acceptors and a learner, which are the real rooms and no copies of them,
// and a network that does what it likes. It goes breadth first, so that the
// first violation it finds is a shortest one.
//
// A state is what each node is, what each said so far, and what acceptors wrote.
// Nothing that was said is ever taken back: a message may arrive at any later
// time, any number of times, in any order, or never. So loss, duplication,
// delay and reordering need no steps of their own (this is the usual abstraction
// of asynchronous networks, as in Lamport's specification of Paxos in TLA+).
//
// Time is no part of a state either. What a room does when nobody was heard for
// long is one step, "campaigns", and may come at any moment: the room is driven
// there by real ticks and real answers to its surveys (rooms.go, campaign). What
// is left out of the comparison of rooms is listed in dump.go, with reasons. A
// turn takes one message: what the loop steps together are the same steps with a
// crash in between left out.
//
// Rooms are deterministic, so what one does with an input is found out once and
// looked up from then on (world.go). Acceptors are alike: of all states that
// differ only in which acceptor is which, one is visited (symmetry.go).
//
// It is not the simulator: it has no disk, no loop and no clock, and its bounds
// are small; what it does within them is everything. Its neighbours: sim (many
// random long lives), audit (the judge of real nodes); cmd/model runs it.
package model
