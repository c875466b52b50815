// Package sim is a world of dice: the real rules, the real loop, the real
// journal and snapshots, over a disk, a network and clocks that are all made
// of one seed. One goroutine runs a world; the same Scenario gives the same
// events in the same order, byte for byte.
//
// It is not a model: nothing of the protocol is written here a second time. It
// decides what the world does to a few processes (messages lost, late, twice,
// out of order; disks that forget what was not synced, fail, fill, stall,
// decay; clocks that differ and jump; processes killed, paused, doubled), and
// package audit, which shares no code with the rules, judges what they do. The
// users of the world keep a history, which porcupine judges.
//
// A run has two phases (after TigerBeetle's VOPR): in the first any fault may
// come, and nothing may be wrong; then a core heals, a quorum and one node of
// each other role, all else stays broken (but what by design stops a core:
// World.heal says what), and the core must make progress
// within a bound. At last all heals, and all learners must have one state.
//
// Its neighbours: cmd/sim runs many seeds, shrinks the ones that fail, and
// prints conversations; sim/topology lists who cannot hear whom; internal/node
// is the loop that both a pod and this world run.
package sim
