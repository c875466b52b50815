package service

import (
	"runtime"
	"testing"
	"time"
)

func TestAProcessTakesWhatItUses(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		has, nodes, want int
		used, idle       time.Duration // in a second
	}{
		"it rests":                        {1, 1, 1, 0, 4000 * ms},
		"it works":                        {1, 1, 1, 790 * ms, 3000 * ms},
		"it uses nearly all":              {1, 1, 2, 810 * ms, 3000 * ms},
		"the machine has nothing to give": {1, 1, 1, 990 * ms, 290 * ms},
		"nearly all of two":               {2, 1, 3, 1650 * ms, 2000 * ms},
		"all there are":                   {4, 1, 4, 4000 * ms, 1000 * ms},
		"most of two":                     {2, 1, 2, 1500 * ms, 2000 * ms},
		"half of one would do":            {2, 1, 1, 490 * ms, 3000 * ms},
		"a little more":                   {2, 1, 2, 510 * ms, 3000 * ms},
		"three nodes rest":                {3, 3, 3, 0, 4000 * ms},
		"a node more":                     {2, 3, 3, 0, 4000 * ms},
		"a machine with many":             {1, 1, 2, 999 * ms, 111_000 * ms},
	} {
		now := time.Now()
		before := working{at: now, used: 77 * ms, idle: 123456 * ms}
		after := working{at: now.Add(time.Second), used: before.used + c.used, idle: before.idle + c.idle}
		if got := processorsFor(c.has, c.nodes, 4, before, after); got != c.want {
			t.Errorf("%s: %d of 4, want %d", name, got, c.want)
		}
	}
	if now := (working{at: time.Now()}); processorsFor(3, 1, 4, now, now) != 3 {
		t.Error("nothing happened, and something was changed")
	}
}

func TestTheMachineTellsHowIdleItIs(t *testing.T) {
	for stat, want := range map[string]time.Duration{
		"cpu  10 20 30 400 7 0 0 0 0 0\ncpu0 1 2 3 4 5 6\n": 4070 * time.Millisecond,
		"cpu0 10 20 30 400 7\n":                             -1,
		"cpu 10 20 30 x 7\n":                                -1,
		"cpu 10 20 30 400 x\n":                              -1,
		"cpu 10 20 30\n":                                    -1,
		"":                                                  -1,
	} {
		got, ok := idleOf([]byte(stat))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %v, want %v", stat, got, want)
		}
	}
	// A busy machine need not be idle at any moment.
	before, known := look()
	if !known {
		t.Fatal("nothing is known of this process")
	}
	for end := time.Now().Add(10 * time.Second); ; {
		now, _ := look()
		if now.used > before.used && now.at.After(before.at) && now.idle >= before.idle {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, and before it was %+v", now, before)
		}
	}
}

func TestTheProcessorsAreTunedWhileANodeRuns(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	was := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(was)
	runtime.SetDefaultGOMAXPROCS()
	all := runtime.GOMAXPROCS(0)
	first := tuneProcessors()
	if got := runtime.GOMAXPROCS(0); got != 1 {
		t.Errorf("one node has %d processors", got)
	}
	now := time.Now()
	adaptTo(working{at: now}, working{at: now.Add(time.Second), used: time.Second, idle: time.Second})
	if got := runtime.GOMAXPROCS(0); got != min(2, all) {
		t.Errorf("a busy node has %d processors of %d", got, all)
	}
	adaptTo(working{at: now}, working{at: now.Add(time.Second), idle: time.Second})
	if got := runtime.GOMAXPROCS(0); got != 1 {
		t.Errorf("one node that rests has %d processors", got)
	}
	second := tuneProcessors()
	if got := runtime.GOMAXPROCS(0); got != min(2, all) {
		t.Errorf("two nodes have %d processors of %d", got, all)
	}
	first()
	second()
	if got := runtime.GOMAXPROCS(0); got != all {
		t.Errorf("without a node there are %d processors, before there were %d", got, all)
	}
	t.Setenv("GOMAXPROCS", "7")
	third := tuneProcessors()
	defer third()
	if got := runtime.GOMAXPROCS(0); got != all {
		t.Errorf("the operator said something, and there are %d processors", got)
	}
}
