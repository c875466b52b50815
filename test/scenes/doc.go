// Package scenes plays the rules of Paxos as a theatre would: a scene is a
// text file with stage directions, and the stage answers with the whole
// conversation, one line for each message. README.md, beside this file, says
// how a scene is read and written; no Go is needed for it.
//
// It is not the simulator (sim), which throws dice over thousands of worlds:
// here nothing is left to chance, so that each scene tells one story. It is
// not the loop either (internal/node), but does what the loop does, in the
// same order: check the header, step, flush, persist, send. The rules that
// act on it are proposer, acceptor, learner, kv and client/session. An umpire
// watches every step and fails the scene when an invariant does not hold.
package scenes
