package rest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/internal/node"
)

// Commands line by line: read as they come, answered in order as they are
// settled, with a bounded number under way. Who does not read the answers is not
// read from either.

const linesKind = "application/x-ndjson"

// linePatience is how long the next line may take to come.
const linePatience = bodyPatience

func isLines(c *gin.Context) bool {
	kind, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	return err == nil && kind == linesKind
}

func isFull(err error) bool { return errors.Is(err, node.ErrFull) }

// postMany is POST /kv: many commands, as a list or line by line.
func (s *Server) postMany(c *gin.Context) {
	patience, bad := s.patience(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	if isLines(c) {
		s.lines(c, patience)
		return
	}
	b, bad := body(c, s.jsonLimit())
	if bad != nil {
		refuse(c, bad)
		return
	}
	s.sendMany(c, b, patience)
}

// lined is a line under way.
type lined struct {
	*errand
	over chan struct{} // closed when it is settled
}

// lining is one request of lines.
type lining struct {
	server   *Server
	patience time.Duration
	control  *http.ResponseController
	in       *bufio.Reader
	most     int // bytes of a line

	under atomic.Int64  // lines that are not answered yet
	freed chan struct{} // something was answered
	queue chan lined
	gone  context.Context // nobody reads the answers any more
}

// lines answers a body of lines. Each has the patience of the request.
func (s *Server) lines(c *gin.Context, patience time.Duration) {
	if err := s.unnamed(c); err != nil {
		refuse(c, badRequest(err, "in lines, each command has its own: the field \"key\""))
		return
	}
	control := http.NewResponseController(c.Writer)
	if err := control.EnableFullDuplex(); err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	// A failure to read ends the request's own context, and the lines that were
	// read are answered all the same.
	gone, stop := context.WithCancel(context.WithoutCancel(c.Request.Context()))
	defer stop()
	l := &lining{server: s, patience: patience, control: control, in: bufio.NewReaderSize(c.Request.Body, 16<<10), most: int(s.jsonLimit()),
		freed: make(chan struct{}, 1), queue: make(chan lined, streamMost), gone: gone}
	// Who stops takes no more lines, and answers those that it took.
	defer context.AfterFunc(s.life, func() { _ = control.SetReadDeadline(time.Unix(1, 0)) })()
	c.Header("Content-Type", linesKind)
	c.Status(http.StatusOK)
	c.Writer.Flush() // a sender may wait for it before it sends
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		if !l.write(c.Writer) {
			stop()
			_ = control.SetReadDeadline(time.Unix(1, 0)) // nobody reads; nothing more is taken
		}
	}()
	l.read()
	close(l.queue)
	<-wrote
}

// read takes lines until there are no more.
func (l *lining) read() {
	for {
		if !l.room() {
			return
		}
		text, err := l.line()
		switch {
		case err == nil && len(bytes.TrimSpace(text)) == 0:
			continue // an empty line is no command
		case err == nil:
			l.take(text)
		case errors.Is(err, io.EOF) && len(text) == 0:
			return
		default:
			l.answer(l.whyEnded(err))
			return
		}
	}
}

// room waits until one more may be under way, and for the next line to come in
// its time; it reports false if there is nobody to answer.
func (l *lining) room() bool {
	for l.under.Load() >= int64(l.server.gate.share()) && l.under.Load() > 0 {
		select {
		case <-l.freed:
		case <-l.gone.Done():
			return false
		}
	}
	if l.server.life.Err() == nil {
		_ = l.control.SetReadDeadline(time.Now().Add(linePatience))
	}
	if l.server.life.Err() != nil { // since then, perhaps
		_ = l.control.SetReadDeadline(time.Unix(1, 0))
	}
	return l.gone.Err() == nil
}

// line reads up to the end of a line, which it leaves out. At the end of the body
// it gives what there is of one.
func (l *lining) line() ([]byte, error) {
	var whole []byte
	for {
		part, err := l.in.ReadSlice('\n')
		if len(whole)+len(part) > l.most {
			return nil, tooLarge("a line has more than %d bytes", l.most)
		}
		if whole == nil && err == nil {
			return part[:len(part)-1], nil
		}
		whole = append(whole, part...)
		switch {
		case err == nil:
			return whole[:len(whole)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return whole, err
		}
	}
}

// whyEnded is the problem of a body that ends where it should not.
func (l *lining) whyEnded(err error) *client.Problem {
	var size sizeError
	switch {
	case l.server.life.Err() != nil:
		return problem("stopping", http.StatusServiceUnavailable, fmt.Sprintf("%s is stopping; this line was not taken", l.server.settings.ID), "send it, and what follows, to another node")
	case errors.Is(err, io.EOF):
		return badRequest(errHalf, "end each line with a line feed")
	case errors.As(err, &size):
		return badRequest(err, "")
	}
	return badRequest(fmt.Errorf("the body could not be read on: %w", err), fmt.Sprintf("the next line must come within %v", linePatience))
}

func (l *lining) take(text []byte) {
	e, err := l.server.parseOrder(text)
	if err != nil {
		l.answer(badRequest(err, orderHint))
		return
	}
	one := lined{e, make(chan struct{})}
	l.under.Add(1)
	e.leave(l.gone, l.patience, func() { close(one.over) })
	l.push(one)
}

// answer answers a line that is no command.
func (l *lining) answer(bad *client.Problem) {
	one := lined{&errand{server: l.server, bad: bad}, make(chan struct{})}
	close(one.over)
	l.under.Add(1)
	l.push(one)
}

func (l *lining) push(one lined) {
	select {
	case l.queue <- one:
	case <-l.gone.Done():
	}
}

// write answers the lines in order, and reports false if they are not read. What
// is settled is written together.
func (l *lining) write(w gin.ResponseWriter) bool {
	var b []byte
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	unread := false // once it is, it stays
	flush := func() bool {
		if len(b) == 0 || unread {
			return !unread
		}
		_, err := w.Write(b)
		w.Flush()
		b, unread = b[:0], err != nil
		return !unread
	}
	for {
		one, more := l.next(flush)
		if !more {
			return flush()
		}
		select {
		case <-one.over:
		default:
			if !flush() {
				return false
			}
			alarm.Reset(l.patience + l.server.settings.RequestTimeout)
			select {
			case <-one.over:
			case <-alarm.C:
				// A loop that does not answer is stuck: the errand is its own still.
				one = lined{&errand{server: l.server, key: one.key, err: context.DeadlineExceeded}, nil}
			case <-l.gone.Done():
				return false
			}
		}
		b = append(one.appendAnswer(b), '\n')
		l.under.Add(-1)
		select {
		case l.freed <- struct{}{}:
		default:
		}
		if len(b) > partBytes && !flush() {
			return false
		}
	}
}

// next gives the next line; before it waits for one, what there is is written.
func (l *lining) next(flush func() bool) (one lined, more bool) {
	select {
	case one, more = <-l.queue:
		return one, more
	default:
	}
	if !flush() {
		return one, false
	}
	select {
	case one, more = <-l.queue:
		return one, more
	case <-l.gone.Done():
		return one, false
	}
}
