package rest

import (
	"reflect"
	"strings"
	"testing"
)

// puts are bodies of transactions; plain says which of them are read without a
// decoder.
var puts = []struct {
	text  string
	plain bool
}{
	{`{"then":[{"put":{"key":"a","value":"1"}}]}`, true},
	{`{"then":[{"put":{"key":"a","value":""}},{"put":{"key":"ü/ ,}]","value":"append"}}]}`, true},
	{" {\t\"then\" : [ {\r\n\"put\": {\"key\": \"a\" , \"value\": \"x\"} } , { \"put\" :{\"key\":\"b\",\"value\":\"y\"}}]\n}\n", true},
	{`{"then":[{"put":{"key":"a","value":"` + strings.Repeat("v", 1<<20) + `"}}]}`, true},
	{`{"then":[{"put":{"key":"a","value":"` + strings.Repeat("v", 1<<20+1) + `"}}]}`, false},
	{`{"then":[{"put":{"key":"` + strings.Repeat("k", 5000) + `","value":""}}]}`, false},
	{`{"then":[{"put":{"key":"a","value":"\u0031"}}]}`, false},
	{`{"then":[{"put":{"key":"a","value":"1"}}]} x`, false},
	{`{"then":[{"put":{"key":"a","value":"1"}},]}`, false},
	{`{"then":[{"put":{"key":"a","value":"1"}}]`, false},
	{`{"then":[{"put":{"key":"a","value":"1`, false},
	{`{"then":[{"put":{"key":"a","value":"1","lease":"1"}}]}`, false},
	{`{"then":[{"put":{"key":"a","key":"b","value":"1"}}]}`, false},
	{`{"then":[{"put":{"value":"1","key":"a"}}]}`, false},
	{`{"then":[{"put":{"key":"","value":"1"}}]}`, false},
	{`{"then":[{"put":{"key":"a","value":1}}]}`, false},
	{`{"then":[{"put":{"key":"a","value":"` + "\xff" + `"}}]}`, false},
	{`{"then":[{"put":{"key":"a","value":"` + "\n" + `"}}]}`, false},
	{`{"then":[{"put":{"key":"a","value":"1"},"delete":{"key":"a"}}]}`, false},
	{`{"then":[{"delete":{"key":"a"}}]}`, false},
	{`{"then":[]}`, false},
	{`{"then":[{"append":{"key":"a","item":{"X":1,"X":1.50}}}]}`, false},
	{`{"\u0074hen":[{"\u0061ppend":{"key":"a","item":[1.50]}}]}`, false},
	{`{"else":[{"put":{"key":"a","value":"1"}}]}`, false},
	{`{}`, false}, {``, false}, {`null`, false},
}

func TestPlainPutsAreReadAsTheDecoderReadsThem(t *testing.T) {
	s := start(t, newBook(), "client1").server
	for _, p := range puts {
		if ok := s.asTheDecoder(t, []byte(p.text)); ok != p.plain {
			t.Errorf("%.60q is plain: %v", p.text, ok)
		}
	}
}

// asTheDecoder reports whether b was read without a decoder, and complains if that
// one would have read something else.
func (s *Server) asTheDecoder(t *testing.T, b []byte) bool {
	ops, ok := s.plainPuts(b)
	want, err := s.readAnyTxn(b)
	if ok && (err != nil || !reflect.DeepEqual(ops, want.Then) || len(want.If)+len(want.Else)+len(want.Fences) > 0) {
		t.Errorf("%.200q is read as %v, the decoder says %v, %v", b, ops, want, err)
	}
	got, failed := s.readTxn(b)
	if !reflect.DeepEqual(got, want) || (failed == nil) != (err == nil) {
		t.Errorf("%.200q is read as %v, %v, and not as %v, %v", b, got, failed, want, err)
	}
	return ok
}

func FuzzPlainPuts(f *testing.F) {
	s := start(f, newBook(), "client1").server
	for _, p := range puts {
		if len(p.text) < 1000 {
			f.Add([]byte(p.text))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { s.asTheDecoder(t, b) })
}
