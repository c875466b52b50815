package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"paxos/client/wire"
	"paxos/paxos"
)

const (
	// lookEvery is how often a stream looks at what is overdue.
	lookEvery = 25 * time.Millisecond
	// idleLimit is how long a stream stays open that nobody needs.
	idleLimit = 30 * time.Second
	// weightBytes is what one place of the window holds: a larger command takes
	// several.
	weightBytes = 16 << 10
	// keptBuffer is the most that a buffer keeps for the next ones.
	keptBuffer = 1 << 20
)

var (
	// errNotTaken says that a stream took nothing: it is going away, or gone.
	errNotTaken = errors.New("the stream takes no more")
	errSilent   = fmt.Errorf("nothing was heard of it for %v: %w", wire.SilenceLimit, io.ErrUnexpectedEOF)
	errStuck    = fmt.Errorf("it took nothing for %v: %w", wire.WriteLimit, io.ErrUnexpectedEOF)
	errIdle     = errors.New("nobody needs it")
)

// exchange is a command on its way over a stream, and its answer. It is the
// caller's; the stream holds it while it is in flight.
type exchange struct {
	done    chan struct{} // room for one
	body    []byte
	answer  []byte // what applied.Result or problem stand in
	applied wire.Applied
	problem []byte // if it was refused
	err     error  // if there is no answer
	left    bool   // it may have left
}

func newExchange() any { return &exchange{done: make(chan struct{}, 1)} }

// free gives an exchange back to be used again.
func (p *pipe) free(x *exchange) {
	body, answer := x.body[:0], x.answer[:0]
	if cap(body)+cap(answer) > 2*weightBytes {
		body, answer = nil, nil
	}
	*x = exchange{done: x.done, body: body, answer: answer}
	p.spares.Put(x)
}

// flight is a place in the window; its exchange is nil if nobody waits any more.
type flight struct {
	*exchange
	weight int64
	until  time.Time
}

func (f flight) forsaken() flight { return flight{nil, f.weight, f.until} }

// pipe is one open stream to one client service. All that waits is written at
// once, and answers come in any order.
type pipe struct {
	way    *way
	conn   io.ReadWriteCloser
	cancel context.CancelFunc
	from   paxos.NodeID
	window int64
	room   *semaphore.Weighted
	spares sync.Pool // of exchanges
	wake   chan struct{}
	over   chan struct{} // closed when it has failed, or is done with
	shut   atomic.Bool   // it takes no more
	heard  atomic.Int64  // when, in Unix nanoseconds
	begun  atomic.Int64  // when the present write was begun, 0 for none

	mu      sync.Mutex
	open    map[uint64]flight
	awaited int    // of open, those for whom somebody waits
	last    uint64 // the id of the last command
	out     uint64 // the id of the last command that may have left
	waiting []byte // frames
	spare   []byte
	writing bool
	failed  error
	opened  time.Time
	used    time.Time
}

func newPipe(w *way, conn io.ReadWriteCloser, cancel context.CancelFunc, from paxos.NodeID, window int) *pipe {
	p := &pipe{way: w, conn: conn, cancel: cancel, from: from, window: int64(window), room: semaphore.NewWeighted(int64(window)),
		wake: make(chan struct{}, 1), over: make(chan struct{}), spares: sync.Pool{New: newExchange}, open: map[uint64]flight{}, opened: time.Now(), used: time.Now()}
	p.heard.Store(time.Now().UnixNano())
	go p.read()
	go p.write()
	go p.mind()
	return p
}

func (p *pipe) closed() bool { return p.shut.Load() }

// do has a command applied and waits for the answer, which is x's then. The
// error says why there is none: errNotTaken that it was not begun.
func (p *pipe) do(b budget, x *exchange, key string) error {
	weight := min(1+int64(len(x.body)/weightBytes), p.window)
	if !p.room.TryAcquire(weight) {
		ctx, cancel := b.context()
		err := p.room.Acquire(ctx, weight)
		cancel()
		if err != nil {
			return err
		}
	}
	patience := b.patience()
	p.mu.Lock()
	if p.shut.Load() {
		p.mu.Unlock()
		p.room.Release(weight)
		return errNotTaken
	}
	p.last++
	id := p.last
	p.open[id] = flight{x, weight, b.until}
	p.awaited++
	p.waiting = wire.AppendWrite(p.waiting, id, patience, key, x.body)
	if len(p.open) == 1 && !p.writing && len(p.waiting) < weightBytes {
		// Alone, it is sooner there without another goroutine.
		p.writeLocked()
		p.mu.Unlock()
	} else {
		p.mu.Unlock()
		p.tell()
	}
	select {
	case <-x.done:
	case <-b.ctx.Done():
		if p.forsake(id) {
			x.left = true
			return b.ctx.Err()
		}
		<-x.done
	}
	return x.err
}

