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

	"github.com/gin-gonic/gin"

	"paxos/client/wire"
	"paxos/internal/metrics"
	"paxos/internal/node"
)

// How much of one program may be in flight: a share of what the session holds,
// so that nobody has all of it. Beyond it the stream is not read on.
const (
	programWindow = 2048
	programBytes  = 32 << 20
)

// programs are the streams that are open, each of a program that sends many
// commands.
type programs struct {
	mu       sync.Mutex
	open     map[*program]bool
	running  sync.WaitGroup
	commands *metrics.Route
}

// program opens the stream of a program: the commands of POST /send, /kv and
// /txn, without a request for each.
func (s *Server) program(c *gin.Context) {
	if c.GetHeader("Upgrade") != wire.Protocol {
		c.Header("Upgrade", wire.Protocol)
		refuse(c, problem("wrong-protocol", http.StatusUpgradeRequired, fmt.Sprintf("streams here speak %s", wire.Protocol), ""))
		return
	}
	if s.life.Err() != nil {
		refuse(c, problem("stopping", http.StatusServiceUnavailable, fmt.Sprintf("%s is stopping", s.settings.ID), "ask another node"))
		return
	}
	c.Status(http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(c.Writer).Hijack()
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + wire.Protocol + "\r\n" +
		wire.HeaderFrom + ": " + string(s.settings.ID) + "\r\n" + wire.HeaderWindow + ": " + strconv.Itoa(programWindow) + "\r\n\r\n"
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	from := newPaced(conn, io.MultiReader(bytes.NewReader(bytes.Clone(early)), conn))
	if _, err := conn.Write([]byte(answer)); err != nil {
		_ = conn.Close()
		return
	}
	p := newProgram(s, from)
	if !s.programs.enter(p) {
		_ = conn.Close()
		return
	}
	defer s.programs.leave(p)
	s.Log.WithField("peer", conn.RemoteAddr().String()).Debugf("a program's stream ended: %v", p.run(s.life))
}

func (g *programs) enter(p *program) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.server.life.Err() != nil {
		return false
	}
	if g.commands == nil {
		g.commands = p.server.Measures.Requests.Route("STREAM", "/send")
	}
	p.commands = g.commands
	g.open[p] = true
	g.running.Add(1)
	return true
}

func (g *programs) leave(p *program) {
	g.mu.Lock()
	delete(g.open, p)
	g.mu.Unlock()
	g.running.Done()
}

// wait waits until all streams have ended; those that have not when ctx ends
// are cut when their last answers are written.
func (g *programs) wait(ctx context.Context) error {
	g.mu.Lock() // the server ended before: nobody enters any more
	none := len(g.open) == 0
	g.mu.Unlock()
	if none {
		return nil
	}
	over := make(chan struct{})
	go func() { g.running.Wait(); close(over) }()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cut ends what is left.
func (g *programs) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.open {
		p.cut()
	}
}

// program is one stream.
type program struct {
	server   *Server
	conn     *paced
	in       *wire.Frames
	commands *metrics.Route
	ctx      context.Context
	cut      context.CancelFunc

	// Of the one who reads: what came together goes to the loop together.
	gathered  []*streamed
	questions []node.Question

	mu      sync.Mutex
	open    map[uint64]*streamed // until their answers are written
	bytes   int                  // of their bodies
	told    []*streamed          // answered, and not written
	leaving bool
	ending  bool // nothing more is read
	wake    chan struct{}
	room    chan struct{} // something was answered
}

