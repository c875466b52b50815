package crash

import (
	"math/rand/v2"

	"paxos/internal/wal/memfs"
)

// crashed takes the power away from a copy of a disk. For the i-th thing that
// was not durable, of which n versions may survive, pick(i, n) says which one
// did; 0 is the oldest. It gives what was chosen, and of how many.
func crashed(d *memfs.Disk, pick func(i, n int) int) (after *memfs.Disk, took, of []int) {
	after = d.Clone()
	after.Crash(func(n int) int {
		c := min(max(pick(len(took), n), 0), n-1)
		took, of = append(took, c), append(of, n)
		return c
	})
	return after, took, of
}

func lost(int, int) int { return 0 }
func kept(_, n int) int { return n - 1 }
func given(list []int) func(i, n int) int {
	return func(i, _ int) int {
		if i < len(list) {
			return list[i]
		}
		return 0
	}
}

// survivals tries what may survive a crash of a disk: everything, if that is at
// most whole states; otherwise nothing, everything, each single thing against
// both, all beginnings and all ends of what there is, pairs, and then dice, some
// in all. No two of the tries make the same choices. It ends when try is false.
func survivals(d *memfs.Disk, whole, some int, dice *rand.Rand, try func(after *memfs.Disk, took []int) bool) {
	all := 1
	length := 0
	for _, base := range []func(i, n int) int{lost, kept} {
		_, _, of := crashed(d, base)
		ways := 1
		for _, n := range of {
			ways = min(ways*n, whole+1)
		}
		all, length = max(all, ways), max(length, len(of))
	}
	if all <= whole {
		everything(d, try)
		return
	}
	s := &sampler{disk: d, left: some, seen: map[string]bool{}, try: try}
	s.systematic(length)
	for tries := 0; tries < 4*some && s.left > 0; tries++ {
		if tries%2 == 0 {
			s.pair(dice.IntN(length), dice.IntN(length), dice.IntN(2) == 0)
			continue
		}
		odds := []float64{.1, .5, .9}[dice.IntN(3)]
		s.one(func(_, n int) int {
			if dice.Float64() < odds {
				return n - 1
			}
			return dice.IntN(n)
		})
	}
}

// everything walks the tree of choices from its first leaf to its last. What is
// asked may depend on what was chosen before: a file whose name is lost has no
// sectors to ask about.
func everything(d *memfs.Disk, try func(*memfs.Disk, []int) bool) {
	var next []int
	for {
		after, took, of := crashed(d, given(next))
		if !try(after, took) {
			return
		}
		i := len(took) - 1
		for i >= 0 && took[i] == of[i]-1 {
			i--
		}
		if i < 0 {
			return
		}
		next = append(append([]int(nil), took[:i]...), took[i]+1)
	}
}

// sampler tries some of the choices, each once.
type sampler struct {
	disk *memfs.Disk
	left int
	seen map[string]bool
	try  func(*memfs.Disk, []int) bool
}

func (s *sampler) one(pick func(i, n int) int) {
	if s.left <= 0 {
		return
	}
	after, took, _ := crashed(s.disk, pick)
	key := make([]byte, len(took))
	for i, c := range took {
		key[i] = byte(c)
	}
	if s.seen[string(key)] {
		return
	}
	s.seen[string(key)] = true
	s.left--
	if !s.try(after, took) {
		s.left = 0
	}
}

func (s *sampler) systematic(length int) {
	s.one(lost)
	s.one(kept)
	for i := range length {
		s.pair(i, i, true)
		s.pair(i, i, false)
		s.one(func(j, n int) int { return boundary(j < i, n) })
		s.one(func(j, n int) int { return boundary(j >= i, n) })
	}
}

func boundary(survives bool, n int) int {
	if survives {
		return n - 1
	}
	return 0
}

// pair takes two things, which may be one, against all others.
func (s *sampler) pair(a, b int, keep bool) {
	s.one(func(i, n int) int { return boundary((i == a || i == b) != keep, n) })
}
