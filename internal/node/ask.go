package node

import (
	"context"
	"strconv"
	"sync"

	"paxos/paxos"
)

// Submit hands an envelope to the loop; it waits while the inbox is full.
func (l *Loop) Submit(ctx context.Context, e paxos.Envelope) error {
	return l.inbox.put(ctx, Item{Envelope: e})
}

// waiters are used again by Do, each with its channel.
var waiters = sync.Pool{New: func() any { return &asked{answer: make(chan answer, 1)} }}

// Do hands a message to the loop as if from a node of its own, and waits for
// the answer that the role addresses to that node; for a Propose, until all of
// its commands have one. An envelope without a
// Message means that the message was taken, and has no answer.
func (l *Loop) Do(ctx context.Context, e paxos.Envelope) (paxos.Envelope, error) {
	a := waiters.Get().(*asked)
	if err := l.inbox.put(ctx, l.question(a, e)); err != nil {
		a.commands, a.placed = nil, nil
		waiters.Put(a)
		return paxos.Envelope{}, err
	}
	select {
	case got := <-a.answer:
		a.commands, a.placed = nil, nil
		waiters.Put(a)
		return got.envelope, got.err
	case <-ctx.Done():
		// It may be answered still, so it is nobody's to use again.
		l.forget(a.id)
		return paxos.Envelope{}, ctx.Err()
	}
}

// Ask hands a message to the loop as if from a node of its own, like Do, and
// does not wait for the answer: told is called once, in the loop's goroutine
// after the turn that brought it (or that refused the message), and must not
// wait. With an error the message was not taken, and told is never called. It is
// for messages that the role answers in the end, as a session does with a
// Submit: nobody takes the question back.
func (l *Loop) Ask(ctx context.Context, e paxos.Envelope, told func(paxos.Envelope, error)) error {
	return l.inbox.put(ctx, l.question(&asked{told: told}, e))
}

// Question is what AskAll asks.
type Question struct {
	Envelope paxos.Envelope
	Told     func(paxos.Envelope, error)
}

// AskAll is Ask for several, which come to the loop at once if there is room for
// them. With an error the first taken ones were, and the others were not.
func (l *Loop) AskAll(ctx context.Context, questions []Question) (taken int, err error) {
	var few [64]Item // larger lists are rare, and may be allocated
	items := few[:0]
	for i := range questions {
		items = append(items, l.question(&asked{told: questions[i].Told}, questions[i].Envelope))
	}
	return l.inbox.putAll(ctx, items)
}

// TryAsk is Ask for those who would rather hear ErrFull than wait for room.
func (l *Loop) TryAsk(e paxos.Envelope, told func(paxos.Envelope, error)) error {
	_, err := l.inbox.tryPut(l.question(&asked{told: told}, e), false)
	return err
}

// question gives the asker an id that nobody had before, so that late answers
// to others do not come to it.
func (l *Loop) question(a *asked, e paxos.Envelope) Item {
	var id [len(paxos.LocalPrefix) + 20]byte
	a.id = paxos.NodeID(strconv.AppendUint(append(id[:0], paxos.LocalPrefix...), l.local.Add(1), 10))
	e.From = a.id
	a.expect(e.Message)
	return Item{Envelope: e, asked: a}
}

// forget takes back a question whose asker no longer waits. Nobody may be
// there to see it done, so it does not wait either.
func (l *Loop) forget(id paxos.NodeID) {
	l.inbox.force(Item{inspect: func() { delete(l.asking, id) }})
}

// Inspect calls look in the loop, between turns, and waits for it. What it
// sees is durable.
func (l *Loop) Inspect(ctx context.Context, look func()) error {
	seen := make(chan struct{})
	if err := l.inbox.put(ctx, Item{inspect: func() { look(); close(seen) }}); err != nil {
		return err
	}
	return l.wait(ctx, seen)
}

func (l *Loop) wait(ctx context.Context, seen chan struct{}) error {
	select {
	case <-seen:
		return nil
	case <-l.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}
