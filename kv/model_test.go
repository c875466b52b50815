package kv_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/kv"
	"paxos/paxos"
)

// dealer draws commands for the model.
type dealer struct{ luck paxos.Dice }

func (d *dealer) one(of ...string) string { return of[d.luck.Below(len(of))] }

func (d *dealer) chance(in int) bool { return d.luck.Below(in) == 0 }

func (d *dealer) key() string { return universe[d.luck.Below(len(universe))] }

func (d *dealer) value() string {
	return d.one("", "1", "41", "-7", "[1]", " [ ] ", "[", "x", "9223372036854775807")
}

func (d *dealer) span() kv.Span {
	return kv.Span{Key: d.key(), End: d.one("", "", "", "b", "c", "d", "\x00", "zz")}
}

func (d *dealer) op(depth int, revision kv.Revision) kv.Op {
	switch d.luck.Below(9) {
	case 0, 1, 2:
		return kv.Op{Put: &kv.Put{Key: d.key(), Value: d.value(), Lease: kv.LeaseID(d.luck.Below(30) / 10), Prev: d.chance(2)}}
	case 3:
		p := kv.Put{Key: d.key(), KeepValue: d.chance(2), Prev: d.chance(2)}
		if p.KeepLease = !p.KeepValue; p.KeepLease {
			p.Value = d.value()
		}
		return kv.Op{Put: &p}
	case 4:
		return kv.Op{Delete: &kv.Delete{Span: d.span(), Prev: d.chance(2)}}
	case 5:
		r := kv.Range{Span: d.span(), Limit: d.luck.Below(3), KeysOnly: d.chance(5), CountOnly: d.chance(5), NoCount: d.chance(4)}
		if d.chance(3) {
			r.Revision = max(0, revision-kv.Revision(min(d.luck.Below(6), int(revision)))) + kv.Revision(d.luck.Below(4)/3)
		}
		return kv.Op{Range: &r}
	case 6:
		return kv.Op{Increment: &kv.Increment{Key: d.key(), By: []int64{1, -1, 1<<63 - 1, -1 << 63, 0}[d.luck.Below(5)]}}
	case 7:
		return kv.Op{Append: &kv.ListAppend{Key: d.key(), Item: d.one("1", `"x"`, "{}", "[]"), Limit: d.luck.Below(2) * 5}}
	}
	if depth > 2 {
		return kv.Op{Range: &kv.Range{Span: d.span()}}
	}
	t := d.txn(depth+1, revision)
	return kv.Op{Txn: &t}
}

func (d *dealer) txn(depth int, revision kv.Revision) (t kv.Txn) {
	for range d.luck.Below(3) {
		c := kv.Compare{Span: d.span(), Target: kv.Target(d.luck.Below(5)), Relation: kv.Relation(d.luck.Below(4))}
		if c.Target == kv.TargetValue {
			c.Value = d.value()
		} else {
			c.Number = uint64(d.luck.Below(4))
		}
		t.If = append(t.If, c)
	}
	for range d.luck.Below(4) {
		t.Then = append(t.Then, d.op(depth, revision))
	}
	for range d.luck.Below(3) {
		t.Else = append(t.Else, d.op(depth, revision))
	}
	return t
}

// player applies commands to a book and to the naive store.
type player struct {
	*rapid.T
	dealer
	b    *book
	n    *naive
	next paxos.Sequence
	seen map[string]int // codes of failures
}

func (p *player) apply(command any) kv.Result {
	p.next++
	c := paxos.Command{Session: 1, Sequence: p.next, Confirmed: p.next, Body: kv.Encode(command)}
	if err := kv.Check(c); err != nil && !bytes.Contains(c.Body, []byte{0xff}) { // one key is no UTF-8
		p.Fatalf("%+v: %v", command, err)
	}
	before := p.b.m.Sizes()
	res, err := kv.DecodeResult(p.b.one(1, c).Result)
	if err != nil {
		p.Fatal(err)
	}
	if res.Failure != nil {
		p.seen[res.Failure.Code]++
		if after := p.b.m.Sizes(); res.Failure.Detail == "" || after.HistoryBytes > before.HistoryBytes || after.Keys != before.Keys {
			p.Fatalf("%+v failed and left its traces: %+v, before %+v", res.Failure, after, before)
		}
	}
	if res.Revision != p.n.revision() && res.Failure != nil {
		p.Fatalf("a failure raised the revision to %d", res.Revision)
	}
	return res
}

