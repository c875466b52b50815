package rest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"paxos/client"
	"paxos/client/wire"
	"paxos/internal/node"
	"paxos/kv"
	"paxos/paxos"
)

// streamed is one of a program's, from when it is read until its answer is
// written.
type streamed struct {
	of    *program
	id    uint64
	key   string
	bytes int
	begun time.Time
	due   time.Time // when a loop that has not answered is stuck
	hear  func(paxos.Envelope, error)

	// Guarded by of.mu until it is told:
	told    bool
	late    bool // it was told without the loop, which may still answer
	settled paxos.Settled
	err     error
	problem *client.Problem
}

// spares are used again: hear is made once.
var spares = sync.Pool{New: func() any {
	c := &streamed{}
	c.hear = c.heard
	return c
}}

// free gives the command back, unless the loop may still speak of it.
func (c *streamed) free() {
	if c.late {
		return
	}
	*c = streamed{hear: c.hear}
	spares.Put(c)
}

// take has a command applied. The error ends the stream.
func (p *program) take(w wire.Write) error {
	c := spares.Get().(*streamed)
	c.of, c.id, c.key, c.bytes, c.begun = p, w.ID, string(w.Key), len(w.Body), time.Now()
	patience := w.Timeout
	if patience == 0 {
		patience = min(p.server.settings.RequestTimeout, maxTimeout)
	}
	c.due = c.begun.Add(patience + p.server.settings.RequestTimeout)
	p.mu.Lock()
	_, twice := p.open[c.id]
	leaving := p.leaving
	if !twice {
		p.open[c.id] = c
		p.bytes += c.bytes
	}
	p.mu.Unlock()
	if twice {
		return fmt.Errorf("%w: the id %d is in flight already", wire.ErrFrame, w.ID)
	}
	if leaving {
		c.refuse(problem("stopping", http.StatusServiceUnavailable, fmt.Sprintf("%s is stopping", p.server.settings.ID), "ask another node"))
		return nil
	}
	if bad := p.server.checkCommand(w.Body, c.key, patience); bad != nil {
		c.refuse(bad)
		return nil
	}
	ask := paxos.Submit{Key: c.key, Body: w.Body, Ticks: p.server.settings.Ticks(patience)}
	p.gathered = append(p.gathered, c)
	p.questions = append(p.questions, node.Question{Envelope: paxos.Envelope{To: p.server.settings.ID, Config: p.server.stamp, Message: ask}, Told: c.hear})
	if len(p.gathered) >= gatheredAtOnce {
		p.submit()
	}
	return nil
}

// gatheredAtOnce bounds what waits for the rest of what came with it.
const gatheredAtOnce = 64

// submit hands the loop what was gathered.
func (p *program) submit() {
	if len(p.gathered) == 0 {
		return
	}
	taken, err := p.server.loop.AskAll(p.ctx, p.questions)
	if err != nil {
		for _, c := range p.gathered[taken:] {
			// It was not taken, whatever the reason.
			c.refuse(problem("stopping", http.StatusServiceUnavailable, node.ErrStopped.Error(), "ask another node"))
		}
	}
	clear(p.gathered)
	clear(p.questions)
	p.gathered, p.questions = p.gathered[:0], p.questions[:0]
}

// offered are the operations that a stream takes, by the second byte of their
// bodies: what the store and the log of values are written with. The others have
// endpoints, and some of them are not for users.
var offered = map[byte]bool{kv.Append("")[1]: true, kv.AppendTxn(nil, kv.Txn{})[1]: true}

// checkCommand refuses what POST /send, /kv and /txn refuse.
func (s *Server) checkCommand(body []byte, key string, patience time.Duration) *client.Problem {
	if patience < time.Millisecond || patience > maxTimeout {
		return badRequest(fmt.Errorf("a timeout of %v is not from 1ms to %v", patience, maxTimeout), "0 stands for the service's own")
	}
	if len(body) > 1 && !offered[body[1]] {
		return badRequest(fmt.Errorf("operation %d is not for streams", body[1]), "transactions and values of the log are; docs/api.md shows their form")
	}
	limits := s.limits()
	limits.ListBytes = s.settings.MaxValueBytes
	if err := admitOne(paxos.Command{Session: 1, Sequence: 1, Key: key, Body: body}, limits); err != nil {
		return badRequest(err, "")
	}
	return nil
}

// refuse answers without the loop.
func (c *streamed) refuse(bad *client.Problem) { c.answer(paxos.Settled{}, nil, bad) }

// heard takes the loop's answer.
func (c *streamed) heard(e paxos.Envelope, err error) {
	settled, _ := e.Message.(paxos.Settled)
	c.answer(settled, err, nil)
}

func (c *streamed) answer(settled paxos.Settled, err error, bad *client.Problem) {
	p := c.of
	p.mu.Lock()
	if c.told {
		p.mu.Unlock()
		return
	}
	c.told, c.settled, c.err, c.problem = true, settled, err, bad
	p.told = append(p.told, c)
	p.mu.Unlock()
	tell(p.wake)
}

// overdue answers for a loop that is stuck.
func (p *program) overdue(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		if !c.told && now.After(c.due) {
			c.told, c.late, c.err = true, true, context.DeadlineExceeded
			p.told = append(p.told, c)
		}
	}
}

// append appends the frame of the answer.
func (c *streamed) append(b []byte) []byte {
	s := c.of.server
	bad := c.problem
	switch {
	case bad != nil:
	case c.err != nil:
		bad = s.failed(c.err, paxos.KindPropose)
	case c.settled.Fate != paxos.FateKnown || c.settled.Outcome.Verdict != paxos.Applied:
		bad = whySettled(c.settled, c.key)
	}
	o := &c.settled.Outcome
	if bad == nil && kv.HasFailure(o.Result) {
		bad = s.whyFailedAt(c.settled, c.key)
	}
	if bad == nil {
		c.of.commands.Answered(http.StatusOK, time.Since(c.begun), false)
		return wire.AppendApplied(b, wire.Applied{ID: c.id, Slot: o.Slot, Position: o.Position, Name: c.settled.Name, Result: o.Result})
	}
	c.of.commands.Answered(bad.Status, time.Since(c.begun), false)
	text, err := compactJSON(bad)
	if err != nil {
		text = []byte(`{"type":"urn:paxos:internal","title":"Internal Server Error","status":500,"detail":"the problem has no JSON"}`)
	}
	return wire.AppendRefused(b, c.id, text)
}

// whyFailedAt is the problem of a command that took its place in the log and
// changed nothing.
func (s *Server) whyFailedAt(settled paxos.Settled, key string) *client.Problem {
	d, err := s.decoded(settled, key)
	if err != nil {
		return problem("internal", http.StatusInternalServerError, err.Error(), "")
	}
	p := whyFailed(d.Failure)
	p.Session, p.Sequence, p.Key, p.Outcome = &d.command.Session, &d.command.Sequence, d.command.IdempotencyKey, d.command.Outcome
	return p
}
