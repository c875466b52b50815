package kv_test

import (
	"fmt"
	"io"
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

// loaded is a machine with n keys.
func loaded(b *testing.B, n int) (*book, func(i int) paxos.Entry) {
	bk := newBook(b)
	entry := func(i int) paxos.Entry {
		return paxos.Entry{Slot: bk.m.Applied(), Value: paxos.Value{Time: 1, Commands: []paxos.Command{{Session: 1, Sequence: paxos.Sequence(i + 1),
			Confirmed: paxos.Sequence(max(i, 32) - 32), Body: kv.Encode(putOne(fmt.Sprintf("key/%07d", i*7919%n), "some value of a few bytes"))}}}}
	}
	for i := range n {
		if _, err := bk.m.Apply(entry(i)); err != nil {
			b.Fatal(err)
		}
	}
	return bk, func(i int) paxos.Entry { return entry(n + i) }
}

func benchmarkPut(b *testing.B, each func(i int, m *kv.Machine)) {
	bk, entry := loaded(b, 200_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := bk.m.Apply(entry(i)); err != nil {
			b.Fatal(err)
		}
		each(i, bk.m)
		i++
	}
}

func BenchmarkApplyOfAPut(b *testing.B) { benchmarkPut(b, func(int, *kv.Machine) {}) }

func BenchmarkApplyOfAPutWithAViewEach(b *testing.B) {
	benchmarkPut(b, func(_ int, m *kv.Machine) { m.View() })
}

func BenchmarkApplyOfAPutWithAViewEveryHundred(b *testing.B) {
	benchmarkPut(b, func(i int, m *kv.Machine) {
		if i%100 == 0 {
			m.View()
		}
	})
}

func BenchmarkWriteTo(b *testing.B) {
	bk, _ := loaded(b, 200_000)
	for b.Loop() {
		n, err := bk.m.View().WriteTo(io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}
