package kv

import (
	"strings"

	"github.com/tidwall/btree"
)

// change is one change of one key. It is never altered once it is made, so
// that all trees, of the machine and of every View, may share it.
type change struct {
	KeyValue        // of a deletion, only Key and Mod
	sub      uint32 // its place among the changes of its revision
	deleted  bool
	list     uint32 // the value is known to be a JSON array of list-1 items; 0: a look tells
}

// changeRoom is about what a change takes besides its key and value.
const changeRoom = 64

func (c *change) size() int { return len(c.Key) + len(c.Value) + changeRoom }

// store is the keys and their history. Its trees are copied in O(1).
//
// No command changes a key twice (txn.go, clash), so that a key and a revision
// name one change.
type store struct {
	revision  Revision
	compacted Revision
	sub       uint32 // changes of the revision that is being made, 0 between commands

	keys    *btree.BTreeG[*change] // by key: those that are there
	history *btree.BTreeG[*change] // by key and revision: those that others took the place of, and deletions
	changes *btree.BTreeG[*change] // by revision and place: what watchers need
	last    btree.PathHint         // to the end of changes, where they are added

	leaseTable

	values   int // keys of the log of values
	keyBytes int // of the changes in keys
	oldBytes int // of the changes in history
}

func newStore() store {
	return store{
		revision: 1,
		// Not a map: a key beside each change would be 16 bytes more, in nodes
		// that are half full.
		keys: sorted(func(a, b *change) bool { return a.Key < b.Key }),
		history: sorted(func(a, b *change) bool {
			order := strings.Compare(a.Key, b.Key)
			return order < 0 || order == 0 && a.Mod < b.Mod
		}),
		changes: sorted(func(a, b *change) bool { return a.Mod < b.Mod || a.Mod == b.Mod && a.sub < b.sub }),

		leaseTable: newLeaseTable(),
	}
}

func tree[T any](compare func(a, b T) int) *btree.BTreeG[T] {
	return sorted(func(a, b T) bool { return compare(a, b) < 0 })
}

// sorted makes a tree without locks: it belongs to the machine's goroutine, or
// nobody writes to it any more.
func sorted[T any](less func(a, b T) bool) *btree.BTreeG[T] {
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

// freeze gives a copy that later changes of the store do not reach.
func (s *store) freeze() store {
	f := *s
	f.keys, f.history, f.changes = s.keys.Copy(), s.history.Copy(), s.changes.Copy()
	f.leaseTable = s.leaseTable.freeze()
	return f
}

// named is what a key is looked for by.
func named(key string) *change { return &change{KeyValue: KeyValue{Key: key}} }

func (s *store) get(key string) *change {
	c, _ := s.keys.Get(named(key))
	return c
}

// put sets a key in the revision that is being made, and gives what it took the
// place of, nil if nothing was there.
func (s *store) put(key, value string, lease LeaseID) (c, old *change) {
	next := s.revision + 1
	c = &change{KeyValue: KeyValue{key, value, next, next, 1, lease}, sub: s.sub}
	s.sub++
	old, had := s.keys.Set(c)
	if had {
		c.Create, c.Version = old.Create, old.Version+1
		s.retire(old)
	} else if isValue(key) {
		s.values++
	}
	if lease != 0 {
		s.attach(lease, key)
	}
	s.changes.SetHint(c, &s.last)
	s.keyBytes += c.size()
	return c, old
}

// remove deletes a key that is there.
func (s *store) remove(old *change) {
	c := &change{KeyValue: KeyValue{Key: old.Key, Mod: s.revision + 1}, sub: s.sub, deleted: true}
	s.sub++
	s.retire(old)
	if isValue(old.Key) {
		s.values--
	}
	s.keys.Delete(old)
	s.history.Set(c)
	s.changes.SetHint(c, &s.last)
	s.oldBytes += c.size()
}

// undo takes back the last change, which took the place of old, nil for none.
func (s *store) undo(old *change) {
	c, _ := s.changes.PopMax()
	s.sub--
	if c.deleted {
		s.history.Delete(c)
		s.oldBytes -= c.size()
	} else {
		s.keyBytes -= c.size()
		s.keys.Delete(c)
		if c.Lease != 0 {
			s.detach(c.Lease, c.Key)
		}
	}
	switch {
	case old != nil:
		s.history.Delete(old)
		s.keys.Set(old)
		s.keyBytes += old.size()
		s.oldBytes -= old.size()
		if old.Lease != 0 {
			s.attach(old.Lease, old.Key)
		}
		if c.deleted && isValue(old.Key) {
			s.values++
		}
	case isValue(c.Key):
		s.values--
	}
}

// retire makes a change one of the past.
func (s *store) retire(old *change) {
	s.history.Set(old)
	s.keyBytes -= old.size()
	s.oldBytes += old.size()
	if old.Lease != 0 {
		s.detach(old.Lease, old.Key)
	}
}

// finish ends a command: what it changed becomes one revision.
func (s *store) finish() {
	if s.sub > 0 {
		s.revision++
		s.sub = 0
	}
}

// sweep takes at most n changes out of the history that no read of a revision
// from the compacted one on can see. What is left to do is seen from the trees
// alone, so that equal logs leave equal trees.
func (s *store) sweep(n int) {
	for range n {
		c, ok := s.changes.Min()
		if !ok || c.Mod >= s.compacted {
			return
		}
		s.changes.PopMin()
		s.dropBefore(c)
		if c.deleted {
			s.history.Delete(c)
			s.oldBytes -= c.size()
		}
	}
}

// dropBefore drops what c replaced. Changes are swept in the order of
// revisions, so that there is at most one.
func (s *store) dropBefore(c *change) {
	if c.Mod == 0 || !c.deleted && c.Version == 1 {
		return // it made its key; if that was deleted before, that was swept
	}
	s.history.Descend(&change{KeyValue: KeyValue{Key: c.Key, Mod: c.Mod - 1}}, func(before *change) bool {
		if before.Key == c.Key {
			s.history.Delete(before)
			s.oldBytes -= before.size()
		}
		return false
	})
}

// has reports whether the span has the key.
func (s Span) has(key string) bool {
	if s.End == "" {
		return key == s.Key
	}
	return key >= s.Key && !s.ends(key)
}

// ends reports whether a key at or above the span's Key is above the span.
func (s Span) ends(key string) bool {
	switch s.End {
	case "":
		return key != s.Key
	case "\x00":
		return false
	}
	return key >= s.End
}

// each walks over the keys of a span as they are.
func (s *store) each(span Span, f func(*change) bool) {
	if span.End == "" {
		if c := s.get(span.Key); c != nil {
			f(c)
		}
		return
	}
	s.keys.Ascend(named(span.Key), func(c *change) bool { return !span.ends(c.Key) && f(c) })
}

// count counts them in the time of a few searches.
func (s *store) count(span Span) int {
	switch span.End {
	case "":
		if s.get(span.Key) == nil {
			return 0
		}
		return 1
	case "\x00":
		return s.keys.Len() - s.rank(span.Key)
	}
	return max(0, s.rank(span.End)-s.rank(span.Key))
}

// rank is how many keys are below this one.
func (s *store) rank(key string) int {
	low, high := 0, s.keys.Len()
	for low < high {
		middle := int(uint(low+high) >> 1)
		if at, _ := s.keys.GetAt(middle); at.Key < key {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
