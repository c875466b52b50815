package node_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"paxos/internal/node"
	"paxos/paxos"
)

// deaf takes everything and does nothing with it.
type deaf struct{}

func (deaf) Keep([]paxos.Record) error { return nil }
func (deaf) Send([]paxos.Envelope)     {}

// plain is a role of which as little as possible is allocated: a record and an
// answer for every message.
type plain struct {
	puppet
	out paxos.Effects
}

func newPlain() *plain {
	p := &plain{out: paxos.Effects{Persist: []paxos.Record{paxos.PromisedRecord{}}, Send: []paxos.Envelope{header.Envelope("p1", paxos.Init{})},
		Events: []paxos.Event{{Kind: paxos.EventPromise}}}}
	p.step = func(paxos.Envelope) paxos.Effects { return p.out }
	return p
}

func quickLoop(r paxos.Role) *node.Loop {
	return node.New(node.Options{Role: r, Store: deaf{}, Network: deaf{}, Tick: time.Hour, Now: time.Now})
}

// BenchmarkTurn is a turn of the loop alone, with a batch of so many messages.
func BenchmarkTurn(b *testing.B) {
	for _, size := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("messages=%d", size), func(b *testing.B) {
			l, batch := quickLoop(newPlain()), batchOf(size)
			b.ReportAllocs()
			for b.Loop() {
				must(b, l.Turn(batch, 0))
			}
		})
	}
}

func batchOf(size int) []node.Item {
	batch := make([]node.Item, size)
	for i := range batch {
		batch[i].Envelope = beat(i)
	}
	return batch
}

// BenchmarkDo is a question to a loop that runs, and its answer.
func BenchmarkDo(b *testing.B) {
	l := quickLoop(&puppet{step: echo})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = l.Run(ctx) }()
	question := beat(1)
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := l.Do(ctx, question)
			must(b, err)
		}
	})
	b.Run("many", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := l.Do(ctx, question); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// TestWhatATurnAllocates: the chunk of its events and their list, however many
// messages it has.
func TestWhatATurnAllocates(t *testing.T) {
	l, batch := quickLoop(newPlain()), batchOf(256)
	got := testing.AllocsPerRun(50, func() { must(t, l.Turn(batch, 0)) })
	if got > 2 {
		t.Errorf("a turn of %d messages allocates %.0f times", len(batch), got)
	}
	idle := quickLoop(&puppet{})
	if got := testing.AllocsPerRun(50, func() { must(t, idle.Turn(nil, 1)) }); got > 0 {
		t.Errorf("a tick in which nothing happens allocates %.0f times", got)
	}
}
