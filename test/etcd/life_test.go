package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"paxos/kv"
)

// life drives the two sides along the same steps.
type life struct {
	theirs, ours side
	now          kv.Revision // of both
	followed     kv.Revision // events up to it were compared
	seen         count
	told         []line // the last steps, for the reader
}

func newLife(theirs, ours side) *life {
	return &life{theirs: theirs, ours: ours, now: 1, followed: 1, seen: count{}}
}

// line is a step and etcd's answer.
type line struct {
	step   step
	answer answer
}

func (l line) String() string {
	a, err := json.Marshal(l.answer)
	if err != nil {
		return fmt.Sprintf("%v\n\t-> %v", l.step, err)
	}
	return fmt.Sprintf("%v\n\t-> %s", l.step, a)
}

// difference is where the two sides part.
type difference struct {
	step string
	diff string // - is etcd, + is ours
}

func (d difference) Error() string {
	return fmt.Sprintf("%s\n(- etcd, + ours)\n%s", d.step, d.diff)
}

// diff compares; that a list is empty or missing says the same.
func diff(theirs, ours any) string { return cmp.Diff(theirs, ours, cmpopts.EquateEmpty()) }

// live takes many sequences, and gives the one in which the sides part.
func (l *life) live(seed, sequences uint64) ([]step, error) {
	for i := range sequences {
		m := newMaker(seed, i)
		steps := m.sequence()
		if err := l.run(steps); err != nil {
			return steps, fmt.Errorf("sequence %d: %w", i, err)
		}
		if i%watchEvery == watchEvery-1 {
			if err := l.watch(m.queries()); err != nil {
				return steps, fmt.Errorf("after sequence %d: %w", i, err)
			}
		}
		if i%reopenEvery == reopenEvery-1 {
			if err := l.ours.reopen(); err != nil {
				return steps, fmt.Errorf("after sequence %d: %w", i, err)
			}
		}
	}
	return nil, nil
}

// run takes the steps on both sides and compares each answer, and at the end
// all events.
func (l *life) run(steps []step) error {
	for _, s := range steps {
		if s.kind == doCompact {
			// What a compaction forgets cannot be followed any more.
			if err := l.follow(); err != nil {
				return err
			}
		}
		if err := l.take(s.resolve(l.now)); err != nil {
			return err
		}
	}
	return l.follow()
}

func (l *life) take(s step) error {
	if evades(s.txn.Then) || evades(s.txn.Else) {
		l.seen["left out: changes a key twice"]++
		return nil
	}
	theirs, err := l.theirs.do(s)
	if err != nil {
		return fmt.Errorf("%v: %w", s, err)
	}
	ours, err := l.ours.do(s)
	if err != nil {
		return fmt.Errorf("%v: %w", s, err)
	}
	forgive(s, ours)
	l.tell(line{s, theirs})
	if d := diff(theirs, ours); d != "" {
		return difference{s.String(), d}
	}
	l.seen.step(s, theirs)
	if theirs.Failure == "" {
		l.now = theirs.Revision
	}
	return nil
}

func (l *life) tell(told line) {
	l.told = append(l.told, told)
	if len(l.told) > 100 {
		l.told = append([]line{}, l.told[len(l.told)-50:]...)
	}
}

// follow compares all events since the last time.
func (l *life) follow() error {
	if l.followed == l.now {
		return nil
	}
	theirs, err := l.theirs.follow(l.now)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	ours, err := l.ours.follow(l.now)
	if err != nil {
		return fmt.Errorf("ours: %w", err)
	}
	if d := diff(theirs, ours); d != "" {
		return difference{fmt.Sprintf("events in (%d, %d]", l.followed, l.now), d}
	}
	l.followed = l.now
	l.seen.events(theirs)
	return nil
}

// watch compares what queries of the past give.
func (l *life) watch(queries []query) error {
	for i := range queries {
		queries[i].from = absolute(queries[i].from, l.now)
	}
	theirs, err := l.theirs.watch(queries, l.now)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	ours, err := l.ours.watch(queries, l.now)
	if err != nil {
		return fmt.Errorf("ours: %w", err)
	}
	for i, q := range queries {
		if d := diff(theirs[i], ours[i]); d != "" {
			return difference{fmt.Sprintf("watch %s from %d", describeSpan(q.span), q.from), d}
		}
		l.seen.story(theirs[i])
	}
	return nil
}

// pair makes two fresh sides.
type pair func(*testing.T) (theirs, ours side)

// shrink leaves out of a sequence what is not needed to make the two sides
// differ in a fresh life, and gives nil if it does not do so alone.
func shrink(t *testing.T, fresh pair, steps []step, found error) (few []step, why error) {
	if !errors.As(found, new(difference)) {
		return nil, nil
	}
	fails := func(steps []step) error {
		var err error
		t.Run("", func(t *testing.T) { // the sides end with it
			err = newLife(fresh(t)).run(steps)
		})
		return err
	}
	if why = fails(steps); why == nil {
		return nil, nil
	}
	few = steps
	for size := len(few) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(few); {
			fewer := slices.Concat(few[:from], few[from+size:])
			if err := fails(fewer); err != nil {
				few, why = fewer, err
			} else {
				from += size
			}
		}
	}
	return few, why
}

// explain reports why the sides parted: shrunk, if the sequence shows it alone,
// or with the last steps of the life.
func (l *life) explain(t *testing.T, fresh pair, steps []step, err error) string {
	var b strings.Builder
	if few, why := shrink(t, fresh, steps, err); few != nil {
		fmt.Fprintf(&b, "%v\nThese steps show it in a fresh life:\n", why)
		for _, s := range few {
			fmt.Fprintln(&b, s)
		}
		return b.String()
	}
	fmt.Fprintf(&b, "%v\nThe sequence alone does not show it; the life before:\n", err)
	for _, told := range l.told {
		fmt.Fprintln(&b, told)
	}
	return b.String()
}
