package rest

import (
	"unicode/utf8"

	"paxos/client"
)

// Most programs send commands in one plain form. It is read here without a
// decoder's reflection; whatever is not plainly of that form is left to the
// decoder, which reads the same of it, or says what is wrong.

const jsonBlanks = " \t\r\n"

// scanner reads JSON from the front; ok is false once something was not plain.
type scanner struct {
	b  []byte
	ok bool
}

func (s *scanner) blank() {
	for len(s.b) > 0 && (s.b[0] == ' ' || s.b[0] == '\n' || s.b[0] == '\r' || s.b[0] == '\t') {
		s.b = s.b[1:]
	}
}

// take takes a mark, if it comes next.
func (s *scanner) take(mark byte) bool {
	s.blank()
	if len(s.b) == 0 || s.b[0] != mark {
		return false
	}
	s.b = s.b[1:]
	return true
}

func (s *scanner) need(mark byte) { s.ok = s.take(mark) && s.ok }

// raw takes a string without escapes.
func (s *scanner) raw() []byte {
	s.need('"')
	for i, c := range s.b {
		switch {
		case c == '"' && s.ok:
			text := s.b[:i]
			s.b = s.b[i+1:]
			s.ok = utf8.Valid(text)
			return text
		case c < ' ', c == '\\':
			s.ok = false
			return nil
		}
	}
	s.ok = false
	return nil
}

func (s *scanner) text() string { return string(s.raw()) }

// object calls field with each name; the value comes next.
func (s *scanner) object(field func(name []byte)) {
	s.need('{')
	for first := true; s.ok && !s.take('}'); first = false {
		if !first {
			s.need(',')
		}
		name := s.raw()
		s.need(':')
		if s.ok {
			field(name)
		}
	}
}

// once keeps a field that is there twice from the plain ones.
func (s *scanner) once(there *bool) {
	s.ok = s.ok && !*there
	*there = true
}

func (s *scanner) order() (o order) {
	var keyed, put, valued bool
	s.object(func(name []byte) {
		switch string(name) {
		case "key":
			s.once(&keyed)
			o.Key = s.text()
		case "put":
			s.once(&put)
			o.Put = s.put()
		case "value":
			s.once(&valued)
			text := s.text()
			o.Value = &text
		default:
			s.ok = false
		}
	})
	return o
}

func (s *scanner) put() *client.PutOp {
	var keyed, valued bool
	words := &struct {
		client.PutOp
		value string
	}{}
	s.object(func(name []byte) {
		switch string(name) {
		case "key":
			s.once(&keyed)
			words.Key = s.text()
		case "value":
			s.once(&valued)
			words.value = s.text()
			words.Value = &words.value
		default:
			s.ok = false
		}
	})
	return &words.PutOp
}

// end reports whether all was plain, and nothing follows.
func (s *scanner) end() bool {
	s.blank()
	return s.ok && len(s.b) == 0
}

// scanOrder reads {"put":{"key":…,"value":…},"key":…} and the like.
func scanOrder(b []byte) (order, bool) {
	s := scanner{b, true}
	if o := s.order(); s.end() {
		return o, true
	}
	return order{}, false
}

// scanOrders reads {"commands":[…]} of such.
func scanOrders(b []byte) ([]order, bool) {
	s := scanner{b, true}
	s.need('{')
	if string(s.raw()) != "commands" {
		return nil, false
	}
	s.need(':')
	s.need('[')
	var list []order
	for s.ok && !s.take(']') {
		if len(list) > 0 {
			s.need(',')
		}
		list = append(list, s.order())
	}
	s.need('}')
	return list, s.end()
}
