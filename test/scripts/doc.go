// Package scripts tests the shell scripts of the folder scripts against a real
// cluster of processes, and against servers that answer what no node would.
// The scripts' own bats tests (scripts/test) run here too, with the same
// cluster, where bats is installed; so does shellcheck.
//
// The nodes are this test's own program, started again in another role, so
// that nothing has to be built. What the nodes do is tested in
// test/integration, not here.
package scripts
