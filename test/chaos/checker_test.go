//go:build linux

package chaos

import (
	"math"
	"testing"

	"github.com/anishathalye/porcupine"
)

// verdict is what the checker must say of a history that is written by hand.
type verdict struct {
	name    string
	right   bool
	history []porcupine.Operation
}

// op is an operation that was called and answered at these times.
func op(call, end int64, in asked, out told) porcupine.Operation {
	return porcupine.Operation{Input: in, Call: call, Output: out, Return: end}
}

// lost is an operation that was called and never answered.
func lost(call int64, in asked) porcupine.Operation {
	return op(call, math.MaxInt64, in, told{fate: unknown})
}

// is is an answer that shows a value, no one of a condition that did not hold.
func is(value string) told { return told{value: value} }
func no(value string) told { return told{value: value, fate: declined} }

var (
	read = asked{kind: "read"}
	yes  = told{}
)

// check compares the checker's verdicts with those that are right; they must be
// the same with and without the writes that nobody has seen.
func check(t *testing.T, model porcupine.Model, verdicts []verdict) {
	t.Helper()
	for _, v := range verdicts {
		want := porcupine.CheckResult(porcupine.Illegal)
		if v.right {
			want = porcupine.Ok
		}
		for _, history := range [][]porcupine.Operation{v.history, prune(v.history)} {
			if got := porcupine.CheckOperationsTimeout(model, history, checkLimit); got != want {
				t.Errorf("%s: %s, want %s", v.name, got, want)
			}
		}
	}
}

func TestTheCheckerKnowsRegisters(t *testing.T) {
	put := func(v string) asked { return asked{kind: "put", value: v} }
	swap := func(old, v string) asked { return asked{kind: "swap", old: old, value: v} }
	a, b := op(1, 2, put("a"), yes), op(3, 4, put("b"), yes)
	check(t, registers, []verdict{
		{"what was written is read", true, []porcupine.Operation{a, op(3, 4, read, is("a"))}},
		{"a forged read: an older value", false, []porcupine.Operation{a, b, op(5, 6, read, is("a"))}},
		{"a forged read: nobody wrote it", false, []porcupine.Operation{a, b, op(5, 6, read, is("c"))}},
		{"a forged read: the key is gone", false, []porcupine.Operation{a, b, op(5, 6, read, is(""))}},
		{"two at a time, in either order", true, []porcupine.Operation{op(1, 5, put("a"), yes), b, op(6, 7, read, is("a"))}},
		{"two at a time, in both orders", false, []porcupine.Operation{op(1, 5, put("a"), yes), b, op(6, 7, read, is("a")), op(8, 9, read, is("b"))}},
		{"an unknown put that came late", true, []porcupine.Operation{lost(1, put("a")), op(2, 3, read, is("")), op(4, 5, read, is("a"))}},
		{"an unknown put that came and went", false, []porcupine.Operation{lost(1, put("a")), op(2, 3, read, is("a")), op(4, 5, read, is(""))}},
		{"an unknown put that came twice", false, []porcupine.Operation{lost(1, put("a")), op(2, 3, read, is("a")), op(4, 5, put("b"), yes), op(6, 7, read, is("b")), op(8, 9, read, is("a"))}},
		{"an unknown put that never came", true, []porcupine.Operation{lost(1, put("a")), op(2, 3, read, is(""))}},
		{"a value before it was asked for", false, []porcupine.Operation{op(1, 2, read, is("a")), lost(3, put("a"))}},
		{"a swap of what is there", true, []porcupine.Operation{a, op(3, 4, swap("a", "b"), yes), op(5, 6, read, is("b"))}},
		{"a swap of what is not there", false, []porcupine.Operation{a, op(3, 4, swap("", "b"), yes)}},
		{"a swap that was declined, and done", false, []porcupine.Operation{a, op(3, 4, swap("c", "b"), no("a")), op(5, 6, read, is("b"))}},
		{"a swap that was declined without a reason", false, []porcupine.Operation{a, op(3, 4, swap("a", "b"), no("a"))}},
		{"a declined swap that shows the value", true, []porcupine.Operation{a, op(3, 4, swap("c", "b"), no("a"))}},
		{"a declined swap that shows another", false, []porcupine.Operation{a, op(3, 4, swap("c", "b"), no("d"))}},
		{"two swaps of the same value", false, []porcupine.Operation{op(1, 9, swap("", "a"), yes), op(1, 9, swap("", "b"), yes)}},
		{"an unknown swap that was done", true, []porcupine.Operation{a, lost(3, swap("a", "b")), op(4, 5, read, is("b"))}},
		{"an unknown swap of what was not there", false, []porcupine.Operation{a, lost(3, swap("c", "b")), op(4, 5, read, is("b"))}},
		{"a swap of what an unknown put wrote", true, []porcupine.Operation{lost(1, put("a")), op(2, 3, swap("a", "b"), yes)}},
	})
}

