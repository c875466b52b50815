package rqlite

import (
	"errors"
	"testing"

	"paxos/bench/system"
)

func TestAStatementIsJSON(t *testing.T) {
	var u user
	u.begin()
	statement(&u, choose, "a/key", "a value")
	if got, want := string(u.body), `[["SELECT v FROM kv WHERE k = ?","a/key","a value"]`; got != want || u.bad != nil {
		t.Errorf("it is %s, %v instead of %s", got, u.bad, want)
	}
}

func TestWhatWouldNeedAnEscapeIsRefused(t *testing.T) {
	for _, text := range []string{`"`, `\`, "\n", "\x7f", "é"} {
		u := user{}
		if err := u.Put(t.Context(), "key", []byte(text)); !errors.Is(err, system.ErrNot) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
