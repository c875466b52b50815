package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"paxos/client/wire"
	"paxos/internal/sched"
	"paxos/paxos"
)

// Of the streams on which a client service asks learners: how many reads may be
// in flight on one, how long one stays open that nobody uses, and how long what
// is no longer used is remembered.
const (
	lineWindow = 4 * fetchWindow
	lineIdle   = 30 * time.Second
	lineMemory = time.Minute
)

// lines are a client service's streams of reads, one to each address at which a
// learner was asked. A stream is opened because somebody would have used it, who
// does not wait for it.
type lines struct {
	crowd   *sched.Crowd // of reads that are written together
	mu      sync.Mutex
	of      map[string]*line
	running sync.WaitGroup
	life    context.Context
	end     context.CancelFunc
}

func newLines(crowd *sched.Crowd) *lines {
	g := &lines{crowd: crowd, of: map[string]*line{}}
	g.life, g.end = context.WithCancel(context.Background())
	return g
}

// to gives the line to an address.
func (g *lines) to(address string) *line {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.of[address]
	if l == nil {
		for old, other := range g.of {
			if other.forgotten() {
				delete(g.of, old)
			}
		}
		l = &line{lines: g, address: address, wake: make(chan struct{}, 1)}
		l.late = time.AfterFunc(time.Hour, func() { tell(l.wake) })
		l.late.Stop()
		g.of[address] = l
	}
	return l
}

// close ends all streams.
func (g *lines) close() {
	g.mu.Lock()
	g.end() // nothing begins after it
	g.mu.Unlock()
	g.running.Wait()
}

// begin runs something that close waits for; it reports false after close.
func (g *lines) begin(run func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.life.Err() != nil {
		return false
	}
	g.running.Go(run)
	return true
}

// line is the way to one address, with a stream or without.
type line struct {
	lines   *lines
	address string
	wake    chan struct{}
	late    *time.Timer // wakes, for what was queued first

	mu      sync.Mutex
	open    bool // there is a stream
	opening bool
	learner paxos.NodeID // who answers on it
	pause   time.Duration
	retry   time.Time // when a stream may be tried again, or has ended
	out     []byte    // reads that are not written
	queued  int       // how many those are
	hasty   bool      // one of them is not to wait for others' answers
	strong  int       // of waiting, those that must be linearizable
	waiting map[uint64]*waiting
	last    uint64
	used    bool // since the last beat
}

func (l *line) forgotten() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.open && !l.opening && time.Since(l.retry) > lineMemory
}

// waiting is one who waits for an answer.
type waiting struct {
	alarm   *time.Timer
	told    chan struct{} // room for one
	learner paxos.NodeID
	strong  bool
	status  int    // 0: there is no answer here
	head    int    // bytes of the header lines
	bytes   []byte // these, and the body
}

var spareWaiting = sync.Pool{New: func() any {
	return &waiting{alarm: time.NewTimer(time.Hour), told: make(chan struct{}, 1)}
}}

func (w *waiting) free() {
	if cap(w.bytes) <= fetchPart {
		spareWaiting.Put(w)
	}
}

// errFull says that as many reads wait for a learner as there is room for. One
// more, by a request of its own to this learner, would cost it the most when it
// has the least; another one may have room.
var errFull = errors.New("as many reads wait for it as there is room for")

// ask asks on the stream. Without an answer and without an error a request is to
// be tried: there is no stream, or it broke, or the learner says so; asked tells
// whether time was spent. The error may be errFull.
func (l *line) ask(q question, share, patience time.Duration) (got *answer, asked bool, err error) {
	w := spareWaiting.Get().(*waiting)
	w.bytes, w.status = w.bytes[:0], 0
	id, err := l.enter(w, q, share)
	if id == 0 {
		w.free()
		return nil, false, err
	}
	w.alarm.Reset(patience)
	select {
	case <-w.told:
		w.alarm.Stop()
	case <-w.alarm.C:
		if l.leave(id) {
			w.free()
			return nil, true, context.DeadlineExceeded
		}
		<-w.told // it comes at this moment
	}
	if w.status == 0 {
		w.free()
		return nil, true, nil
	}
	return &answer{status: w.status, head: w.bytes[:w.head], body: w.bytes[w.head:], held: w, close: func() {}}, true, nil
}

// enter writes a read down; the stream's own goroutine writes it out, with all
// that others wrote down meanwhile. The id is 0 if there is no stream, or no room.
func (l *line) enter(w *waiting, q question, share time.Duration) (id uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.open:
		l.wish()
		return 0, nil
	case len(l.waiting) >= lineWindow:
		return 0, errFull
	}
	l.last++
	l.used = true
	l.waiting[l.last] = w
	read := *q.hot
	read.ID, read.Timeout = l.last, share
	l.out = wire.AppendRead(l.out, read, q.key)
	w.strong = read.Freshness == wire.Linearizable
	l.queue(w)
	return l.last, nil
}

