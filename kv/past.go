package kv

import "math"

// at gives the key as it was at a revision, nil if it was not there.
func (s *store) at(key string, revision Revision) *change {
	if c := s.get(key); c != nil && c.Mod <= revision {
		return c
	}
	return s.past(key, revision)
}

// past is at for a key that has changed since then.
func (s *store) past(key string, revision Revision) *change {
	var found *change
	s.history.Descend(&change{KeyValue: KeyValue{Key: key, Mod: revision}}, func(c *change) bool {
		if c.Key == key && !c.deleted {
			found = c
		}
		return false
	})
	return found
}

// eachChange walks over all changes, those of a key in order.
func (s *store) eachChange(f func(*change) bool) {
	past := s.history.Iter()
	defer past.Release()
	older, going := past.First(), true
	upTo := func(last string, all bool) {
		for older && going && (all || past.Item().Key <= last) {
			going = f(past.Item())
			older = past.Next()
		}
	}
	s.keys.Scan(func(c *change) bool { // that it stands says that it is its key's last
		upTo(c.Key, false)
		going = going && f(c)
		return going
	})
	upTo("", true)
}

// eachAt walks over the keys of a span as they were at a revision. It takes
// what it looks at out of looks, and ends early when nothing is left.
func (s *store) eachAt(span Span, revision Revision, looks *int, f func(*change) bool) {
	if span.End == "" {
		*looks--
		if c := s.at(span.Key, revision); c != nil {
			f(c)
		}
		return
	}
	now, past := s.keys.Iter(), s.history.Iter()
	defer now.Release()
	defer past.Release()
	more, older := now.Seek(named(span.Key)), past.Seek(named(span.Key))
	for more || older {
		var c, found *change
		var key string
		if more && (!older || now.Item().Key <= past.Item().Key) {
			c, key = now.Item(), now.Item().Key
			more = now.Next()
		} else {
			key = past.Item().Key
		}
		if span.ends(key) {
			return
		}
		steps := 0
		if c != nil {
			if *looks--; *looks < 0 {
				return
			}
			if c.Mod <= revision {
				found = c
			}
			steps = 1
		}
		stands := found != nil
		// A few steps cost less than a search, but a key may have a million changes.
		for ; older && past.Item().Key == key; steps++ {
			if *looks--; *looks < 0 {
				return
			}
			if steps == mostSteps {
				if !stands {
					found = s.past(key, revision)
				}
				older = past.Seek(&change{KeyValue: KeyValue{Key: key, Mod: math.MaxUint64}})
				break
			}
			if !stands && past.Item().Mod <= revision {
				found = past.Item()
			}
			older = past.Next()
		}
		if found != nil && !found.deleted && !f(found) {
			return
		}
	}
}

// mostSteps is after how many changes of a key the next one is searched for.
const mostSteps = 8
