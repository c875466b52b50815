package kv

import "encoding/binary"

// The kinds of an Op in a body. Never reuse one.
const (
	kindPut       = 1
	kindDelete    = 2
	kindRange     = 3
	kindIncrement = 4
	kindAppend    = 5
	kindTxn       = 6
	kindPage      = 7 // a Range with NoCount
)

// AppendTxn appends what Encode gives of a transaction.
func AppendTxn(b []byte, t Txn) []byte { return putTxn(append(b, bodyVersion, opTxn), t) }

func putTxn(b []byte, t Txn) []byte {
	b = putList(b, t.Fences, func(b []byte, f Fence) []byte { return putUint(putText(b, f.Lock), f.Token) })
	b = putList(b, t.If, putCompare)
	b = putList(b, t.Then, putOp)
	return putList(b, t.Else, putOp)
}

// room is about how long the binary form of a transaction of puts is.
func (t *Txn) room() int {
	n := 16
	for _, op := range t.Then {
		switch {
		case op.Put != nil:
			n += 24 + len(op.Put.Key) + len(op.Put.Value)
		case op.Range != nil:
			n += 16 + len(op.Range.Key) + len(op.Range.End)
		}
	}
	return n
}

// readTxn reads a transaction that stands depth deep.
func readTxn(r *reader, depth int) Txn {
	if depth > MaxDepth {
		r.fail("transactions are nested too deep")
		return Txn{}
	}
	ops := func(r *reader) Op { return readOp(r, depth) }
	return Txn{
		Fences: readList(r, 2, "fences", func(r *reader) Fence { return Fence{r.text("lock"), Revision(r.uvarint("token"))} }),
		If:     readList(r, 5, "conditions", readCompare),
		Then:   readList(r, 3, "operations", ops),
		Else:   readList(r, 3, "operations", ops),
	}
}

func putSpan(b []byte, s Span) []byte { return putText(putText(b, s.Key), s.End) }

func readSpan(r *reader) Span { return Span{r.text("key"), r.text("end")} }

// putCompare writes only the operand that the target needs.
func putCompare(b []byte, c Compare) []byte {
	b = append(putSpan(b, c.Span), byte(c.Target), byte(c.Relation))
	if c.Target == TargetValue {
		return putText(b, c.Value)
	}
	return putUint(b, c.Number)
}

func readCompare(r *reader) Compare {
	c := Compare{Span: readSpan(r), Target: Target(r.enum(byte(TargetLease), "target")), Relation: Relation(r.enum(byte(Less), "relation"))}
	if c.Target == TargetValue {
		c.Value = r.text("value")
	} else {
		c.Number = r.uvarint("number")
	}
	return c
}

func putOp(b []byte, o Op) []byte {
	switch {
	case o.Put != nil:
		b = putText(putText(append(b, kindPut), o.Put.Key), o.Put.Value)
		b = putBool(putBool(putID(b, o.Put.Lease), o.Put.KeepValue), o.Put.KeepLease)
		return putBool(b, o.Put.Prev)
	case o.Delete != nil:
		return putBool(putSpan(append(b, kindDelete), o.Delete.Span), o.Delete.Prev)
	case o.Range != nil:
		kind := byte(kindRange)
		if o.Range.NoCount {
			kind = kindPage
		}
		b = putUint(putInt(putSpan(append(b, kind), o.Range.Span), o.Range.Limit), o.Range.Revision)
		return putBool(putBool(b, o.Range.KeysOnly), o.Range.CountOnly)
	case o.Increment != nil:
		return binary.AppendVarint(putText(append(b, kindIncrement), o.Increment.Key), o.Increment.By)
	case o.Append != nil:
		return putInt(putText(putText(append(b, kindAppend), o.Append.Key), o.Append.Item), o.Append.Limit)
	case o.Txn != nil:
		return putTxn(append(b, kindTxn), *o.Txn)
	}
	return append(b, 0) // decode refuses it
}

func readOp(r *reader, depth int) Op {
	switch kind := r.enum(kindPage, "operation"); kind {
	case kindPut:
		return Op{Put: &Put{r.text("key"), r.text("value"), LeaseID(r.uint64("lease")), r.bool("keep value"), r.bool("keep lease"), r.bool("prev")}}
	case kindDelete:
		return Op{Delete: &Delete{readSpan(r), r.bool("prev")}}
	case kindRange, kindPage:
		return Op{Range: &Range{readSpan(r), r.int("limit"), Revision(r.uvarint("revision")), r.bool("keys only"), r.bool("count only"), kind == kindPage}}
	case kindIncrement:
		key, by := r.text("key"), r.uvarint("increment")
		return Op{Increment: &Increment{key, int64(by>>1) ^ -int64(by&1)}}
	case kindAppend:
		return Op{Append: &ListAppend{r.text("key"), r.text("item"), r.int("limit")}}
	case kindTxn:
		t := readTxn(r, depth+1)
		return Op{Txn: &t}
	}
	r.fail("an operation without content")
	return Op{}
}
