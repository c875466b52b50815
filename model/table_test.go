package model

import (
	"sync"
	"testing"
)

func TestWhatWasVisitedIsNewOnceAndRemembersItsParent(t *testing.T) {
	v := newVisited()
	parents := map[key]uint64{}
	for i := range 200_000 {
		k := key{lo: mixed(1 + uint64(i)%150_000)}
		k.hi = mixed(k.lo)
		_, known := parents[k]
		if v.add(k, uint64(i)) == known {
			t.Fatalf("state %d: known %v", i, known)
		}
		if !known {
			parents[k] = uint64(i)
		}
	}
	for k, parent := range parents {
		if got := v.parent(k.lo); got != parent {
			t.Fatalf("%v came from %d, not %d", k, parent, got)
		}
	}
}

// TestAMemoGivesWhatWasPut, while others put.
func TestAMemoGivesWhatWasPut(t *testing.T) {
	var m memo
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for step := range uint32(5000) {
				m.put(step, step+7)
				if got, ok := m.get(step); !ok || got != step+7 {
					t.Errorf("step %d: %d, %v", step, got, ok)
					return
				}
			}
		})
	}
	all.Wait()
	if _, ok := m.get(5001); ok || m.used != 5000 {
		t.Errorf("%d are known", m.used)
	}
}

func TestATableGivesEqualThingsOneNumber(t *testing.T) {
	var tab table[int]
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 3000 {
				id := tab.intern(key{uint64(i), 1}, func(to *int) { *to = i })
				if got := *tab.get(id); got != i {
					t.Errorf("%d is under the number of %d", got, i)
				}
			}
		})
	}
	all.Wait()
	if tab.count.Load() != 3000 {
		t.Errorf("%d numbers for 3000 things", tab.count.Load())
	}
}
