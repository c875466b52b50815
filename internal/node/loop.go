package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"paxos/paxos"
)

// Store keeps records. When Keep returns nil, every one of them is durable. A
// Store that failed once must fail for ever.
type Store interface {
	Keep(records []paxos.Record) error
}

// Network delivers envelopes, or loses them. Send must not wait for a peer and
// must not keep the slice; what the envelopes point to is never changed again.
type Network interface {
	Send(envelopes []paxos.Envelope)
}

// Keeper takes what a role addresses to paxos.Keeper, the part of its node that
// keeps snapshots. Take must not wait; the answers come back by Submit, as
// FromKeeper makes them.
type Keeper interface {
	Take(task paxos.Message)
}

// FromKeeper is an answer of the keeper on its way into the loop of node.
func FromKeeper(node paxos.NodeID, answer paxos.Message) paxos.Envelope {
	return paxos.Envelope{From: paxos.Keeper, To: node, Message: answer}
}

// Options of a Loop.
type Options struct {
	Role    paxos.Role
	Store   Store // nil for roles without a disk
	Network Network
	Keeper  Keeper        // nil for roles that keep no snapshots
	Tick    time.Duration // between two ticks, in Run
	// Admit, if not nil, looks at what comes from outside before the role
	// does; its error is told to whoever asked.
	Admit func(paxos.Envelope) error
	Now   func() time.Time // for the stamps of events
	Meter Meter            // nil: nobody measures
	Tap   Tap              // nil: nobody listens
	// Room is how many items may wait, and of how many turns the events are
	// kept; 0 means 4096.
	Room int
}

// Meter is told, in the loop, what each turn took and which events it brought.
// It must neither wait nor allocate, and nothing may depend on it.
type Meter interface {
	Turned(at time.Time, items int, events []paxos.Event)
}

// Bounds of what waits, and of what one turn takes.
const (
	usualRoom = 4096
	turnSize  = 1024
)

// ErrStopped is returned by calls on a loop that has ended.
var ErrStopped = errors.New("the node is stopping")

// Item is something for the loop to do: a message to step or a look inside.
type Item struct {
	Envelope paxos.Envelope
	// inspect, if not nil, is called in the loop instead of a step.
	inspect func()
	// asked, if not nil, gets the first answer to Envelope.
	asked *asked
}

// Loop owns a role: all that happens to the role happens in its goroutine.
type Loop struct {
	opts    Options
	inbox   chan Item
	done    chan struct{}
	asking  map[paxos.NodeID]*asked
	awaited []*awaited
	after   func() // nil, or what AfterTurns was given
	events  ring
	local   atomic.Uint64
	turned  atomic.Int64 // when the last turn ended, in Unix nanoseconds
	counts  Counts
}

// Counts are what a loop has done since it began.
type Counts struct {
	Turns, Steps, Looks, Records, Syncs, Sent, Rejected atomic.Uint64
	// Of Steps and Sent, how many were of each kind.
	StepsOf, SentOf [paxos.KindCount]atomic.Uint64
}

// New makes a loop; Run or Turn moves it.
func New(opts Options) *Loop {
	room := cmp.Or(opts.Room, usualRoom)
	l := &Loop{opts: opts, events: newRing(room), inbox: make(chan Item, room), done: make(chan struct{}), asking: map[paxos.NodeID]*asked{}}
	l.turned.Store(opts.Now().UnixNano())
	return l
}

// AfterTurns makes the loop call look after every turn, with a state that is on
// disk. It must be called before Run.
func (l *Loop) AfterTurns(look func()) { l.after = look }

// Counts gives the loop's counters.
func (l *Loop) Counts() *Counts { return &l.counts }

// Waiting is how many items wait for their turn, at most Options.Room.
func (l *Loop) Waiting() int { return len(l.inbox) }

// Run moves the loop until ctx ends (the error is then nil) or until it must
// not go on: a failed write or sync, or a broken invariant.
func (l *Loop) Run(ctx context.Context) error {
	defer close(l.done)
	ticker := time.NewTicker(l.opts.Tick)
	defer ticker.Stop()
	batch := make([]Item, 0, turnSize)
	for {
		batch = batch[:0]
		ticks := 0
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			ticks = 1
		case item := <-l.inbox:
			batch = append(batch, item)
		}
		for more := true; more && len(batch) < turnSize; {
			select {
			case item := <-l.inbox:
				batch = append(batch, item)
			default:
				more = false
			}
		}
		if err := l.Turn(batch, ticks); err != nil {
			return err
		}
	}
}

// Turn steps a batch and then the given number of ticks, makes durable what
// the role wants kept, and sends what it wants sent: in this order, always. An
// error is final: nothing of this turn was sent, and the process must end.
func (l *Loop) Turn(batch []Item, ticks int) error {
	var sum paxos.Effects
	for i := range batch {
		l.step(&sum, &batch[i])
	}
	for range ticks {
		add(&sum, l.opts.Role.Tick())
	}
	add(&sum, l.opts.Role.Flush())
	now := l.opts.Now()
	l.events.publish(now, sum.Events)
	if l.opts.Meter != nil {
		l.opts.Meter.Turned(now, len(batch), sum.Events)
	}
	if sum.Broken != nil {
		return sum.Broken
	}
	if len(sum.Persist) > 0 {
		l.counts.Records.Add(uint64(len(sum.Persist)))
		l.counts.Syncs.Add(1)
		if err := l.opts.Store.Keep(sum.Persist); err != nil {
			return fmt.Errorf("a write to the disk failed: %w", err)
		}
	}
	if err := l.tap(&sum); err != nil {
		return fmt.Errorf("what was done could not be told: %w", err)
	}
	l.deliver(sum.Send)
	for i := range batch {
		l.settle(&batch[i])
	}
	l.checkAwaited()
	if l.after != nil {
		l.after()
	}
	l.counts.Turns.Add(1)
	l.turned.Store(l.opts.Now().UnixNano())
	return nil
}

