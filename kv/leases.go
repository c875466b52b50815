package kv

import (
	"cmp"
	"strings"

	"github.com/tidwall/btree"

	"paxos/paxos"
)

// lease is never altered once it is made.
type lease struct {
	id       LeaseID
	ttl      paxos.LogTime
	due      paxos.LogTime
	renewal  uint64
	acquired bool // Acquire granted it
}

// attachment is a key that goes when its lease ends.
type attachment struct {
	lease LeaseID
	key   string
}

type leaseTable struct {
	leases    *btree.BTreeG[*lease]     // by id
	due       *btree.BTreeG[*lease]     // by due time and id
	attached  *btree.BTreeG[attachment] // by lease and key
	lastLease LeaseID                   // the last one that the store chose
}

func newLeaseTable() leaseTable {
	return leaseTable{
		leases: tree(func(a, b *lease) int { return cmp.Compare(a.id, b.id) }),
		due:    tree(func(a, b *lease) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.id, b.id)) }),
		attached: tree(func(a, b attachment) int {
			return cmp.Or(cmp.Compare(a.lease, b.lease), strings.Compare(a.key, b.key))
		}),
	}
}

func (t *leaseTable) freeze() leaseTable {
	return leaseTable{t.leases.Copy(), t.due.Copy(), t.attached.Copy(), t.lastLease}
}

func (t *leaseTable) lease(id LeaseID) *lease {
	l, _ := t.leases.Get(&lease{id: id})
	return l
}

func (t *leaseTable) setLease(l *lease) {
	if old, replaced := t.leases.Set(l); replaced {
		t.due.Delete(old)
	}
	t.due.Set(l)
}

func (t *leaseTable) dropLease(l *lease) {
	t.leases.Delete(l)
	t.due.Delete(l)
}

func (t *leaseTable) attach(id LeaseID, key string) { t.attached.Set(attachment{id, key}) }

func (t *leaseTable) detach(id LeaseID, key string) { t.attached.Delete(attachment{id, key}) }

func (t *leaseTable) attachedTo(id LeaseID) (keys []string) {
	t.attached.Ascend(attachment{lease: id}, func(a attachment) bool {
		if a.lease == id {
			keys = append(keys, a.key)
		}
		return a.lease == id
	})
	return keys
}

// info leaves the keys out, of which there may be any number.
func (l *lease) info() *LeaseInfo {
	return &LeaseInfo{ID: l.id, TTL: l.ttl, Due: l.due, Renewal: l.renewal}
}

// Lease gives a lease with its keys; ok is false if there is none. One that is
// past its Due is still there until an Expire for it was applied.
func (v *View) Lease(id LeaseID) (info LeaseInfo, ok bool) {
	l := v.lease(id)
	if l == nil {
		return LeaseInfo{}, false
	}
	info = *l.info()
	info.Keys = v.attachedTo(id)
	return info, true
}

// Leases gives the ids of all leases, in order.
func (v *View) Leases() []LeaseID {
	ids := make([]LeaseID, 0, v.leases.Len())
	v.leases.Scan(func(l *lease) bool {
		ids = append(ids, l.id)
		return true
	})
	return ids
}

// grant makes a lease; id 0 lets the store choose the next one that is free.
func (v *View) grant(id LeaseID, ttl paxos.LogTime, acquired bool) (*lease, *Failure) {
	if ttl < MinTTL || ttl > MaxTTL {
		return nil, failure(FailTTL, "a lease's time to live is from %d to %d ms, not %d", MinTTL, MaxTTL, ttl)
	}
	if id != 0 && v.lease(id) != nil {
		return nil, failure(FailLeaseExists, "lease %016x exists", uint64(id))
	}
	for id == 0 {
		v.lastLease++
		if v.lastLease != 0 && v.lease(v.lastLease) == nil {
			id = v.lastLease
		}
	}
	l := &lease{id: id, ttl: ttl, due: v.time + ttl, acquired: acquired}
	v.setLease(l)
	return l, nil
}

func (v *View) keepAlive(id LeaseID) (*lease, *Failure) {
	l := v.lease(id)
	if l == nil {
		return nil, noLease(id)
	}
	renewed := *l
	renewed.due = v.time + l.ttl
	renewed.renewal++
	v.setLease(&renewed)
	return &renewed, nil
}

func noLease(id LeaseID) *Failure {
	return failure(FailNoLease, "there is no lease %016x", uint64(id))
}

// end ends a lease and deletes its keys.
func (v *View) end(l *lease) {
	for _, key := range v.attachedTo(l.id) {
		v.remove(v.get(key))
	}
	v.dropLease(l)
}

// expire ends a lease unless it was renewed since, or is another of that id.
func (v *View) expire(e Expire) {
	l := v.lease(e.ID)
	if l != nil && l.renewal == e.Renewal && l.due == e.Due && l.due <= v.time {
		v.end(l)
	}
}
