package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"paxos/paxos"
)

// How long a stream may be silent, and how long one write may take. A peer
// that is stuck loses its stream, and delays nobody else.
const (
	beatEvery    = 500 * time.Millisecond
	silenceLimit = 3 * time.Second
	writeLimit   = 2 * time.Second
	queueLimit   = 8192     // envelopes that wait for one peer
	queueBytes   = 64 << 20 // about their size
	keptBuffer   = 1 << 20  // a larger write buffer is given back
)

// outbox holds what waits to be written to one peer. It is bounded: what does
// not fit is lost, as messages may be.
type outbox struct {
	mu      sync.Mutex
	waiting []paxos.Envelope
	bytes   int
	writing bool // what was taken is not written yet
	wake    chan struct{}
	lost    *atomic.Uint64
}

func newOutbox(lost *atomic.Uint64) *outbox { return &outbox{wake: make(chan struct{}, 1), lost: lost} }

func (o *outbox) put(e paxos.Envelope) {
	size := weight(e.Message)
	o.mu.Lock()
	if len(o.waiting) >= queueLimit || o.bytes+size > queueBytes {
		o.mu.Unlock()
		o.lost.Add(1)
		return
	}
	o.waiting = append(o.waiting, e)
	o.bytes += size
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take gives all that waits and keeps the given slice for what comes.
func (o *outbox) take(spare []paxos.Envelope) []paxos.Envelope {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.waiting
	o.waiting, o.bytes, o.writing = spare[:0], 0, true
	return taken
}

func (o *outbox) written() {
	o.mu.Lock()
	o.writing = false
	o.mu.Unlock()
}

// empty reports whether everything was written, or lost.
func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting) == 0 && !o.writing
}

// weight is about how many bytes of values a message holds.
func weight(m paxos.Message) int {
	n := 64
	switch m := m.(type) {
	case paxos.Accept:
		for _, p := range m.Proposals {
			n += p.Value.Size()
		}
	case paxos.Promise:
		n += entriesSize(m.Entries)
	case paxos.Chosen:
		n += entriesSize(m.Entries)
	case paxos.Learn:
		n += votesSize(m.Votes)
	case paxos.Voted:
		n += votesSize(m.Votes)
	case paxos.Propose:
		n += paxos.Value{Commands: m.Commands}.Size()
	case paxos.Notify:
		for _, o := range m.Outcomes {
			n += 64 + len(o.Result)
		}
	case paxos.SnapshotPart:
		n += len(m.Bytes)
	}
	return n
}

func entriesSize(entries []paxos.Entry) int {
	n := 0
	for _, e := range entries {
		n += e.Value.Size()
	}
	return n
}

func votesSize(votes []paxos.Vote) int {
	n := 0
	for _, v := range votes {
		n += 64
		if v.Value != nil {
			n += v.Value.Size()
		}
	}
	return n
}

// pipe is one open stream.
type pipe struct {
	conn   net.Conn
	in     *bufio.Reader
	peer   paxos.NodeID
	start  string // which process of that id it is
	out    *outbox
	handle func(paxos.Envelope) error
}

// run reads and writes until one of them fails or ctx ends; it closes the
// connection. The error says what ended it.
func (p *pipe) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.conn.Close() })
	defer stop()
	wrote := make(chan error, 1)
	go func() {
		wrote <- p.write(ctx)
		cancel()
	}()
	err := p.read()
	cancel()
	return errors.Join(err, <-wrote)
}

func (p *pipe) read() error {
	var deadline time.Time
	for {
		// Moving the deadline costs; it is enough to do so now and then.
		if now := time.Now(); deadline.Sub(now) < silenceLimit-beatEvery {
			deadline = now.Add(silenceLimit)
			if err := p.conn.SetReadDeadline(deadline); err != nil {
				return err
			}
		}
		message, err := readFrame(p.in)
		if err != nil {
			return err
		}
		if message == nil {
			continue
		}
		e, err := paxos.DecodeEnvelope(message)
		if err != nil {
			return fmt.Errorf("from %s: %w", p.peer, err)
		}
		if e.From != p.peer {
			return fmt.Errorf("the stream of %s carries a message from %q", p.peer, string(e.From))
		}
		if err := p.handle(e); err != nil {
			return err
		}
	}
}

// write sends what waits, all of it in one write.
func (p *pipe) write(ctx context.Context) error {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	var buf []byte
	var spare []paxos.Envelope
	for {
		buf = buf[:0]
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			buf = appendBeat(buf)
		case <-p.out.wake:
			taken := p.out.take(spare)
			for i := range taken {
				buf = appendFrame(buf, taken[i])
			}
			clear(taken)
			spare = taken
		}
		if len(buf) == 0 {
			p.out.written()
			continue
		}
		if err := p.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
			return err
		}
		if _, err := p.conn.Write(buf); err != nil {
			return err
		}
		p.out.written()
		if cap(buf) > keptBuffer {
			buf = nil
		}
	}
}
