package kv_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

func failureOf(t *testing.T, o paxos.Outcome) string {
	t.Helper()
	res, err := kv.DecodeResult(o.Result)
	if err != nil {
		t.Fatal(err)
	}
	if res.Failure == nil {
		return ""
	}
	return res.Failure.Code
}

// A long list's answers once pushed other keys out of the table.
func TestWhatIsRememberedOfAnAppendDoesNotGrowWithItsList(t *testing.T) {
	b := newBook(t)
	b.one(1, paxos.Command{Session: 1, Sequence: 1, Body: kv.Encode(putOne("l", `["`+strings.Repeat("x", 200<<10)+`"]`))})
	before := b.m.Sizes().StateBytes
	o := b.one(1, keyed(appending(2, "l", "1"), "k"))
	res, err := kv.DecodeResult(o.Result)
	if err != nil || res.Responses[0].Count != 2 || res.Responses[0].KVs[0].Value != "" || len(o.Result) > 200 {
		t.Errorf("%d bytes: %+v, %v", len(o.Result), res, err)
	}
	if grown := b.m.Sizes().StateBytes - before - 200<<10; grown > 1000 {
		t.Errorf("the state grew by %d bytes besides the old list", grown)
	}
}

func TestAChosenKeyIsNeverForgottenForOthers(t *testing.T) {
	b := newBook(t)
	b.m.RememberKeys(3, 2, 1<<20)
	for i := range 3 {
		b.one(1, keyed(put(1, paxos.Sequence(1+i), "v"), fmt.Sprint("k", i)))
	}
	for i := range 9 { // drawn ones come and go
		b.one(1, keyed(admitted(put(2, paxos.Sequence(1+i), "d"), b.m.Applied()), fmt.Sprint("call-", i)))
	}
	before := b.values()
	refused := b.one(day, keyed(admitted(put(3, 1, "v"), 13), "k3"))
	want(t, "one too many", refused, paxos.Applied, 13, 0)
	if code := failureOf(t, refused); code != kv.FailKeys {
		t.Errorf("it is told %q", code)
	}
	want(t, "its copy", b.one(day, keyed(admitted(put(3, 1, "v"), 13), "k3")), paxos.Applied, 13, 0)
	burn := b.one(day, paxos.Command{Session: 3, Sequence: 2, Body: kv.BurnKey("k4")})
	if code := failureOf(t, burn); code != kv.FailKeys {
		t.Errorf("a burn of one too many is told %q", code)
	}
	if o, err := paxos.DecodeOutcome(burn.Result); err == nil {
		t.Errorf("the failure could be taken for %+v", o)
	}
	b.mustHold(before...)
	want(t, "the first one, again", b.one(day, keyed(admitted(put(3, 3, "v"), 16), "k0")), paxos.Applied, 1, 0)
	mustComeBack(t, b.m)
	again := b.one(day+2, keyed(admitted(put(3, 4, "v"), 17), "k3"))
	if want(t, "after a day", again, paxos.Applied, 17, 0); failureOf(t, again) != "" {
		t.Error("there is room again")
	}
}

func TestTooManyBytesOfKeysAreRefusedToo(t *testing.T) {
	b := newBook(t)
	b.m.RememberKeys(100, 100, 300)
	last := ""
	for i := range 4 {
		last = failureOf(t, b.one(1, keyed(put(1, paxos.Sequence(1+i), "v"), fmt.Sprint("k", i))))
	}
	if n := b.m.Sizes().IdempotencyKeys; last != kv.FailKeys || n > 3 {
		t.Errorf("%q after %d keys", last, n)
	}
}