func (p *player) step() {
	switch p.luck.Below(12) {
	case 0:
		id := kv.LeaseID(1 + p.luck.Below(2))
		if res := p.apply(kv.Grant{ID: id, TTL: kv.MinTTL}); (res.Failure != nil) != p.n.leases[id] {
			p.Fatalf("grant: %+v", res)
		}
		p.n.leases[id] = true
	case 1:
		id := kv.LeaseID(1 + p.luck.Below(2))
		if res := p.apply(kv.Revoke{ID: id}); (res.Failure == nil) != p.n.leases[id] {
			p.Fatalf("revoke: %+v", res)
		}
		d := p.n.draft()
		for _, k := range pick(p.n.now(), kv.Prefix("")) {
			if k.Lease == id {
				d.remove(k.Key)
			}
		}
		d.keep()
		delete(p.n.leases, id)
	case 2:
		r := p.n.revision() - kv.Revision(min(p.luck.Below(8), int(p.n.revision()))) + kv.Revision(p.luck.Below(9)/8)
		want := ""
		if r <= p.n.compacted {
			want = kv.FailCompacted
		} else if r > p.n.revision() {
			want = kv.FailFuture
		} else {
			p.n.compacted = r
		}
		if res := p.apply(kv.Compact{Revision: r}); (res.Failure == nil) != (want == "") || want != "" && res.Failure.Code != want {
			p.Fatalf("compact %d: %+v, want %q", r, res, want)
		}
	default:
		t := p.txn(1, p.n.revision())
		want, code := p.n.txn(t)
		got := p.apply(t)
		if code != "" {
			if got.Failure == nil || got.Failure.Code != code {
				p.Fatalf("%+v: %+v, want failure %q", t, got, code)
			}
			return
		}
		want.Revision = p.n.revision()
		if diff := cmp.Diff(want, got); diff != "" {
			p.Fatalf("%s: %s", show(t), diff)
		}
	}
	p.look()
}

func show(t kv.Txn) string { return fmt.Sprintf("%q", kv.Encode(t)) }

// look reads everything in every way.
func (p *player) look() {
	v := p.b.m.View()
	for range 4 {
		r := kv.Range{Span: p.span(), Limit: p.luck.Below(4), Revision: kv.Revision(p.luck.Below(int(p.n.revision()) + 2)), CountOnly: p.chance(6), NoCount: p.chance(4)}
		want, code := p.n.read(r, p.n.now())
		got, fail := v.Range(r)
		if fail != nil && fail.Code != code || fail == nil && code != "" {
			p.Fatalf("%+v: %v, want %q", r, fail, code)
		}
		if fail == nil && !cmp.Equal(want, got) {
			p.Fatalf("%+v: %s", r, cmp.Diff(want, got))
		}
	}
	p.events(v)
	for id := kv.LeaseID(1); id <= 2; id++ {
		var want []string
		for _, k := range pick(p.n.now(), kv.Prefix("")) {
			if k.Lease == id {
				want = append(want, k.Key)
			}
		}
		if info, ok := v.Lease(id); ok != p.n.leases[id] || !slices.Equal(info.Keys, want) {
			p.Fatalf("lease %d: %+v, want %v", id, info, want)
		}
	}
	if s := v.Sizes(); s.Keys != len(p.n.now()) || s.HistoryBytes < 0 || s.Revisions != uint64(p.n.revision()-max(1, p.n.compacted)) {
		p.Fatalf("%+v", s)
	}
}

// events walks through all changes in small steps.
func (p *player) events(v *kv.View) {
	span, limit, bytes, prev := p.span(), p.luck.Below(3), p.luck.Below(2)*100, p.chance(2)
	from := kv.Revision(p.luck.Below(int(p.n.revision()) + 2))
	var got, want []kv.Event
	for _, e := range p.n.events {
		if e.KV.Mod >= from && within(span, e.KV.Key) {
			if !prev || e.KV.Mod <= p.n.compacted {
				e.Prev = nil
			}
			want = append(want, e)
		}
	}
	for next := from; next <= v.Revision(); {
		list, after, fail := v.Events(next, span, limit, bytes, prev)
		if from < p.n.compacted {
			if fail == nil || fail.Code != kv.FailCompacted {
				p.Fatalf("events from %d: %v", from, fail)
			}
			return
		}
		if fail != nil || after <= next || after > v.Revision()+1 {
			p.Fatalf("events from %d: up to %d, %v", next, after, fail)
		}
		for _, e := range list {
			if e.KV.Mod < next || e.KV.Mod >= after {
				p.Fatalf("events from %d up to %d have one of %d", next, after, e.KV.Mod)
			}
		}
		got, next = append(got, list...), after
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.Fatalf("events from %d of %+v: %s", from, span, diff)
	}
}

func TestTheStoreIsWhatTheNaiveOneIs(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := &player{T: t, dealer: dealer{paxos.Dice(rapid.Uint64().Draw(t, "luck"))}, b: newBook(t), n: newNaive(), seen: seen}
		for range 300 { // the rarest failure comes some sixty times then
			p.step()
		}
		mustComeBack(t, p.b.m)
	})
	for _, code := range []string{kv.FailCompacted, kv.FailFuture, kv.FailNoLease, kv.FailNoKey, kv.FailDuplicateKey, kv.FailNotANumber,
		kv.FailOverflow, kv.FailNotAList, kv.FailTooLarge, kv.FailLeaseExists} {
		if seen[code] < 20 {
			t.Errorf("failure %q came %d times: the test tests nothing", code, seen[code])
		}
	}
}

// mustComeBack checks that a state is the same after it was written and read,
// for those who look at it and for the commands to come.
func mustComeBack(t rapid.TB, m *kv.Machine) {
	t.Helper()
	var first bytes.Buffer
	if _, err := m.View().WriteTo(&first); err != nil {
		t.Fatal(err)
	}
	v, err := kv.Read(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var second bytes.Buffer
	if _, err := v.WriteTo(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Fatalf("read and written again, %d bytes are others (%d, %v)", first.Len(), second.Len(), err)
	}
	if diff := cmp.Diff(m.Sizes(), v.Sizes()); diff != "" {
		t.Fatal(diff)
	}
}
