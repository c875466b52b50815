// Package integration starts real clusters (ten processes of the real
// binaries' code, real disks, real sockets on 127.0.0.1), breaks them on
// purpose, and judges what they acknowledged. Bounds in seconds are printed; a
// test fails at five times its bound, so that a slow day is no failure and a
// hang is.
//
// Reads at learners are judged with the leader paused, killed, and cut off (in a
// network namespace, which takes root and iproute2); watches with their learners
// killed; disks, memory and delays are measured over many writes; and all nodes
// are killed at each step that internal/failpoint has a name for.
//
// Longer forms run with PAXOS_LONG=1; PAXOS_SEED, which every such run prints,
// draws the same faults again. It has no code of its own; processes are
// handled by internal/local, all faults at once and a checker of histories are
// test/chaos's, and rules without processes are played in test/scenes.
package integration
