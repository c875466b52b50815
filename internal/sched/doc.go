// Package sched lets a crowded process work in batches: it counts how many ask
// at once, and tells Linux' scheduler not to let the process interrupt others.
//
// It decides nothing: internal/service looks at the counts and says when, and
// bench/ does it to peers, to see what they would gain.
package sched
