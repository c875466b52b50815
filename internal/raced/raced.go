// Package raced tells tests whether the race detector watches them: it takes
// memory and time of its own, which a bound has to allow for.
package raced
