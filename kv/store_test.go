package kv_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

func TestNestedConditionsSeeWhatWasBeforeTheOutermost(t *testing.T) {
	d := newDesk(t)
	inner := kv.Txn{If: []kv.Compare{{Span: kv.Span{Key: "k"}, Target: kv.TargetVersion, Number: 0}}}
	res := d.must(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "k"}}, {Txn: &inner}, {Range: &kv.Range{Span: kv.Span{Key: "k"}}}}})
	if !res.Responses[1].Txn.Succeeded || res.Responses[2].Count != 1 {
		t.Errorf("%+v", res)
	}
}

func TestWhatACommandReadsIsBounded(t *testing.T) {
	d := newDesk(t)
	big := strings.Repeat("x", kv.MaxResult/2)
	d.must(putOne("a", big))
	d.must(putOne("b", big))
	d.must(kv.Txn{Then: []kv.Op{{Range: &kv.Range{Span: kv.Span{Key: "a"}}}}})
	both := kv.Span{Key: "a", End: "c"}
	d.fails(kv.FailResult, kv.Txn{Then: []kv.Op{{Range: &kv.Range{Span: both}}}})
	d.fails(kv.FailResult, kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "z"}}, {Delete: &kv.Delete{Span: both, Prev: true}}}})
	d.fails(kv.FailResult, kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "a", Prev: true}}, {Put: &kv.Put{Key: "b", Prev: true}}}})
	d.must(kv.Txn{Then: []kv.Op{{Range: &kv.Range{Span: both, KeysOnly: true}}}})
	if res, fail := d.m.View().Range(kv.Range{Span: both}); fail != nil || len(res.KVs) != 2 {
		t.Errorf("outside the log nothing is bounded: %v", fail)
	}
}

func TestAListThatIsTooLongForTheAnswerIsStillAppendedTo(t *testing.T) {
	d := newDesk(t)
	item := `"` + strings.Repeat("x", kv.MaxResult) + `"`
	res := d.must(kv.Txn{Then: []kv.Op{{Append: &kv.ListAppend{Key: "l", Item: item}}}})
	if r := res.Responses[0]; !r.More || r.KVs[0].Value != "" || r.KVs[0].Mod != 2 {
		t.Errorf("%v", r.KVs[0].Mod)
	}
	if l, _ := d.m.Get("l"); l.Value != "["+item+"]" {
		t.Error("the list is another")
	}
	d.fails(kv.FailTooLarge, kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "l", Value: strings.Repeat("x", kv.MaxValue+1)}}}})
	d.fails(kv.FailNotAList, kv.Txn{Then: []kv.Op{{Append: &kv.ListAppend{Key: "n", Item: "1,2"}}}})
}

// A poisonous command reads well and cannot be done: it must do the same, and
// nothing, everywhere.
func TestAPoisonousCommandFailsTheSameEverywhere(t *testing.T) {
	one, other := filled(t), filled(t)
	nested := kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "x"}}, {Append: &kv.ListAppend{Key: "k0", Item: "1"}}}}
	for i, c := range []any{
		kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "new"}}, {Increment: &kv.Increment{Key: "k2", By: 1<<63 - 1}}}},
		kv.Txn{Then: []kv.Op{{Delete: &kv.Delete{Span: kv.Prefix("k")}}, {Txn: &nested}}},
		kv.Txn{Then: []kv.Op{{Delete: &kv.Delete{Span: kv.Prefix("k")}}, {Put: &kv.Put{Key: "l", Lease: 999}}}},
		kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "x", Lease: 9}}, {Put: &kv.Put{Key: "x"}}}},
		kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "x", Lease: 9}}, {Range: &kv.Range{Span: kv.Prefix(""), Revision: 1}}}},
		kv.Grant{ID: 9, TTL: hour}, kv.Grant{TTL: 1}, kv.KeepAlive{}, kv.Revoke{}, kv.Compact{Revision: 1 << 60}, kv.Compact{},
		kv.Acquire{Name: "a/b", TTL: hour}, kv.Acquire{Name: "new", TTL: 1}, kv.Release{}, kv.Proclaim{},
	} {
		now := one.m.View()
		command := paxos.Command{Session: 3, Sequence: paxos.Sequence(1 + i), Body: kv.Encode(c)}
		a, b := one.one(9, command), other.one(9, command)
		res, err := kv.DecodeResult(a.Result)
		if err != nil || res.Failure == nil || a.Verdict != paxos.Applied || !bytes.Equal(a.Result, b.Result) {
			t.Fatalf("%+v: %+v, %v", c, res, err)
		}
		for _, key := range []string{"k0", "k2", "l", "x", "new"} {
			before, had := now.Get(key)
			if after, has := one.m.Get(key); had != has || before != after {
				t.Errorf("%+v changed %q", c, key)
			}
		}
		if l, _ := one.m.Lease(9); len(l.Keys) != 3 || one.m.Revision() != now.Revision() || len(one.m.Leases()) != len(now.Leases()) {
			t.Errorf("%+v left its traces", c)
		}
		mustComeBack(t, one.m)
	}
	if !bytes.Equal(one.state(), other.state()) {
		t.Error("two machines differ")
	}
}