// add adds the effects of a step, whose slices are the loop's from now on.
func add(sum *paxos.Effects, e paxos.Effects) {
	sum.Persist = joined(sum.Persist, e.Persist)
	sum.Send = joined(sum.Send, e.Send)
	sum.Events = joined(sum.Events, e.Events)
	if sum.Broken == nil {
		sum.Broken = e.Broken
	}
}

// joined spares most turns, which have one step that does something, a copy.
func joined[T any](list, more []T) []T {
	if len(list) == 0 {
		return more
	}
	return append(list, more...)
}

func (l *Loop) step(sum *paxos.Effects, item *Item) {
	if item.inspect != nil {
		return // after the turn, when everything seen is also on disk
	}
	if err := l.check(item.Envelope); err != nil {
		l.counts.Rejected.Add(1)
		sum.Events = append(sum.Events, paxos.Event{Kind: paxos.EventRejected, Peer: item.Envelope.From})
		if item.asked != nil {
			item.asked.answer <- answer{err: err}
			item.asked = nil
		}
		return
	}
	if item.asked != nil {
		l.asking[item.asked.id] = item.asked
	}
	l.counts.Steps.Add(1)
	l.counts.StepsOf[item.Envelope.Message.Kind()].Add(1)
	add(sum, l.opts.Role.Step(item.Envelope))
}

func (l *Loop) check(e paxos.Envelope) error {
	if err := l.opts.Role.Header().Check(e); err != nil {
		return err
	}
	if l.opts.Admit != nil {
		return l.opts.Admit(e)
	}
	return nil
}

// deliver hands answers to those who asked here, tasks to the keeper, and the
// rest to the network.
func (l *Loop) deliver(send []paxos.Envelope) {
	out := send[:0]
	for _, e := range send {
		if e.To == paxos.Keeper {
			if l.opts.Keeper != nil {
				l.opts.Keeper.Take(e.Message)
			}
			continue
		}
		if a := l.asking[e.To]; a != nil {
			if whole, ok := a.gather(e); ok {
				delete(l.asking, e.To)
				a.answer <- answer{envelope: whole}
			}
			continue
		}
		l.counts.SentOf[e.Message.Kind()].Add(1)
		out = append(out, e)
	}
	l.counts.Sent.Add(uint64(len(out)))
	if len(out) > 0 {
		l.opts.Network.Send(out)
	}
}

// settle ends the item: a look inside sees a state that is on disk, and who
// asked for something that is never answered learns that it was taken.
func (l *Loop) settle(item *Item) {
	switch {
	case item.inspect != nil:
		l.counts.Looks.Add(1)
		item.inspect()
	case item.asked != nil && l.asking[item.asked.id] != nil && !answered(item.Envelope.Message):
		delete(l.asking, item.asked.id)
		item.asked.answer <- answer{}
	}
}

func (l *Loop) put(ctx context.Context, item Item) error {
	select {
	case <-l.done:
		return ErrStopped
	default:
	}
	select {
	case l.inbox <- item:
		return nil
	case <-l.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Submit hands an envelope to the loop; it waits while the inbox is full.
func (l *Loop) Submit(ctx context.Context, e paxos.Envelope) error {
	return l.put(ctx, Item{Envelope: e})
}

// Do hands a message to the loop as if from a node of its own, and waits for
// the answer that the role addresses to that node; for a Propose, until all of
// its commands have one. An envelope without a
// Message means that the message was taken, and has no answer.
func (l *Loop) Do(ctx context.Context, e paxos.Envelope) (paxos.Envelope, error) {
	a := &asked{id: paxos.NodeID(fmt.Sprintf("%s%d", paxos.LocalPrefix, l.local.Add(1))), answer: make(chan answer, 1)}
	e.From = a.id
	a.expect(e.Message)
	if err := l.put(ctx, Item{Envelope: e, asked: a}); err != nil {
		return paxos.Envelope{}, err
	}
	select {
	case got := <-a.answer:
		return got.envelope, got.err
	case <-l.done:
		select {
		case got := <-a.answer: // in the loop's last turn
			return got.envelope, got.err
		default:
			return paxos.Envelope{}, ErrStopped
		}
	case <-ctx.Done():
		l.forget(a)
		return paxos.Envelope{}, ctx.Err()
	}
}

// forget takes back a question whose asker no longer waits. Nobody may be
// there to see it done, so it does not wait either.
func (l *Loop) forget(a *asked) {
	item := Item{inspect: func() { delete(l.asking, a.id) }}
	select {
	case l.inbox <- item:
	default:
		go func() {
			select {
			case l.inbox <- item:
			case <-l.done:
			}
		}()
	}
}

// Inspect calls look in the loop, between turns, and waits for it. What it
// sees is durable.
func (l *Loop) Inspect(ctx context.Context, look func()) error {
	seen := make(chan struct{})
	if err := l.put(ctx, Item{inspect: func() { look(); close(seen) }}); err != nil {
		return err
	}
	select {
	case <-seen:
		return nil
	case <-l.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Idle is how long ago the last turn ended. A loop that turns, and the disk
// it waits for, are alive, whatever a quorum does.
func (l *Loop) Idle() time.Duration {
	return l.opts.Now().Sub(time.Unix(0, l.turned.Load()))
}
