package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
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

// usualRoom bounds what waits, and so what one turn takes.
const usualRoom = 4096

// Errors of calls on a loop: it has ended; more waits already than it has room
// for.
var (
	ErrStopped = errors.New("the node is stopping")
	ErrFull    = errors.New("the node has too much to do")
)

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
	inbox   inbox
	done    chan struct{}
	asking  map[paxos.NodeID]*asked
	answers []told // of the turn that is being delivered
	sum     paxos.Effects
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
	l := &Loop{opts: opts, events: newRing(room), inbox: newInbox(room), done: make(chan struct{}), asking: map[paxos.NodeID]*asked{}}
	l.turned.Store(opts.Now().UnixNano())
	return l
}

// AfterTurns makes the loop call look after every turn, with a state that is on
// disk. It must be called before Run.
func (l *Loop) AfterTurns(look func()) { l.after = look }

// Counts gives the loop's counters.
func (l *Loop) Counts() *Counts { return &l.counts }

// Waiting is how many items wait for their turn. It is at most Options.Room,
// but for those that take a question back.
func (l *Loop) Waiting() int { return l.inbox.waiting() }

// Run moves the loop until ctx ends (the error is then nil) or until it must
// not go on: a failed write or sync, or a broken invariant.
func (l *Loop) Run(ctx context.Context) error {
	defer l.stop()
	ticker := time.NewTicker(l.opts.Tick)
	defer ticker.Stop()
	var batch []Item
	for {
		ticks := 0
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			ticks = 1
		case <-l.inbox.wake:
		}
		// Those who can run now have something to say too, mostly: a turn for
		// each of them would cost a message and a sync each.
		runtime.Gosched()
		batch = l.inbox.take(batch)
		if len(batch) == 0 && ticks == 0 {
			continue // a tick took what it was woken for
		}
		if err := l.Turn(batch, ticks); err != nil {
			return err
		}
	}
}

// stop lets nothing in any more, and tells everyone who still waits for an
// answer that there will be none.
func (l *Loop) stop() {
	left := l.inbox.close()
	close(l.done)
	for _, a := range l.asking {
		a.tell(paxos.Envelope{}, ErrStopped)
	}
	for _, item := range left {
		if item.asked != nil {
			item.asked.tell(paxos.Envelope{}, ErrStopped)
		}
	}
}

// Turn steps a batch and then the given number of ticks, makes durable what
// the role wants kept, and sends what it wants sent: in this order, always. An
// error is final: nothing of this turn was sent, and the process must end.
func (l *Loop) Turn(batch []Item, ticks int) error {
	sum := l.empty()
	for i := range batch {
		l.step(sum, &batch[i])
	}
	for range ticks {
		add(sum, l.opts.Role.Tick())
	}
	add(sum, l.opts.Role.Flush())
	now := l.opts.Now()
	l.events.publish(now, slices.Clone(sum.Events))
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
	if err := l.tap(sum); err != nil {
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

// keptEffects bounds the lists that are kept from turn to turn.
const keptEffects = 4096

// empty gives the sum of a turn that has only begun, in the lists of the last
// one, which nobody else has kept.
func (l *Loop) empty() *paxos.Effects {
	s := &l.sum
	*s = paxos.Effects{Persist: reused(s.Persist), Send: reused(s.Send), Events: reused(s.Events)}
	return s
}

func reused[T any](list []T) []T {
	if cap(list) > keptEffects {
		return nil
	}
	clear(list)
	return list[:0]
}

// add adds the effects of a step.
func add(sum *paxos.Effects, e paxos.Effects) {
	sum.Persist = append(sum.Persist, e.Persist...)
	sum.Send = append(sum.Send, e.Send...)
	sum.Events = append(sum.Events, e.Events...)
	if sum.Broken == nil {
		sum.Broken = e.Broken
	}
}

func (l *Loop) step(sum *paxos.Effects, item *Item) {
	if item.inspect != nil {
		return // after the turn, when everything seen is also on disk
	}
	if err := l.check(item.Envelope); err != nil {
		l.counts.Rejected.Add(1)
		sum.Events = append(sum.Events, paxos.Event{Kind: paxos.EventRejected, Peer: item.Envelope.From})
		if item.asked != nil {
			item.asked.tell(paxos.Envelope{}, err)
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

// deliver hands tasks to the keeper, answers to those who asked here, and the
// rest to the network: others wait for that, and so it goes first.
func (l *Loop) deliver(send []paxos.Envelope) {
	out := send[:0]
	for _, e := range send {
		if e.To == paxos.Keeper {
			if l.opts.Keeper != nil {
				l.opts.Keeper.Take(e.Message)
			}
			continue
		}
		if a := l.asker(e.To); a != nil {
			if whole, ok := a.gather(e); ok {
				delete(l.asking, e.To)
				l.answers = append(l.answers, told{a, whole})
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
	for _, t := range l.answers {
		t.asked.tell(t.envelope, nil)
	}
	clear(l.answers)
	l.answers = l.answers[:0]
}

// asker is who asked here under this id, nil if nobody did.
func (l *Loop) asker(id paxos.NodeID) *asked {
	if len(l.asking) == 0 || !strings.HasPrefix(string(id), paxos.LocalPrefix) {
		return nil
	}
	return l.asking[id]
}

// settle ends the item: a look inside sees a state that is on disk, and who
// asked for something that is never answered learns that it was taken.
func (l *Loop) settle(item *Item) {
	switch {
	case item.inspect != nil:
		l.counts.Looks.Add(1)
		item.inspect()
	case item.asked != nil && !answered(item.Envelope.Message):
		// One that was told already may have the next question by now.
		if a := l.asking[item.Envelope.From]; a != nil {
			delete(l.asking, a.id)
			a.tell(paxos.Envelope{}, nil)
		}
	}
}

// Idle is how long ago the last turn ended. A loop that turns, and the disk
// it waits for, are alive, whatever a quorum does.
func (l *Loop) Idle() time.Duration {
	return l.opts.Now().Sub(time.Unix(0, l.turned.Load()))
}
