package kv_test

import (
	"bytes"
	"errors"
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

// bodies are one of each command, and more of transactions.
func bodies() [][]byte {
	list := [][]byte{kv.Append("x"), kv.Burn(paxos.CommandName{Session: 1, Sequence: 2}), kv.BurnKey("k")}
	for _, c := range []any{kv.Open{}, kv.Touch{}, kv.ExpireSession{Session: 3, Used: 400}, kv.Grant{ID: 5, TTL: 6000}, kv.KeepAlive{ID: 7}, kv.Revoke{ID: 8},
		kv.Expire{ID: 9, Renewal: 10, Due: 1100}, kv.Compact{Revision: 12, Kept: true}, kv.Acquire{Queue: kv.Elections, Name: "n", Lease: 13, TTL: 1400, Value: "v"},
		kv.Release{Queue: kv.Locks, Name: "n", Token: 15}, kv.Proclaim{Queue: kv.Elections, Name: "n", Token: 16, Value: "w"}} {
		list = append(list, kv.Encode(c))
	}
	for luck := range uint64(8) {
		d := dealer{paxos.Dice(luck)}
		t := d.txn(1, 9)
		t.Fences = []kv.Fence{{Lock: "l", Token: 300}}
		list = append(list, kv.Encode(t))
	}
	return list
}

func FuzzCommand(f *testing.F) {
	for _, b := range bodies() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		again, err := kv.Rewrite(body)
		if err != nil {
			if !errors.Is(err, kv.ErrUnknownCommand) || kv.Frees(body) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(again, body) {
			t.Fatalf("%q came back as %q", body, again)
		}
		// Whatever can be decoded can be applied, with the same end everywhere.
		one, other := newBook(t), newBook(t)
		_ = kv.Check(paxos.Command{Session: 1, Sequence: 1, Body: body})
		_ = kv.Frees(body)
		for _, session := range []paxos.SessionID{0, 1} {
			c := paxos.Command{Session: session, Sequence: 90000, Admitted: one.m.Applied(), Body: body}
			one.one(5*hour, c)
			other.one(5*hour, c)
		}
		if !bytes.Equal(one.state(), other.state()) {
			t.Fatal("two machines differ")
		}
		mustComeBack(t, one.m)
	})
}

func FuzzResult(f *testing.F) {
	key := kv.KeyValue{Key: "k", Value: "v", Create: 2, Mod: 300, Version: 4, Lease: 5}
	for _, r := range []kv.Result{{}, {Revision: 7, Succeeded: true}, {Failure: &kv.Failure{Code: kv.FailFenced, Detail: "no"}},
		{Lease: &kv.LeaseInfo{ID: 1, TTL: 2000, Due: 3000, Renewal: 4, Keys: []string{"a", ""}}},
		{Place: &kv.Place{Name: "n", Key: "k", Token: 5, Lease: 6, Value: "v", Ahead: 7}},
		{Responses: []kv.Response{{}, {KVs: []kv.KeyValue{key, {}}, Count: 3, More: true}, {Txn: &kv.TxnResponse{Succeeded: true, Responses: []kv.Response{{}}}}}}} {
		f.Add(kv.EncodeResult(r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := kv.DecodeResult(b)
		if err != nil {
			if !errors.Is(err, kv.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if again := kv.EncodeResult(r); !bytes.Equal(again, b) {
			t.Fatalf("%q came back as %q", b, again)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add(newBook(f).state())
	b := newBook(f)
	b.one(1, keyed(put(1, 1, "a"), "k"))
	b.apply(1, paxos.Command{Session: 1, Sequence: 2, Body: kv.Encode(kv.Acquire{Name: "n", TTL: 5000, Value: "v"})},
		paxos.Command{Session: 1, Sequence: 3, Body: kv.BurnKey("b")}, paxos.Command{Session: 1, Sequence: 4, Body: kv.Encode(kv.Compact{Revision: 3})})
	b.apply(1)
	f.Add(b.state())
	f.Fuzz(func(t *testing.T, written []byte) {
		v, err := kv.Read(bytes.NewReader(written))
		if err != nil {
			if !errors.Is(err, kv.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		var again bytes.Buffer
		if _, err := v.WriteTo(&again); err != nil || !bytes.Equal(again.Bytes(), written) {
			t.Fatal("a state was taken and is written otherwise", err)
		}
		m := kv.New()
		if err := m.Restore(v); err != nil {
			t.Fatal(err)
		}
		// What was taken must be fit for work.
		for i, body := range append(bodies(), m.Chores(m.Time()+day, kv.History{Revisions: 1, Bytes: 1})...) {
			_, err := m.Apply(paxos.Entry{Slot: m.Applied(), Value: paxos.Value{Commands: []paxos.Command{{Session: 1, Sequence: paxos.Sequence(i), Body: body}}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		_, _, _ = m.Events(0, kv.Prefix(""), 10, 0, true)
		m.Values(0, 0, 10)
	})
}
