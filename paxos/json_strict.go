package paxos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What the standard decoder lets pass although two readers could read it in two
// ways: a field given twice, a field in other letters, half of a surrogate pair.

// unambiguous refuses these in well-formed JSON.
func unambiguous(b []byte) error {
	if err := wholeCharacters(b); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	var open []map[string]bool // the fields of each open object; nil for a list
	key := false               // the next string is a field's name
	for {
		token, err := dec.Token()
		if err != nil {
			return nil // the end; the syntax was found right before
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			key = len(open) > 0 && open[len(open)-1] != nil
			continue
		case string:
			if key {
				if err := oneField(open[len(open)-1], t); err != nil {
					return err
				}
				key = false
				continue
			}
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}

func oneField(seen map[string]bool, name string) error {
	if strings.ToLower(name) != name {
		return fmt.Errorf("unknown field %q: fields are written in small letters", name)
	}
	if seen[name] {
		return fmt.Errorf("field %q is given twice", name)
	}
	seen[name] = true
	return nil
}

var errSurrogate = errors.New(`the JSON has one half of a surrogate pair (\ud800 to \udfff); no character is meant by it`)

// wholeCharacters refuses escapes that the decoder would turn into U+FFFD.
func wholeCharacters(b []byte) error {
	for i := bytes.IndexByte(b, '\\'); i >= 0 && i+1 < len(b); {
		step := 2
		if b[i+1] == 'u' {
			step = 6
			switch n := escaped(b[i:]); {
			case n >= 0xdc00 && n <= 0xdfff:
				return errSurrogate
			case n >= 0xd800 && n <= 0xdbff:
				if low := escaped(b[i+6:]); low < 0xdc00 || low > 0xdfff {
					return errSurrogate
				}
				step = 12
			}
		}
		if i += step; i >= len(b) {
			return nil
		}
		next := bytes.IndexByte(b[i:], '\\')
		if next < 0 {
			return nil
		}
		i += next
	}
	return nil
}

// escaped reads the number of a \u escape at the beginning of b, 0 if there is none.
func escaped(b []byte) uint64 {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return n
}
