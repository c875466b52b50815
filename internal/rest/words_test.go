package rest

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// odd are texts that JSON cannot have as they are, and some that it can.
var odd = []string{"", "plain", "a\"b\\c/d", "\x00\x01\x08\x09\x0a\x0b\x0c\x0d\x1f \x7f", "é€😀", "\u2028\u2029", "\xff\xfe", "a\xc3", "\xed\xa0\x80", "<>&'", "�"}

// filled gives words with random content.
func filled[T any](r *rand.Rand) T {
	var words T
	fill(r, reflect.ValueOf(&words).Elem())
	return words
}

func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Responses" { // only transactions have some
				fill(r, v.Field(i))
			}
		}
	case reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.String:
		v.SetString(odd[r.IntN(len(odd))] + odd[r.IntN(len(odd))])
	case reflect.Bool:
		v.SetBool(r.IntN(2) > 0)
	case reflect.Int64:
		v.SetInt(int64(r.Uint64() >> r.IntN(64)))
	case reflect.Uint64, reflect.Uint32, reflect.Uint8:
		v.SetUint(r.Uint64() >> r.IntN(64) * uint64(r.IntN(4)) % (1 << (v.Type().Bits() - 1)))
	default:
		panic(v.Kind())
	}
}

// TestWhatIsAppendedIsWhatEncodingJSONSays, byte for byte.
func TestWhatIsAppendedIsWhatEncodingJSONSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	same := func(words any, got []byte) {
		t.Helper()
		want, err := compactJSON(words)
		must(t, err)
		if string(got)+"\n" != string(want) {
			t.Fatalf("%T is\n%swith encoding/json, and\n%s here", words, want, got)
		}
	}
	for range 5000 {
		w := filled[client.Written](r)
		same(w, appendWritten(nil, w))
		s := filled[client.Sent](r)
		same(s, appendSent(nil, s))
		g := filled[client.Got](r)
		same(g, appendGot(nil, g))
		k := filled[client.KV](r)
		same(k, appendKV(nil, k))
	}
}

func FuzzTexts(f *testing.F) {
	for _, text := range odd {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := compactJSON(text)
		must(t, err)
		if got := appendText(nil, text); string(got)+"\n" != string(want) {
			t.Errorf("%q is %s, and %s here", text, want, got)
		}
	})
}

// orderSeeds are lists, plain and not.
var orderSeeds = []string{
	`{"commands":[]}`, `{"commands":[{"put":{"key":"a","value":"1"}}]}`, ` { "commands" : [ { "put" : { "value" : "é" , "key" : "" } , "key" : "k" } , {"value":""} ] } `,
	`{"commands":[{"value":"a"},]}`, `{"commands":[{"value":"a"}]}x`, `{"commands":[{"value":"a","value":"b"}]}`, `{"commands":[{"value":"\u0061"}]}`,
	`{"commands":[{"put":{"key":"a","value":"1","prev":true}}]}`, `{"commands":[{"delete":{"key":"a"}}]}`, `{"commands":[{"value":null}]}`, `{"commands":null}`,
	"{\"commands\":[{\"value\":\"\xff\"}]}", "{\"commands\":[{\"value\":\"a\nb\"}]}", `{"commands":[{"Value":"a"}]}`, `{"commands":[{"put":{}}]}`, `{"commands":[{}]}`, `{"commands":[{"value":"a"}`, `{"commands"`, `{"put":{"key":"a","value":"1"}}`,
}

// FuzzOrders: what is read without a decoder is what the strict decoder reads.
func FuzzOrders(f *testing.F) {
	for _, text := range orderSeeds {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if list, plain := scanOrders(b); plain {
			var want struct {
				Commands []order `json:"commands"`
			}
			if err := paxos.StrictJSON(b, &want); err != nil {
				t.Fatalf("%q is read, and is %v", b, err)
			}
			sameWords(t, list, want.Commands)
		}
		if one, plain := scanOrder(b); plain {
			var want order
			if err := paxos.StrictJSON(b, &want); err != nil {
				t.Fatalf("%q is read, and is %v", b, err)
			}
			sameWords(t, one, want)
		}
	})
}

func sameWords(t *testing.T, got, want any) {
	t.Helper()
	a, err := json.Marshal(got)
	must(t, err)
	b, err := json.Marshal(want)
	must(t, err)
	if strings.ReplaceAll(string(a), "null", "[]") != strings.ReplaceAll(string(b), "null", "[]") {
		t.Fatalf("%s is read as %s", b, a)
	}
}

func TestPlainOrdersAreReadWithoutADecoder(t *testing.T) {
	for i, plain := range []bool{true, true, true, false, false, false, false, false, false} {
		if _, got := scanOrders([]byte(orderSeeds[i])); got != plain {
			t.Errorf("%s: %v", orderSeeds[i], got)
		}
	}
	if o, plain := scanOrder([]byte(orderSeeds[len(orderSeeds)-1])); !plain || o.Put.Key != "a" || *o.Put.Value != "1" {
		t.Errorf("%+v", o)
	}
}

// TestANumberInHexadecimal is what the ids themselves say.
func TestANumberInHexadecimal(t *testing.T) {
	for _, n := range []uint64{0, 1, 0xfedcba9876543210, 1<<64 - 1} {
		if got := string(appendHex(nil, n)); got != paxos.SessionID(n).String() || got != kv.LeaseID(n).String() {
			t.Errorf("%d is %s", n, got)
		}
	}
}
