// Package integration starts real clusters (ten processes of the real
// binaries' code, real disks, real sockets on 127.0.0.1), breaks them on
// purpose, and judges what they acknowledged. Bounds in seconds are printed; a
// test fails at five times its bound, so that a slow day is no failure and a
// hang is.
//
// Longer forms run with PAXOS_LONG=1. It has no code of its own; processes are
// handled by internal/local, and rules without processes are played in
// test/scenes.
package integration
