package rest

import (
	"sync"
	"sync/atomic"

	"paxos/paxos"
)

// outbox holds what waits to be written to one peer. It is bounded: what does
// not fit is lost, as messages may be.
type outbox struct {
	mu      sync.Mutex
	waiting []parcel
	bytes   int    // of them
	rest    []byte // of what was written in part, goes before them
	buf     []byte // of what is written at once
	writing bool   // what was taken is not written yet
	used    bool   // since the last beat
	attempt *attempt
	wake    chan struct{}
	lost    *atomic.Uint64
}

// parcel is an envelope that waits. Its form is made when it leaves, for a peer
// that is stuck may have much waiting, and none of it is ever read.
type parcel struct {
	envelope paxos.Envelope
	size     int
	common   *common // nil if nobody else gets the message
}

// common is the body of a message that several peers get: the first that needs
// it makes it.
type common struct {
	once sync.Once
	form []byte
}

func (p *parcel) frame(b []byte) []byte {
	if p.common == nil {
		return appendFrame(b, &p.envelope, nil)
	}
	p.common.once.Do(func() { p.common.form = paxos.AppendBody(make([]byte, 0, p.size), p.envelope.Message) })
	return appendFrame(b, &p.envelope, p.common.form)
}

func newOutbox(lost *atomic.Uint64) *outbox { return &outbox{wake: make(chan struct{}, 1), lost: lost} }

// put adds to what the next push sends.
func (o *outbox) put(p parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) >= queueLimit || o.bytes+p.size > queueBytes {
		o.lost.Add(1)
		return
	}
	o.waiting = append(o.waiting, p)
	o.bytes += p.size
}

// directBytes bounds what the loop writes itself: the rest of its turn waits
// for that.
const directBytes = 64 << 10

// push sends what waits. If it is little, and nobody writes, the connection may
// take it at once, and no other goroutine is woken for it; but whoever pushes
// waits for no peer.
func (o *outbox) push() {
	o.mu.Lock()
	if !o.writing && o.attempt != nil && len(o.rest) == 0 && len(o.waiting) > 0 && o.bytes <= directBytes {
		o.direct()
	}
	more := !o.writing && len(o.rest)+len(o.waiting) > 0
	o.mu.Unlock()
	if more {
		o.rouse()
	}
}

func (o *outbox) direct() {
	o.buf = o.buf[:0]
	for i := range o.waiting {
		o.buf = o.waiting[i].frame(o.buf)
	}
	clear(o.waiting)
	o.waiting, o.bytes, o.used = o.waiting[:0], 0, true
	o.rest = o.buf[o.attempt.write(o.buf):]
}

func (o *outbox) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// beat lets take find a beat if nothing was written since the last one.
func (o *outbox) beat() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.used && len(o.rest)+len(o.waiting) == 0 {
		o.rest = appendBeat(nil)
	}
	o.used = false
}

// take appends to buf the frames of all that waits, nothing if nothing does, and
// keeps the given list for what comes. Until the next take only the taker
// writes.
func (o *outbox) take(buf []byte, spare []parcel) ([]byte, []parcel) {
	o.mu.Lock()
	o.writing = len(o.rest)+len(o.waiting) > 0
	o.used = o.used || o.writing
	buf, o.rest = append(buf, o.rest...), nil
	taken := o.waiting
	o.waiting, o.bytes = spare[:0], 0
	o.mu.Unlock()
	for i := range taken {
		buf = taken[i].frame(buf)
	}
	clear(taken)
	return buf, taken
}

// empty reports whether everything was written, or lost.
func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.rest)+len(o.waiting) == 0 && !o.writing
}

// attach makes a stream the one that is written to.
func (o *outbox) attach(a *attempt) {
	o.mu.Lock()
	o.attempt = a
	o.mu.Unlock()
	o.rouse()
}

// detach is the end of the stream. Part of a frame may have been written, so
// that what waits is of no use to another one.
func (o *outbox) detach() {
	o.mu.Lock()
	o.attempt = nil
	o.mu.Unlock()
	o.drop()
}

// drop forgets what waits.
func (o *outbox) drop() {
	o.mu.Lock()
	o.waiting, o.bytes, o.rest, o.writing = nil, 0, nil, false
	o.mu.Unlock()
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
