package command

import (
	"errors"
	"testing"
)

func TestACommandGivesItsFieldsBack(t *testing.T) {
	cmd := []byte{Put}
	fields := []string{"key", "", "another", string(make([]byte, 300))}
	for _, f := range fields {
		cmd = Append(cmd, f)
	}
	if err := Check(cmd); err != nil {
		t.Error(err)
	}
	rest := cmd[1:]
	for _, want := range fields {
		var got []byte
		var err error
		if got, rest, err = Next(rest); err != nil || string(got) != want {
			t.Errorf("%q, %v instead of %q", got, err, want)
		}
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes are left", len(rest))
	}
}

func TestAWrongCommandIsRefused(t *testing.T) {
	pair := Append(Append([]byte{Put}, "key"), "value")
	wrong := map[string][]byte{"empty": nil, "of an unknown kind": {9}, "a key without a value": Append([]byte{Put}, "key")}
	for cut := 2; cut < len(pair); cut++ {
		if cut != 1+4 { // the key alone is whole, and refused above
			wrong[string(pair[:cut])] = pair[:cut]
		}
	}
	for what, cmd := range wrong {
		if err := Check(cmd); err == nil {
			t.Errorf("%q was taken", what)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add(Append(Append(nil, "key"), "value"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for rest := raw; len(rest) > 0; {
			field, after, err := Next(rest)
			if err != nil {
				if !errors.Is(err, ErrTorn) {
					t.Error(err)
				}
				return
			}
			if len(field)+len(after) >= len(rest) {
				t.Fatalf("%d bytes gave %d and %d", len(rest), len(field), len(after))
			}
			rest = after
		}
	})
}
