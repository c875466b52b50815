//go:build linux

package chaos

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"paxos/paxos"
	"paxos/test/history"
)

// fate is what a user was told.
type fate = history.Fate

const (
	acknowledged = history.Acknowledged
	refused      = history.Refused
	unknown      = history.Unknown
	declined     = history.Declined // unlike a refusal it says something of the key
)

// asked is what a worker asked of one key, or of one lock. A value is written
// once in a run, so that it tells which write it is of.
type asked struct {
	key, kind string
	value     string // what it writes
	old       string // what a swap expects
	token     uint64 // under which a fenced write is sent, or a lock let go
}

// told is what the answer said.
type told struct {
	fate  fate
	value string // of the key, as far as the answer shows it; "" if it is not there
	token uint64 // that an acquisition gave
	count int    // of the items that a list has after an append
}

// recorder is a history under way: what was asked of the store, when, and what
// came back.
type recorder struct {
	report *report
	began  time.Time

	mu        sync.Mutex
	ops       []porcupine.Operation
	counts    map[string]int
	revisions map[string]paxos.Number
	drawn     int // keys, by draw
}

func newRecorder(r *report) *recorder {
	return &recorder{report: r, began: time.Now(), counts: map[string]int{}, revisions: map[string]paxos.Number{}}
}

// draw gives one of some keys that are in use at the moment. After perKey draws
// of each they are given up for fresh ones, so that no key's history is long.
func (r *recorder) draw(dice *rand.Rand, name string, keys, perKey int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drawn++
	return fmt.Sprintf("%s/%d/%d", name, r.drawn/(keys*perKey), dice.IntN(keys))
}

// now is what an operation's times are counted in: the monotonic clock.
func (r *recorder) now() int64 { return int64(time.Since(r.began)) }

// count counts what is no operation of its own.
func (r *recorder) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what]++
}

// note takes an operation that was called at some time and is answered now.
// What certainly had no effect, and reads without an answer, are counted and
// say nothing. Of an unknown one nobody knows when, or whether, it takes
// effect: it stays open to the end of time.
func (r *recorder) note(worker int, call int64, in asked, out told) {
	end := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[in.kind+" "+out.fate.String()]++
	if out.fate == acknowledged && in.kind == "read" {
		r.report.reads.Add(1)
	} else if out.fate == acknowledged {
		r.report.writes.Add(1)
	}
	switch {
	case out.fate == refused:
		return
	case out.fate == unknown && (in.kind == "read" || in.kind == "release"):
		// That a lock was let go only forbids what follows, so that to leave
		// it out is to say that it may not have happened.
		return
	case out.fate == unknown:
		end = math.MaxInt64
	}
	r.ops = append(r.ops, porcupine.Operation{ClientId: worker, Input: in, Call: call, Output: out, Return: end})
}

// revision takes that an answer showed a value of a key with its revision: all
// answers of all nodes must agree on it, because every value is written once.
func (r *recorder) revision(key, value string, mod paxos.Number) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := key + "=" + value
	if first, known := r.revisions[name]; known && first != mod {
		r.report.Errorf("%s: seen at revision %d and at revision %d", name, first, mod)
	}
	r.revisions[name] = mod
}

// total counts the operations of a kind, or of a kind and a fate.
func (r *recorder) total(prefix string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for what, count := range r.counts {
		if what == prefix || strings.HasPrefix(what, prefix+" ") {
			n += count
		}
	}
	return n
}

// atLeast fails if too little happened: a history without successes, or
// without faults, is legal and proves nothing.
func (r *recorder) atLeast(least map[string]int) {
	for _, what := range slices.Sorted(maps.Keys(least)) {
		if n := r.total(what); n < least[what] {
			r.report.Errorf("too little happened: %d of %q, at least %d are needed", n, what, least[what])
		}
	}
	sure, open := 0, 0
	for what, n := range r.counts {
		switch kind, of, _ := strings.Cut(what, " "); {
		case kind == "read":
		case of == acknowledged.String(), of == declined.String():
			sure += n
		case of == unknown.String():
			open += n
		}
	}
	if open > sure/2 {
		r.report.Errorf("too little is known: %d writes have an outcome, of %d it is unknown", sure, open)
	}
	r.report.Logf("%s", counted(r.counts))
}

