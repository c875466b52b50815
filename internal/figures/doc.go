// Package figures keeps what long runs of tests found: their sums in files,
// docs/figures/TEST.json, and the tables of docs/testing.md made from these.
//
// A run that takes a night is many legs of at most an hour. A leg is added to
// its file when it is over, with the command, the commit and the date of it;
// what is published is the sum of all legs, and nobody types it.
//
// It runs no test and judges none; it knows nothing of what its figures count.
// The commands that count are cmd/sim, cmd/model, cmd/crash, cmd/chaos and
// cmd/mutants, and scripts/fuzz.sh; cmd/figures writes the tables.
package figures
