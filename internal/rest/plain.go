package rest

import (
	"bytes"

	"paxos/kv"
)

// Most transactions of many operations only put keys, and most JSON has nothing to
// unescape. That much is read without a decoder, which would go over it three
// times (paxos.StrictJSON, maskItems); all else is left to that one, which has the
// words for what is wrong.

// plainPuts reads {"then":[{"put":{"key":"…","value":"…"}},…]}. It is not ok if it
// is anything else, or nothing that may be.
func (s *Server) plainPuts(b []byte) (ops []kv.Op, ok bool) {
	w := jsonWords{b}
	if !w.eat(`{`, `"then"`, `:`, `[`) {
		return nil, false
	}
	ops = make([]kv.Op, 0, min(bytes.Count(b, []byte(`"put"`)), s.settings.MaxOperations))
	for {
		key, ok := w.field(`{`, `"put"`, `:`, `{`, `"key"`, `:`)
		if !ok || key == "" || s.keyFits(key) != nil {
			return nil, false
		}
		value, ok := w.field(`,`, `"value"`, `:`)
		if !ok || len(value) > s.settings.MaxValueBytes || !w.eat(`}`, `}`) {
			return nil, false
		}
		ops = append(ops, kv.Op{Put: &kv.Put{Key: key, Value: value}})
		if !w.eat(`,`) {
			return ops, w.eat(`]`, `}`) && len(w.blanks()) == 0
		}
	}
}

// jsonWords are what is left to read of JSON.
type jsonWords struct{ left []byte }

func (w *jsonWords) blanks() []byte {
	w.left = bytes.TrimLeft(w.left, " \t\r\n")
	return w.left
}

// eat goes over these, with blanks between them; if they do not come, over some.
func (w *jsonWords) eat(all ...string) bool {
	for _, one := range all {
		var ok bool
		if w.left, ok = bytes.CutPrefix(w.blanks(), []byte(one)); !ok {
			return false
		}
	}
	return true
}

// field goes over these, and reads the string that follows, if nothing in it is
// escaped.
func (w *jsonWords) field(before ...string) (string, bool) {
	if !w.eat(before...) || len(w.blanks()) == 0 || w.left[0] != '"' {
		return "", false
	}
	text, rest, ends := bytes.Cut(w.left[1:], []byte{'"'})
	if !ends || !plainText(text) {
		return "", false
	}
	w.left = rest
	return string(text), true
}