func TestChoresCompactWhatIsMoreThanToBeKept(t *testing.T) {
	b := newBook(t)
	for i := range 100 {
		b.one(1, paxos.Command{Session: 1, Sequence: paxos.Sequence(i + 1), Body: kv.Encode(putOne("k", fmt.Sprint(i)))})
	}
	if n := len(b.m.Chores(1, kv.History{Revisions: 100})) + len(b.m.Chores(1, kv.History{})); n != 0 {
		t.Errorf("%d chores, and nothing to do", n)
	}
	due := b.m.Chores(1, kv.History{Revisions: 30})
	if len(due) != 1 || !bytes.Equal(due[0], kv.Encode(kv.Compact{Revision: 71, Kept: true})) {
		t.Fatalf("%q", due)
	}
	b.apply(1, paxos.Command{Sequence: 1, Body: due[0]}, paxos.Command{Sequence: 1, Body: due[0]})
	b.apply(1)
	if s := b.m.Sizes(); b.m.Compacted() != 71 || s.Revisions != 30 || b.m.History() > 32 { // one may wait for the next compaction
		t.Errorf("%+v, %d changes", s, b.m.History())
	}
	for left := 10; b.m.Sizes().HistoryBytes > 500; left-- {
		due := b.m.Chores(1, kv.History{Bytes: 500})
		if len(due) != 1 || left == 0 {
			t.Fatalf("%q with %+v", due, b.m.Sizes())
		}
		b.one(1, paxos.Command{Sequence: 1, Body: due[0]})
		b.apply(1)
	}
	if n := len(b.m.Chores(1, kv.History{Bytes: 500})); n != 0 {
		t.Errorf("%d chores, and nothing to do", n)
	}
}

func TestTheTableRemembersSoManyDrawnKeysAndNoMore(t *testing.T) {
	b := newBook(t)
	b.m.RememberKeys(0, 3, 1<<20)
	for i := range 5 {
		b.one(1, keyed(admitted(put(1, paxos.Sequence(1+i), "v"), b.m.Applied()), fmt.Sprint("call-k", i)))
	}
	if n := b.m.Sizes().IdempotencyKeys; n != 3 {
		t.Fatalf("%d keys are remembered", n)
	}
	want(t, "forgotten early, and admitted before", b.one(1, keyed(admitted(put(2, 1, "v"), 2), "call-k1")), paxos.Late, 6, 0)
	want(t, "remembered, admitted since", b.one(1, keyed(admitted(put(2, 2, "v"), 3), "call-k2")), paxos.Applied, 3, 0)
	want(t, "forgotten, admitted since", b.one(1, keyed(admitted(put(2, 3, "v"), 8), "call-k1")), paxos.Applied, 8, 0)
	b.m.RememberKeys(0, 100, 200)
	b.one(1, keyed(admitted(put(2, 4, "v"), 9), "call-k9"))
	if n := b.m.Sizes().IdempotencyKeys; n != 1 {
		t.Errorf("%d keys are remembered in 200 bytes", n)
	}
}

func TestTheLogOfValuesIsKeys(t *testing.T) {
	b := newBook(t)
	b.apply(1, put(1, 1, "a"), put(1, 2, "b"))
	key := "values/00000000000000000001-000001"
	if got, ok := b.m.Get(key); !ok || got.Value != "b" || got.Create != 3 {
		t.Errorf("%+v", got)
	}
	b.one(1, paxos.Command{Session: 1, Sequence: 3, Body: kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "values/mine"}},
		{Put: &kv.Put{Key: "values/99999999999999999999-000000"}}, {Delete: &kv.Delete{Span: kv.Span{Key: key}}}}})})
	b.mustHold("1.0:a")
	if b.m.Count() != 1 {
		t.Errorf("%d values", b.m.Count())
	}
	mustComeBack(t, b.m)
}

func TestEventsLookAtSoMuchAndNoMore(t *testing.T) {
	d := newDesk(t)
	for range 100 {
		d.must(putOne("other", "x"))
	}
	d.must(putOne("k", "x"))
	if events, next, _ := d.m.Events(2, kv.Span{Key: "k"}, 2, 0, false); len(events) != 0 || next != 34 {
		t.Errorf("%d events, next %d", len(events), next)
	}
	if events, next, _ := d.m.Events(d.m.Revision()+1, kv.Span{Key: "k"}, 2, 0, false); len(events) != 0 || next != d.m.Revision()+1 {
		t.Errorf("%d events, next %d", len(events), next)
	}
}
