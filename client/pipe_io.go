package client

import (
	"fmt"
	"runtime"
	"time"

	"paxos/client/wire"
)

// writtenAtOnce is the most that one wire.WriteLimit is for.
const writtenAtOnce = 256 << 10

// writeLocked writes what waits; p.mu is let go meanwhile.
func (p *pipe) writeLocked() {
	buf := p.waiting
	p.waiting, p.out, p.writing = p.spare[:0], p.last, true
	p.mu.Unlock()
	err := p.writeParts(buf)
	p.begun.Store(0)
	if cap(buf) > keptBuffer {
		buf = nil
	}
	if err != nil {
		p.fail(err)
	}
	p.mu.Lock()
	p.spare, p.writing = buf[:0], false
	if len(p.waiting) > 0 {
		p.tell()
	}
}

// writeParts gives each part wire.WriteLimit: a slow way is not a stuck one.
func (p *pipe) writeParts(buf []byte) error {
	for len(buf) > 0 {
		p.begun.Store(time.Now().UnixNano())
		part := buf[:min(len(buf), writtenAtOnce)]
		if _, err := p.conn.Write(part); err != nil {
			return err
		}
		buf = buf[len(part):]
	}
	return nil
}

func (p *pipe) write() {
	for {
		select {
		case <-p.over:
			return
		case <-p.wake:
		}
		// Those who can run now have something to say, mostly, and it costs
		// nothing more to write it too.
		runtime.Gosched()
		p.mu.Lock()
		if len(p.waiting) > 0 && !p.writing && p.failed == nil {
			p.writeLocked()
		}
		p.mu.Unlock()
	}
}

// read takes answers until the stream ends.
func (p *pipe) read() {
	frames := wire.NewFrames(listened{p})
	for {
		kind, content, err := frames.Next()
		if err == nil {
			err = p.take(kind, content)
		}
		if err != nil {
			p.fail(err)
			return
		}
	}
}

// listened is what a pipe reads: whatever comes, were it a part of a frame, is a
// sign of life.
type listened struct{ p *pipe }

func (l listened) Read(b []byte) (int, error) {
	n, err := l.p.conn.Read(b)
	if n > 0 {
		l.p.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// take takes a frame; an error ends the stream.
func (p *pipe) take(kind wire.Kind, content []byte) error {
	switch kind {
	case 0:
		return nil
	case wire.KindApplied:
		a, err := wire.ReadApplied(content)
		if err != nil {
			return err
		}
		return p.answer(a.ID, func(x *exchange) {
			x.answer = append(x.answer[:0], a.Result...)
			x.applied = a
			x.applied.Result = x.answer
		})
	case wire.KindRefused:
		id, problem, err := wire.ReadRefused(content)
		if err != nil {
			return err
		}
		return p.answer(id, func(x *exchange) {
			x.answer = append(x.answer[:0], problem...)
			x.problem = x.answer
		})
	case wire.KindLeaving:
		p.leave(false)
		return nil
	case wire.KindFault:
		return fmt.Errorf("the service ended the stream: %.200q", content)
	}
	return fmt.Errorf("%w: kind %d is not for a program", wire.ErrFrame, kind)
}
