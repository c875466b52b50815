package kv_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"paxos/kv"
	"paxos/paxos"
)

// nearlyPlain is a plain put, or one that differs from it in a little.
func (d *dealer) nearlyPlain() (t kv.Txn, plain bool) {
	put := &kv.Put{Key: d.one("a", "b", "values/00000000000000000001-000001", strings.Repeat("k", 200)), Value: d.one("", "v", strings.Repeat("v", 20_000))}
	read := &kv.Range{Span: kv.Span{Key: put.Key}, KeysOnly: true}
	t = kv.Txn{Then: []kv.Op{{Put: put}, {Range: read}}}
	switch d.luck.Below(16) {
	case 0:
		t.Fences = []kv.Fence{{Lock: "l", Token: 1}}
	case 1:
		t.If = []kv.Compare{{Span: kv.Span{Key: "a"}}}
	case 2:
		t.Else = t.Then[1:]
	case 3:
		put.Lease = 1
	case 4:
		put.KeepValue = true
	case 5:
		put.KeepLease = true
	case 6:
		put.Prev = true
	case 7:
		read.Key = "c"
	case 8:
		read.End = "d"
	case 9:
		read.Limit = 1
	case 10:
		read.Revision = 2
	case 11:
		read.KeysOnly = false
	case 12:
		read.CountOnly = true
	case 13:
		read.NoCount = true
	case 14:
		t.Then = append(t.Then, t.Then[1])
	default:
		if d.chance(3) {
			t.Then = t.Then[:1]
		}
		return t, true
	}
	return t, false
}

// otherWay is a body that is not plain and has the same effect.
func otherWay(t kv.Txn) []byte {
	if len(t.Fences) == 0 && len(t.If) == 0 && len(t.Else) == 0 {
		t.Else = []kv.Op{{Range: &kv.Range{Span: kv.Span{Key: "x"}}}}
	}
	return kv.Encode(t)
}

func TestThePlainWayIsTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := dealer{paxos.Dice(rapid.Uint64().Draw(t, "luck"))}
		one, other, keyed := newBook(t), newBook(t), d.chance(2)
		for i := range paxos.Sequence(40) {
			txn, plain := d.nearlyPlain()
			body := kv.Encode(txn)
			key, value, read, ok := kv.Plain(body)
			if put := txn.Then[0].Put; ok != plain || ok && (key != put.Key || value != put.Value || read != (len(txn.Then) == 2)) {
				t.Fatalf("%s: plain is %v; it puts %q=%q", show(txn), ok, key, value)
			}
			if _, _, _, ok := kv.Plain(otherWay(txn)); ok {
				t.Fatal("the other way is the plain one")
			}
			c := paxos.Command{Session: 1, Sequence: i, Body: body}
			if keyed && d.chance(4) {
				c.Key = d.one("k", "l")
			}
			a := one.one(1, c)
			c.Body = otherWay(txn)
			if b := other.one(1, c); !bytes.Equal(a.Result, b.Result) || a.Verdict != b.Verdict {
				t.Fatalf("%s: %q one way and %q the other", show(txn), a.Result, b.Result)
			}
		}
		one.m.ForgetMarks()
		other.m.ForgetMarks()
		// A key is noted with the digest of its body, which is another one here.
		if !keyed && !bytes.Equal(one.state(), other.state()) {
			t.Fatal("they hold other states")
		}
		mustComeBack(t, one.m)
	})
}

func TestWhatIsCutOffOrTooLargeIsNotPlain(t *testing.T) {
	put := func(key, value string) []byte {
		return kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: key, Value: value}}, {Range: &kv.Range{Span: kv.Span{Key: key}, KeysOnly: true}}}})
	}
	body := put("key", "value")
	for n := range body {
		if _, _, _, ok := kv.Plain(body[:n]); ok {
			t.Errorf("the first %d bytes of it are plain", n)
		}
	}
	if _, _, _, ok := kv.Plain(append(body, 0)); ok {
		t.Error("a byte too many is plain")
	}
	for _, body := range [][]byte{put(strings.Repeat("k", 1<<20), "v"), put("k", strings.Repeat("v", kv.MaxValue+1))} {
		if _, _, _, ok := kv.Plain(body); ok {
			t.Error("what can fail is plain")
		}
	}
}

// What a View shares with the machine, the machine leaves alone, and so do two
// machines that were restored from one View.
func TestAViewStaysWhatItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := dealer{paxos.Dice(rapid.Uint64().Draw(t, "luck"))}
		one := newBook(t)
		live := func(b *book, n int) {
			for range n {
				session := paxos.SessionID(1 + d.luck.Below(3))
				c := paxos.Command{Session: session, Sequence: paxos.Sequence(d.luck.Below(2000)), Body: kv.Encode(d.txn(1, b.m.Revision()))}
				c.Confirmed = paxos.Sequence(d.luck.Below(20) / 19 * d.luck.Below(1200))
				b.one(b.m.Time()+1, c)
			}
		}
		live(one, 60)
		view := one.m.View()
		was := stateOf(t, one.m)
		two := newBook(t)
		if err := two.m.Restore(view); err != nil {
			t.Fatal(err)
		}
		live(one, 30)
		now := one.state()
		live(two, 30)
		var again bytes.Buffer
		if _, err := view.WriteTo(&again); err != nil || !bytes.Equal(was, again.Bytes()) {
			t.Fatal("a view has changed")
		}
		if !bytes.Equal(now, one.state()) {
			t.Fatal("another machine's commands changed this one")
		}
		mustComeBack(t, one.m)
		mustComeBack(t, two.m)
	})
}

func TestWhatATransactionTakesBackIsNotCounted(t *testing.T) {
	b := newBook(t)
	b.apply(1, put(1, 1, "a"), put(1, 2, "b"))
	before := b.m.Sizes()
	fails := kv.Op{Increment: &kv.Increment{Key: "x"}}
	b.one(1, paxos.Command{Session: 1, Sequence: 3, Body: kv.Encode(putOne("x", "no number"))})
	before.Keys++
	for i, ops := range [][]kv.Op{
		{{Delete: &kv.Delete{Span: kv.Prefix("values/")}}, fails},
		{{Put: &kv.Put{Key: "values/00000000000000000009-000001"}}, fails},
		{{Put: &kv.Put{Key: "values/00000000000000000001-000001"}}, fails},
	} {
		o := b.one(1, paxos.Command{Session: 1, Sequence: paxos.Sequence(4 + i), Confirmed: paxos.Sequence(4 + i), Body: kv.Encode(kv.Txn{Then: ops})})
		if res, err := kv.DecodeResult(o.Result); err != nil || res.Failure == nil || res.Failure.Code != kv.FailNotANumber {
			t.Fatalf("%+v, %v", res, err)
		}
		if s := b.m.Sizes(); b.m.Count() != 2 || s.Keys != before.Keys || s.HistoryBytes != before.HistoryBytes {
			t.Errorf("%d values, %+v, before %+v", b.m.Count(), s, before)
		}
		b.mustHold("1.0:a", "1.1:b")
		mustComeBack(t, b.m)
	}
}
