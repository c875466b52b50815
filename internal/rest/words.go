package rest

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"paxos/client"
	"paxos/kv"
)

// The answers of the hot routes in JSON, appended to a buffer: the same bytes as
// encoding/json makes of the same words, without its reflection.

// appending is a JSON object while it is appended to.
type appending struct {
	b     []byte
	begun bool
}

// field begins a field. Names are plain text.
func (o *appending) field(name string) {
	sep := byte(',')
	if !o.begun {
		sep, o.begun = '{', true
	}
	o.b = append(append(append(o.b, sep, '"'), name...), '"', ':')
}

func (o *appending) text(name, value string) {
	o.field(name)
	o.b = appendText(o.b, value)
}

func (o *appending) textIf(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

// number appends a 64-bit number: a string, because a JavaScript number loses
// digits above 2^53.
func (o *appending) number(name string, n uint64) {
	o.field(name)
	o.b = append(strconv.AppendUint(append(o.b, '"'), n, 10), '"')
}

func (o *appending) numberIf(name string, n uint64) {
	if n != 0 {
		o.number(name, n)
	}
}

// id appends a 64-bit id: 16 hexadecimal digits.
func (o *appending) id(name string, n uint64) {
	o.field(name)
	o.b = append(appendHex(append(o.b, '"'), n), '"')
}

func (o *appending) plain(name string, n int64) {
	o.field(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

func (o *appending) bool(name string, is bool) {
	o.field(name)
	o.b = strconv.AppendBool(o.b, is)
}

func (o *appending) key(k client.KV) {
	o.text("key", k.Key)
	if k.Value != nil {
		o.text("value", *k.Value)
	}
	if len(k.ValueBase64) > 0 {
		o.field("value_base64")
		o.b = append(base64.StdEncoding.AppendEncode(append(o.b, '"'), k.ValueBase64), '"')
	}
	o.number("create_revision", uint64(k.Create))
	o.number("mod_revision", uint64(k.Mod))
	o.number("version", uint64(k.Version))
	if k.Lease != nil {
		o.id("lease", uint64(*k.Lease))
	}
}

func (o *appending) freshness(f client.Freshness) {
	o.number("revision", uint64(f.Revision))
	o.number("applied_watermark", uint64(f.Applied))
	o.text("consistency", f.Consistency)
	if f.Age != nil {
		o.plain("age_ms", *f.Age)
	}
	o.text("learner", string(f.Learner))
	o.text("session_token", f.SessionToken)
}

// json appends words that are rare, by reflection.
func (o *appending) json(words any) {
	b, err := compactJSON(words)
	if err != nil {
		b = []byte("null") // these words always have a form
	}
	o.b = append(o.b, bytes.TrimSuffix(b, []byte{'\n'})...)
}

func (o *appending) end() []byte { return append(o.b, '}') }

func appendKV(b []byte, k client.KV) []byte {
	o := appending{b: b}
	o.key(k)
	return o.end()
}

func appendGot(b []byte, g client.Got) []byte {
	o := appending{b: b}
	o.key(g.KV)
	o.freshness(g.Freshness)
	return o.end()
}

func (o *appending) command(c client.Command) {
	o.number("slot", uint64(c.Slot))
	o.plain("position", int64(c.Position))
	o.id("session", uint64(c.Session))
	o.number("sequence", uint64(c.Sequence))
	o.textIf("idempotency_key", c.IdempotencyKey)
	o.text("outcome", c.Outcome)
	o.text("client", string(c.Client))
	o.text("session_token", c.SessionToken)
}

// appendWritten is without responses, which only transactions have.
func appendWritten(b []byte, w client.Written) []byte {
	o := appending{b: b}
	o.number("revision", uint64(w.Revision))
	o.bool("succeeded", w.Succeeded)
	if w.Key != nil {
		o.field("key")
		o.b = appendKV(o.b, *w.Key)
	}
	o.numberIf("count", uint64(w.Count))
	if len(w.Prev) > 0 {
		o.field("prev")
		sep := byte('[')
		for _, k := range w.Prev {
			o.b, sep = appendKV(append(o.b, sep), k), ','
		}
		o.b = append(o.b, ']')
	}
	o.numberIf("deleted", uint64(w.Deleted))
	o.command(w.Command)
	return o.end()
}

func appendSent(b []byte, s client.Sent) []byte {
	o := appending{b: b}
	o.number("slot", uint64(s.Slot))
	o.plain("position", int64(s.Position))
	o.id("session", uint64(s.Session))
	o.number("sequence", uint64(s.Sequence))
	o.textIf("key", s.Key)
	o.text("status", s.Status)
	o.text("outcome", s.Outcome)
	o.text("client", string(s.Client))
	o.numberIf("revision", uint64(s.Revision))
	o.textIf("session_token", s.SessionToken)
	return o.end()
}

const hexDigits = "0123456789abcdef"

// appendHex appends 16 hexadecimal digits.
func appendHex(b []byte, n uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[n>>shift&15])
	}
	return b
}

// appendText appends a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				b = append(append(b, s[from:i]...), `\ufffd`...)
				from = i + n
			case r == '\u2028' || r == '\u2029': // line ends to JavaScript
				b = append(append(b, s[from:i]...), `\u202`...)
				b = append(b, hexDigits[r&15])
				from = i + n
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		b = appendEscape(b, c)
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// numberText is a number as headers have it.
func numberText(n uint64) string { return strconv.FormatUint(n, 10) }

// tagOf is the entity tag of a key.
func tagOf(r kv.Revision) string { return `"` + numberText(uint64(r)) + `"` }
