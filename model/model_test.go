package model

import (
	"bytes"
	"context"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"paxos/acceptor"
	"paxos/learner"
	"paxos/proposer"
)

func visit(t *testing.T, o Options) Result {
	t.Helper()
	o.Window, o.Workers = max(1, o.Window), max(1, o.Workers)
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation != nil {
		t.Fatalf("%s: %s\n%s", r.Violation.Checker, r.Violation.Text, strings.Join(r.Violation.Way, "\n"))
	}
	return r
}

// small are complete spaces, each with something that the others lack.
var small = map[string]Options{
	"a crash":             {Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Crashes: 1},
	"a crash, with lives": {Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Crashes: 1, Lives: true},
	"heartbeats":          {Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Crashes: 1, Beats: true},
	"a learner":           {Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Learner: true},
	"a restart":           {Campaigns: [2]int{2, 0}, Slots: 1, Restarts: 1},
	"a slot finished":     {Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Finish: true},
	"two proposers":       {Campaigns: [2]int{1, 1}, Slots: 1},
}

func TestASmallSpaceIsVisitedToItsEndAndIsTheSameEveryTime(t *testing.T) {
	for name, o := range small {
		t.Run(name, func(t *testing.T) {
			one := visit(t, o)
			if !one.Complete || one.States < 100 {
				t.Fatalf("%+v", one)
			}
			o.Workers = 2
			two := visit(t, o)
			if one.States != two.States || one.Families != two.Families || one.Transitions != two.Transitions || one.Depth != two.Depth || one.Chosen != two.Chosen {
				t.Errorf("one worker: %+v\ntwo workers: %+v", one, two)
			}
			t.Logf("%d states for %d, %d transitions, depth %d, %d times chosen", one.States, one.Families, one.Transitions, one.Depth, one.Chosen)
			if o.Commands > 0 && one.Chosen == 0 {
				t.Error("nothing was ever chosen")
			}
		})
	}
}

// TestTheStatesOfAllFamiliesAreAllStates: acceptors of one room under three
// names, and families of renamed states, against three acceptors of their own.
func TestTheStatesOfAllFamiliesAreAllStates(t *testing.T) {
	for name, o := range small {
		t.Run(name, func(t *testing.T) {
			families := visit(t, o)
			o.AsIs = true
			all := visit(t, o)
			if families.Families != all.States || families.States >= all.States || families.Depth != all.Depth {
				t.Errorf("families: %+v\nall: %+v", families, all)
			}
		})
	}
}

// TestEqualRoomsDoEqualThings: a room that is reached in two ways, and written
// down as one, goes on as one. Were a field left out of the comparison that
// matters, some step would tell the two apart.
func TestEqualRoomsDoEqualThings(t *testing.T) {
	for name, o := range map[string]Options{
		"crashes and restarts": {Campaigns: [2]int{2, 1}, Commands: 2, Slots: 2, Crashes: 1, Restarts: 1, Beats: true, Finish: true},
		"pages and lives":      {Campaigns: [2]int{2, 1}, Commands: 2, Slots: 2, Crashes: 1, Restarts: 1, Pages: true, Lives: true},
	} {
		t.Run(name, func(t *testing.T) {
			o.Window, o.Workers, o.States = 2, 1, 300_000
			s := newSearch(o)
			if r := s.run(context.Background()); r.Violation != nil {
				t.Fatal(r.Violation)
			}
			twins, compared := s.w.compareTwins(t)
			if twins < 100 || compared < 1000 {
				t.Errorf("%d rooms were reached in two ways, %d steps were compared: too few", twins, compared)
			}
			t.Logf("%d rooms reached in two ways, %d steps compared", twins, compared)
		})
	}
}

