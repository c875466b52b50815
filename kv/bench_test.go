package kv_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

// batchSize is how many commands a slot has under load, about.
const batchSize = 64

// loader applies puts as the edge makes them: each reads its key as it is
// afterwards. Two client services send them, and confirm them a few slots later.
type loader struct {
	*book
	keys  int
	drawn bool // as the Go client's commands are
	next  [2]paxos.Sequence
	count int
	value string
}

func loaded(b testing.TB, keys int) *loader {
	l := &loader{book: newBook(b), keys: keys, value: strings.Repeat("v", 256)}
	for l.count < keys {
		l.slot(batchSize)
	}
	return l
}

func (l *loader) entry(commands int) paxos.Entry {
	e := paxos.Entry{Slot: l.m.Applied(), Value: paxos.Value{Time: 1, Commands: make([]paxos.Command, commands)}}
	for i := range e.Value.Commands {
		user := i * 2 / commands
		l.next[user]++
		l.count++
		key := fmt.Sprintf("key/%07d", l.count*7919%l.keys)
		t := kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: key, Value: l.value}}, {Range: &kv.Range{Span: kv.Span{Key: key}, KeysOnly: true}}}}
		e.Value.Commands[i] = paxos.Command{Session: paxos.SessionID(user + 1), Sequence: l.next[user] + openSequence,
			Confirmed: max(l.next[user], 3*batchSize) - 3*batchSize + openSequence, Body: kv.Encode(t)}
		if l.drawn { // a time, and what is random
			e.Value.Commands[i].Key = fmt.Sprintf("%s%010d%016x", paxos.CallKeyPrefix, l.count/30, uint64(l.count)*0x9e3779b97f4a7c15)
		}
	}
	return e
}

func (l *loader) slot(commands int) {
	if _, err := l.m.Apply(l.entry(commands)); err != nil {
		l.t.Fatal(err)
	}
}

// benchmarkPuts counts commands, not slots.
func benchmarkPuts(b *testing.B, keys, commands int, drawn bool, each func(i int, m *kv.Machine)) {
	l := loaded(b, keys)
	for l.drawn = drawn; drawn && l.count < keys+300_000; {
		l.slot(batchSize)
	}
	entries := make([]paxos.Entry, b.N/commands+1)
	for i := range entries {
		entries[i] = l.entry(commands)
		entries[i].Slot += paxos.Slot(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range entries {
		if _, err := l.m.Apply(entries[i]); err != nil {
			b.Fatal(err)
		}
		each(i, l.m)
	}
}

func BenchmarkApplyOfAPut(b *testing.B) {
	none := func(int, *kv.Machine) {}
	for _, keys := range []int{1_000, 200_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) { benchmarkPuts(b, keys, batchSize, false, none) })
	}
	b.Run("keys=200000/alone", func(b *testing.B) { benchmarkPuts(b, 200_000, 1, false, none) })
	b.Run("keys=200000/drawn", func(b *testing.B) { benchmarkPuts(b, 200_000, batchSize, true, none) })
	b.Run("keys=200000/views", func(b *testing.B) {
		benchmarkPuts(b, 200_000, batchSize, false, func(_ int, m *kv.Machine) { m.View() })
	})
}

func BenchmarkWriteTo(b *testing.B) {
	l := loaded(b, 200_000)
	for b.Loop() {
		n, err := l.m.View().WriteTo(io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}
