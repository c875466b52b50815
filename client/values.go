package client

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"paxos/paxos"
)

// Text is the value, whatever bytes it has; "" if only keys were asked for.
func (k KV) Text() string {
	if k.Value != nil {
		return *k.Value
	}
	return string(k.ValueBase64)
}

// Int is the value as the number that Increment counts with.
func (k KV) Int() (int64, error) {
	n, err := strconv.ParseInt(k.Text(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the value of %q is no decimal 64-bit number", k.Key)
	}
	return n, nil
}

// value is a value in the two forms that JSON has for it.
func value(bytes string) (text *string, base64 []byte) {
	if utf8.ValidString(bytes) {
		return &bytes, nil
	}
	return nil, []byte(bytes)
}

// ThenPut is the operation that sets a key to a value.
func ThenPut(key, bytes string) Operation {
	put := PutOp{Key: key}
	put.Value, put.ValueBase64 = value(bytes)
	return Operation{Put: &put}
}

// ThenDelete is the operation that removes the keys of a span.
func ThenDelete(span KeySpan) Operation { return Operation{Delete: &DeleteOp{KeySpan: span}} }

// ThenGet is the operation that reads the keys of a span, as the operations
// before it left them.
func ThenGet(span KeySpan) Operation { return Operation{Range: &RangeOp{KeySpan: span}} }

// ThenIncrement is the operation that adds to a number.
func ThenIncrement(key string, by int64) Operation {
	return Operation{Increment: &IncrementOp{Key: key, By: by}}
}

// ThenAppend is the operation that adds an item, as JSON, to a list.
func ThenAppend(key string, item any) Operation {
	return Operation{Append: &AppendOp{Key: key, Item: item}}
}

// ThenTxn is a transaction inside another.
func ThenTxn(txn Txn) Operation { return Operation{Txn: &txn} }

// Exists is the condition that a key is there.
func Exists(key string) Condition { return versionIs(key, "!=", 0) }

// Missing is the condition that a key is not there.
func Missing(key string) Condition { return versionIs(key, "=", 0) }

func versionIs(key, is string, version paxos.Number) Condition {
	return Condition{KeySpan: One(key), Is: is, Version: &version}
}

// ValueIs is the condition that a key has a value.
func ValueIs(key, bytes string) Condition {
	c := Condition{KeySpan: One(key)}
	c.Value, c.ValueBase64 = value(bytes)
	return c
}

// Unchanged is the condition that a key was last changed at a revision; 0 means
// that it is not there.
func Unchanged[N ~uint64](key string, mod N) Condition {
	n := paxos.Number(mod)
	return Condition{KeySpan: One(key), Mod: &n}
}