func counted(counts map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s: %d", what, counts[what]))
	}
	return strings.Join(parts, ", ")
}

// checkLimit is the time for one search. A history that cannot be decided in it
// is a failure too: nobody knows whether it is right.
const checkLimit = 60 * time.Second

// judge has a history checked against its model, and gives what was checked.
// The history of a key that cannot have happened is drawn as HTML into a
// directory.
func (r *recorder) judge(name string, model porcupine.Model, into string) []porcupine.Operation {
	history := prune(r.ops)
	began := time.Now()
	result := porcupine.CheckOperationsTimeout(model, history, checkLimit)
	if result == porcupine.Ok {
		r.report.Logf("%s: linearizable: %d operations on %d keys, decided in %v", name, len(history), len(byKey(history)), time.Since(began).Round(time.Millisecond))
		return history
	}
	told := 0
	for _, part := range byKey(history) {
		if told == mostDrawn {
			r.report.Errorf("%s: there may be more such keys", name)
			break
		}
		result, info := porcupine.CheckOperationsVerbose(model, part, checkLimit)
		if result == porcupine.Ok {
			continue
		}
		file := filepath.Join(into, fmt.Sprintf("%s-%s.html", name, strings.ReplaceAll(part[0].Input.(asked).key, "/", "-")))
		if err := porcupine.VisualizePath(model, info, file); err != nil {
			r.report.Errorf("a history cannot be drawn: %v", err)
		}
		r.report.Errorf("%s: the history of %s is %s to be linearizable; it is drawn in %s%s", name, part[0].Input.(asked).key, verdicts[result], file, text(part))
		told++
	}
	if told == 0 {
		r.report.Errorf("%s: whether %d operations are linearizable is unknown after %v, and each of the keys alone is", name, len(history), checkLimit)
	}
	return history
}

// mostDrawn is how many keys' histories are drawn of one kind of users.
const mostDrawn = 5

var verdicts = map[porcupine.CheckResult]string{porcupine.Illegal: "certain not", porcupine.Unknown: "not known"}

// prune leaves out the writes of unknown fate whose values nobody has seen, and
// no swap expected, so that the search is quick. A history is legal with such a
// write exactly if it is without: had it taken effect, then the next operation
// that shows or compares the key would have shown it, unless it was overwritten
// before; and then it made no difference.
func prune(history []porcupine.Operation) []porcupine.Operation {
	seen := map[string]bool{}
	for _, op := range history {
		in, out := op.Input.(asked), op.Output.(told)
		seen[in.key+"="+in.old] = true
		for value := range strings.SplitSeq(out.value, ",") {
			seen[in.key+"="+value] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(history), func(op porcupine.Operation) bool {
		in := op.Input.(asked)
		return op.Output.(told).fate == unknown && in.value != "" && !seen[in.key+"="+in.value]
	})
}

// byKey splits a history into those of its keys.
func byKey(history []porcupine.Operation) [][]porcupine.Operation {
	keys := map[string][]porcupine.Operation{}
	for _, op := range history {
		key := op.Input.(asked).key
		keys[key] = append(keys[key], op)
	}
	var parts [][]porcupine.Operation
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		parts = append(parts, keys[key])
	}
	return parts
}

// text tells the beginning of a history.
func text(part []porcupine.Operation) string {
	part = slices.Clone(part)
	slices.SortFunc(part, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range part[:min(len(part), 200)] {
		end := "never"
		if op.Return != math.MaxInt64 {
			end = time.Duration(op.Return).String()
		}
		fmt.Fprintf(&b, "\n%3d %v to %s: %+v -> %+v", op.ClientId, time.Duration(op.Call), end, op.Input, op.Output)
	}
	return b.String()
}
