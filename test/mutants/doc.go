// Package mutants holds planted bugs, of kinds that real systems shipped, and
// shows that the simulator finds each of them.
//
// A bug is a small patch, NAME.diff, with a head that says what is wrong, who
// shipped one like it, and what should notice. It is applied to copies of the
// files it touches, and the program is built with these in their place (go
// build -overlay): no planted bug ever stands in the product's code.
//
// A test demands that every patch applies to the product as it is. Who changes
// such a line renews the patch: make the bug in the tree, take git diff with the
// old head before it, and take the bug back.
//
// All of them are judged by the same swarm of worlds, seeds 1 to n, that the
// program without a bug passes. One that survives is a checker that is missing.
//
// It judges nothing itself: packages sim and audit do. cmd/mutants runs it.
package mutants
