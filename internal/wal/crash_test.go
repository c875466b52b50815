package wal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

var errPower = errors.New("the power is gone")

// life is what a journal's owner does and what it knows of it.
type life struct {
	disk    *memfs.Disk
	created bool     // Open has returned once: from now on there is a journal
	said    []string // synced: must be there after every crash
	asked   []string // in a Sync that has not returned: all or nothing
	dropped int      // of said: may be gone, or not, as whole segments
}

// live opens the journal and works on it until it is done or the power goes.
func (l *life) live(t *testing.T, rounds [][]int) error {
	t.Helper()
	opts := small(!l.created)
	var at uint64
	opts.AtBatch = func(p wal.Position) { at = p.Segment }
	in := map[uint64]int{} // by segment: how many of said are kept there
	var got []string
	j, err := wal.Open(l.disk, dir, bind, opts, func(kind byte, payload []byte) error {
		got = append(got, record(kind, payload))
		in[at]++
		return nil
	})
	if err != nil {
		return err
	}
	l.check(t, got)
	l.created = true
	for _, sizes := range rounds {
		if sizes == nil {
			drop := j.Position().Segment
			for number, n := range in {
				if number < drop {
					l.dropped += n
				}
			}
			if err := j.DropBefore(drop); err != nil {
				return err
			}
			continue
		}
		for i, n := range sizes {
			kind, payload := byte(i), body(len(l.said)+i, n)
			j.Append(kind, payload)
			l.asked = append(l.asked, record(kind, payload))
		}
		if err := j.Sync(); err != nil {
			return err
		}
		in[j.Position().Segment] += len(l.asked)
		l.said, l.asked = append(l.said, l.asked...), nil
	}
	return j.Close()
}

// check demands that a journal holds all that was said, that what was asked is
// there wholly or not at all, and nothing else; then it holds its owner to it.
func (l *life) check(t *testing.T, got []string) {
	t.Helper()
	for start := 0; start <= l.dropped; start++ {
		if slices.Equal(got, l.said[start:]) {
			l.said, l.asked, l.dropped = got, nil, 0
			return
		}
		if slices.Equal(got, slices.Concat(l.said[start:], l.asked)) {
			l.said, l.asked, l.dropped = got, nil, 0
			return
		}
	}
	t.Fatalf("%d records are there; %d were said (the first %d may be dropped), %d asked:\n got %.20q\nsaid %.20q",
		len(got), len(l.said), l.dropped, len(l.asked), got, l.said)
}

// fork gives an independent copy.
func (l *life) fork() *life {
	out := *l
	out.disk = l.disk.Clone()
	out.said, out.asked = slices.Clone(l.said), slices.Clone(l.asked)
	return &out
}

// until takes the power away before the n-th operation from now.
func until(disk *memfs.Disk, n int) {
	last := disk.Ops() + n
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.N >= last {
			return &memfs.Fault{Err: errPower}
		}
		return nil
	})
}

// outcomes calls try with a choice for Crash for each of the ways in which the
// disk may come out of it: all of them if they are few, otherwise some.
func outcomes(disk *memfs.Disk, try func(pick func(int) int)) {
	ways := 1
	disk.Clone().Crash(func(n int) int { ways = min(ways*n, 1<<20); return 0 })
	const some = 200
	if ways <= some {
		for way := range ways {
			rest := way
			try(func(n int) int { defer func() { rest /= n }(); return rest % n })
		}
		return
	}
	try(memfs.Lose)
	try(memfs.Keep)
	for seed := range uint64(some - 2) {
		try(rand.New(rand.NewPCG(seed, 1)).IntN)
	}
}

// The scenarios together contain a creation, batches of one and of several
// sectors, rolls with and without a link, a segment made to measure, a drop.
var scenarios = map[string][][]int{
	"create, append, roll":                               {{5, 5}, {900}, {1200}, {1200}, {10}},
	"roll behind the first batch, larger than a segment": {{6*504 - 49}, {10}, {5000}, {7}},
	"drop":             {{1500}, {1500}, {1500}, {1500}, nil, {40}},
	"drop at the roll": {{1500}, {1500}, {1200}, {1300, 150}, nil, {1}},
}

// operations is how many a scenario takes when nothing happens.
func operations(t *testing.T, rounds [][]int) int {
	t.Helper()
	l := &life{disk: newDisk(t)}
	before := l.disk.Ops()
	must(t, l.live(t, rounds))
	return l.disk.Ops() - before
}

