package kv_test

import (
	"fmt"
	"slices"
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

// desk gives commands one after another to a book, in session 1.
type desk struct {
	*book
	time paxos.LogTime
	next paxos.Sequence
}

func newDesk(t testing.TB) *desk { return &desk{book: newBook(t)} }

func (d *desk) do(command any) kv.Result {
	d.t.Helper()
	d.next++
	o := d.one(d.time, paxos.Command{Session: 1, Sequence: d.next, Confirmed: d.next, Body: kv.Encode(command)})
	res, err := kv.DecodeResult(o.Result)
	if err != nil || o.Verdict != paxos.Applied {
		d.t.Fatal(o, err)
	}
	return res
}

// must do it without a failure.
func (d *desk) must(command any) kv.Result {
	d.t.Helper()
	res := d.do(command)
	if res.Failure != nil {
		d.t.Fatalf("%+v: %v", command, res.Failure)
	}
	return res
}

// fails wants the failure, and nothing else to have happened.
func (d *desk) fails(code string, command any) {
	d.t.Helper()
	before, revision := d.m.Sizes(), d.m.Revision()
	res := d.do(command)
	if res.Failure == nil || res.Failure.Code != code || res.Revision != revision {
		d.t.Errorf("%+v: %+v, want %s", command, res, code)
	}
	if after := d.m.Sizes(); after.Keys != before.Keys || after.HistoryBytes != before.HistoryBytes || after.Leases != before.Leases {
		d.t.Errorf("%+v failed and left its traces: %+v, before %+v", command, after, before)
	}
}

func (d *desk) holders(q kv.Queue, name string, want ...kv.LeaseID) {
	d.t.Helper()
	var got []kv.LeaseID
	for i, p := range d.m.View().Queue(q, name) {
		if p.Ahead != i {
			d.t.Errorf("%+v is at %d", p, i)
		}
		got = append(got, p.Lease)
	}
	if !slices.Equal(got, want) {
		d.t.Errorf("in the queue are %v, want %v", got, want)
	}
}

func putOne(key, value string) kv.Txn {
	return kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: key, Value: value}}}}
}

func TestALockIsHeldByTheFirstInItsQueue(t *testing.T) {
	d := newDesk(t)
	first := d.must(kv.Acquire{Name: "l", TTL: hour, Value: "a"})
	if first.Place.Ahead != 0 || first.Place.Token != first.Revision || first.Place.Key != fmt.Sprintf("locks/l/%016x", uint64(first.Lease.ID)) {
		t.Errorf("%+v", first.Place)
	}
	d.must(kv.Grant{ID: 0x50, TTL: hour})
	second := d.must(kv.Acquire{Name: "l", Lease: 0x50, Value: "b"})
	if second.Place.Ahead != 1 {
		t.Errorf("%+v", second.Place)
	}
	again := d.must(kv.Acquire{Name: "l", Lease: 0x50, Value: "other"})
	if *again.Place != *second.Place || again.Revision != second.Revision {
		t.Errorf("who waits already got %+v", again.Place)
	}
	d.must(kv.Acquire{Queue: kv.Elections, Name: "l", Lease: 0x50}) // another queue
	d.holders(kv.Locks, "l", first.Lease.ID, 0x50)
	d.holders(kv.Elections, "l", 0x50)
	d.fails(kv.FailNotHeld, kv.Proclaim{Name: "l", Token: second.Place.Token, Value: "x"})
	d.fails(kv.FailNotHeld, kv.Release{Name: "l", Token: 999})
	d.fails(kv.FailNotHeld, kv.Release{Name: "other", Token: first.Place.Token})
	d.must(kv.Release{Name: "l", Token: first.Place.Token})
	d.holders(kv.Locks, "l", 0x50)
	if _, ok := d.m.Lease(first.Lease.ID); ok {
		t.Error("the lease that Acquire granted outlives its lock")
	}
	if res := d.must(kv.Proclaim{Name: "l", Token: second.Place.Token, Value: "c"}); res.Place.Value != "c" || res.Place.Token != second.Place.Token {
		t.Errorf("%+v", res.Place)
	}
	d.must(kv.Release{Name: "l", Token: second.Place.Token})
	if _, ok := d.m.Lease(0x50); !ok {
		t.Error("a lease that was there before Acquire went with the lock")
	}
}

func TestALeaseThatAcquireGrantedStaysWhileKeysAreAttached(t *testing.T) {
	d := newDesk(t)
	held := d.must(kv.Acquire{Name: "l", TTL: hour})
	d.must(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "k", Lease: held.Lease.ID}}}})
	d.must(kv.Release{Name: "l", Token: held.Place.Token})
	if info, ok := d.m.Lease(held.Lease.ID); !ok || !slices.Equal(info.Keys, []string{"k"}) {
		t.Errorf("%+v", info)
	}
}