func TestADrawnKeyLivesTenMinutes(t *testing.T) {
	b := newBook(t)
	b.one(0, keyed(put(1, 1, "x"), "call-x"))
	want(t, "ten minutes later", b.one(10*minute, keyed(put(2, 1, "x"), "call-x")), paxos.Applied, 1, 0)
	want(t, "an old copy, later", b.one(10*minute+1, keyed(put(2, 2, "x"), "call-x")), paxos.Late, 3, 0)
	want(t, "a new one", b.one(10*minute+1, keyed(admitted(put(2, 3, "x"), 4), "call-x")), paxos.Applied, 4, 0)
	want(t, "a chosen key, admitted before", b.one(10*minute+1, keyed(put(2, 4, "y"), "k")), paxos.Applied, 5, 0)
	b.mustHold("1.0:x", "4.0:x", "5.0:y")
}

func TestASessionsResultsAreBounded(t *testing.T) {
	b := newBook(t)
	b.m.Remember(900, 100)
	value := strings.Repeat("x", 300)
	b.one(1, paxos.Command{Session: 1, Sequence: 1, Body: kv.Encode(putOne("k", value))})
	read := func(sequence paxos.Sequence) paxos.Command {
		return paxos.Command{Session: 1, Sequence: sequence, Body: kv.Encode(kv.Txn{Then: []kv.Op{{Range: &kv.Range{Span: kv.Span{Key: "k"}}}}})}
	}
	for i := range 6 {
		b.one(1, read(paxos.Sequence(2+i)))
	}
	want(t, "the first", b.one(1, read(2)), paxos.Confirmed, 0, 0)
	want(t, "the last but two", b.one(1, read(5)), paxos.Confirmed, 0, 0)
	want(t, "the last but one", b.one(1, read(6)), paxos.Applied, 6, 0)
	want(t, "the last", b.one(1, read(7)), paxos.Applied, 7, 0)
	mustComeBack(t, b.m)
}

func TestTheLeastUsedSessionMakesRoom(t *testing.T) {
	b := newBook(t)
	b.m.Remember(1<<20, 9)
	b.one(1, put(1, 1, "a")) // 2 was used before it, at the opening
	b.one(1, open(77, 2))
	if n := b.m.Sizes().Sessions; n != 9 {
		t.Fatalf("%d sessions", n)
	}
	want(t, "the one that was closed", b.one(1, put(2, 1, "x")), paxos.Expired, 3, 0)
	want(t, "the others", b.apply(1, put(1, 2, "b"), put(3, 1, "c"), put(77, 1, "d"))[2], paxos.Applied, 4, 2)
	for i := range 20 { // names of sessions that nobody opens take room too
		b.one(1, paxos.Command{Session: 1, Sequence: paxos.Sequence(10 + i), Body: kv.Burn(paxos.CommandName{Session: paxos.SessionID(100 + i), Sequence: 1})})
	}
	if n := b.m.Sizes().Sessions; n != 9 {
		t.Errorf("%d sessions", n)
	}
	want(t, "the one that is in use", b.one(1, put(1, 3, "e")), paxos.Applied, 25, 0)
	mustComeBack(t, b.m)
}

func TestASessionThatIsInUseDoesNotMakeRoom(t *testing.T) {
	b := newBook(t)
	b.m.Remember(1<<20, 1)
	b.one(1, put(5, 1, "a"))
	b.apply(1, open(77, 2), open(33, 2)) // used in one slot; 33 comes first in the table
	want(t, "the one that made room", b.one(1, put(77, 1, "x")), paxos.Expired, 3, 0)
	want(t, "the last one", b.one(1, admitted(put(33, 1, "b"), 4)), paxos.Applied, 4, 0)
}