func TestCrashAtEveryOperation(t *testing.T) {
	for name, rounds := range scenarios {
		t.Run(name, func(t *testing.T) {
			for n := range operations(t, rounds) {
				l := &life{disk: newDisk(t)}
				until(l.disk, n+1)
				if err := l.live(t, rounds); err != nil && !errors.Is(err, errPower) {
					t.Fatalf("operation %d: %v", n, err)
				}
				outcomes(l.disk, func(pick func(int) int) {
					after := l.fork()
					after.disk.Crash(pick)
					recoverAndGoOn(t, after)
				})
			}
		})
	}
}

func recoverAndGoOn(t *testing.T, l *life) {
	t.Helper()
	for range 2 {
		if err := l.live(t, [][]int{{33}, {800}}); err != nil {
			t.Fatal(err)
		}
		l.disk.Crash(memfs.Lose)
	}
}

// The recovery is itself taken down, at each of its operations: that of what a
// crash has left, and that of what a process has left that only died.
func TestCrashDuringRecovery(t *testing.T) {
	for name, rounds := range scenarios {
		for _, killed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", killed ", killed), func(t *testing.T) {
				for n := range operations(t, rounds) {
					l := &life{disk: newDisk(t)}
					until(l.disk, n+1)
					_ = l.live(t, rounds)
					dice := rand.New(rand.NewPCG(uint64(n), 2))
					if killed {
						l.disk.Kill()
					} else {
						l.disk.Crash(dice.IntN)
					}
					crashTheRecovery(t, l, uint64(n))
				}
			})
		}
	}
}

func crashTheRecovery(t *testing.T, l *life, n uint64) {
	t.Helper()
	for m := 1; ; m++ {
		for way, pick := range []func(int) int{memfs.Lose, memfs.Keep, rand.New(rand.NewPCG(n, uint64(m))).IntN} {
			again := l.fork()
			until(again.disk, m)
			if again.live(t, nil) == nil {
				if way > 0 {
					t.Fatal("the same recovery did not end")
				}
				return
			}
			again.disk.Crash(pick)
			must(t, again.live(t, [][]int{{800}}))
		}
	}
}

// A process that ends, for whatever reason, leaves pages in memory that may
// never reach the disk. What the next one has read must not be lost after it.
func TestWhatOpenHasReplayedIsDurable(t *testing.T) {
	for name, rounds := range scenarios {
		t.Run(name, func(t *testing.T) {
			for n := range operations(t, rounds) {
				l := &life{disk: newDisk(t)}
				failAt(l.disk, n+1)
				if err := l.live(t, rounds); err != nil && !errors.Is(err, errDisk) {
					t.Fatalf("operation %d: %v", n, err)
				}
				l.disk.Kill()
				// The first owner after it goes on; the second loses the power.
				j, got, err := read(l.disk, small(!l.created))
				must(t, err)
				l.check(t, got)
				l.created = true
				must(t, j.Close())
				outcomes(l.disk, func(pick func(int) int) {
					after := l.fork()
					after.disk.Crash(pick)
					recoverAndGoOn(t, after)
				})
			}
		})
	}
}

func TestCrashesAtRandom(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 3))
		l := &life{disk: newDisk(t)}
		for range 12 {
			until(l.disk, 5+rng.IntN(60))
			var rounds [][]int
			for range 1 + rng.IntN(10) {
				var sizes []int
				for range 1 + rng.IntN(4) {
					sizes = append(sizes, rng.IntN(1+rng.IntN(2000)))
				}
				rounds = append(rounds, sizes)
			}
			if rng.IntN(4) == 0 {
				rounds = append(rounds, nil)
			}
			if err := l.live(t, rounds); err != nil && !errors.Is(err, errPower) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if rng.IntN(3) == 0 {
				l.disk.Kill()
			} else {
				l.disk.Crash(rng.IntN)
			}
		}
	}
}

// TestTheOutcomesAreTheOnesMeant keeps the tests above honest: a torn batch
// must really be among what they try.
func TestTheOutcomesAreTheOnesMeant(t *testing.T) {
	l := &life{disk: newDisk(t)}
	must(t, l.live(t, [][]int{{1}}))
	j, _ := mustOpen(t, l.disk, small(false))
	j.Append(1, body(1, 1100))
	l.disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.Kind == memfs.SyncDataOp {
			return &memfs.Fault{Err: errPower}
		}
		return nil
	})
	if err := j.Sync(); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	found := map[string]int{}
	outcomes(l.disk, func(pick func(int) int) {
		disk := l.disk.Clone()
		disk.Crash(pick)
		before := imageOf(t, disk)[segment(1)]
		_, got := mustOpen(t, disk, small(false))
		cut := fmt.Sprint(before) != fmt.Sprint(imageOf(t, disk)[segment(1)])
		found[fmt.Sprintf("%d records, cut %v", len(got), cut)]++
	})
	want := map[string]int{"1 records, cut false": 1, "1 records, cut true": 6, "2 records, cut false": 1}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", found, want)
	}
}
