// Package integration starts real clusters (ten processes of the real
// binaries' code, real disks, real sockets on 127.0.0.1), breaks them on
// purpose, and judges what they acknowledged. Bounds in seconds are printed; a
// test fails at five times its bound, so that a slow day is no failure and a
// hang is.
//
// Users of the store (registers, lists, counters, locks) work while a nemesis
// kills, pauses and stops nodes, and a checker (porcupine) decides whether what
// they were told can have come from one store that never fails. It must also
// say no to answers that are forged.
//
// Reads at learners are judged with the leader paused, killed, and cut off (in a
// network namespace, which takes root and iproute2); watches with their learners
// killed; disks, memory and delays are measured over many writes; and all nodes
// are killed at each step that internal/failpoint has a name for.
//
// Longer forms run with PAXOS_LONG=1; PAXOS_SEED, which every such run prints,
// draws the same faults again. It has no code of its own; processes are
// handled by internal/local, and rules without processes are played in
// test/scenes.
package integration
