package model

import "sync"

// visited is the set of all states seen, by 128 bits each, with 64 bits of the
// state from which each was reached first: enough to walk back.
type visited struct{ shards [256]shard }

type shard struct {
	mu    sync.Mutex
	cells []cell
	count int
}

type cell struct {
	key    key
	parent uint64
}

func newVisited() *visited {
	v := &visited{}
	for i := range v.shards {
		v.shards[i].cells = make([]cell, 64)
	}
	return v
}

// add reports whether the state is new.
func (v *visited) add(k key, parent uint64) bool {
	s := &v.shards[k.lo>>56]
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(k)
	if c.key == k {
		return false
	}
	*c = cell{k, parent}
	if s.count++; s.count*4 >= len(s.cells)*3 {
		s.grow()
	}
	return true
}

// find gives the cell of k, or the empty one where it belongs.
func (s *shard) find(k key) *cell {
	mask := uint64(len(s.cells) - 1)
	for i := k.lo & mask; ; i = (i + 1) & mask {
		if c := &s.cells[i]; c.key == k || c.key == (key{}) {
			return c
		}
	}
}

func (s *shard) grow() {
	old := s.cells
	s.cells = make([]cell, 2*len(old))
	for _, c := range old {
		if c.key != (key{}) {
			*s.find(c.key) = c
		}
	}
}

// parent gives where a state came from, by the lower half of its key.
func (v *visited) parent(lo uint64) uint64 {
	s := &v.shards[lo>>56]
	mask := uint64(len(s.cells) - 1)
	for i := lo & mask; ; i = (i + 1) & mask {
		if c := &s.cells[i]; c.key.lo == lo || c.key == (key{}) {
			return c.parent
		}
	}
}
