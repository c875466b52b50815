// Package load drives users against a cluster and tells what came of it: how
// many operations were acknowledged in each counted interval, how long they took,
// which went wrong. Each user is a goroutine that asks for one thing after the
// other (a closed loop), or at a given rate.
//
// It remembers what was acknowledged, and reads it back afterwards: a figure of a
// cluster that forgets is worth nothing.
//
// It knows no system: users come from bench/system. What the servers spent
// meanwhile is weighed in bench/run.
package load
