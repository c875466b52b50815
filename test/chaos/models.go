//go:build linux

package chaos

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// model makes a model of one key out of what an operation does to its state: it
// says whether the answer is right in that state, and what the state is then.
func model[S comparable](step func(state S, in asked, out told) (bool, S)) porcupine.Model {
	return porcupine.Model{
		Partition: byKey,
		Init:      func() any { var none S; return none },
		DescribeOperation: func(in, out any) string {
			return fmt.Sprintf("%+v -> %+v", in, out)
		},
		Step: func(state, in, out any) (bool, any) {
			return step(state.(S), in.(asked), out.(told))
		},
	}
}

// registers hold a value, "" if they are not there.
var registers = model(func(state string, in asked, out told) (bool, string) {
	switch in.kind {
	case "read":
		return out.value == state, state
	case "put":
		return true, in.value
	}
	switch matches := state == in.old; {
	case out.fate == acknowledged:
		return matches, in.value
	case out.fate == declined:
		return !matches && out.value == state, state
	case matches:
		return true, in.value
	}
	return true, state
})

// lists hold items, with commas between them. An append's answer shows
// how many items there are now.
var lists = model(func(state string, in asked, out told) (bool, string) {
	if in.kind == "read" {
		return out.value == state, state
	}
	next := in.value
	if state != "" {
		next = state + "," + in.value
	}
	return out.fate == unknown || out.count == len(strings.Split(next, ",")), next
})

// counters hold a number; every increment adds one, and its answer shows the
// sum.
var counters = model(func(state int, in asked, out told) (bool, int) {
	if in.kind == "read" {
		return out.value == strconv.Itoa(state) || out.value == "" && state == 0, state
	}
	return out.fate == unknown || out.value == strconv.Itoa(state+1), state + 1
})

// lockState is a lock with the record that its holders write: who was the last
// that is known to hold it, up to which token it is lost, and the record.
type lockState struct {
	holder, lost uint64
	record       string
}

// locks are written by their holders only. That a lease ends is not part of the
// history, so a token may be lost at any time; but once another holds the lock,
// or a token was refused or let go, that token is lost for ever, and no write
// under it may take effect.
var locks = model(func(state lockState, in asked, out told) (bool, lockState) {
	valid := in.token == state.holder && in.token > state.lost
	next := state
	switch {
	case in.kind == "read":
		return out.value == state.record, state
	case in.kind == "acquire":
		next.holder = out.token
		return out.token > state.holder, next
	case in.kind == "release", out.fate == declined:
		next.lost = max(state.lost, in.token)
		return true, next
	case out.fate == acknowledged:
		next.record = in.value
		return valid, next
	case valid:
		next.record = in.value
	}
	return true, next
})
