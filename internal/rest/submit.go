package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"paxos/client"
	"paxos/internal/node"
	"paxos/kv"
	"paxos/paxos"
)

// A command on its way through the session, whichever way it came: on a request
// of its own over net/http or over the lean edge, or with others in one request.

// waiter waits for the loop's answer to one question after the other.
type waiter struct {
	told   func(paxos.Envelope, error)
	answer chan answered // room for one
	alarm  *time.Timer
	// Of one who reads: the state as it is when the answer comes, or one key in it.
	views *Server
	key   string
}

type answered struct {
	message paxos.Message
	err     error
	view    *kv.View
	glance  glance // of one who reads a key, instead of a view
	behind  string // why that is of no use, "" if it is of use
}

var waiters = sync.Pool{New: func() any {
	w := &waiter{answer: make(chan answered, 1), alarm: time.NewTimer(time.Hour)}
	w.told = func(e paxos.Envelope, err error) {
		got := answered{message: e.Message, err: err}
		if s := w.views; s != nil && err == nil {
			got.behind = s.whyBehind()
			if w.key != "" {
				got.glance = s.glance(w.key)
			} else {
				got.view = s.view()
			}
		}
		w.answer <- got
	}
	return w
}}

// await hands a question to the loop and waits for the answer, of which the role
// knows when it is due; a loop that gives none for a while after is stuck, and
// the error then is DeadlineExceeded. If there was no room for the question in
// time, the error is ErrFull.
func (s *Server) await(ctx context.Context, m paxos.Message, patience time.Duration, views *Server, key string) answered {
	w := waiters.Get().(*waiter)
	w.views, w.key = views, key
	w.alarm.Reset(patience + s.settings.RequestTimeout)
	if err := s.hand(ctx, m, patience, w.told); err != nil {
		w.alarm.Stop()
		waiters.Put(w)
		return answered{err: err}
	}
	select {
	case got := <-w.answer:
		w.alarm.Stop()
		waiters.Put(w)
		return got
	case <-w.alarm.C:
		return answered{err: context.DeadlineExceeded}
	case <-ctx.Done():
		w.alarm.Stop() // it is answered still, some time: nobody may use it again
		return answered{err: ctx.Err()}
	}
}

// hand gives a message to the loop. With an error it was not taken.
func (s *Server) hand(ctx context.Context, m paxos.Message, patience time.Duration, told func(paxos.Envelope, error)) error {
	e := paxos.Envelope{To: s.settings.ID, Config: s.stamp, Message: m}
	err := s.loop.TryAsk(e, told)
	if !errors.Is(err, node.ErrFull) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err = s.loop.Ask(ctx, e, told); errors.Is(err, context.DeadlineExceeded) {
		return node.ErrFull
	}
	return err
}

// pursue hands a command to the session and waits for its fate.
func (s *Server) pursue(ctx context.Context, ask paxos.Submit, patience time.Duration) (paxos.Settled, error) {
	if !s.gate.enter() {
		return crowded, nil
	}
	got := s.await(ctx, s.timed(ask, patience), patience, nil, "")
	settled, _ := got.message.(paxos.Settled)
	s.gate.leave(got.err == nil && settled.Fate == paxos.FateKnown)
	if errors.Is(got.err, node.ErrFull) {
		return crowded, nil
	}
	return settled, got.err
}

// timed gives a command its time, in ticks.
func (s *Server) timed(ask paxos.Submit, patience time.Duration) paxos.Submit {
	ask.Ticks = s.settings.Ticks(patience)
	if ask.NoWait {
		ask.Ticks = s.settings.Ticks(maxTimeout)
	}
	return ask
}

// crowded is the fate of what was not even taken.
var crowded = paxos.Settled{Fate: paxos.FateNotApplied, Reason: paxos.Overloaded}

// ready gives the form in which a command is submitted, or what is wrong with it.
func (s *Server) ready(w writing) (paxos.Submit, *client.Problem) {
	body := kv.Encode(w.command)
	if err := admitOne(paxos.Command{Session: 1, Sequence: 1, Key: w.key, Body: body}, s.limits()); err != nil {
		return paxos.Submit{}, badRequest(err, "")
	}
	return paxos.Submit{Key: w.key, Body: body}, nil
}

// carryOut has a command applied; what it failed with is for the caller to see.
func (s *Server) carryOut(ctx context.Context, w writing) (done, *client.Problem) {
	ask, bad := s.ready(w)
	if bad != nil {
		return done{}, bad
	}
	settled, err := s.pursue(ctx, ask, w.patience)
	return s.finish(settled, err, w.key)
}

// finish says what a fate means.
func (s *Server) finish(settled paxos.Settled, err error, key string) (done, *client.Problem) {
	if err != nil {
		return done{}, s.failed(err, paxos.KindPropose)
	}
	if bad := whySettled(settled, key); bad != nil {
		return done{}, bad
	}
	d, err := s.decoded(settled, key)
	if err != nil {
		return done{}, problem("internal", http.StatusInternalServerError, err.Error(), "")
	}
	return d, nil
}

// failure is the problem of a command that took its place in the log and
// changed nothing.
func (d done) failure() *client.Problem { return d.named(whyFailed(d.Failure)) }

// named says which command a problem is about.
func (d done) named(p *client.Problem) *client.Problem {
	p.Session, p.Sequence, p.Key, p.Outcome = &d.command.Session, &d.command.Sequence, d.command.IdempotencyKey, d.command.Outcome
	return p
}

// whyUnchanged is the problem of a write of one key that failed, or whose
// conditions did not hold; nil if it is done.
func (d done) whyUnchanged(t kv.Txn) *client.Problem {
	switch {
	case d.Failure != nil && d.Failure.Code == kv.FailResult && len(t.If) > 0 && !readsBefore(t.Then):
		return d.conditionFailed(nil) // it was the key as it is that is too large
	case d.Failure != nil:
		return d.failure()
	case !d.Succeeded:
		return d.conditionFailed(d.Responses)
	}
	return nil
}

func readsBefore(ops []kv.Op) bool {
	for _, o := range ops {
		if o.Put != nil && o.Put.Prev || o.Delete != nil && o.Delete.Prev {
			return true
		}
	}
	return false
}

func (d done) conditionFailed(read []kv.Response) *client.Problem {
	p := problem("condition-failed", http.StatusPreconditionFailed, "the key is not as the request demands", "nothing was changed; current is the key as it is, if there is one")
	if len(read) > 0 && len(read[0].KVs) > 0 {
		current := shown(read[0].KVs[0], false)
		p.Current = &current
	}
	return d.named(p)
}

// outcomePath is where to ask what became of a command.
func outcomePath(key string, name paxos.CommandName) string {
	if key != "" {
		return "/outcome/" + url.PathEscape(key)
	}
	b := appendHex(append(make([]byte, 0, 48), "/outcome/"...), uint64(name.Session))
	return string(strconv.AppendUint(append(b, '/'), uint64(name.Sequence), 10))
}
