package kv

import (
	"cmp"
	"slices"
	"strings"
)

// work is one transaction on its way.
type work struct {
	*View
	path []bool    // which branches are taken, outermost first, in order
	olds []*change // what its changes took the place of, nil where nothing was
	budget
}

// put and remove are the store's, and can be taken back.
func (w *work) put(key, value string, lease LeaseID) *change {
	c, old := w.store.put(key, value, lease)
	w.olds = append(w.olds, old)
	return c
}

func (w *work) remove(old *change) {
	w.olds = append(w.olds, old)
	w.store.remove(old)
}

func (w *work) undo() {
	for _, old := range slices.Backward(w.olds) {
		w.store.undo(old)
	}
}

// budget is what is left of what a command may cost, whatever it finds: all
// learners apply it at the same place of the log, and nothing else meanwhile.
type budget struct {
	room  int // bytes that it may still read
	looks int // keys that it may still look at
}

// take takes bytes out of the room.
func (b *budget) take(room int) *Failure {
	if b.room -= room; b.room < 0 {
		return failure(FailResult, "what the command reads is more than %d bytes", MaxResult)
	}
	return nil
}

// worked is the failure of a command that looked at too much.
func (b *budget) worked() *Failure {
	if b.looks >= 0 {
		return nil
	}
	return failure(FailWork, "the command looks at more than %d keys", MaxWork)
}

// txn executes a transaction: all of it or, on a failure, nothing.
func (v *View) txn(t *Txn) Result {
	w := &work{View: v, budget: budget{MaxResult, MaxWork}}
	if fail := clash(t); fail != nil {
		return Result{Failure: fail}
	}
	// As in etcd, the branches of all transactions are chosen before anything
	// is written: nested conditions see what was there before the outermost.
	if fail := w.choose(t); fail != nil {
		return Result{Failure: fail}
	}
	res := Result{Succeeded: w.path[0]}
	w.path = w.path[1:]
	var fail *Failure
	if res.Responses, fail = w.run(t.branch(res.Succeeded)); fail != nil {
		w.undo()
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
		holder := w.holder(Locks, f.Lock, &w.looks)
		if fail := w.worked(); fail != nil {
			return fail
		}
		if holder == nil || holder.Create != f.Token {
			return failure(FailFenced, "lock %q is not held with token %d", f.Lock, f.Token)
		}
	}
	succeeded := true
	for _, c := range t.If {
		succeeded = w.holds(c)
		if fail := w.worked(); fail != nil {
			return fail
		}
		if !succeeded {
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
func (w *work) holds(c Compare) bool {
	holds, any := true, false
	w.each(c.Span, func(k *change) bool {
		any, w.looks = true, w.looks-1
		holds = c.holdsFor(&k.KeyValue)
		return holds && w.looks >= 0
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
		r, fail := w.read(*o.Range, &w.budget)
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
	var old *change
	if p.KeepValue || p.KeepLease || p.Prev { // most need no search of their own
		old = w.get(p.Key)
	}
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
		if fail := w.take(old.room()); fail != nil {
			return Response{}, fail
		}
		res.KVs = []KeyValue{old.KeyValue}
	}
	c := w.put(p.Key, value, lease)
	if p.KeepValue {
		c.list = old.list
	}
	return res, nil
}

func (w *work) doDelete(d *Delete) (Response, *Failure) {
	var res Response
	var gone []*change
	var fail *Failure
	w.each(d.Span, func(c *change) bool {
		w.looks--
		if fail = w.worked(); fail == nil && d.Prev {
			fail = w.take(c.room())
			res.KVs = append(res.KVs, c.KeyValue)
		}
		gone = append(gone, c)
		return fail == nil
	})
	if fail != nil {
		return Response{}, fail
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
