package model

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// key is 128 bits of the SHA-256 of what it names. Two things with one key are
// taken for one: among 10^9 things the odds of that are below 10^-20.
type key struct{ hi, lo uint64 }

func keyOf(b []byte) key {
	sum := sha256.Sum256(b)
	return key{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])}
}

func (k key) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, k.hi), k.lo)
}

// scattered mixes k with a number, so that sums of many stand for sets of them.
func (k key) scattered(by uint64) key {
	by = (by + 1) * 0x9e3779b97f4a7c15
	return key{mixed(k.hi ^ by), mixed(k.lo ^ by<<1)}
}

func (k key) plus(o key) key { return key{k.hi + o.hi, k.lo + o.lo} }

// mixed is the finisher of MurmurHash3, a permutation of 64-bit numbers.
func mixed(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
	chunkMost = 1 << 16
)

// table gives things numbers, from 1 on, by their keys. Reading one by its
// number takes no lock. Which gets which number depends on who comes first, so
// nothing that is counted may depend on a number.
type table[T any] struct {
	mu     sync.RWMutex
	ids    map[key]uint32
	chunks [chunkMost]atomic.Pointer[[chunkSize]T]
	count  atomic.Uint32
}

func (t *table[T]) get(id uint32) *T { return &t.chunks[id>>chunkBits].Load()[id&(chunkSize-1)] }

func (t *table[T]) find(k key) (uint32, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	id, ok := t.ids[k]
	return id, ok
}

// intern gives the number of the thing with this key; fill makes it if it is new.
func (t *table[T]) intern(k key, fill func(*T)) uint32 {
	if id, ok := t.find(k); ok {
		return id
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if id, ok := t.ids[k]; ok {
		return id
	}
	if t.ids == nil {
		t.ids = map[key]uint32{}
	}
	id := t.count.Load() + 1
	if id>>chunkBits >= chunkMost {
		panic("model: a table is full: the bounds are too wide for this program")
	}
	chunk := &t.chunks[id>>chunkBits]
	if chunk.Load() == nil {
		chunk.Store(new([chunkSize]T))
	}
	fill(t.get(id))
	t.count.Store(id)
	t.ids[k] = id
	return id
}

// memo keeps the results of one thing's steps: many readers and no locks, one
// writer at a time.
type memo struct {
	mu    sync.Mutex
	cells atomic.Pointer[[]atomic.Uint64] // step<<32 | result; 0 is empty
	used  int
}

func slot(step uint32, mask int) int { return int(step*0x9e3779b1>>7) & mask }

func (m *memo) get(step uint32) (uint32, bool) {
	cells := m.cells.Load()
	if cells == nil {
		return 0, false
	}
	mask := len(*cells) - 1
	for i := slot(step, mask); ; i = (i + 1) & mask {
		c := (*cells)[i].Load()
		if c == 0 {
			return 0, false
		}
		if uint32(c>>32) == step {
			return uint32(c), true
		}
	}
}

func (m *memo) put(step, result uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cells := m.cells.Load()
	if cells == nil || m.used*4 >= len(*cells)*3 {
		size := 8
		if cells != nil {
			size = 2 * len(*cells)
		}
		grown := make([]atomic.Uint64, size)
		if cells != nil {
			for i := range *cells {
				if c := (*cells)[i].Load(); c != 0 {
					place(grown, c)
				}
			}
		}
		cells = &grown
		m.cells.Store(cells)
	}
	if place(*cells, uint64(step)<<32|uint64(result)) {
		m.used++
	}
}

// place puts a cell where it belongs; it reports false if it was there.
func place(cells []atomic.Uint64, c uint64) bool {
	mask := len(cells) - 1
	for i := slot(uint32(c>>32), mask); ; i = (i + 1) & mask {
		old := cells[i].Load()
		if old>>32 == c>>32 && old != 0 {
			return false
		}
		if old == 0 {
			cells[i].Store(c)
			return true
		}
	}
}
