// Package paxos holds the words of the protocol: ballots, slots, commands,
// quorums, the messages that nodes exchange, the records an acceptor keeps, and
// the binary and JSON forms of all of them.
//
// It is not the protocol: it decides nothing. The rules live next door in
// proposer (leading), acceptor (remembering) and learner (learning); the
// replicated state machine is kv; the loop that carries messages between a
// role, its disk and its peers is internal/node.
//
// The package is pure: no clock, socket, file, goroutine, logger or random
// source. The words are those of "Paxos Made Simple" (Lamport, 2001) and
// "Paxos Made Moderately Complex" (van Renesse and Altinbuken, 2015).
package paxos
