// Package node is the loop between a role and the world: receive, step,
// persist, send. Everything that waits is stepped, appended to the journal
// together, synced once, and only then does anything leave. That order is
// written here and nowhere else; the simulator runs the same Turn.
//
// It decides nothing about Paxos (that is proposer, acceptor, learner,
// client/session) and knows no socket (that is internal/rest) and no file
// (that is internal/wal, through Disk).
package node
