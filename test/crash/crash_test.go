package crash

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	"paxos/internal/wal/memfs"
)

// few are bounds for tests that look for one thing.
var few = bounds{whole: 32, some: 32, again: 64, kills: 16, harms: 64}

// explore takes a life down and gives what was counted.
func explore(e *explorer) (Sums, *Failure) { return exploreLife(e, birth(e.kind, e.seed)) }

func exploreLife(e *explorer, l life) (Sums, *Failure) {
	sums := Sums{}
	e.add = func(more Sums) {
		for name, n := range more {
			sums[name] += n
		}
	}
	failed := e.run(l)
	return sums, failed
}

func TestEveryCrashStateIsRecoveredAsItShouldBe(t *testing.T) {
	s := &Swarm{First: 2, States: 2000, Workers: runtime.NumCPU()}
	sums, failed := s.Run(context.Background())
	if failed != nil {
		t.Fatal(failed)
	}
	if sums[states] < 2000 || sums[lives] < 2 {
		t.Errorf("too little happened: %v", sums)
	}
	t.Log(sums)
}

// TestTheFixedLivesHaveEverythingInThem keeps the figures honest: each kind of
// thing that is counted must really have been under way when the power went.
func TestTheFixedLivesHaveEverythingInThem(t *testing.T) {
	want := map[string]map[string]int64{
		"acceptor": {"start": 50, "identity": 50, "journal": 500, "truncation": 100},
		"learner":  {"start": 50, "identity": 10, "snapshot": 300, "transfer": 100},
	}
	verdicts := map[string][]verdict{"acceptor": {refusedDisk, asTorn}, "learner": {asBefore, refusedDisk, refusedFile}}
	for kind, labels := range want {
		sums, failed := explore(&explorer{kind: kind, bounds: few})
		if failed != nil {
			t.Fatal(failed)
		}
		for label, n := range labels {
			if have := sums[states+": "+label]; have < n {
				t.Errorf("%s: %d states while %s, want %d", kind, have, label, n)
			}
		}
		for _, v := range verdicts[kind] {
			if sums[damaged+": "+string(v)] == 0 {
				t.Errorf("%s: no disk was found %s", kind, v)
			}
		}
		if sums[distinct] < 500 || sums[states] < sums[distinct] {
			t.Errorf("%s: %d distinct of %d states", kind, sums[distinct], sums[states])
		}
		t.Log(kind, sums)
	}
}

// TestTheFixedLivesLeaveEveryKindOfFile: and their truncations truncate.
func TestTheFixedLivesLeaveEveryKindOfFile(t *testing.T) {
	for kind, suffixes := range map[string][]string{"acceptor": {"identity", ".wal"}, "learner": {"identity", ".snapshot", ".incoming", ".damaged"}} {
		disk, _ := lived(t, birth(kind, 0))
		for _, suffix := range suffixes {
			if len(named(disk, suffix)) == 0 {
				t.Errorf("%s: no file that ends in %s: %v", kind, suffix, disk.Files())
			}
		}
		if segments := named(disk, ".wal"); kind == "acceptor" && (segments[0] < "0000000000000004.wal" || len(segments) < 3) {
			t.Errorf("the segments are %v", segments)
		}
	}
}

func TestLivesOfOneSeedAreTheSame(t *testing.T) {
	for kind := range kinds {
		one, _ := explore(&explorer{kind: kind, seed: 5, bounds: bounds{4, 4, 16, 16, 64}})
		two, _ := explore(&explorer{kind: kind, seed: 5, bounds: bounds{4, 4, 16, 16, 64}})
		for name, n := range one {
			if two[name] != n {
				t.Errorf("%s: %d %s, and then %d", kind, n, name, two[name])
			}
		}
	}
}

// TestAJournalPutBackIsSeen keeps the judge of harms honest: it must object to
// a disk that silently holds less.
func TestAJournalPutBackIsSeen(t *testing.T) {
	seen := 0
	for seed := uint64(1); seed < 40; seed++ {
		l := birth("acceptor", seed)
		disk, batch := lived(t, l)
		content, err := disk.Content(batch.name)
		if err != nil {
			t.Fatal(err)
		}
		clear(content[batch.from:batch.to])
		h := harm{what: "the last batch is gone", files: []string{batch.name}, content: [][]byte{content}, unwritten: true}
		back, err := h.do(disk)
		if err != nil {
			t.Fatal(err)
		}
		v, err := l.owner.fork().harmed(back.Clone(), h)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if v != asTorn {
			continue // It was the first of its segment, and the next one knows.
		}
		seen++
		h.unwritten = false
		if v, err := l.owner.fork().harmed(back, h); err == nil || !strings.Contains(err.Error(), "were acknowledged") {
			t.Errorf("a batch that was acknowledged is gone, and the judge says %q, %v", v, err)
		}
	}
	if seen < 3 {
		t.Errorf("only %d journals were put back", seen)
	}
}

// lived gives the disk of a life that has ended, and its last batch.
func lived(t *testing.T, l life) (*memfs.Disk, extent) {
	t.Helper()
	disk, err := newDisk()
	if err != nil {
		t.Fatal(err)
	}
	tape, err := (&explorer{life: l}).start(disk, l.owner, l.steps, nil)
	if err != nil {
		t.Fatal(err)
	}
	return disk, tape.batch
}

func TestEveryHarmIsDone(t *testing.T) {
	disk, batch := lived(t, birth("acceptor", 3))
	tried := map[string]int{}
	if err := harms(disk, batch, newDice(1), func(h harm) bool { tried[h.what]++; return true }); err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, name := range disk.Files() {
		b, _ := disk.Content(name)
		size += len(b)
	}
	if tried["flip"] != size {
		t.Errorf("%d flips in %d bytes", tried["flip"], size)
	}
	for _, what := range []string{"sector zeroed", "sector half zeroed", "cut", "gone", "swapped"} {
		if tried[what] == 0 {
			t.Errorf("no %s among %v", what, tried)
		}
	}
	before, now := disk.Clone(), disk.Clone()
	b, err := now.Content(batch.name)
	if err != nil {
		t.Fatal(err)
	}
	b[batch.from+9]++
	if err := now.Put(batch.name, b); err != nil {
		t.Fatal(err)
	}
	list, err := stale(before, now, batch)
	if err != nil || len(list) != 1 || list[0].unwritten || !slices.Equal(list[0].files, []string{batch.name}) {
		t.Errorf("the stale sectors are %v, %v", list, err)
	}
}
