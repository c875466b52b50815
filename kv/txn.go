package kv

import (
	"cmp"
	"strings"
)

// work is one transaction on its way.
type work struct {
	*View
	path []bool // which branches are taken, outermost first, in order
	room int    // bytes that it may still read
}

// txn executes a transaction: all of it or, on a failure, nothing.
func (v *View) txn(t *Txn) Result {
	w := &work{View: v, room: MaxResult}
	if fail := clash(t); fail != nil {
		return Result{Failure: fail}
	}
	// As in etcd, the branches of all transactions are chosen before anything
	// is written: nested conditions see what was there before the outermost.
	if fail := w.choose(t); fail != nil {
		return Result{Failure: fail}
	}
	var before store
	ops := t.branch(w.path[0])
	late := len(ops) > 1 || len(ops) == 1 && ops[0].Txn != nil
	if late { // one operation alone fails before it writes
		before = v.store.freeze()
	}
	res := Result{Succeeded: w.path[0]}
	w.path = w.path[1:]
	var fail *Failure
	if res.Responses, fail = w.run(ops); fail != nil {
		if late {
			v.store = before
		}
		return Result{Failure: fail}
	}
	return res
}

func (t *Txn) branch(succeeded bool) []Op {
	if succeeded {
		return t.Then
	}
	return t.Else
}

// choose finds out which branches are taken; every fence on the way must hold.
func (w *work) choose(t *Txn) *Failure {
	for _, f := range t.Fences {
		if holder := w.holder(Locks, f.Lock); holder == nil || holder.Create != f.Token {
			return failure(FailFenced, "lock %q is not held with token %d", f.Lock, f.Token)
		}
	}
	succeeded := true
	for _, c := range t.If {
		if !w.holds(c) {
			succeeded = false
			break
		}
	}
	w.path = append(w.path, succeeded)
	for _, op := range t.branch(succeeded) {
		if op.Txn != nil {
			if fail := w.choose(op.Txn); fail != nil {
				return fail
			}
		}
	}
	return nil
}

// holds reports whether a condition holds for all keys of its span; if there
// are none, it is asked of a key whose numbers are all 0.
func (s *store) holds(c Compare) bool {
	holds, any := true, false
	s.each(c.Span, func(k *change) bool {
		any = true
		holds = c.holdsFor(&k.KeyValue)
		return holds
	})
	if !any {
		return c.Target != TargetValue && c.holdsFor(&KeyValue{})
	}
	return holds
}

func (c *Compare) holdsFor(kv *KeyValue) bool {
	order := 0
	switch c.Target {
	case TargetVersion:
		order = cmp.Compare(kv.Version, c.Number)
	case TargetCreate:
		order = cmp.Compare(uint64(kv.Create), c.Number)
	case TargetMod:
		order = cmp.Compare(uint64(kv.Mod), c.Number)
	case TargetLease:
		order = cmp.Compare(uint64(kv.Lease), c.Number)
	case TargetValue:
		order = strings.Compare(kv.Value, c.Value)
	}
	switch c.Relation {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case Greater:
		return order > 0
	}
	return order < 0
}

func (w *work) run(ops []Op) ([]Response, *Failure) {
	if len(ops) == 0 {
		return nil, nil
	}
	list := make([]Response, len(ops))
	for i := range ops {
		var fail *Failure
		if list[i], fail = w.do(&ops[i]); fail != nil {
			return nil, fail
		}
	}
	return list, nil
}

func (w *work) do(o *Op) (Response, *Failure) {
	switch {
	case o.Put != nil:
		return w.doPut(o.Put)
	case o.Delete != nil:
		return w.doDelete(o.Delete)
	case o.Range != nil:
		r, fail := w.read(*o.Range, &w.room)
		return Response{KVs: r.KVs, Count: r.Count, More: r.More}, fail
	case o.Increment != nil:
		return w.doIncrement(o.Increment)
	case o.Append != nil:
		return w.doAppend(o.Append)
	}
	taken := w.path[0]
	w.path = w.path[1:]
	responses, fail := w.run(o.Txn.branch(taken))
	return Response{Txn: &TxnResponse{taken, responses}}, fail
}

func (w *work) doPut(p *Put) (Response, *Failure) {
	old := w.get(p.Key)
	value, lease := p.Value, p.Lease
	if lease != 0 && w.lease(lease) == nil { // before the key, as in etcd
		return Response{}, noLease(lease)
	}
	if old == nil && (p.KeepValue || p.KeepLease) {
		return Response{}, failure(FailNoKey, "there is no key %q whose value or lease could be kept", p.Key)
	}
	if p.KeepValue {
		value = old.Value
	}
	if p.KeepLease {
		lease = old.Lease
	}
	if len(value) > MaxValue {
		return Response{}, tooLarge(len(value), MaxValue)
	}
	var res Response
	if p.Prev && old != nil {
		if w.room -= old.room(); w.room < 0 {
			return Response{}, tooMuch()
		}
		res.KVs = []KeyValue{old.KeyValue}
	}
	c := w.put(p.Key, value, lease, old)
	c.list = p.KeepValue && old.list
	return res, nil
}

func (w *work) doDelete(d *Delete) (Response, *Failure) {
	var res Response
	var gone []*change
	full := false
	w.each(d.Span, func(c *change) bool {
		gone = append(gone, c)
		if d.Prev {
			if w.room -= c.room(); w.room < 0 {
				full = true
				return false
			}
			res.KVs = append(res.KVs, c.KeyValue)
		}
		return true
	})
	if full {
		return Response{}, tooMuch()
	}
	for _, c := range gone {
		w.remove(c)
	}
	res.Count = len(gone)
	return res, nil
}

func tooLarge(size, limit int) *Failure {
	return failure(FailTooLarge, "a value of %d bytes, at most %d are allowed", size, limit)
}
