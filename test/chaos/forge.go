//go:build linux

package chaos

import (
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// A forgery says what the answer of one operation of a key's history would be
// if the store had lied; ok is false if that operation cannot be forged in this
// way so that it certainly is a lie.
type forgery struct {
	name  string
	forge func(part []porcupine.Operation, i int) (out told, ok bool)
}

// before gives the operation of these kinds that was acknowledged last before a
// time.
func before(part []porcupine.Operation, time int64, kinds ...string) (last porcupine.Operation, found bool) {
	for _, op := range part {
		if op.Return < time && op.Output.(told).fate == acknowledged && slices.Contains(kinds, op.Input.(asked).kind) && (!found || op.Call > last.Call) {
			last, found = op, true
		}
	}
	return last, found
}

// older: a read gives a value that was overwritten before the read began.
var older = forgery{"an older value", func(part []porcupine.Operation, i int) (told, bool) {
	out := part[i].Output.(told)
	newer, found := before(part, part[i].Call, "put", "swap", "write")
	if !found || part[i].Input.(asked).kind != "read" {
		return out, false
	}
	old, found := before(part, newer.Call, "put", "swap", "write")
	if found {
		out.value = old.Input.(asked).value
	}
	return out, found
}}

// foreign: a read gives what nobody wrote.
var foreign = forgery{"a value that nobody wrote", func(part []porcupine.Operation, i int) (told, bool) {
	out := part[i].Output.(told)
	if out.value != "" {
		out.value += ","
	}
	out.value += "never"
	return out, part[i].Input.(asked).kind == "read"
}}

// lostAppend: a read gives a list without an item that was acknowledged before.
var lostAppend = forgery{"a lost append", func(part []porcupine.Operation, i int) (told, bool) {
	out := part[i].Output.(told)
	last, found := before(part, part[i].Call, "append")
	if !found || part[i].Input.(asked).kind != "read" {
		return out, false
	}
	items := strings.Split(out.value, ",")
	items = slices.DeleteFunc(items, func(item string) bool { return item == last.Input.(asked).value })
	out.value = strings.Join(items, ",")
	return out, true
}}

// cutOff: a read gives a list as it was before an item that was acknowledged
// before.
var cutOff = forgery{"an older list", func(part []porcupine.Operation, i int) (told, bool) {
	out := part[i].Output.(told)
	last, found := before(part, part[i].Call, "append")
	if !found || part[i].Input.(asked).kind != "read" {
		return out, false
	}
	items := strings.Split(out.value, ",")
	at := slices.Index(items, last.Input.(asked).value)
	if at < 0 {
		return out, false
	}
	out.value = strings.Join(items[:at], ",")
	return out, true
}}

// tooFew: a read gives a sum without an increment that was acknowledged before.
var tooFew = forgery{"a lost increment", func(part []porcupine.Operation, i int) (told, bool) {
	out, sum := part[i].Output.(told), 0
	for _, op := range part {
		if op.Input.(asked).kind == "increment" && op.Return < part[i].Call {
			sum++
		}
	}
	out.value = strconv.Itoa(sum - 1)
	return out, sum > 0 && part[i].Input.(asked).kind == "read"
}}

// tooMany: a read gives a sum in which an increment is counted twice.
var tooMany = forgery{"a doubled increment", func(part []porcupine.Operation, i int) (told, bool) {
	out, sum := part[i].Output.(told), 0
	for _, op := range part {
		if op.Input.(asked).kind == "increment" && op.Call <= part[i].Return {
			sum++
		}
	}
	out.value = strconv.Itoa(sum + 1)
	return out, part[i].Input.(asked).kind == "read"
}}

// letIn: a write under the token of an earlier holder is taken.
var letIn = forgery{"a write of an earlier holder", func(part []porcupine.Operation, i int) (told, bool) {
	in, out := part[i].Input.(asked), part[i].Output.(told)
	holder, found := before(part, part[i].Call, "acquire")
	later := found && holder.Output.(told).token > in.token
	forged := out.fate == declined && in.kind == "write" && later
	out.fate = acknowledged
	return out, forged
}}

// twice: two hold a lock under the same token.
var twice = forgery{"a token given twice", func(part []porcupine.Operation, i int) (told, bool) {
	out := part[i].Output.(told)
	holder, found := before(part, part[i].Call, "acquire")
	if found {
		out.token = holder.Output.(told).token
	}
	return out, found && part[i].Input.(asked).kind == "acquire"
}}

// forgeries is how many answers of a history are forged in each way.
const forgeries = 3

// forge forges answers of a legal history, one at a time, and fails if the
// checker does not say of each that it is illegal: one that cannot see a lie
// proves nothing.
func (r *recorder) forge(model porcupine.Model, history []porcupine.Operation, ways ...forgery) {
	for _, way := range ways {
		forged := 0
		for _, part := range spread(byKey(history)) {
			if forged < forgeries && r.lie(model, part, way) {
				forged++
			}
		}
		if forged == 0 {
			r.report.Errorf("there is no answer in the history to forge %s", way.name)
		}
	}
}

// lie forges an answer of the second half of a key's history, if there is one
// that can be forged in this way.
func (r *recorder) lie(model porcupine.Model, part []porcupine.Operation, way forgery) bool {
	half := middle(part)
	for i := range part {
		out, ok := way.forge(part, i)
		if !ok || part[i].Call < half {
			continue
		}
		lie := slices.Clone(part)
		lie[i].Output = out
		if result := porcupine.CheckOperationsTimeout(model, lie, checkLimit); result != porcupine.Illegal {
			r.report.Errorf("%s goes unnoticed: %s: %+v -> %+v", way.name, result, lie[i].Input, out)
		}
		return true
	}
	return false
}

// spread gives some of the parts, from all over the run.
func spread(parts [][]porcupine.Operation) (some [][]porcupine.Operation) {
	for i := 0; i < len(parts); i += max(1, len(parts)/(4*forgeries)) {
		some = append(some, parts[i])
	}
	return some
}

// middle is the time of the operation in the middle of a history.
func middle(part []porcupine.Operation) int64 {
	var calls []int64
	for _, op := range part {
		calls = append(calls, op.Call)
	}
	slices.Sort(calls)
	return calls[len(calls)/2]
}
