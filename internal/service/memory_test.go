package service

import (
	"runtime/debug"
	"testing"
	"time"
)

func TestTheCollectorWorksLessWhereLittleLives(t *testing.T) {
	for _, c := range []struct {
		live        uint64
		nodes, want int
	}{{0, 1, mostShare}, {1 << 20, 1, mostShare}, {8 << 20, 1, 800}, {32 << 20, 1, 200}, {64 << 20, 1, 100}, {128 << 20, 1, leastShare}, {1 << 30, 1, leastShare}, {128 << 20, 10, 500}} {
		if got := shareFor(c.live, c.nodes); got != c.want {
			t.Errorf("with %d MiB and %d nodes it is %d %%, not %d", c.live>>20, c.nodes, got, c.want)
		}
	}
}

func TestTheCollectorIsTunedWhileANodeRuns(t *testing.T) {
	t.Setenv("GOGC", "")
	share := func() int {
		collecting.Lock()
		defer collecting.Unlock()
		was := debug.SetGCPercent(usualShare)
		debug.SetGCPercent(was)
		return was
	}
	before := share()
	first, second := tuneCollector(), tuneCollector()
	setShare(1 << 20)
	if got := share(); got != mostShare {
		t.Errorf("with next to nothing alive it is %d %%", got)
	}
	first()
	setShare(spareBytes / 2)
	if got := share(); got != 200 {
		t.Errorf("with half of what is to spare alive it is %d %%", got)
	}
	setShare(spareBytes/2 + spareBytes/16)
	if got := share(); got != 200 {
		t.Errorf("for a small difference it became %d %%", got)
	}
	second()
	if got := share(); got != usualShare {
		t.Errorf("without a node it is %d %%, before it was %d %%", got, before)
	}
	t.Setenv("GOGC", "77")
	third := tuneCollector()
	defer third()
	if got := share(); got != usualShare {
		t.Errorf("the operator said something, and it is %d %%", got)
	}
}

func TestANodeRestsWhenNothingHappensForAWhile(t *testing.T) {
	const much = 100 << 20
	type look struct {
		heap
		want bool
	}
	busy, slow := uint64(restBytes+1), uint64(restBytes)
	for name, looks := range map[string][]look{
		"it works":                {{heap{0, busy, much}, false}, {heap{0, 2 * busy, much}, false}, {heap{0, 3 * busy, much}, false}, {heap{0, 4 * busy, much}, false}, {heap{0, 5 * busy, much}, false}},
		"it rests":                {{heap{0, slow, much}, false}, {heap{0, 2 * slow, much}, false}, {heap{0, 3 * slow, much}, false}, {heap{0, 4 * slow, much}, true}, {heap{0, 4 * slow, much}, true}},
		"it works once":           {{heap{0, 1, much}, false}, {heap{0, 1, much}, false}, {heap{0, 1, much}, false}, {heap{0, 2 + busy, much}, false}, {heap{0, 2 + busy, much}, false}, {heap{0, 2 + busy, much}, false}, {heap{0, 2 + busy, much}, false}},
		"little is to be had":     {{heap{0, 1, worthBack}, false}, {heap{0, 1, worthBack}, false}, {heap{0, 1, worthBack}, false}, {heap{0, 1, worthBack}, false}},
		"little of much is":       {{heap{8 * much, 1, 9 * much}, false}, {heap{8 * much, 1, 9 * much}, false}, {heap{8 * much, 1, 9 * much}, false}, {heap{8 * much, 1, 9 * much}, false}},
		"a bit more than that is": {{heap{8 * much, 1, 9*much + 1}, false}, {heap{8 * much, 1, 9*much + 1}, false}, {heap{8 * much, 1, 9*much + 1}, false}, {heap{8 * much, 1, 9*much + 1}, true}},
	} {
		var q quiet
		for i, l := range looks {
			if got := q.over(l.heap); got != l.want {
				t.Errorf("%s, look %d: %v", name, i+1, got)
			}
		}
	}
}

var garbage [][]byte

func TestWhatLivesNoMoreIsGivenBackAndNotSoonAgain(t *testing.T) {
	now := time.Now()
	waste := func() (held uint64) {
		for range 64 {
			garbage = append(garbage, make([]byte, 1<<20))
		}
		held = lookHeap().held
		garbage = nil
		return held
	}
	collecting.gaveBack = time.Time{}
	if held := waste(); !giveBack(now, 0) || lookHeap().held+48<<20 > held {
		t.Errorf("%d bytes were held, and %d are", held, lookHeap().held)
	}
	if giveBack(now.Add(backAgain-1), 0) {
		t.Error("it was given back again at once")
	}
	if giveBack(now.Add(3*backAgain-1), 2*spareBytes) {
		t.Error("where much lives it was given back again soon")
	}
	if now = now.Add(backAgain); !giveBack(now, 0) {
		t.Error("after a while nothing is given back")
	}
	if !giveBack(now.Add(3*backAgain), 2*spareBytes) {
		t.Error("where much lives nothing is given back after a while")
	}
	collecting.gaveBack = time.Time{}
}
