// Package kv is the replicated state machine: what the log's commands do. It
// holds the values in log order and the session table, by which a command
// takes effect once however often it was sent.
//
// It is not the log and decides nothing about it: learner applies chosen
// entries to it, in slot order. It reads no clock; time is the log's.
//
// The package is pure and deterministic: equal logs give equal states, byte
// for byte.
package kv
