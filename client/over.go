package client

import (
	"encoding/json"
	"errors"
	"time"

	"paxos/client/wire"
)

// frameMargin is more than a frame needs besides a command's body and key.
const frameMargin = 64

// overStream asks a service over a stream, as request does by a request: what is
// certain, and whether another address may be asked, is the same. Taken is false
// if the stream took nothing, and nothing was asked.
func overStream(b budget, p *pipe, a *ask) (next bool, err error, taken bool) {
	x := p.spares.Get().(*exchange)
	defer p.free(x)
	begun := time.Now()
	key := a.words.idempotency()
	x.body = a.words.command(x.body[:0])
	if len(x.body)+len(key)+frameMargin > wire.MostBytes {
		return false, nil, false // a request of that size is told what is wrong with it
	}
	err = p.do(b, x, key)
	switch {
	case errors.Is(err, errNotTaken), errors.Is(err, errIdle):
		return false, nil, false
	case err != nil && x.left:
		return a.repeat, &callError{ErrUnknown, NoAnswer(p.way.base, time.Since(begun), err)}, true
	case err != nil:
		// It did not leave: nothing can have come of it.
		return true, &callError{ErrUnavailable, NoAnswer(p.way.base, time.Since(begun), err)}, true
	case x.problem != nil:
		var problem Problem
		if err := json.Unmarshal(x.problem, &problem); err != nil {
			next, err = a.unreadable(p.way.base, err)
			return next, err, true
		}
		next, err = a.refused(a.words.refused(&problem))
		return next, err, true
	}
	command := Command{Slot: x.applied.Slot, Position: x.applied.Position, Session: x.applied.Name.Session, Sequence: x.applied.Name.Sequence,
		IdempotencyKey: key, Client: p.from}
	command.Outcome, command.SessionToken = outcomeAndToken(a.words.outcome(), x.applied)
	if err = a.words.heard(x.applied.Result, command); err == nil {
		return false, nil, true
	}
	if problem := (*Problem)(nil); errors.As(err, &problem) {
		next, err = a.refused(problem)
		return next, err, true
	}
	next, err = a.unreadable(p.way.base, err)
	return next, err, true
}
