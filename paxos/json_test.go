package paxos_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/paxos"
)

func TestBothFormsOfEveryMessageAgree(t *testing.T) {
	for _, like := range every {
		t.Run(like.Kind().String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				e := filledEnvelope(drawn{t}, like)
				text, err := paxos.EncodeJSON(e)
				if err != nil {
					t.Fatal(err)
				}
				got, err := paxos.DecodeJSON(like.Kind(), text)
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				if diff := cmp.Diff(e, got); diff != "" {
					t.Fatalf("%s\n%s", diff, text)
				}
			})
		})
	}
}

// A field of a message that is called like one of the header's would be lost.
func TestNoFieldOfAMessageIsCalledLikeOneOfTheHeader(t *testing.T) {
	for _, m := range every {
		for i := range reflect.TypeOf(m).NumField() {
			switch name := reflect.TypeOf(m).Field(i).Tag.Get("json"); name {
			case "message", "from", "to", "cluster", "config", "":
				t.Errorf("%v has a field called %q", m.Kind(), name)
			}
		}
	}
}

func TestBigNumbersAreTextInJSON(t *testing.T) {
	text, err := paxos.EncodeJSON(paxos.Envelope{Message: paxos.Prepare{
		Ballot: paxos.Ballot{Number: 1<<64 - 1, Proposer: "p", Start: 255}, First: 1<<53 + 1}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"message":"prepare","ballot":{"number":"18446744073709551615","proposer":"p","start":"00000000000000ff"},"first":"9007199254740993"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestJSONTakesWhatAPersonWrites(t *testing.T) {
	want := paxos.Envelope{From: "p1", To: "a1", Message: paxos.Prepare{Ballot: paxos.Ballot{Number: 7, Proposer: "p1"}, First: 1<<64 - 1}}
	for _, text := range []string{
		`{"from":"p1","to":"a1","ballot":{"number":7,"proposer":"p1"},"first":18446744073709551615}`,
		`{"message":"prepare","from":"p1","to":"a1","ballot":{"number":"7","proposer":"p1"},"first":"18446744073709551615"}`,
		" {\"from\":\"p1\",\n\"to\":\"a1\",\"cluster\":null,\"config\":null,\"ballot\":{\"number\":7,\"proposer\":\"p1\"},\"first\":18446744073709551615}\n\n",
		`{"from":"p1","to":"a1","cluster":"","ballot":{"number":7,"proposer":"p1"},"first":18446744073709551615}`,
	} {
		got, err := paxos.DecodeJSON(paxos.KindPrepare, []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	empty, err := paxos.DecodeJSON(paxos.KindInit, []byte(`{}`))
	if err != nil || !reflect.DeepEqual(empty, paxos.Envelope{Message: paxos.Init{}}) {
		t.Errorf("{} as an init: %v, %v", empty, err)
	}
}

func TestWrongJSONIsAnsweredWithASentence(t *testing.T) {
	digest := strings.Repeat("0", 63)
	for _, c := range []struct {
		kind paxos.Kind
		text string
		want string
	}{
		{paxos.KindPrepare, ``, `the body is empty; a JSON object is needed`},
		{paxos.KindPrepare, "  \n", `the body is empty; a JSON object is needed`},
		{paxos.KindPrepare, `null`, `a JSON object is needed, not null`},
		{paxos.KindPrepare, `[]`, `a JSON array was given; an object is needed`},
		{paxos.KindPrepare, `"x"`, `a JSON string was given; an object is needed`},
		{paxos.KindPrepare, `7`, `a JSON number was given; an object is needed`},
		{paxos.KindPrepare, `{"first":"1"`, `the JSON ends too early`},
		{paxos.KindPrepare, `{"first":1}x`, `something follows the JSON value; exactly one is needed`},
		{paxos.KindPrepare, `{"first":1}{"first":2}`, `something follows the JSON value; exactly one is needed`},
		{paxos.KindPrepare, `{first:1}`, `malformed JSON at byte 2: invalid character 'f' looking for beginning of object key string`},
		{paxos.KindPrepare, "{\"first\":\"\xff\"}", `the JSON is not valid UTF-8`},
		{paxos.KindPrepare, `{"frist":1}`, `unknown field "frist"`},
		{paxos.KindPrepare, `{"ballot":{"nmuber":1}}`, `unknown field "nmuber"`},
		{paxos.KindPrepare, `{"message":"accept"}`, `this endpoint takes "prepare", not "accept"`},
		{paxos.KindPrepare, `{"first":-1}`, `"-1" is negative: a whole number from 0 to 18446744073709551615 is needed`},
		{paxos.KindPrepare, `{"first":"-1"}`, `"-1" is negative: a whole number from 0 to 18446744073709551615 is needed`},
		{paxos.KindPrepare, `{"first":18446744073709551616}`, `"18446744073709551616" is too large: the largest number here is 18446744073709551615`},
		{paxos.KindPrepare, `{"first":"18446744073709551616"}`, `"18446744073709551616" is too large: the largest number here is 18446744073709551615`},
		{paxos.KindPrepare, `{"first":1.5}`, `"1.5" is not a number: a whole number from 0 to 18446744073709551615 is needed`},
		{paxos.KindPrepare, `{"first":1e3}`, `"1e3" is not a number: a whole number from 0 to 18446744073709551615 is needed`},
		{paxos.KindPrepare, `{"first":""}`, `"" is not a number: a whole number from 0 to 18446744073709551615 is needed`},
		{paxos.KindPrepare, `{"first":null}`, `"null" is not a number: a whole number from 0 to 18446744073709551615 is needed`},
		{paxos.KindPrepare, `{"first":` + strings.Repeat("9", 60) + `}`, `"` + strings.Repeat("9", 40) + `…" is too large: the largest number here is 18446744073709551615`},
		{paxos.KindPrepare, `{"ballot":5}`, `field "ballot" is a JSON number; an object is needed`},
		{paxos.KindPrepare, `{"from":5}`, `field "from" is a JSON number; a string is needed`},
		{paxos.KindPrepare, `{"from":"a b"}`, `malformed binary form: node id "a b": only letters, digits and hyphens are allowed`},
		{paxos.KindPrepare, `{"ballot":{"start":"xyz"}}`, `start id "xyz": 16 hexadecimal digits are needed`},
		{paxos.KindPrepare, `{"cluster":"xyz"}`, `cluster id "xyz": 32 hexadecimal digits are needed`},
		{paxos.KindPromise, `{"store":5}`, `field "store" is a JSON number; a string is needed`},
		{paxos.KindPromise, `{"more":"yes"}`, `field "more" is a JSON string; true or false is needed`},
		{paxos.KindPromise, `{"entries":{}}`, `field "entries" is a JSON object; a list is needed`},
		{paxos.KindSurveyed, `{"standing":"king"}`, `"king" is no standing: one of ["blank" "forming" "member" "mute"] is needed`},
		{paxos.KindSurveyed, `{"standing":1}`, `field "standing" is a JSON number; a string is needed`},
		{paxos.KindSurveyed, `{"silent":-1}`, `field "silent" is a JSON number -1; a whole number from 0 to 4294967295 is needed`},
		{paxos.KindSurveyed, `{"silent":4294967296}`, `field "silent" is a JSON number 4294967296; a whole number from 0 to 4294967295 is needed`},
		{paxos.KindSurveyed, `{"silent":"1"}`, `field "silent" is a JSON string; a whole number from 0 to 4294967295 is needed`},
		{paxos.KindLearn, `{"votes":[{"digest":"` + digest + `"}]}`, `digest "` + digest + `": 64 hexadecimal digits are needed`},
		{paxos.KindLearn, `{"votes":[{"digest":7}]}`, `field "votes.digest" is a JSON number; a string is needed`},
		{paxos.KindPropose, `{"commands":[{"body":7}]}`, `field "commands.body" is a JSON number; a string in base64 is needed`},
		{paxos.KindPropose, `{"commands":[{"key":"` + strings.Repeat("k", 257) + `"}]}`, `malformed binary form: idempotency key of 257 bytes, at most 256 are allowed`},
	} {
		_, err := paxos.DecodeJSON(c.kind, []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.60s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// speaksGo reports whether a text would only help a reader of the source.
func speaksGo(text string) bool {
	for _, w := range []string{"json:", "Go struct", "Go value", "unmarshal", "reflect", "paxos."} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return text == ""
}

// Whatever JSON of a wrong type stands where, the answer names the field and
// speaks to a person.
func TestAWrongTypeAnywhereIsASentence(t *testing.T) {
	wrong := []any{nil, true, -1.5, 7.0, "\x01", []any{}, []any{7.0}, map[string]any{"no": 1.0}}
	for _, like := range every {
		text, err := paxos.EncodeJSON(filledEnvelope(newDice(int(like.Kind())*3+1), like))
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		for name, right := range fields {
			for _, w := range wrong {
				fields[name] = w
				bad, _ := json.Marshal(fields)
				if _, err := paxos.DecodeJSON(like.Kind(), bad); err != nil && speaksGo(err.Error()) {
					t.Errorf("%v, %s = %v: %v", like.Kind(), name, w, err)
				}
			}
			fields[name] = right
		}
	}
}
