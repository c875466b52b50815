package etcd

import (
	"math/rand/v2"

	"paxos/kv"
	"paxos/paxos"
)

// The names are few, so that operations meet, and share prefixes.
var (
	keyPool   = []string{"a", "a\x00", "aa", "ab", "b", "b/", "b/1", "b/2", "b/é", "b0", "c", "\x00", "ä", "日本"}
	valuePool = []string{"", "0", "v1", "v2", "v3", "\xff\x00", "日"}
	endPool   = []string{"a", "a\x00", "b", "b/", "b0", "c", "d", "\xff", "b/\xc3", "\x00\x00"}
)

// leaseIDs may be granted, the one above them never is.
const leaseIDs = 6

// granted is longer than any life of the test.
const granted paxos.LogTime = 100_000_000

// era is how many sequences a part of a life has. In every other one nothing
// is compacted, so that there is much history to read and then to forget.
const era = 250

// maker makes random sequences; what it makes depends on its seed and the
// sequence's number alone.
type maker struct {
	r    *rand.Rand
	long bool // nothing is compacted
}

func newMaker(seed, sequence uint64) maker {
	return maker{rand.New(rand.NewPCG(seed, sequence)), sequence/era%2 == 1}
}

// past is how many revisions back something of the past is.
func (m maker) past() int {
	if m.long {
		return m.r.IntN(500)
	}
	return m.r.IntN(40)
}

func (m maker) chance(percent int) bool { return m.r.IntN(100) < percent }
func pick[T any](m maker, pool []T) T   { return pool[m.r.IntN(len(pool))] }

// sequence is a life's next few steps. A quarter of them begins with an empty
// store.
func (m maker) sequence() []step {
	var steps []step
	if m.chance(25) {
		steps = append(steps, wipe()...)
		for id := range kv.LeaseID(leaseIDs) {
			if m.chance(60) {
				steps = append(steps, m.grant(id+1))
			}
		}
	}
	for range 6 + m.r.IntN(16) {
		steps = append(steps, m.step())
	}
	return steps
}

func wipe() []step {
	steps := []step{{kind: doDelete, txn: kv.Txn{Then: []kv.Op{{Delete: &kv.Delete{Span: everything}}}}}}
	for id := range kv.LeaseID(leaseIDs) {
		steps = append(steps, step{kind: doRevoke, lease: id + 1})
	}
	return steps
}

func (m maker) step() step {
	switch n := m.r.IntN(100); {
	case n < 28:
		return step{kind: doPut, txn: kv.Txn{Then: []kv.Op{{Put: m.put()}}}}
	case n < 34:
		return step{kind: doDelete, txn: kv.Txn{Then: []kv.Op{{Delete: m.delete()}}}}
	case n < 50:
		return step{kind: doRange, read: *m.read(60)}
	case n < 80:
		return step{kind: doTxn, txn: m.transaction(3)}
	case n < 86:
		return m.grant(m.lease(0))
	case n < 89:
		return step{kind: doRevoke, lease: m.lease(10)}
	case n < 91:
		return step{kind: doKeepAlive, lease: m.lease(10)}
	case n < 95:
		return step{kind: doLease, lease: m.lease(10)}
	case n < 97:
		return step{kind: doLeases}
	}
	if m.long {
		return step{kind: doLeases}
	}
	return step{kind: doCompact, revision: at(3 - m.r.IntN(50))}
}

func (m maker) grant(id kv.LeaseID) step {
	return step{kind: doGrant, lease: id, ttl: granted + paxos.LogTime(m.r.IntN(5))*1000}
}

// lease is now and then, by percent, one that is never granted.
func (m maker) lease(never int) kv.LeaseID {
	if m.chance(never) {
		return leaseIDs + 1
	}
	return 1 + kv.LeaseID(m.r.IntN(leaseIDs))
}

func (m maker) put() *kv.Put {
	p := &kv.Put{Key: pick(m, keyPool), Prev: m.chance(40)}
	if m.chance(8) {
		p.KeepValue = true
	} else {
		p.Value = pick(m, valuePool)
	}
	switch {
	case m.chance(8):
		p.KeepLease = true
	case m.chance(35):
		p.Lease = m.lease(3)
	}
	return p
}

// delete is mostly of one key, lest the store be always empty.
func (m maker) delete() *kv.Delete {
	d := &kv.Delete{Span: kv.Span{Key: pick(m, keyPool)}, Prev: m.chance(50)}
	if m.chance(35) {
		d.Span = m.span()
	}
	return d
}

// span is of every form: one key, a prefix, all from a key on, all, from one
// key up to another, which may be below it.
func (m maker) span() kv.Span {
	key := pick(m, keyPool)
	switch n := m.r.IntN(100); {
	case n < 45:
		return kv.Span{Key: key}
	case n < 65:
		return kv.Prefix(key)
	case n < 73:
		return kv.Span{Key: key, End: "\x00"}
	case n < 78:
		return everything
	}
	return kv.Span{Key: key, End: pick(m, endPool)}
}

// read is, by percent, of the present.
func (m maker) read(present int) *kv.Range {
	r := &kv.Range{Span: m.span(), KeysOnly: m.chance(15), CountOnly: m.chance(10)}
	if m.chance(35) {
		r.Limit = 1 + m.r.IntN(4)
	}
	if !m.chance(present) {
		r.Revision = at(-m.past())
		if m.chance(10) {
			r.Revision = at(1 + m.r.IntN(3))
		}
	}
	return r
}

func (m maker) transaction(depth int) kv.Txn {
	var t kv.Txn
	for range m.r.IntN(3) {
		t.If = append(t.If, m.compare())
	}
	t.Then, t.Else = m.operations(depth), m.operations(depth)
	return t
}

func (m maker) operations(depth int) []kv.Op {
	var ops []kv.Op
	for range m.r.IntN(4) {
		switch n := m.r.IntN(100); {
		case n < 40:
			ops = append(ops, kv.Op{Put: m.put()})
		case n < 55:
			ops = append(ops, kv.Op{Delete: m.delete()})
		case n < 80 || depth == 1:
			ops = append(ops, kv.Op{Range: m.read(92)})
		default:
			nested := m.transaction(depth - 1)
			ops = append(ops, kv.Op{Txn: &nested})
		}
	}
	return ops
}

// compare asks for numbers that are near the real ones, so that it often holds.
func (m maker) compare() kv.Compare {
	c := kv.Compare{Span: kv.Span{Key: pick(m, keyPool)}, Target: kv.Target(m.r.IntN(5)), Relation: kv.Relation(m.r.IntN(4))}
	if m.chance(30) {
		c.Span = m.span()
	}
	switch c.Target {
	case kv.TargetVersion:
		c.Number = uint64(m.r.IntN(4))
	case kv.TargetCreate, kv.TargetMod:
		if m.chance(70) {
			c.Number = uint64(at(-m.r.IntN(12)))
		}
	case kv.TargetValue:
		c.Value = pick(m, valuePool)
	case kv.TargetLease:
		if m.chance(60) {
			c.Number = uint64(m.lease(0))
		}
	}
	return c
}

func (m maker) queries() []query {
	var list []query
	for range 20 {
		list = append(list, m.query())
	}
	return list
}

// query is from the past, now and then from one that is compacted.
func (m maker) query() query {
	q := query{at(-m.past()), m.span()}
	if q.span.End != "\x00" && q.span.End <= q.span.Key {
		q.span.End = "" // etcd refuses to watch an empty span
	}
	return q
}