func TestTheCheckerKnowsLists(t *testing.T) {
	add := func(v string) asked { return asked{kind: "append", value: v} }
	now := func(count int) told { return told{count: count} }
	a, b := op(1, 2, add("a"), now(1)), op(3, 4, add("b"), now(2))
	check(t, lists, []verdict{
		{"what was appended is read", true, []porcupine.Operation{a, b, op(5, 6, read, is("a,b"))}},
		{"a forged read: a lost append", false, []porcupine.Operation{a, b, op(5, 6, read, is("b"))}},
		{"a forged read: an older list", false, []porcupine.Operation{a, b, op(5, 6, read, is("a"))}},
		{"a forged read: another order", false, []porcupine.Operation{a, b, op(5, 6, read, is("b,a"))}},
		{"a forged read: nobody appended it", false, []porcupine.Operation{a, b, op(5, 6, read, is("a,b,c"))}},
		{"an append that is there twice", false, []porcupine.Operation{a, lost(3, add("c")), op(4, 5, read, is("a,c")), op(6, 7, read, is("a,c,c"))}},
		{"an append that overwrote another", false, []porcupine.Operation{a, op(3, 4, add("b"), now(1))}},
		{"an unknown append that came late", true, []porcupine.Operation{lost(1, add("c")), op(2, 3, add("a"), now(1)), op(4, 5, read, is("a,c"))}},
		{"an unknown append that never came", true, []porcupine.Operation{a, lost(2, add("c")), op(5, 6, read, is("a"))}},
		{"two at a time, seen in both orders", false, []porcupine.Operation{lost(1, add("a")), lost(1, add("b")), op(2, 3, read, is("a,b")), op(2, 3, read, is("b,a"))}},
	})
}

func TestTheCheckerKnowsCounters(t *testing.T) {
	one := asked{kind: "increment"}
	first, second := op(1, 2, one, is("1")), op(3, 4, one, is("2"))
	check(t, counters, []verdict{
		{"each counts once", true, []porcupine.Operation{first, second, op(5, 6, read, is("2"))}},
		{"a forged read: a lost increment", false, []porcupine.Operation{first, second, op(5, 6, read, is("1"))}},
		{"a forged read: a doubled increment", false, []porcupine.Operation{first, second, op(5, 6, read, is("3"))}},
		{"one that counted twice while it was sent again", false, []porcupine.Operation{op(1, 9, one, is("1")), op(2, 3, read, is("2"))}},
		{"two that were told the same sum", false, []porcupine.Operation{op(1, 9, one, is("1")), op(1, 9, one, is("1"))}},
		{"one that is seen before it is acknowledged", true, []porcupine.Operation{op(1, 9, one, is("1")), op(2, 3, read, is("1"))}},
		{"one that is seen before it was asked for", false, []porcupine.Operation{op(1, 2, read, is("1")), op(3, 4, one, is("1"))}},
	})
}

func TestTheCheckerKnowsLocks(t *testing.T) {
	acquire := asked{kind: "acquire"}
	hold := func(call, end int64, token uint64) porcupine.Operation {
		return op(call, end, acquire, told{token: token})
	}
	write := func(token uint64, v string) asked { return asked{kind: "write", token: token, value: v} }
	letGo := func(token uint64) asked { return asked{kind: "release", token: token} }
	five, a, seven := hold(1, 2, 5), op(3, 4, write(5, "a"), yes), hold(5, 6, 7)
	check(t, locks, []verdict{
		{"each writes while it holds", true, []porcupine.Operation{five, a, seven, op(7, 8, write(7, "b"), yes), op(9, 10, read, is("b"))}},
		{"a write of an earlier holder", false, []porcupine.Operation{five, a, seven, op(7, 8, write(5, "b"), yes)}},
		{"one that was refused", true, []porcupine.Operation{five, a, seven, op(7, 8, write(5, "b"), no("")), op(9, 10, read, is("a"))}},
		{"one that was refused, and is seen", false, []porcupine.Operation{five, a, seven, op(7, 8, write(5, "b"), no("")), op(9, 10, read, is("b"))}},
		{"an unknown write of an earlier holder, in time", true, []porcupine.Operation{five, lost(3, write(5, "b")), op(4, 5, read, is("b")), seven}},
		{"an unknown write of an earlier holder, too late", false, []porcupine.Operation{five, lost(3, write(5, "b")), seven, op(7, 8, read, is("")), op(9, 10, read, is("b"))}},
		{"a token that is given twice", false, []porcupine.Operation{five, hold(5, 6, 5)}},
		{"a token that is lower than the last", false, []porcupine.Operation{five, hold(5, 6, 4)}},
		{"a write after the lock was let go", false, []porcupine.Operation{five, op(3, 4, letGo(5), yes), op(5, 6, write(5, "b"), yes)}},
		{"a write after one that was refused", false, []porcupine.Operation{five, op(3, 4, write(5, "a"), no("")), op(5, 6, write(5, "b"), yes)}},
		{"a forged read: an older record", false, []porcupine.Operation{five, a, op(5, 6, write(5, "b"), yes), op(7, 8, read, is("a"))}},
	})
}