// leave takes back a read; it reports false if its answer came already.
func (l *line) leave(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.waiting[id]
	if ok {
		l.took(id, w)
	}
	return ok
}

// wish opens a stream in the background, if none is being opened, and if none
// failed just now. It is called with mu.
func (l *line) wish() {
	if l.open || l.opening || time.Now().Before(l.retry) {
		return
	}
	l.opening = true
	// Not with mu of both: lines.to looks at a line with its own.
	go func() {
		if !l.lines.begin(l.run) {
			l.closed(false)
		}
	}()
}

// run opens a stream and serves it until it ends.
func (l *line) run() {
	conn, learner, err := l.dial()
	if err != nil {
		l.closed(false)
		return
	}
	l.mu.Lock()
	l.open, l.opening, l.learner, l.used = true, false, learner, true
	l.waiting, l.out = map[uint64]*waiting{}, l.out[:0]
	l.queued, l.hasty, l.strong = 0, false, 0
	l.mu.Unlock()
	ctx, cancel := context.WithCancel(l.lines.life)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		defer cancel()
		l.write(ctx, conn)
	}()
	l.read(wire.NewFrames(conn))
	cancel()
	<-wrote
	stop()
	_ = conn.Close()
	l.closed(true)
}

// closed lets those who wait know that nothing comes any more. One that could
// not be opened is tried again after a growing pause.
func (l *line) closed(served bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pause = min(max(2*l.pause, backoffFirst), backoffMost)
	if served {
		l.pause = backoffFirst
	}
	l.open, l.opening, l.retry = false, false, time.Now().Add(l.pause)
	for _, w := range l.waiting {
		w.told <- struct{}{}
	}
	l.waiting, l.out = nil, nil
}

// dial asks a learner for a stream of reads.
func (l *line) dial() (*paced, paxos.NodeID, error) {
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.DialContext(l.lines.life, "tcp", l.address)
	if err != nil {
		return nil, "", err
	}
	stop := context.AfterFunc(l.lines.life, func() { _ = conn.Close() })
	defer stop()
	in, learner, err := l.upgrade(conn)
	if err != nil {
		_ = conn.Close()
	}
	return newPaced(conn, in), learner, err
}

func (l *line) upgrade(conn net.Conn) (io.Reader, paxos.NodeID, error) {
	if err := conn.SetDeadline(time.Now().Add(dialLimit)); err != nil {
		return nil, "", err
	}
	request, err := http.NewRequestWithContext(l.lines.life, http.MethodGet, "http://"+l.address+"/kv", nil)
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", wire.ReadsProtocol)
	if err := request.Write(conn); err != nil {
		return nil, "", err
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Upgrade") != wire.ReadsProtocol {
		return nil, "", fmt.Errorf("status %d", response.StatusCode)
	}
	return in, paxos.NodeID(response.Header.Get(wire.HeaderFrom)), conn.SetDeadline(time.Time{})
}

// read takes answers until none can come any more.
func (l *line) read(in *wire.Frames) {
	for {
		kind, content, err := in.Next()
		if err != nil || kind != 0 && kind != wire.KindAnswer {
			return
		}
		if kind == 0 {
			continue
		}
		a, err := wire.ReadAnswer(content)
		if err != nil {
			return
		}
		l.mu.Lock()
		w := l.waiting[a.ID]
		if w != nil {
			l.took(a.ID, w)
		}
		learner := l.learner
		l.mu.Unlock()
		if w == nil {
			continue // it is not waited for any more
		}
		w.learner, w.status, w.head = learner, a.Status, len(a.Head)
		w.bytes = append(append(w.bytes[:0], a.Head...), a.Body...)
		w.told <- struct{}{}
	}
}

// write writes what was written down, and beats. It ends with the stream, and
// when nobody used that for long.
func (l *line) write(ctx context.Context, conn net.Conn) {
	beat := time.NewTicker(wire.BeatEvery)
	defer beat.Stop()
	var out []byte
	for unused := time.Duration(0); ; {
		var beats []byte
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			beats = wire.AppendBeat(beats)
		case <-l.wake:
			runtime.Gosched() // who can run now has a read too, mostly
		}
		l.mu.Lock()
		out = l.takeQueued(out)
		if len(beats) > 0 {
			unused += wire.BeatEvery
			if l.used || len(l.waiting) > 0 {
				unused = 0
			}
			l.used = false
		}
		over := unused >= lineIdle
		if over {
			l.open, l.opening = false, true // no other one is opened until this has ended
		}
		l.mu.Unlock()
		if over {
			return
		}
		out = append(out, beats...)
		if len(out) == 0 {
			continue
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
		if cap(out) > keptBuffer {
			out = nil
		}
	}
}