func (p *pipe) tell() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// forsake gives up a command that nobody waits for any more, whose place stays
// taken; false if its answer is here.
func (p *pipe) forsake(id uint64) bool {
	p.mu.Lock()
	f := p.open[id]
	awaited := f.exchange != nil
	if awaited {
		p.open[id] = f.forsaken()
		p.awaited--
	}
	done := p.doneLocked()
	p.mu.Unlock()
	if done {
		p.fail(errIdle)
	}
	return awaited
}

// doneLocked reports whether the stream takes no more, and nobody waits for
// anything on it.
func (p *pipe) doneLocked() bool { return p.shut.Load() && p.awaited == 0 }

// answer hands an answer to who waits for it.
func (p *pipe) answer(id uint64, fill func(*exchange)) error {
	p.mu.Lock()
	f, asked := p.open[id]
	if !asked || id > p.out {
		// One that has not left stays: who asked it is told that the stream ended.
		p.mu.Unlock()
		return fmt.Errorf("%w: an answer to %d, which was not asked", wire.ErrFrame, id)
	}
	delete(p.open, id)
	if f.exchange != nil {
		p.awaited--
	}
	done := p.doneLocked()
	p.mu.Unlock()
	p.room.Release(f.weight)
	if f.exchange != nil {
		fill(f.exchange)
		f.done <- struct{}{}
	}
	if done {
		return errIdle
	}
	return nil
}

// leave makes the stream take no more, and end when all on it is answered. Well
// says that nothing is wrong with its address.
func (p *pipe) leave(well bool) {
	p.mu.Lock()
	p.shut.Store(true)
	done := p.doneLocked()
	p.mu.Unlock()
	p.way.ended(p, well)
	if done {
		p.fail(errIdle)
	}
}

// fail ends the stream. What may have left is unknown to those who asked.
func (p *pipe) fail(why error) {
	p.mu.Lock()
	if p.failed != nil {
		p.mu.Unlock()
		return
	}
	p.failed = why
	p.shut.Store(true)
	open, out := p.open, p.out
	p.open, p.awaited = map[uint64]flight{}, 0
	p.mu.Unlock()
	p.way.ended(p, errors.Is(why, errIdle))
	close(p.over)
	_ = p.conn.Close()
	p.cancel()
	for id, f := range open {
		p.room.Release(f.weight)
		if f.exchange != nil {
			f.err, f.left = why, id <= out
			f.done <- struct{}{}
		}
	}
}

// mind sends beats, and ends what takes too long: commands, and the stream.
func (p *pipe) mind() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	beat := time.Now()
	for {
		select {
		case <-p.over:
			return
		case <-ticker.C:
		}
		now := time.Now()
		if begun := p.begun.Load(); begun != 0 && now.Sub(time.Unix(0, begun)) > wire.WriteLimit {
			p.fail(errStuck)
		}
		if now.Sub(time.Unix(0, p.heard.Load())) > wire.SilenceLimit {
			p.fail(errSilent)
		}
		if now.Sub(beat) >= wire.BeatEvery {
			beat = now
			p.mu.Lock()
			p.waiting = wire.AppendBeat(p.waiting)
			p.mu.Unlock()
			p.tell()
		}
		p.overdue(now)
	}
}

// overdue ends the waiting of those whose time is over, and the stream if it is
// not needed, or if the service does not even answer late.
func (p *pipe) overdue(now time.Time) {
	p.mu.Lock()
	never := false
	for id, f := range p.open {
		if f.exchange != nil && now.After(f.until) {
			p.open[id] = f.forsaken()
			p.awaited--
			f.err, f.left = context.DeadlineExceeded, true
			f.done <- struct{}{}
		}
		never = never || now.After(f.until.Add(longestWait))
	}
	if len(p.open) > 0 {
		p.used = now
	}
	idle := now.Sub(p.used) > idleLimit
	done := p.doneLocked()
	p.mu.Unlock()
	switch {
	case never:
		p.fail(errSilent)
	case done:
		p.fail(errIdle)
	case idle:
		p.leave(true)
	}
}
