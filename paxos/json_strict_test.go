package paxos_test

import (
	"strings"
	"testing"

	"paxos/paxos"
)

func TestJSONThatTwoReadersReadInTwoWaysIsRefused(t *testing.T) {
	type inner struct {
		B *int `json:"b"`
	}
	type outer struct {
		A    *string `json:"a"`
		List []inner `json:"list"`
	}
	for text, want := range map[string]string{
		`{"a":"x","a":"y"}`:                  `field "a" is given twice`,
		`{"A":"x"}`:                          `unknown field "A"`,
		`{"list":[{"b":1},{"b":2,"b":3}]}`:   `field "b" is given twice`,
		`{"list":[{"b":1},{"b":2}],"a":"b"}`: ``,
		`{"a":"list","list":[]}`:             ``,
		`{"a":"a"}`:                          ``,
		`{"a":"\ud800"}`:                     `half of a surrogate pair`,
		`{"a":"\udc00 x"}`:                   `half of a surrogate pair`,
		`{"a":"\ud83d\ud83d"}`:               `half of a surrogate pair`,
		`{"a":"\ud83d\ude00"}`:               ``,
		`{"a":"\\ud800"}`:                    ``,
		`{"a":"\\\ud800"}`:                   `half of a surrogate pair`,
		`{"a":"\u00e9\\"}`:                   ``,
	} {
		var to outer
		err := paxos.StrictJSON([]byte(text), &to)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