func newProgram(s *Server, conn *paced) *program {
	p := &program{server: s, conn: conn, in: wire.NewKeptFrames(conn), open: map[uint64]*streamed{}, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	p.ctx, p.cut = context.WithCancel(context.Background())
	return p
}

// run serves the stream until it ends; the error says why. When life ends it
// takes no more, and ends with the last answer.
func (p *program) run(life context.Context) error {
	defer p.cut()
	stop := context.AfterFunc(p.ctx, func() { _ = p.conn.Close() })
	defer stop()
	wrote := make(chan error, 1)
	go func() {
		err := p.write(life)
		wrote <- err
		if err != nil {
			p.cut() // no answer makes room any more
		}
		// Who waits for bytes, or for room, must not wait for ever.
		_ = p.conn.SetReadDeadline(time.Unix(1, 0))
		tell(p.room)
	}()
	err := p.read()
	p.mu.Lock()
	p.ending = true
	p.mu.Unlock()
	tell(p.wake)
	if failed := <-wrote; failed != nil {
		return failed
	}
	last := ""
	if err != nil {
		last = err.Error()
	}
	p.close(last)
	return err
}

// close says why, if there is a reason, and waits a moment for the other side
// to have read it: what closes a connection with bytes unread takes back what
// was written.
func (p *program) close(fault string) {
	deadline := time.Now().Add(lastWords)
	bare := p.conn.Conn // one deadline is for all of it
	_ = bare.SetDeadline(deadline)
	if fault != "" {
		if _, err := bare.Write(wire.AppendWords(nil, wire.KindFault, fault)); err != nil {
			return
		}
	}
	if half, ok := below(bare).(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, bare)
	}
}

// read takes commands until the other side says no more (the error is then
// nil), or something that cannot be read.
func (p *program) read() error {
	defer p.submit() // what was read before something that cannot be read
	for {
		if p.in.Waits() {
			p.submit()
		}
		kind, content, err := p.in.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case kind == 0:
			continue
		case kind != wire.KindWrite:
			return fmt.Errorf("%w: kind %d is not for a service", wire.ErrFrame, kind)
		}
		w, err := wire.ReadWrite(content)
		if err != nil {
			return err
		}
		if err := p.take(w); err != nil {
			return err
		}
		if err := p.makeRoom(); err != nil {
			return err
		}
	}
}

// makeRoom waits while too much is in flight.
func (p *program) makeRoom() error {
	for {
		p.mu.Lock()
		full := len(p.open) >= programWindow || p.bytes >= programBytes
		p.mu.Unlock()
		if !full {
			return nil
		}
		p.submit()
		select {
		case <-p.room:
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
}

// write writes answers and beats until everything is answered that was read.
func (p *program) write(life context.Context) error {
	beat := time.NewTicker(wire.BeatEvery)
	defer beat.Stop()
	gone := life.Done()
	var buf []byte
	var told []*streamed
	for {
		buf = buf[:0]
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-gone:
			gone = nil
			p.mu.Lock()
			p.leaving = true
			p.mu.Unlock()
			buf = wire.AppendWords(buf, wire.KindLeaving, fmt.Sprintf("%s is stopping", p.server.settings.ID))
		case now := <-beat.C:
			p.overdue(now)
			buf = wire.AppendBeat(buf)
		case <-p.wake:
			runtime.Gosched() // the loop tells all answers of a turn, one by one
		}
		told = p.takeTold(told)
		for _, c := range told {
			buf = c.append(buf)
		}
		if err := p.writeOut(buf); err != nil {
			return err
		}
		if p.written(told) {
			return nil
		}
		if cap(buf) > keptBuffer {
			buf = nil
		}
	}
}

func (p *program) writeOut(buf []byte) error {
	if len(buf) == 0 {
		return nil
	}
	_, err := p.conn.Write(buf)
	return err
}

// takeTold gives what was answered, and keeps the given slice for what comes.
func (p *program) takeTold(spare []*streamed) []*streamed {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := p.told
	p.told = spare[:0]
	return told
}

// written forgets commands whose answers are out; it reports whether there is
// nothing left to do.
func (p *program) written(told []*streamed) bool {
	p.mu.Lock()
	for _, c := range told {
		delete(p.open, c.id)
		p.bytes -= c.bytes
	}
	over := p.ending && len(p.open) == 0
	p.mu.Unlock()
	for i, c := range told {
		c.free()
		told[i] = nil
	}
	if len(told) > 0 {
		tell(p.room)
	}
	return over
}
