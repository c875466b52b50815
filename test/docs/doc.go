// Package docs tests the documentation: that its links lead somewhere, that the
// functions it names exist, that every promise names a test that is there, and
// that every command line it shows does what it says, on a real cluster of ten
// processes.
//
// It has no code of its own and is imported by nobody. What the commands are
// expected to do is in plan_test.go, next to how they are changed so that they
// disturb no cluster that runs on the usual ports.
package docs
