package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// ask is a request, whichever address it goes to.
type ask struct {
	method, path string
	query        url.Values
	body         []byte
	write        bool // it may change something
	repeat       bool // it takes effect once at most, however often it is sent
	timed        bool // the endpoint takes ?timeout=
	refusal      int  // a status whose body is an answer all the same; 0 for none
	store        bool // it is asked of the key-value store
	header       http.Header
	attempt      time.Duration // the most that one address gets, if another can follow; 0 for no limit
	// words are the same as a command, for streams; nil if it has no such form.
	// What else it is as a request is then made when it is needed.
	words words
}

// budget is how long a call, or an attempt, may take.
type budget struct {
	ctx   context.Context
	until time.Time // at the latest when ctx ends
	own   bool      // the caller set no limit, so none is told
}

// limit is what a call may take.
func limit(ctx context.Context) budget {
	if deadline, has := ctx.Deadline(); has {
		return budget{ctx, deadline, false}
	}
	return budget{ctx, time.Now().Add(callLimit), true}
}

func (b budget) over() bool { return b.ctx.Err() != nil || !time.Now().Before(b.until) }

// context is ctx, ending in time.
func (b budget) context() (context.Context, context.CancelFunc) {
	if deadline, has := b.ctx.Deadline(); has && !b.until.Before(deadline) {
		return b.ctx, func() {}
	}
	return context.WithDeadline(b.ctx, b.until)
}

// share gives an attempt its part of the time that is left, if others can
// follow: a service that hangs must not use up theirs.
func (b budget) share(a *ask, left int) budget {
	if !a.repeat || left < 2 && a.attempt == 0 {
		return b
	}
	part := time.Until(b.until) / time.Duration(left)
	if a.attempt > 0 {
		part = min(part, a.attempt)
	}
	if until := time.Now().Add(part); until.Before(b.until) {
		b.until = until
	}
	return b
}

// patience is how long a service is told to wait, so that its answer arrives in
// time; 0 if it shall do as it does by itself.
func (b budget) patience() time.Duration {
	if b.own {
		return 0
	}
	left := time.Until(b.until)
	left -= min(100*time.Millisecond, left/10)
	return min(max(left, time.Millisecond), longestWait).Round(time.Microsecond)
}

// call makes one turn through the addresses.
func (c *Client) call(ctx context.Context, a ask, answer any) error {
	return c.turn(limit(ctx), &a, answer)
}

func (c *Client) turn(b budget, a *ask, answer any) error {
	var doubt, last error
	var silent silences
	first := int(c.last.Load())
	for i := range c.addresses {
		at := (first + i) % len(c.addresses)
		next, err := c.once(b.share(a, len(c.addresses)-i), at, a, answer)
		if err == nil {
			if c.last.Load() != uint32(at) {
				c.last.Store(uint32(at))
			}
			return nil
		}
		last = err
		if errors.Is(err, ErrUnknown) {
			doubt = err
		}
		if quiet := (*Silence)(nil); errors.As(err, &quiet) {
			silent = append(silent, quiet)
		}
		if !next || b.over() {
			break
		}
	}
	// A later refusal does not take back that an earlier copy may be applied.
	if doubt != nil && errors.Is(last, ErrUnavailable) {
		return doubt
	}
	if len(silent) > 1 && errors.Is(last, ErrUnavailable) && errors.Is(last, silent[len(silent)-1]) {
		return &callError{ErrUnavailable, silent}
	}
	return last
}

// once asks one address, over a stream if there is one. Next says that another
// address may be asked.
func (c *Client) once(b budget, at int, a *ask, answer any) (next bool, err error) {
	if a.words != nil {
		if s := c.streamTo(b, at); s != nil {
			if next, err, taken := overStream(b, s, a); taken {
				return next, err
			}
		}
		a.asRequest()
	}
	ctx, cancel := b.context()
	defer cancel()
	return c.request(ctx, c.addresses[at], a, b.patience(), answer)
}

// request asks one address by a request.
func (c *Client) request(ctx context.Context, base string, a *ask, patience time.Duration, answer any) (next bool, err error) {
	var connected, written atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }, WroteHeaders: func() { written.Store(true) }})
	begun := time.Now()
	response, err := c.send(traced, base, a, patience)
	if err != nil {
		err = NoAnswer(base, time.Since(begun), err)
		// HTTP/2, which WithHTTPClient may bring, tells that the headers are written
		// only when they are out, and does not wait for that when the time is over.
		if a.write && (written.Load() || connected.Load() && ctx.Err() != nil) {
			return a.repeat, &callError{ErrUnknown, err}
		}
		// No service has seen a whole request: nothing can have come of it.
		return true, &callError{ErrUnavailable, err}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err == nil && response.StatusCode >= 300 && (response.StatusCode != a.refusal || isProblem(response)) {
		return a.refused(problemOf(response, text))
	}
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	if err == nil {
		return false, nil
	}
	return a.unreadable(base, err)
}

// refused is what an attempt was that ended with a problem.
func (a *ask) refused(p *Problem) (next bool, err error) {
	meaning := a.meaning(p)
	return p.elsewhere() || a.repeat && meaning == ErrUnknown, &callError{meaning, p}
}

// unreadable is what an attempt was whose answer cannot be read.
func (a *ask) unreadable(base string, err error) (next bool, _ error) {
	err = fmt.Errorf("%s: the answer cannot be read: %w", base, err)
	if a.write {
		return a.repeat, &callError{ErrUnknown, err}
	}
	return true, &callError{ErrUnavailable, err}
}

// send sends the request to one address; a patience that is not 0 is told, where
// the endpoint takes one.
func (c *Client) send(ctx context.Context, base string, a *ask, patience time.Duration) (*http.Response, error) {
	query := url.Values{}
	for name, values := range a.query {
		query[name] = values
	}
	if a.timed && patience != 0 {
		query.Set("timeout", patience.String())
	}
	target := base + a.path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, a.method, target, bytes.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	if a.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, values := range a.header {
		request.Header[name] = values
	}
	return c.http.Do(request)
}
