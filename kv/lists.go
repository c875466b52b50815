package kv

import (
	"encoding/json"
	"strconv"
	"strings"
)

// blanks are the white space of JSON.
const blanks = " \t\r\n"

func (w *work) doIncrement(i *Increment) (Response, *Failure) {
	old := w.get(i.Key)
	n, lease := int64(0), LeaseID(0)
	if old != nil {
		lease = old.Lease
		var err error
		if n, err = strconv.ParseInt(old.Value, 10, 64); err != nil {
			return Response{}, failure(FailNotANumber, "the value of %q is not a decimal 64-bit number", i.Key)
		}
	}
	sum := n + i.By
	if sum > n != (i.By > 0) {
		return Response{}, failure(FailOverflow, "%d and %d are more than 64 bits", n, i.By)
	}
	c := w.put(i.Key, strconv.FormatInt(sum, 10), lease, old)
	if w.room -= c.room(); w.room < 0 {
		return Response{}, tooMuch()
	}
	return Response{KVs: []KeyValue{c.KeyValue}}, nil
}

// doAppend gives the new key; its value too, if that still fits into what the
// command may read (else More says that it was left out).
func (w *work) doAppend(a *ListAppend) (Response, *Failure) {
	limit := MaxValue
	if a.Limit > 0 {
		limit = min(limit, a.Limit)
	}
	if !json.Valid([]byte(a.Item)) {
		return Response{}, failure(FailNotAList, "the item is not one JSON value")
	}
	old := w.get(a.Key)
	value, lease := "["+strings.Trim(a.Item, blanks)+"]", LeaseID(0)
	if old != nil {
		lease = old.Lease
		head, ok := old.open()
		if !ok {
			return Response{}, failure(FailNotAList, "the value of %q is not a JSON array", a.Key)
		}
		if head != "[" {
			head += ","
		}
		value = head + value[1:]
	}
	if len(value) > limit {
		return Response{}, tooLarge(len(value), limit)
	}
	c := w.put(a.Key, value, lease, old)
	c.list = true
	res := Response{KVs: []KeyValue{c.KeyValue}}
	if c.room() > w.room {
		res.KVs[0].Value, res.More = "", true
	}
	if w.room -= res.KVs[0].room(); w.room < 0 {
		return Response{}, tooMuch()
	}
	return res, nil
}

// open gives a list's text without its end: "[" for an empty one.
func (c *change) open() (head string, ok bool) {
	text := strings.Trim(c.Value, blanks)
	if len(text) < 2 || text[0] != '[' || !c.list && !json.Valid([]byte(text)) {
		return "", false
	}
	head = strings.TrimRight(text[:len(text)-1], blanks)
	return head, true
}
