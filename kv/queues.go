package kv

import (
	"cmp"
	"fmt"
	"slices"
)

// Where the keys of queues begin.
const (
	lockPrefix     = "locks/"
	electionPrefix = "elections/"
)

// prefix of the keys of a queue. A name has no "/", so that no queue's keys
// are below those of another.
func (q Queue) prefix(name string) string {
	if q == Elections {
		return electionPrefix + name + "/"
	}
	return lockPrefix + name + "/"
}

// Queue gives all places of a queue, the holder first.
func (v *View) Queue(q Queue, name string) []Place {
	var list []Place
	for i, c := range v.inQueue(q, name) {
		list = append(list, placeOf(name, c, i))
	}
	return list
}

func placeOf(name string, c *change, ahead int) Place {
	return Place{name, c.Key, c.Create, c.Lease, c.Value, ahead}
}

func (s *store) inQueue(q Queue, name string) (list []*change) {
	s.each(Prefix(q.prefix(name)), func(c *change) bool {
		list = append(list, c)
		return true
	})
	// One revision can make more than one of the keys, if a transaction did.
	slices.SortFunc(list, func(a, b *change) int { return cmp.Or(cmp.Compare(a.Create, b.Create), cmp.Compare(a.Key, b.Key)) })
	return list
}

func (s *store) holder(q Queue, name string, looks *int) (first *change) {
	s.each(Prefix(q.prefix(name)), func(c *change) bool {
		if first == nil || c.Create < first.Create {
			first = c
		}
		*looks--
		return *looks >= 0
	})
	return first
}

func (v *View) acquire(a Acquire) Result {
	prefix := a.Queue.prefix(a.Name)
	if !plainName(a.Name) {
		return Result{Failure: failure(FailNotADirectory, "%q is no name of a lock or an election", a.Name)}
	}
	if len(a.Value) > MaxValue {
		return Result{Failure: tooLarge(len(a.Value), MaxValue)}
	}
	list := v.inQueue(a.Queue, a.Name)
	for _, c := range list {
		if c.Lease == 0 || c.Key != queueKey(prefix, c.Lease) {
			return Result{Failure: failure(FailNotADirectory, "%q is in the queue and is not the key of a lease", c.Key)}
		}
	}
	l := v.lease(a.Lease)
	if l == nil {
		var fail *Failure
		if l, fail = v.grant(a.Lease, a.TTL, true); fail != nil {
			return Result{Failure: fail}
		}
	}
	key, ahead := queueKey(prefix, l.id), len(list)
	c := v.get(key)
	if c == nil {
		c, _ = v.put(key, a.Value, l.id)
	} else {
		ahead = slices.Index(list, c)
	}
	place := placeOf(a.Name, c, ahead)
	return Result{Lease: l.info(), Place: &place}
}

func queueKey(prefix string, id LeaseID) string { return fmt.Sprintf("%s%016x", prefix, uint64(id)) }

// inPlace finds the key with a token in a queue.
func (s *store) inPlace(q Queue, name string, token Revision) (c *change, ahead int) {
	list := s.inQueue(q, name)
	i := slices.IndexFunc(list, func(c *change) bool { return c.Create == token })
	if i < 0 {
		return nil, 0
	}
	return list[i], i
}

func (v *View) release(r Release) Result {
	c, ahead := v.inPlace(r.Queue, r.Name, r.Token)
	if c == nil {
		return Result{Failure: failure(FailNotHeld, "nobody is in the queue of %q with token %d", r.Name, r.Token)}
	}
	v.remove(c)
	if l := v.lease(c.Lease); l != nil && l.acquired && len(v.attachedTo(l.id)) == 0 {
		v.dropLease(l)
	}
	place := placeOf(r.Name, c, ahead)
	return Result{Place: &place}
}

func (v *View) proclaim(p Proclaim) Result {
	c, ahead := v.inPlace(p.Queue, p.Name, p.Token)
	if c == nil || ahead > 0 {
		return Result{Failure: failure(FailNotHeld, "%q is not held with token %d", p.Name, p.Token)}
	}
	if len(p.Value) > MaxValue {
		return Result{Failure: tooLarge(len(p.Value), MaxValue)}
	}
	next, _ := v.put(c.Key, p.Value, c.Lease)
	place := placeOf(p.Name, next, 0)
	return Result{Place: &place}
}
