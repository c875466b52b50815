package kv_test

import (
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

func TestABurntKeyNeverTakesEffect(t *testing.T) {
	b := newBook(t)
	burn := paxos.Command{Session: 7, Sequence: 1, Body: kv.BurnKey("k")}
	o := b.one(1, burn)
	want(t, "the burning", o, paxos.Applied, 1, 0)
	inner, err := paxos.DecodeOutcome(o.Result)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "what stands", inner, paxos.Burnt, 1, 0)
	want(t, "the late command", b.one(1, keyed(put(1, 1, "x"), "k")), paxos.Burnt, 1, 0)
	want(t, "another body", b.one(1, keyed(put(1, 2, "y"), "k")), paxos.Burnt, 1, 0)
	b.one(2*day, admitted(put(9, 1, "z"), 4))
	want(t, "when the key is free again", b.one(2*day, keyed(put(1, 3, "x"), "k")), paxos.Late, 5, 0)
	b.mustHold("4.0:z")
}

func TestBurningTooLateTellsWhatTookEffect(t *testing.T) {
	b := newBook(t)
	b.one(1, keyed(put(1, 1, "x"), "k"))
	for sequence, body := range [][]byte{kv.BurnKey("k"), kv.Burn(paxos.CommandName{Session: 1, Sequence: 1})} {
		o := b.one(1, paxos.Command{Session: 7, Sequence: paxos.Sequence(sequence + 1), Admitted: 1, Body: body})
		inner, err := paxos.DecodeOutcome(o.Result)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "what stands", inner, paxos.Applied, 1, 0)
	}
	want(t, "a copy", b.one(1, keyed(put(1, 1, "x"), "k")), paxos.Applied, 1, 0)
	b.mustHold("1.0:x")
}

func TestABurntNameNeverTakesEffect(t *testing.T) {
	b := newBook(t)
	b.one(1, paxos.Command{Session: 7, Sequence: 1, Body: kv.Burn(paxos.CommandName{Session: 1, Sequence: 5})})
	want(t, "the late command", b.one(1, keyed(put(1, 5, "x"), "k")), paxos.Burnt, 1, 0)
	want(t, "its neighbour", b.one(1, keyed(put(1, 6, "x"), "k")), paxos.Applied, 3, 0)
	b.mustHold("3.0:x")
}

func TestANameCanBeBurntBeforeItsSessionIsOpened(t *testing.T) {
	b := newBook(t)
	name := paxos.CommandName{Session: 77, Sequence: 1}
	b.one(1, paxos.Command{Session: 7, Sequence: 1, Body: kv.Burn(name)})
	want(t, "before the opening", b.one(1, put(77, 1, "x")), paxos.Expired, 1, 0)
	want(t, "its neighbour, not open", b.one(1, put(77, 2, "x")), paxos.Expired, 3, 0)
	b.one(1, open(77, 4))
	want(t, "after it", b.one(1, put(77, 1, "x")), paxos.Expired, 1, 0)
	want(t, "its neighbour", b.one(1, put(77, 2, "x")), paxos.Applied, 6, 0)
	b.mustHold("6.0:x")
}
