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
	next := KeyValue{Key: i.Key, Value: strconv.FormatInt(sum, 10)}
	if fail := w.take(next.room()); fail != nil {
		return Response{}, fail
	}
	c := w.put(next.Key, next.Value, lease)
	return Response{KVs: []KeyValue{c.KeyValue}}, nil
}

// doAppend gives the new key and how many items it has, and never its value:
// what is remembered of an append must not grow with the list.
func (w *work) doAppend(a *ListAppend) (Response, *Failure) {
	limit := MaxValue
	if a.Limit > 0 {
		limit = min(limit, a.Limit)
	}
	if fault := itemFault(a.Item); fault != "" {
		return Response{}, failure(FailNotAList, "%s", fault)
	}
	old := w.get(a.Key)
	value, items, lease := "["+strings.Trim(a.Item, blanks)+"]", 0, LeaseID(0)
	if old != nil {
		lease = old.Lease
		head, n, ok := old.open()
		if !ok {
			return Response{}, failure(FailNotAList, "the value of %q is not a JSON array", a.Key)
		}
		if n > 0 {
			head += ","
		}
		value, items = head+value[1:], n
	}
	if len(value) > limit {
		return Response{}, tooLarge(len(value), limit)
	}
	bare := KeyValue{Key: a.Key}
	if fail := w.take(bare.room()); fail != nil {
		return Response{}, fail
	}
	c := w.put(a.Key, value, lease)
	c.list = uint32(items) + 2
	bare = c.KeyValue
	bare.Value = ""
	return Response{KVs: []KeyValue{bare}, Count: items + 1, More: true}, nil
}

// open gives a list's text without its end, "[" for an empty one, and how many
// items it has.
func (c *change) open() (head string, items int, ok bool) {
	text := strings.Trim(c.Value, blanks)
	switch {
	case len(text) < 2 || text[0] != '[':
		return "", 0, false
	case c.list > 0:
		items = int(c.list) - 1
	case !json.Valid([]byte(text)):
		return "", 0, false
	default:
		_, items = measure(text)
	}
	return strings.TrimRight(text[:len(text)-1], blanks), items, true
}

// itemFault says why a text is no item of a list, "" if it is one. Lists are
// JSON to whoever reads them, and readers of JSON give up somewhere: that of
// this package, which looks at lists again after a restore, at 10,000.
func itemFault(item string) string {
	if !json.Valid([]byte(item)) {
		return "the item of a list is one JSON value"
	}
	if depth, _ := measure(item); depth > MaxItemDepth {
		return "the item of a list is nested more than " + strconv.Itoa(MaxItemDepth) + " deep"
	}
	return ""
}

// measure tells how deep valid JSON is nested, and how many items it has if it
// is an array.
func measure(text string) (deepest, items int) {
	depth, quoted, empty := 0, false, true
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quoted {
			if c == '\\' {
				i++
			}
			quoted = c != '"'
			continue
		}
		if empty && depth == 1 && c != ']' && !strings.ContainsRune(blanks, rune(c)) {
			empty = false
		}
		switch c {
		case '"':
			quoted = true
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth--
		case ',':
			if depth == 1 {
				items++
			}
		}
	}
	if !empty {
		items++
	}
	return deepest, items
}
