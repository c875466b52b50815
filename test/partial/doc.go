// Package partial runs real clusters, one process and one network namespace a
// node, cuts their networks along every topology of sim/topology, and checks
// that somebody who has a quorum leads soon, and goes on to lead.
//
// What is claimed, of each topology, with times from the last cut and in
// election timeouts: within four, a quorum-connected proposer has won an
// election, and a write that was begun after it is acknowledged; for ten more
// nobody else wins one, the leader does not step down, and writes go on. A leader
// that keeps its quorum is never deposed at all. What was acknowledged is in the
// learners' logs (test/history).
//
// Election times are those of the proposers' own protocol events (/view-logs);
// all processes have the machine's clock. The package has no code but its tests.
// Its neighbours: test/netns makes the networks, sim holds the same claims in a
// network of dice, test/integration breaks nodes instead of links.
package partial
