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
// Longer forms run with PAXOS_LONG=1; PAXOS_SEED, which every such run prints,
// draws the same faults again. It has no code of its own; processes are
// handled by internal/local, and rules without processes are played in
// test/scenes.
package integration
