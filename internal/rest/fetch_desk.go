package rest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"paxos/client/wire"
	"paxos/internal/lean"
	"paxos/internal/metrics"
)

// How much of one stream of reads may be in flight, how many reads share one
// question, and how much is written at once.
const (
	fetchWindow = 4096
	fetchGroup  = 512
	fetchPart   = 64 << 10
)

// desks are a learner's streams of reads, each of a client service.
type desks struct {
	mu      sync.Mutex
	open    map[*desk]bool
	running sync.WaitGroup
	route   *metrics.Route
}

// desk is one stream at which reads of one key are answered, without a request
// for each: what is read together asks the acceptors together, and is looked up
// in one visit to the loop.
type desk struct {
	server *Server
	conn   *paced
	in     *wire.Frames
	ctx    context.Context
	cut    context.CancelFunc

	gathered []*fetched // read, and not asked for yet; the reader's own
	scratch  lean.Answer
	fresh    []byte // header lines that all of one group have

	mu     sync.Mutex
	flying int        // reads that are not written
	told   []*fetched // answered, and not written
	wake   chan struct{}
	room   chan struct{} // something was written
}

// readStream opens the stream of a client service.
func (s *Server) readStream(c *gin.Context) {
	if c.GetHeader("Upgrade") != wire.ReadsProtocol {
		c.Header("Upgrade", wire.ReadsProtocol)
		refuse(c, problem("wrong-protocol", http.StatusUpgradeRequired, fmt.Sprintf("streams here speak %s", wire.ReadsProtocol), ""))
		return
	}
	c.Status(http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(c.Writer).Hijack()
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	defer func() { _ = conn.Close() }()
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	d := newDesk(s, newPaced(conn, io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn)))
	defer d.cut()
	if !s.desks.enter(d) {
		return
	}
	defer s.desks.leave(d)
	answer := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + wire.ReadsProtocol + "\r\n" +
		wire.HeaderFrom + ": " + string(s.settings.ID) + "\r\n" + wire.HeaderWindow + ": " + strconv.Itoa(fetchWindow) + "\r\n\r\n"
	if d.writeOut([]byte(answer)) != nil {
		return
	}
	s.Log.WithField("peer", conn.RemoteAddr().String()).Debugf("a stream of reads ended: %v", d.run())
}

func newDesk(s *Server, conn *paced) *desk {
	d := &desk{server: s, conn: conn, in: wire.NewFrames(conn), wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	d.ctx, d.cut = context.WithCancel(s.life)
	return d
}

func (g *desks) enter(d *desk) bool {
	s := d.server
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.life.Err() != nil {
		return false
	}
	if g.open == nil {
		g.open = map[*desk]bool{}
		g.route = s.Measures.Requests.Route("STREAM", "/kv")
	}
	g.open[d] = true
	g.running.Add(1)
	return true
}

func (g *desks) leave(d *desk) {
	g.mu.Lock()
	delete(g.open, d)
	g.mu.Unlock()
	g.running.Done()
}

// wait waits, after the server's life has ended, for all streams to end: who had
// no answer asks elsewhere.
func (g *desks) wait() {
	g.mu.Lock() // nobody enters any more
	none := len(g.open) == 0
	g.mu.Unlock()
	if !none {
		g.running.Wait()
	}
}

// run serves the stream until it ends, or life does.
func (d *desk) run() error {
	stop := context.AfterFunc(d.ctx, func() { _ = d.conn.Close() })
	defer stop()
	wrote := make(chan error, 1)
	go func() {
		defer d.cut()
		wrote <- d.write()
	}()
	err := d.read()
	d.cut()
	<-wrote
	return err
}

func tell(who chan struct{}) {
	select {
	case who <- struct{}{}:
	default:
	}
}

// read takes reads, and asks for what it has when no more is there.
func (d *desk) read() error {
	for {
		if d.in.Waits() {
			if err := d.ask(); err != nil {
				return err
			}
		}
		kind, content, err := d.in.Next()
		switch {
		case err != nil:
			return err
		case kind == 0:
			continue
		case kind != wire.KindRead:
			return fmt.Errorf("%w: kind %d is not for a learner", wire.ErrFrame, kind)
		}
		q, err := wire.ReadRead(content)
		if err != nil {
			return err
		}
		if err := d.take(q); err != nil {
			return err
		}
	}
}

// take gathers a read with those that want the same, and waits while too much is
// in flight.
func (d *desk) take(q wire.Read) error {
	if q.Timeout < time.Millisecond || q.Timeout > maxTimeout {
		return fmt.Errorf("%w: a timeout of %v is not from 1ms to %v", wire.ErrFrame, q.Timeout, maxTimeout)
	}
	key := string(q.Key)
	f := d.groupFor(q)
	f.reads = append(f.reads, fetchedKey{id: q.ID, json: q.JSON, seen: q.Seen, key: key,
		elsewhere: key == "" || !utf8.ValidString(key) || d.server.keyFits(key) != nil})
	d.mu.Lock()
	d.flying++
	full := d.flying >= fetchWindow
	d.mu.Unlock()
	if len(f.reads) >= fetchGroup || full {
		if err := d.ask(); err != nil {
			return err
		}
	}
	for full {
		select {
		case <-d.room:
		case <-d.ctx.Done():
			return d.ctx.Err()
		}
		d.mu.Lock()
		full = d.flying >= fetchWindow
		d.mu.Unlock()
	}
	return nil
}

// write writes answers and beats.
func (d *desk) write() error {
	beat := time.NewTicker(wire.BeatEvery)
	defer beat.Stop()
	var buf []byte
	var told []*fetched
	for {
		buf = buf[:0]
		select {
		case <-d.ctx.Done():
			return d.ctx.Err()
		case <-beat.C:
			buf = wire.AppendBeat(buf)
		case <-d.wake:
			runtime.Gosched() // the next group is answered too, perhaps
		}
		d.mu.Lock()
		told, d.told = d.told, told[:0]
		d.mu.Unlock()
		var err error
		for i, f := range told {
			if buf, err = d.answer(buf, f); err != nil {
				return err
			}
			told[i] = nil
		}
		if err := d.writeOut(buf); err != nil {
			return err
		}
	}
}

func (d *desk) writeOut(buf []byte) error {
	if len(buf) == 0 {
		return nil
	}
	_, err := d.conn.Write(buf)
	return err
}
