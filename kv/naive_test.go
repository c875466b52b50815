package kv_test

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"

	"paxos/kv"
)

// naive is the store as one would write it down: a map for every revision,
// copied as a whole.
type naive struct {
	past      []map[string]kv.KeyValue // past[i] is revision i+1
	events    []kv.Event               // with what was there before
	compacted kv.Revision
	leases    map[kv.LeaseID]bool
}

func newNaive() *naive {
	return &naive{past: []map[string]kv.KeyValue{{}}, leases: map[kv.LeaseID]bool{}}
}

func (n *naive) revision() kv.Revision { return kv.Revision(len(n.past)) }

func (n *naive) now() map[string]kv.KeyValue { return n.past[len(n.past)-1] }

// draft is a revision that is being made.
type draft struct {
	*naive
	keys   map[string]kv.KeyValue
	events []kv.Event
	fail   string
}

func (n *naive) draft() *draft { return &draft{naive: n, keys: maps.Clone(n.now())} }

// keep makes the draft the store's next revision, if it changes anything.
func (d *draft) keep() {
	if len(d.events) > 0 {
		d.naive.past = append(d.past, d.keys)
		d.naive.events = append(d.naive.events, d.events...)
	}
}

func (d *draft) put(key, value string, lease kv.LeaseID) kv.KeyValue {
	k := kv.KeyValue{Key: key, Value: value, Lease: lease, Create: d.revision() + 1, Mod: d.revision() + 1, Version: 1}
	e := kv.Event{Type: kv.PutEvent}
	if old, ok := d.keys[key]; ok {
		k.Create, k.Version = old.Create, old.Version+1
		e.Prev = &old
	}
	d.keys[key], e.KV = k, k
	d.events = append(d.events, e)
	return k
}

func (d *draft) remove(key string) {
	old := d.keys[key]
	delete(d.keys, key)
	d.events = append(d.events, kv.Event{Type: kv.DeleteEvent, KV: kv.KeyValue{Key: key, Mod: d.revision() + 1}, Prev: &old})
}

func within(s kv.Span, key string) bool {
	if s.End == "" {
		return key == s.Key
	}
	return key >= s.Key && (s.End == "\x00" || key < s.End)
}

func pick(keys map[string]kv.KeyValue, s kv.Span) (list []kv.KeyValue) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if within(s, key) {
			list = append(list, keys[key])
		}
	}
	return list
}

func (n *naive) read(r kv.Range, now map[string]kv.KeyValue) (kv.RangeResult, string) {
	res := kv.RangeResult{Revision: n.revision()}
	if r.Revision > n.revision() {
		return res, kv.FailFuture
	}
	if r.Revision != 0 {
		if r.Revision < n.compacted {
			return res, kv.FailCompacted
		}
		now = n.past[r.Revision-1]
	}
	res.KVs = pick(now, r.Span)
	res.Count = len(res.KVs)
	if r.NoCount {
		res.Count = 0
	}
	if r.CountOnly {
		res.KVs = nil
		return res, ""
	}
	if r.Limit > 0 && len(res.KVs) > r.Limit {
		res.KVs, res.More = res.KVs[:r.Limit], true
	}
	if r.KeysOnly {
		for i := range res.KVs {
			res.KVs[i].Value = ""
		}
	}
	return res, ""
}

// txn gives the result without a revision; failures are told by their code.
func (n *naive) txn(t kv.Txn) (res kv.Result, code string) {
	for _, ops := range [][]kv.Op{t.Then, t.Else} {
		if _, clash := touched(ops); clash {
			return kv.Result{}, kv.FailDuplicateKey
		}
	}
	d := n.draft()
	first := n.now()
	inner := d.nested(t, first)
	if d.fail != "" {
		return kv.Result{}, d.fail
	}
	d.keep()
	return kv.Result{Succeeded: inner.Succeeded, Responses: inner.Responses}, ""
}

func (d *draft) nested(t kv.Txn, first map[string]kv.KeyValue) *kv.TxnResponse {
	res := &kv.TxnResponse{Succeeded: true}
	for _, c := range t.If {
		res.Succeeded = res.Succeeded && holds(c, first)
	}
	ops := t.Else
	if res.Succeeded {
		ops = t.Then
	}
	for _, o := range ops {
		res.Responses = append(res.Responses, d.do(o, first))
	}
	return res
}

