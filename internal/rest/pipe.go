package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"paxos/paxos"
)

// How long a stream may be silent, and how long one write may take, of so many
// bytes at most. A peer that is stuck loses its stream, and delays nobody else.
const (
	beatEvery    = 500 * time.Millisecond
	silenceLimit = 3 * time.Second
	writeLimit   = 2 * time.Second
	writeBytes   = 256 << 10
	queueLimit   = 8192     // envelopes that wait for one peer
	queueBytes   = 64 << 20 // about their size
	keptBuffer   = 1 << 20  // a larger write buffer is given back
)

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
	p.out.attach(newAttempt(p.conn))
	defer p.out.detach()
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

// write sends what waits, all of it in one write, when it could not be written
// at once; and a beat when nothing was.
func (p *pipe) write(ctx context.Context) error {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	var buf []byte
	var spare []parcel
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			p.out.beat()
		case <-p.out.wake:
		}
		for {
			if buf, spare = p.out.take(buf[:0], spare); len(buf) == 0 {
				break
			}
			if err := p.send(buf); err != nil {
				return err
			}
			if cap(buf) > keptBuffer {
				buf = nil
			}
		}
	}
}

func (p *pipe) send(b []byte) error {
	// A peer that is slow and takes some is not stuck.
	for part := range slices.Chunk(b, writeBytes) {
		if err := p.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
			return err
		}
		if _, err := p.conn.Write(part); err != nil {
			return err
		}
	}
	// Or an attempt would find it expired.
	return p.conn.SetWriteDeadline(time.Time{})
}
