// Package chaos runs ten real processes over real sockets, breaks them, their
// network and their disks on purpose, and judges what users were told and what
// the nodes did.
//
// Four kinds of users work at once while a nemesis goes through the faults:
// registers (put, swap), lists (append), counters (increments under one key,
// sent again until they are acknowledged), and locks (fenced writes of holders
// who sleep too long). A checker (porcupine) decides whether all that they were
// told can have come from one store that never fails; a history that it cannot
// decide is a failure too. It must also say no to answers that are forged. Keys
// are given up for fresh ones after some dozens of operations, so that each
// key's history is decided soon, and whatever its fate was.
//
// The faults, a phase each, one node of a role at a time but for the last:
// kill -9, SIGSTOP, SIGTERM, cuts of the network (in namespaces, test/netns),
// failing and short writes and syncs, slow syncs (on disks of test/chaos/lossfs),
// and the power, which all acceptors lose at once, with what they had not synced.
// Every process writes down what it made durable and said (PAXOS_TRACE_DIR), and
// package audit judges that by the simulator's invariants.
//
// Too little is a failure: of operations, of faults of a kind, of successes in a
// phase, of leader changes. cmd/chaos is the long form. Its neighbours: sim has
// the same faults and more, by dice and without processes; test/integration
// measures single faults; test/partial plays given topologies.
package chaos