// compareTwins plays every step that a room was seen to make once more, with a
// room that came there another way.
func (w *world) compareTwins(t *testing.T) (twins, compared int) {
	type edge struct{ room, step uint32 }
	into, onward := map[uint32][]edge{}, map[uint32][]edge{}
	for i := range w.steps {
		for at, to := range w.steps[i].known {
			e := edge{uint32(at >> 32), uint32(at)}
			into[to.room] = append(into[to.room], e)
			onward[e.room] = append(onward[e.room], e)
		}
	}
	fresh := func(e edge) func() (*hands, uint8) {
		return func() (*hands, uint8) {
			h := newHands()
			role, r := w.take(h, e.room), w.rooms.get(e.room)
			w.play(role, r.place, e.step)
			h.live[0] = role
			return h, r.place
		}
	}
	for id, ways := range into {
		kept := w.rooms.get(id)
		if kept.parent == 0 {
			continue
		}
		i := slices.IndexFunc(ways, func(e edge) bool { return e != edge{kept.parent, kept.step} })
		if i < 0 {
			continue
		}
		twins++
		for _, e := range onward[id] {
			h, place := fresh(ways[i])()
			role := h.live[0]
			effects := w.play(role, place, e.step)
			want := w.steps[mixed(uint64(id)<<32|uint64(e.step))&63].known[uint64(id)<<32|uint64(e.step)]
			got := result{output: w.output(place, &effects), room: w.internRoom(h, role, &room{place: place, starts: kept.starts})}
			if got != want {
				t.Errorf("room %d of %s does %v on step %x, and %v when it came another way", id, names[place], want, e.step, got)
			}
			compared++
		}
	}
	return twins, compared
}

func TestEveryFieldThatIsLeftOutIsThere(t *testing.T) {
	there := map[string]bool{}
	var walk func(reflect.Type)
	walk = func(x reflect.Type) {
		switch x.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(x.Elem())
		case reflect.Struct:
			for i := range x.NumField() {
				name := x.String() + "." + x.Field(i).Name
				if !there[name] {
					there[name] = true
					walk(x.Field(i).Type)
				}
			}
		}
	}
	for _, room := range []any{acceptor.Acceptor{}, proposer.Proposer{}, learner.Learner{}} {
		walk(reflect.TypeOf(room))
	}
	for _, list := range []map[string]string{projected, whileLeading, withoutLives} {
		for name, why := range list {
			if !there[name] || why == "" {
				t.Errorf("%q is left out (%q), and no room has it", name, why)
			}
		}
	}
}

func TestTheToolSaysWhatItDidAndExitsAsItShould(t *testing.T) {
	sums := t.TempDir() + "/model.json"
	tiny := []string{"-campaigns", "1,0", "-commands", "1", "-slots", "1", "-crashes", "0", "-restarts", "0", "-beats=false"}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a whole space":        {append(tiny, "-complete", "-sums", sums), 0, "complete: there are no more states"},
		"a bound":              {append(tiny, "-states", "50"), 0, "bounded: the bound of states is reached"},
		"a bound that is met":  {append(tiny, "-states", "1000000", "-complete"), 0, "complete: there are no more states"},
		"a depth":              {append(tiny, "-depth", "5", "-complete"), 0, "complete: every state that 5 steps reach was visited"},
		"a depth that is met":  {append(tiny, "-depth", "500", "-complete"), 0, "complete: there are no more states"},
		"a depth not reached":  {append(tiny, "-depth", "500", "-states", "50", "-complete"), 1, "was to be visited to its end"},
		"no depth":             {append(tiny, "-depth", "-1"), 2, "cannot be negative"},
		"more was demanded":    {append(tiny, "-least", "1000000"), 1, "at least 1000000 were demanded"},
		"all was demanded":     {append(tiny, "-states", "50", "-complete"), 1, "was to be visited to its end"},
		"one number":           {[]string{"-campaigns", "2"}, 2, "two numbers with a comma"},
		"too many":             {[]string{"-campaigns", "2,9"}, 2, "9 campaigns of a proposer: 0 to 3"},
		"lives and heartbeats": {[]string{"-lives"}, 2, "leave one of them out"},
		"no flag":              {[]string{"all"}, 2, `"all" is no flag`},
		"help":                 {[]string{"-h"}, 0, "Exit code 0: no violation"},
		"an unknown flag":      {[]string{"-loss"}, 2, "not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := Main(c.args, &out, &errs); code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
				t.Errorf("exit %d, want %d\n%s%s", code, c.code, out.String(), errs.String())
			}
		})
	}
}

