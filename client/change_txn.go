package client

import (
	"unicode/utf8"

	"paxos/kv"
	"paxos/paxos"
)

// Transactions as commands. Of what is odd there is no such form: a request
// tells it to the service, which says what is wrong with it.

// reading takes a transaction's words; bad is set by the first that is odd.
type txnReader struct{ bad bool }

// txnOf is a transaction as a command has it; false if it has none.
func txnOf(words *Txn, depth int) (kv.Txn, bool) {
	var r txnReader
	t := r.txn(words, depth)
	return t, !r.bad
}

// spanOf is a span as a command has it.
func spanOf(words KeySpan) (kv.Span, bool) {
	var r txnReader
	s := r.span(words)
	return s, !r.bad
}

func (r *txnReader) fine(ok bool) {
	if !ok {
		r.bad = true
	}
}

func (r *txnReader) txn(words *Txn, depth int) (t kv.Txn) {
	r.fine(depth <= kv.MaxDepth)
	if r.bad {
		return t
	}
	for _, f := range words.Fences {
		r.fine(f.Lock != "" && f.Token != 0 && utf8.ValidString(f.Lock))
		t.Fences = append(t.Fences, kv.Fence{Lock: f.Lock, Token: kv.Revision(f.Token)})
	}
	for i := range words.If {
		t.If = append(t.If, r.condition(&words.If[i]))
	}
	t.Then = r.operations(words.Then, depth)
	t.Else = r.operations(words.Else, depth)
	return t
}

func (r *txnReader) operations(list []Operation, depth int) (ops []kv.Op) {
	for i := range list {
		ops = append(ops, r.operation(&list[i], depth))
	}
	return ops
}

func (r *txnReader) operation(o *Operation, depth int) kv.Op {
	given := 0
	for _, there := range []bool{o.Put != nil, o.Delete != nil, o.Range != nil, o.Increment != nil, o.Append != nil, o.Txn != nil} {
		if there {
			given++
		}
	}
	// How large a list may be, the service knows: appends are requests.
	r.fine(given == 1 && o.Append == nil)
	switch {
	case r.bad:
	case o.Put != nil:
		put := r.put(o.Put)
		return kv.Op{Put: &put}
	case o.Delete != nil:
		return kv.Op{Delete: &kv.Delete{Span: r.span(o.Delete.KeySpan), Prev: o.Delete.Prev}}
	case o.Range != nil:
		r.fine(o.Range.Limit >= 0)
		return kv.Op{Range: &kv.Range{Span: r.span(o.Range.KeySpan), Limit: o.Range.Limit, Revision: kv.Revision(o.Range.Revision),
			KeysOnly: o.Range.KeysOnly, CountOnly: o.Range.CountOnly}}
	case o.Increment != nil:
		r.key(o.Increment.Key)
		return kv.Op{Increment: &kv.Increment{Key: o.Increment.Key, By: o.Increment.By}}
	default:
		t := r.txn(o.Txn, depth+1)
		return kv.Op{Txn: &t}
	}
	return kv.Op{}
}

func (r *txnReader) key(key string) { r.fine(key != "" && utf8.ValidString(key)) }

func (r *txnReader) span(words KeySpan) kv.Span {
	r.fine(utf8.ValidString(words.Key) && utf8.ValidString(words.End) && (!words.Prefix || words.End == ""))
	switch {
	case words.Prefix:
		return kv.Prefix(words.Key)
	case words.End != "" && words.Key == "":
		return kv.Span{Key: "\x00", End: words.End}
	case words.End == "":
		r.key(words.Key)
	}
	return kv.Span{Key: words.Key, End: words.End}
}

func (r *txnReader) put(words *PutOp) kv.Put {
	put := kv.Put{Key: words.Key, KeepValue: words.KeepValue, KeepLease: words.KeepLease, Prev: words.Prev}
	if words.Lease != nil {
		put.Lease = *words.Lease
	}
	value, given := r.value(words.Value, words.ValueBase64)
	put.Value = value
	r.fine(given != words.KeepValue && (!put.KeepLease || words.Lease == nil))
	r.key(words.Key)
	return put
}

// value is a text, or bytes, of which JSON leaves the empty ones out.
func (r *txnReader) value(text *string, bytes []byte) (value string, given bool) {
	r.fine(text == nil || len(bytes) == 0 && utf8.ValidString(*text))
	if text != nil {
		return *text, true
	}
	return string(bytes), len(bytes) > 0
}

var relationsOf = map[string]kv.Relation{"": kv.Equal, "=": kv.Equal, "!=": kv.NotEqual, "<": kv.Less, ">": kv.Greater}

func (r *txnReader) condition(words *Condition) kv.Compare {
	relation, ok := relationsOf[words.Is]
	r.fine(ok)
	on := kv.Compare{Span: r.span(words.KeySpan), Relation: relation, Target: kv.TargetValue}
	count := 0
	if value, given := r.value(words.Value, words.ValueBase64); given {
		on.Value, count = value, 1
	}
	number := func(target kv.Target, n *paxos.Number) {
		if n != nil {
			on.Target, on.Number, count = target, uint64(*n), count+1
		}
	}
	number(kv.TargetVersion, words.Version)
	number(kv.TargetCreate, words.Create)
	number(kv.TargetMod, words.Mod)
	if words.Lease != nil {
		number(kv.TargetLease, (*paxos.Number)(words.Lease))
	}
	r.fine(count == 1)
	return on
}
