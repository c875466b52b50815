package client

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// WatchOption changes one Watch.
type WatchOption func(*watching)

// watching is a watch, and how far it is.
type watching struct {
	span     KeySpan
	query    url.Values
	next     uint64 // the first revision that is not seen yet, 0 for now
	progress func(Progress)
	trouble  func(error)
}

// WatchFrom begins with the changes of a revision; without it, or with 0, a
// watch begins with what changes from now on.
func WatchFrom[N ~uint64](revision N) WatchOption {
	return func(w *watching) { w.next = uint64(revision) }
}

// WatchPrev gives with every change the key as it was before.
func WatchPrev() WatchOption { return func(w *watching) { w.query.Set("prev", "") } }

// WatchOnly leaves out all changes but those of a type, "put" or "delete".
func WatchOnly(kind string) WatchOption { return func(w *watching) { w.query.Set("filter", kind) } }

// OnProgress calls f, between two changes, whenever a service tells how far the
// watch is: at its beginning, and every few seconds while nothing changes.
func OnProgress(f func(Progress)) WatchOption { return func(w *watching) { w.progress = f } }

// OnTrouble calls f, between two changes, whenever a service does not answer or
// ends the stream, with what it was. The watch goes on all the same.
func OnTrouble(f func(error)) WatchOption { return func(w *watching) { w.trouble = f } }

// Behind says that a watch cannot go on, because the history between what it has
// seen and Revision is not kept any more. Read the keys, and watch from the
// read's revision + 1. It is in an error of the meaning ErrCompacted.
type Behind struct{ Resync }

// Error implements error.
func (b *Behind) Error() string {
	return fmt.Sprintf("the history is kept from revision %d on: read the keys, then watch from that read's revision + 1", max(b.Revision, b.Compacted))
}

// Watch gives the changes of a span of keys as they happen, all those of one
// revision at once, in order, each once and none left out. When a service ends
// the stream or dies it goes on at another one, after the last revision that
// was given, until ctx ends; it waits as long as no service answers.
//
// The last thing that it gives is an error: that of ctx; or ErrCompacted, if the
// changes that follow are no longer kept; or what was wrong with the request.
func (c *Client) Watch(ctx context.Context, span KeySpan, opts ...WatchOption) iter.Seq2[Changes, error] {
	return func(yield func(Changes, error) bool) {
		w := watching{span: span, query: url.Values{}}
		for _, o := range opts {
			o(&w)
		}
		if err := w.words(); err != nil {
			yield(Changes{}, err)
			return
		}
		pause := firstPause
		for {
			before := w.next
			more, err := c.watchOnce(ctx, &w, yield)
			if !more {
				return
			}
			if err != nil && w.trouble != nil && passing(err) {
				w.trouble(err)
			}
			if ended := ctx.Err(); ended != nil {
				yield(Changes{}, &callError{ErrUnavailable, ended})
				return
			}
			if err != nil && !passing(err) {
				yield(Changes{}, err)
				return
			}
			if pause = min(2*pause, longestPause); w.next != before {
				pause = firstPause
			}
			c.last.Add(1)
			if !idle(ctx, pause) {
				yield(Changes{}, &callError{ErrUnavailable, ctx.Err()})
				return
			}
		}
	}
}

// words makes the query of the span.
func (w *watching) words() error {
	switch {
	case w.span.Prefix && w.span.End != "":
		return &callError{ErrBadRequest, errors.New("a span has a prefix or an end, not both")}
	case w.span.Prefix:
		w.query.Set("prefix", w.span.Key)
	case w.span.End != "":
		w.query.Set("key", cmp.Or(w.span.Key, "\x00"))
		w.query.Set("end", w.span.End)
	default:
		w.query.Set("key", w.span.Key)
		_, err := keyPath(w.span.Key)
		return err
	}
	return nil
}

// passing reports whether the same watch may go on at another service.
func passing(err error) bool {
	var p *Problem
	if errors.As(err, &p) && p.Kind() == "future-revision" {
		return true // a learner that is not that far yet
	}
	return errors.Is(err, ErrUnavailable)
}

// silenceLimit ends a stream that says nothing: a service says something every
// five seconds.
const silenceLimit = 20 * time.Second

// watchOnce watches at one service. More is false if the user wants no more.
func (c *Client) watchOnce(ctx context.Context, w *watching, yield func(Changes, error) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silenceLimit, cancel)
	defer quiet.Stop()
	base := c.addresses[int(c.last.Load())%len(c.addresses)]
	a := ask{method: http.MethodGet, path: "/watch", query: w.query, store: true, header: http.Header{"Accept": {"text/event-stream"}}}
	if w.next != 0 {
		a.query.Set("from", number(w.next))
	}
	begun := time.Now()
	response, err := c.send(ctx, base, &a, 0)
	if err != nil {
		return true, &callError{ErrUnavailable, NoAnswer(base, time.Since(begun), err)}
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		if err != nil {
			return true, &callError{ErrUnavailable, err}
		}
		p := problemOf(response, text)
		return true, &callError{a.meaning(p), p}
	}
	lines := bufio.NewReaderSize(response.Body, 1<<16)
	for {
		event, err := readEvent(lines, func() { quiet.Reset(silenceLimit) })
		if err != nil {
			return true, &callError{ErrUnavailable, fmt.Errorf("%s ended the stream: %w", base, err)}
		}
		// The user may take its time with a change.
		quiet.Stop()
		if more, err := w.take(event, yield); !more || err != nil {
			return more, err
		}
		quiet.Reset(silenceLimit)
	}
}

// take gives an event to the user, unless it was given before.
func (w *watching) take(e event, yield func(Changes, error) bool) (more bool, err error) {
	switch e.name {
	case "change":
		var changes Changes
		if err := json.Unmarshal(e.data, &changes); err != nil {
			return true, &callError{ErrUnavailable, fmt.Errorf("a change cannot be read: %w", err)}
		}
		if uint64(changes.Revision) < w.next {
			return true, nil
		}
		w.next = uint64(changes.Revision) + 1
		return yield(changes, nil), nil
	case "progress":
		var p Progress
		if err := json.Unmarshal(e.data, &p); err != nil {
			return true, &callError{ErrUnavailable, fmt.Errorf("a progress cannot be read: %w", err)}
		}
		if id, err := strconv.ParseUint(e.id, 10, 64); err == nil {
			w.next = max(w.next, id+1)
		}
		if w.progress != nil {
			w.progress(p)
		}
	case "resync":
		var b Behind
		if err := json.Unmarshal(e.data, &b.Resync); err != nil {
			return true, &callError{ErrUnavailable, fmt.Errorf("a resync cannot be read: %w", err)}
		}
		return true, &callError{ErrCompacted, &b}
	}
	return true, nil
}

// event is one of a stream (text/event-stream).
type event struct {
	name, id string
	data     []byte
}

// readEvent reads the next event; alive is called for whatever arrives.
func readEvent(lines *bufio.Reader, alive func()) (event, error) {
	var e event
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return e, err
		}
		alive()
		line = strings.TrimRight(line, "\r\n")
		if line == "" && e.name != "" {
			return e, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			if e.data != nil {
				e.data = append(e.data, '\n')
			}
			e.data = append(e.data, value...)
			if len(e.data) > answerLimit {
				return e, fmt.Errorf("an event has more than %d bytes", answerLimit)
			}
		}
	}
}