func TestANameOfASessionThatIsNotOpenIsExpired(t *testing.T) {
	b := newBook(t)
	b.one(0, put(1, 1, "x"))
	b.one(day, put(2, 1, "y"))
	b.one(day, maintain(kv.ExpireSession{Session: 1}))
	name := paxos.CommandName{Session: 1, Sequence: 1}
	if o, known := b.m.OutcomeOf(name); !known || o.Verdict != paxos.Expired {
		t.Errorf("%+v, %v", o, known)
	}
	stands, err := paxos.DecodeOutcome(b.one(day, paxos.Command{Session: 2, Sequence: 2, Body: kv.Burn(name)}).Result)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "burnt", stands, paxos.Expired, 4, 0) // it was applied: burnt would be a lie
	if o, known := b.m.OutcomeOf(name); !known || o.Verdict != paxos.Expired {
		t.Errorf("%+v, %v", o, known)
	}
	if o, known := b.m.OutcomeOf(paxos.CommandName{Session: 2, Sequence: 9}); known {
		t.Errorf("not seen, of an open session: %+v", o)
	}
	if o, known := b.m.Outcome("nobody's key"); known {
		t.Errorf("%+v", o)
	}
}

func TestACommandLooksAtSoManyKeysAndNoMore(t *testing.T) {
	d := newDesk(t)
	const keys, times = 2048, kv.MaxWork / 2048
	for i := range keys / 512 {
		var txn kv.Txn
		for j := range 512 {
			txn.Then = append(txn.Then, kv.Op{Put: &kv.Put{Key: fmt.Sprintf("k%06d", i*512+j)}})
		}
		d.must(txn)
	}
	at := d.m.Revision()
	d.must(putOne("a", "x"))
	past := kv.Op{Range: &kv.Range{Span: kv.Prefix("k"), CountOnly: true, Revision: at}}
	all := kv.Compare{Span: kv.Prefix("k"), Target: kv.TargetVersion, Relation: kv.Greater}
	for name, heavy := range map[string]func(n int) kv.Txn{
		"ranges of the past": func(n int) (t kv.Txn) {
			for range n {
				t.Then = append(t.Then, past)
			}
			return t
		},
		"conditions": func(n int) (t kv.Txn) {
			for range n {
				t.If = append(t.If, all)
			}
			return t
		},
		"deletions": func(n int) (t kv.Txn) {
			t.Then = []kv.Op{{Put: &kv.Put{Key: "a"}}}
			for range n { // what is gone is not looked at again
				t.Then = append(t.Then, past)
			}
			t.Then[n] = kv.Op{Delete: &kv.Delete{Span: kv.Prefix("k")}}
			return t
		},
	} {
		before := stateOf(t, d.m)
		d.fails(kv.FailWork, heavy(times+1))
		if a, _ := d.m.Get("a"); a.Value != "x" || bytes.Equal(before, stateOf(t, d.m)) {
			t.Errorf("%s: not as it was, or not noted", name)
		}
		if name != "deletions" {
			d.must(heavy(times))
		}
	}
	d.must(kv.Txn{Then: []kv.Op{{Delete: &kv.Delete{Span: kv.Prefix("k")}}}})
}

func TestAPageCostsWhatItGives(t *testing.T) {
	d := newDesk(t)
	for i := range 50 {
		d.must(putOne(fmt.Sprintf("k%02d", i), "v"))
	}
	at := d.m.Revision()
	d.must(putOne("z", "v"))
	for _, revision := range []kv.Revision{0, at} {
		for _, c := range []struct {
			limit, keys int
			more        bool
		}{{10, 10, true}, {50, 50, false}, {49, 49, true}, {0, 50, false}} {
			res, fail := d.m.Range(kv.Range{Span: kv.Prefix("k"), Limit: c.limit, Revision: revision, NoCount: true})
			if fail != nil || len(res.KVs) != c.keys || res.More != c.more || res.Count != 0 {
				t.Errorf("%+v: %d keys, %d counted, more: %v, %v", c, len(res.KVs), res.Count, res.More, fail)
			}
		}
	}
	// One that looked at everything could not be done so often.
	page := kv.Op{Range: &kv.Range{Span: kv.Prefix("k"), Limit: 1, Revision: at, NoCount: true}}
	txn := kv.Txn{}
	for range 1000 {
		txn.Then = append(txn.Then, page)
	}
	if res := d.must(txn); len(res.Responses[999].KVs) != 1 || !res.Responses[999].More {
		t.Errorf("%+v", res.Responses[999])
	}
}
