package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// An item of a list is any JSON value. It is a value and not a part of the
// request: its fields may have any name, its numbers keep all their digits. So
// items are taken out before the request is read strictly, and a number stands
// for each.
type items []json.RawMessage

// maskItems takes out "append" of a POST to a key, and "item" of "append" in a
// transaction. What is no JSON is left for the reader to complain of.
func maskItems(b []byte) ([]byte, items) {
	if !bytes.Contains(b, []byte("append")) && bytes.IndexByte(b, '\\') < 0 {
		return b, nil // nothing can be called that
	}
	if !json.Valid(b) || !utf8.Valid(b) {
		return b, nil
	}
	m := &masking{dec: json.NewDecoder(bytes.NewReader(b)), in: b}
	if m.walk() != nil {
		return b, nil
	}
	return append(m.out, b[m.copied:]...), m.found
}

type masking struct {
	dec    *json.Decoder
	in     []byte
	out    []byte
	copied int // of in
	found  items
}

// frame is an object or a list that is open.
type frame struct {
	object bool
	name   string // the field under which it stands
}

func (m *masking) walk() error {
	var open []frame
	name, field := "", false // field: name is one, and its value comes next
	for {
		if field && isItem(open, name) {
			if err := m.take(); err != nil {
				return err
			}
			field = false
			continue
		}
		token, err := m.dec.Token()
		if err != nil {
			return nil // the end; it was valid
		}
		inObject := len(open) > 0 && open[len(open)-1].object
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{', '[':
				open = append(open, frame{t == '{', name})
			default:
				open = open[:len(open)-1]
			}
			name, field = "", false
		case string:
			if inObject && !field {
				name, field = t, true
				continue
			}
			name, field = "", false
		default:
			name, field = "", false
		}
	}
}

func isItem(open []frame, name string) bool {
	switch n := len(open); {
	case n == 1:
		return name == "append"
	case n > 1:
		return name == "item" && open[n-1].name == "append"
	}
	return false
}

// take takes out the value that comes next.
func (m *masking) take() error {
	var item json.RawMessage
	if err := m.dec.Decode(&item); err != nil {
		return err
	}
	end := int(m.dec.InputOffset())
	m.out = append(m.out, m.in[m.copied:end-len(item)]...)
	m.out = strconv.AppendInt(m.out, int64(len(m.found)), 10)
	m.copied = end
	m.found = append(m.found, item)
	return nil
}

// of gives the item that a number stands for, without blanks.
func (list items) of(number any) (string, error) {
	i := -1
	switch n := number.(type) {
	case json.RawMessage:
		if at, err := strconv.Atoi(string(n)); err == nil {
			i = at
		}
	case float64:
		i = int(n)
	}
	if i < 0 || i >= len(list) {
		return "", errors.New("append: an item is needed")
	}
	var b bytes.Buffer
	if err := json.Compact(&b, list[i]); err != nil {
		return "", err
	}
	return b.String(), nil
}