func TestAFencedWriteAppliesOnlyWhileTheLockIsHeld(t *testing.T) {
	d := newDesk(t)
	held := d.must(kv.Acquire{Name: "l", TTL: hour}).Place.Token
	waits := d.must(kv.Acquire{Name: "l", TTL: hour}).Place.Token
	fenced := func(token kv.Revision) kv.Txn {
		inner := putOne("k", "v")
		inner.Fences = []kv.Fence{{Lock: "l", Token: token}}
		return inner
	}
	d.must(fenced(held))
	d.fails(kv.FailFenced, fenced(waits))
	d.fails(kv.FailFenced, fenced(0))
	nested := fenced(waits)
	d.fails(kv.FailFenced, kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "a"}}, {Txn: &nested}}})
	d.must(kv.Txn{Else: []kv.Op{{Txn: &nested}}}) // not on the way
	d.must(kv.Release{Name: "l", Token: held})
	d.fails(kv.FailFenced, fenced(held))
	d.must(fenced(waits))
	d.must(kv.Acquire{Queue: kv.Elections, Name: "e", TTL: hour})
	d.fails(kv.FailFenced, kv.Txn{Fences: []kv.Fence{{Lock: "e", Token: d.m.Revision()}}})
}

func TestAKeyOfAnotherShapeBlocksItsQueueAndSaysSo(t *testing.T) {
	d := newDesk(t)
	d.must(putOne("locks/l/mine", "x"))
	d.fails(kv.FailNotADirectory, kv.Acquire{Name: "l", TTL: hour})
	d.must(kv.Acquire{Name: "l2", TTL: hour})
	d.must(kv.Txn{Then: []kv.Op{{Delete: &kv.Delete{Span: kv.Span{Key: "locks/l/mine"}}}}})
	d.must(kv.Acquire{Name: "l", TTL: hour})
}

func TestLeasesAreChosenRenewedAndExpire(t *testing.T) {
	d := newDesk(t)
	d.time = 1000
	d.must(kv.Grant{ID: 1, TTL: 5000})
	chosen := d.must(kv.Grant{TTL: 5000})
	if chosen.Lease.ID != 2 || chosen.Lease.Due != 6000 || chosen.Revision != 1 {
		t.Errorf("%+v", chosen.Lease)
	}
	d.fails(kv.FailLeaseExists, kv.Grant{ID: 1, TTL: 5000})
	d.fails(kv.FailTTL, kv.Grant{TTL: kv.MinTTL - 1})
	d.fails(kv.FailTTL, kv.Grant{TTL: kv.MaxTTL + 1})
	d.fails(kv.FailNoLease, kv.KeepAlive{ID: 9})
	d.fails(kv.FailNoLease, kv.Revoke{ID: 9})
	for _, key := range []string{"b", "a", "c"} {
		d.must(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: key, Lease: 2}}}})
	}
	d.must(putOne("c", "detached"))
	d.time = 4000
	if l := d.must(kv.KeepAlive{ID: 2}).Lease; l.Due != 9000 || l.Renewal != 1 {
		t.Errorf("%+v", l)
	}
	if n := len(d.m.Chores(5999, kv.History{})); n != 0 {
		t.Errorf("%d chores before anything is due", n)
	}
	due := d.m.Chores(6000, kv.History{})
	if len(due) != 1 || string(due[0]) != string(kv.Encode(kv.Expire{ID: 1, Due: 6000})) {
		t.Errorf("%q", due)
	}
	d.must(kv.Expire{ID: 1, Due: 6000}) // the log is at 4000
	d.time = 9000
	d.must(kv.Expire{ID: 2, Due: 6000}) // was renewed
	d.must(kv.Expire{ID: 2, Renewal: 1, Due: 6000})
	d.must(kv.Expire{ID: 7, Due: 6000})
	if !slices.Equal(d.m.View().Leases(), []kv.LeaseID{1, 2}) {
		t.Errorf("%v", d.m.Leases())
	}
	before := d.m.Revision()
	d.one(9000, maintain(kv.Expire{ID: 2, Renewal: 1, Due: 9000}))
	events, next, _ := d.m.Events(before+1, kv.Prefix(""), 0, 0, false)
	if len(events) != 2 || events[0].KV.Key != "a" || events[1].KV.Key != "b" || events[1].Type != kv.DeleteEvent || next != before+2 {
		t.Errorf("%+v", events)
	}
	if res := d.must(kv.Revoke{ID: 1}); res.Revision != before+1 {
		t.Error("a lease without keys raised the revision")
	}
	if got, ok := d.m.Get("c"); !ok || got.Value != "detached" {
		t.Errorf("%+v", got)
	}
}

func TestAnOldExpiryDoesNotEndANewLeaseOfThatID(t *testing.T) {
	d := newDesk(t)
	d.must(kv.Grant{ID: 5, TTL: 1000})
	d.must(kv.Revoke{ID: 5})
	d.time = 1000
	d.must(kv.Grant{ID: 5, TTL: 1000})
	d.must(kv.Expire{ID: 5, Due: 1000})
	if _, ok := d.m.Lease(5); !ok {
		t.Error("it ended")
	}
}