func holds(c kv.Compare, keys map[string]kv.KeyValue) bool {
	list := pick(keys, c.Span)
	if len(list) == 0 {
		if c.Target == kv.TargetValue {
			return false
		}
		list = []kv.KeyValue{{}}
	}
	for _, k := range list {
		number := map[kv.Target]uint64{kv.TargetVersion: k.Version, kv.TargetCreate: uint64(k.Create), kv.TargetMod: uint64(k.Mod),
			kv.TargetLease: uint64(k.Lease)}[c.Target]
		less, equal := number < c.Number, number == c.Number
		if c.Target == kv.TargetValue {
			less, equal = k.Value < c.Value, k.Value == c.Value
		}
		if ok := map[kv.Relation]bool{kv.Equal: equal, kv.NotEqual: !equal, kv.Less: less, kv.Greater: !less && !equal}[c.Relation]; !ok {
			return false
		}
	}
	return true
}

func (d *draft) failed(code string) kv.Response {
	if d.fail == "" {
		d.fail = code
	}
	return kv.Response{}
}

func (d *draft) do(o kv.Op, first map[string]kv.KeyValue) (res kv.Response) {
	switch {
	case o.Put != nil:
		old, ok := d.keys[o.Put.Key]
		value, lease := o.Put.Value, o.Put.Lease
		if lease != 0 && !d.leases[lease] {
			return d.failed(kv.FailNoLease)
		}
		if o.Put.KeepValue {
			value = old.Value
		}
		if o.Put.KeepLease {
			lease = old.Lease
		}
		if !ok && (o.Put.KeepValue || o.Put.KeepLease) {
			return d.failed(kv.FailNoKey)
		}
		if o.Put.Prev && ok {
			res.KVs = []kv.KeyValue{old}
		}
		d.put(o.Put.Key, value, lease)
	case o.Delete != nil:
		list := pick(d.keys, o.Delete.Span)
		for _, k := range list {
			d.remove(k.Key)
		}
		if res.Count = len(list); o.Delete.Prev {
			res.KVs = list
		}
	case o.Range != nil:
		r, code := d.read(*o.Range, d.keys)
		if code != "" {
			return d.failed(code)
		}
		res = kv.Response{KVs: r.KVs, Count: r.Count, More: r.More}
	case o.Increment != nil:
		old, ok := d.keys[o.Increment.Key]
		n, number := new(big.Int).SetString(old.Value, 10)
		if !ok {
			n, number = new(big.Int), true
		}
		if !number || !n.IsInt64() {
			return d.failed(kv.FailNotANumber)
		}
		if n.Add(n, big.NewInt(o.Increment.By)); !n.IsInt64() {
			return d.failed(kv.FailOverflow)
		}
		res.KVs = []kv.KeyValue{d.put(o.Increment.Key, n.String(), old.Lease)}
	case o.Append != nil:
		old, ok := d.keys[o.Append.Key]
		var list []json.RawMessage
		if ok && (json.Unmarshal([]byte(old.Value), &list) != nil || list == nil) {
			return d.failed(kv.FailNotAList)
		}
		var texts []string
		for _, item := range append(list, json.RawMessage(o.Append.Item)) {
			texts = append(texts, string(item))
		}
		value := "[" + strings.Join(texts, ",") + "]"
		if o.Append.Limit > 0 && len(value) > o.Append.Limit {
			return d.failed(kv.FailTooLarge)
		}
		bare := d.put(o.Append.Key, value, old.Lease)
		bare.Value = ""
		res = kv.Response{KVs: []kv.KeyValue{bare}, Count: len(texts), More: true}
	case o.Txn != nil:
		res.Txn = d.nested(*o.Txn, first)
	}
	return res
}

// universe are all keys of the model.
var universe = []string{"a", "b", "ba", "c", "d\xff", "e"}

// touch tells for each key of the universe whether it may be put or deleted.
type touch struct{ put, deleted map[string]bool }

func touched(ops []kv.Op) (all touch, clash bool) {
	all = touch{map[string]bool{}, map[string]bool{}}
	for _, o := range ops {
		own := touch{map[string]bool{}, map[string]bool{}}
		switch {
		case o.Put != nil:
			own.put[o.Put.Key] = true
		case o.Increment != nil:
			own.put[o.Increment.Key] = true
		case o.Append != nil:
			own.put[o.Append.Key] = true
		case o.Delete != nil:
			for _, key := range universe {
				own.deleted[key] = within(o.Delete.Span, key)
			}
		case o.Txn != nil:
			for _, branch := range [][]kv.Op{o.Txn.Then, o.Txn.Else} {
				inner, clash := touched(branch)
				if clash {
					return all, true
				}
				for _, key := range universe {
					own.put[key] = own.put[key] || inner.put[key]
					own.deleted[key] = own.deleted[key] || inner.deleted[key]
				}
			}
		}
		for _, key := range universe {
			if own.put[key] && (all.put[key] || all.deleted[key]) || own.deleted[key] && all.put[key] {
				return all, true
			}
			all.put[key] = all.put[key] || own.put[key]
			all.deleted[key] = all.deleted[key] || own.deleted[key]
		}
	}
	return all, false
}
