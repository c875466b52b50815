// Package kv is the replicated state machine: what the log's commands do. It
// is etcd's model: keys with revisions and versions, transactions, leases,
// a history that is read and watched until it is compacted; and on top of that
// locks and elections, which are keys too, and the log of values. Its session
// table makes a command take effect once, however often it was sent.
//
// It is not the log and decides nothing about it: learner applies chosen
// entries to it, in slot order. It reads no clock; time is the log's. It knows
// no files: package internal/snapshot keeps what View.WriteTo writes.
//
// The package is pure and deterministic: equal logs give equal states, byte
// for byte. All state is in copy-on-write trees of records that are never
// altered, so that a View of it costs nothing and may be read anywhere.
//
// Where to begin: operations.go has the words, machine.go applies, txn.go is
// the engine, store.go the keys and their history, sessions.go the table.
package kv