func TestHelpIsAResult(t *testing.T) {
	var out, errs bytes.Buffer
	if code := Main([]string{"-h"}, &out, &errs); code != 0 || errs.Len() > 0 || !strings.Contains(out.String(), "-campaigns") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}

func TestASpaceIsAddedOnce(t *testing.T) {
	sums := t.TempDir() + "/model.json"
	space := func(more ...string) []string {
		return append([]string{"-campaigns", "1,0", "-slots", "1", "-crashes", "0", "-restarts", "0", "-beats=false", "-sums", sums}, more...)
	}
	for i, c := range []struct {
		args []string
		code int
		says string
	}{
		{space("-commands", "1"), 0, "1 legs"},
		{space("-commands", "1", "-workers", "1", "-states", "50"), 2, "whose states would be counted twice"},
		{space("-commands", "2", "-states", "100"), 0, "2 legs"},
		{space("-commands", "2"), 2, "to depth"},
	} {
		var out, errs bytes.Buffer
		if code := Main(c.args, &out, &errs); code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("run %d: exit %d, want %d\n%s%s", i+1, code, c.code, out.String(), errs.String())
		}
	}
}

func TestADepthBoundsTheWaysAndNothingElse(t *testing.T) {
	o := Options{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Window: 1, Workers: 1}
	whole := visit(t, o)
	last := uint64(1)
	for o.Depth = 1; o.Depth <= whole.Depth+1; o.Depth++ {
		r := visit(t, o)
		if want := min(o.Depth, whole.Depth); !r.Complete || r.Depth != want || (r.Frontier == 0) != (o.Depth > whole.Depth) || r.States < last || (r.States == whole.States) != (o.Depth >= whole.Depth) {
			t.Errorf("-depth %d: %+v", o.Depth, r)
		}
		last = r.States
	}
}

// The second command belongs to a proposer that never leads: it is as good as
// none.
func TestACommandOfOneProposerIsBroughtToNoOther(t *testing.T) {
	o := Options{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 2}
	one := visit(t, o)
	o.Commands = 2
	both := visit(t, o)
	o.Own = true
	if own := visit(t, o); own.States != one.States || own.Transitions != one.Transitions || both.States <= one.States {
		t.Errorf("%d states with one command, %d with two, %d with two of which one is another proposer's", one.States, both.States, own.States)
	}
	o = Options{Campaigns: [2]int{1, 1}, Commands: 2, Own: true, Slots: 2, Depth: 9}
	own := visit(t, o)
	o.Commands = 1
	if first := visit(t, o); own.States <= first.States {
		t.Errorf("%d states with a command for each of two proposers, %d with one for the first", own.States, first.States)
	}
}

// TestARunSaysHowManyStatesWait ends one at every possible number of states.
func TestARunSaysHowManyStatesWait(t *testing.T) {
	o := Options{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Window: 1, Workers: 1}
	whole, err := Run(context.Background(), o)
	if err != nil || !whole.Complete {
		t.Fatalf("%+v, %v", whole, err)
	}
	for o.States = 1; o.States <= whole.States; o.States++ {
		r, err := Run(context.Background(), o)
		if err != nil || r.Complete != (r.Frontier == 0) || r.Complete != (r.Why == "") || r.Complete && r.States != whole.States {
			t.Errorf("-states %d: %+v, %v", o.States, r, err)
		}
	}
}

func TestAnInterruptedToolExitsWithOne(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	sums := t.TempDir() + "/model.json"
	var out, errs bytes.Buffer
	tool := &tool{out: &out, err: &errs, sums: sums}
	if code := tool.run(ctx, []Options{Default(), Default()}); code != 1 || !strings.Contains(errs.String(), "interrupted in space 1 of 2") || !strings.Contains(out.String(), "bounded: it was interrupted") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	if _, err := os.Stat(sums); err == nil {
		t.Error("an interrupted run was added to the sums")
	}
}

func TestAnInterruptedRunSaysSo(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	r, err := Run(ctx, Default())
	if err != nil || r.Complete || r.Why != "it was interrupted" || r.States < 100 {
		t.Errorf("%+v, %v", r, err)
	}
}
