package kv

import "math"

// RangeResult is the keys of a Range. Count is how many there are in all (0 with
// NoCount), More whether Limit left some out; Revision is that of the store, not of the read.
type RangeResult struct {
	KVs      []KeyValue
	Count    int
	More     bool
	Revision Revision
}

// Get gives a key as it is; ok is false if it is not there.
func (v *View) Get(key string) (kv KeyValue, ok bool) {
	c := v.get(key)
	if c == nil {
		return KeyValue{}, false
	}
	return c.KeyValue, true
}

// Range gives the keys of a span, in their order. It fails with FailFuture or
// FailCompacted if the state does not have that revision.
func (v *View) Range(r Range) (RangeResult, *Failure) {
	return v.read(r, &budget{math.MaxInt, math.MaxInt})
}

// read takes what it gives and what it looks at out of the budget.
func (s *store) read(r Range, left *budget) (RangeResult, *Failure) {
	if fail := s.readable(r.Revision); fail != nil {
		return RangeResult{}, fail
	}
	walk := func(f func(*change) bool) {
		s.each(r.Span, func(c *change) bool {
			left.looks--
			return left.looks >= 0 && f(c)
		})
	}
	past := r.Revision != 0
	if past {
		walk = func(f func(*change) bool) { s.eachAt(r.Span, r.Revision, &left.looks, f) }
	}
	res := RangeResult{Revision: s.revision}
	if !past && !r.NoCount {
		res.Count = s.count(r.Span)
	}
	var fail *Failure
	walk(func(c *change) bool {
		if past && !r.NoCount {
			res.Count++
		}
		if r.CountOnly || r.Limit > 0 && len(res.KVs) == r.Limit {
			res.More = !r.CountOnly
			return past && !r.NoCount // it has to be counted to its end
		}
		kv := c.KeyValue
		if r.KeysOnly {
			kv.Value = ""
		}
		res.KVs = append(res.KVs, kv)
		fail = left.take(kv.room())
		return fail == nil
	})
	if fail == nil {
		fail = left.worked()
	}
	if fail != nil {
		return RangeResult{}, fail
	}
	return res, nil
}

func (s *store) readable(revision Revision) *Failure {
	if revision > s.revision {
		return failure(FailFuture, "the store is at revision %d, not yet at %d", s.revision, revision)
	}
	if revision != 0 && revision < s.compacted {
		return failure(FailCompacted, "what was before revision %d is compacted; %d is asked for", s.compacted, revision)
	}
	return nil
}

// room is about what a key takes in a result.
func (kv *KeyValue) room() int { return len(kv.Key) + len(kv.Value) + 32 }

// Events gives the changes of a span from a revision on, in their order. It
// never splits a revision: it stops after one with which it has limit events
// or that many bytes (0: no bound), or has looked at 16 times limit changes.
// next is the first revision that it has not looked at; Revision()+1 if it has
// seen all. With prev, events tell what was there before, unless that is below
// the compacted revision. It fails with FailCompacted if from is below that.
func (v *View) Events(from Revision, s Span, limit, bytes int, prev bool) (events []Event, next Revision, fail *Failure) {
	if from < v.compacted {
		return nil, 0, failure(FailCompacted, "what was before revision %d is compacted; %d is asked for", v.compacted, from)
	}
	looked, size := 0, 0
	next = max(from, v.revision+1)
	last := from
	v.changes.Ascend(&change{KeyValue: KeyValue{Mod: from}}, func(c *change) bool {
		if c.Mod != last {
			if limit > 0 && (len(events) >= limit || looked/16 >= limit) || bytes > 0 && size >= bytes {
				next = c.Mod
				return false
			}
			last = c.Mod
		}
		looked++
		if !s.has(c.Key) {
			return true
		}
		e := v.event(c, prev)
		size += e.KV.room()
		if e.Prev != nil {
			size += e.Prev.room()
		}
		events = append(events, e)
		return true
	})
	return events, next, nil
}

func (v *View) event(c *change, prev bool) Event {
	e := Event{Type: PutEvent, KV: c.KeyValue}
	if c.deleted {
		e.Type = DeleteEvent
	}
	if prev && c.Mod > v.compacted {
		if old := v.at(c.Key, c.Mod-1); old != nil {
			e.Prev = &old.KeyValue
		}
	}
	return e
}
