package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// A watch pulls: it takes the frozen view that all watches share, writes what is
// in it, and waits for the next revision. Nobody waits for it, and nothing is
// kept for it; one that is too slow finds that the history is gone, and is told
// so.

var watchParameters = append([]string{"prefix", "key", "end", "from", "prev", "filter"}, readParameters...)

// How much of the history one look takes, and how often a watch with nothing to
// say says how far it is.
const (
	eventsAtOnce  = 256
	eventBytes    = 1 << 20
	progressEvery = 5 * time.Second
)

const resyncHint = "read the keys, then watch from that read's revision + 1"

// watching is a request to watch.
type watching struct {
	span kv.Span
	from kv.Revision // 0: from now on
	prev bool
	only string // "put" or "delete"; "" for both
}

func (s *Server) parseWatch(c *gin.Context) (w watching, bad *client.Problem) {
	err := s.watchSpan(c, &w)
	if err == nil {
		w.prev, err = flag(c, "prev")
	}
	if filter, given := c.GetQuery("filter"); err == nil && given {
		if w.only = filter; filter != "put" && filter != "delete" {
			err = fmt.Errorf("parameter filter: %q is neither put nor delete", filter)
		}
	}
	if err != nil {
		return w, badRequest(err, "for example /watch?prefix=config/ or /watch?key=config/color")
	}
	from, bad := number(c, "from", 0)
	if bad != nil {
		return w, bad
	}
	if _, given := c.GetQuery("from"); given && (from == 0 || from > math.MaxInt64) {
		return w, badRequest(fmt.Errorf("parameter from: %d is no revision", from), "the first one is 1")
	}
	last, given, err := lastEvent(c)
	if err != nil {
		return w, badRequest(err, "a browser sends it by itself; to begin anew, leave it out")
	}
	if given {
		from = last + 1
	}
	w.from = kv.Revision(from)
	return w, nil
}

func (s *Server) watchSpan(c *gin.Context, w *watching) (err error) {
	prefix, prefixed := c.GetQuery("prefix")
	key, keyed := c.GetQuery("key")
	end, ended := c.GetQuery("end")
	switch {
	case prefixed == keyed:
		return errors.New("either prefix or key is needed; an empty prefix is all keys")
	case !utf8.ValidString(prefix + key):
		return errors.New("parameters prefix and key are UTF-8")
	}
	if err := s.keyFits(prefix + key); err != nil {
		return err
	}
	w.span, err = s.span(prefix+key, prefixed, end, ended)
	return err
}

// lastEvent is the revision up to which an earlier stream came.
func lastEvent(c *gin.Context) (revision uint64, given bool, err error) {
	header := c.Request.Header.Values("Last-Event-Id")
	if len(header) == 0 {
		return 0, false, nil
	}
	revision, err = paxos.ParseUint(header[0])
	if err == nil && (len(header) > 1 || revision > math.MaxInt64) {
		err = fmt.Errorf("%.40q is no revision", strings.Join(header, ", "))
	}
	if err != nil {
		return 0, false, fmt.Errorf("header Last-Event-ID: %w", err)
	}
	return revision, true, nil
}

// watch streams changes as they happen.
func (s *Server) watch(c *gin.Context) {
	w, bad := s.parseWatch(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	r, bad := s.parseReading(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	if w.from != 0 {
		r.consistency = stale // where it begins does not depend on what is new
	}
	crowd, ok := s.joined(c)
	if !ok {
		return
	}
	defer s.news.leave()
	saw, ok := s.sightFor(c, r)
	if !ok {
		return
	}
	if w.from == 0 {
		w.from = saw.Revision() + 1
	}
	if _, _, fail := saw.Events(w.from, w.span, 1, 1, false); fail != nil {
		refuseRead(c, saw, fail)
		return
	}
	beginStream(c)
	st := &sse{out: bufio.NewWriterSize(c.Writer, streamedAtOnce), flush: c.Writer.Flush}
	if err := s.follow(c.Request.Context(), st, w, crowd, saw.View); err != nil {
		c.Abort() // the reader is gone, or does not read
	}
}

func beginStream(c *gin.Context) {
	c.Header("Content-Type", "text/event-stream")
	c.Header("Cache-Control", "no-cache")
	c.Header("X-Accel-Buffering", "no") // what nginx would keep back
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
}

// sse writes server-sent events.
type sse struct {
	out   *bufio.Writer
	flush func()
	wrote time.Time
}

// event writes one; its data is one line.
func (st *sse) event(name string, id kv.Revision, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if err := st.head(name, id); err != nil {
		return err
	}
	_, err = fmt.Fprintf(st.out, "%s\n\n", b)
	return err
}

func (st *sse) head(name string, id kv.Revision) error {
	st.wrote = time.Now()
	if id == 0 {
		_, err := fmt.Fprintf(st.out, "event: %s\ndata: ", name)
		return err
	}
	_, err := fmt.Fprintf(st.out, "event: %s\nid: %d\ndata: ", name, id)
	return err
}

// change writes all changes of one revision, one by one: a deleted prefix may
// be larger than memory has room for twice.
func (st *sse) change(list []kv.Event) error {
	revision := list[0].KV.Mod
	if err := st.head("change", revision); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(st.out, `{"revision":"%d","events":[`, revision); err != nil {
		return err
	}
	enc := json.NewEncoder(oneLine{st.out})
	enc.SetEscapeHTML(false)
	for i, e := range list {
		if i > 0 {
			if err := st.out.WriteByte(','); err != nil {
				return err
			}
		}
		if err := enc.Encode(shownEvent(e)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(st.out, "]}\n\n")
	return err
}

// oneLine leaves out the line's end that json.Encoder writes.
type oneLine struct{ io.Writer }

// Write implements io.Writer.
func (o oneLine) Write(b []byte) (int, error) {
	n := len(b)
	if n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	if _, err := o.Writer.Write(b); err != nil {
		return 0, err
	}
	return n, nil
}

func (st *sse) send() error {
	if err := st.out.Flush(); err != nil {
		return err
	}
	st.flush()
	return nil
}

// follow writes changes until the reader goes away, falls behind the history,
// or the node stops.
func (s *Server) follow(ctx context.Context, st *sse, w watching, crowd *crowd, view *kv.View) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	next := w.from
	progress := func() error {
		if err := st.event("progress", next-1, client.Progress{Revision: paxos.Number(next - 1), Learner: s.settings.ID}); err != nil {
			return err
		}
		return st.send()
	}
	if err := progress(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if view != nil {
			events, after, fail := view.Events(next, w.span, eventsAtOnce, eventBytes, w.prev)
			if fail != nil {
				return errors.Join(st.event("resync", 0, client.Resync{Revision: paxos.Number(next), Compacted: paxos.Number(view.Compacted()),
					Hint: resyncHint}), st.send())
			}
			// From here on the view is not held: its reader may be so slow that
			// what is in it is forgotten meanwhile.
			if err := st.changes(events, w.only); err != nil {
				return err
			}
			next = after
		}
		if time.Since(st.wrote) >= progressEvery {
			if err := progress(); err != nil {
				return err
			}
		}
		var err error
		if view, err = crowd.await(ctx, next, time.Until(st.wrote.Add(progressEvery))); err != nil {
			return nil // the node stops, or the reader went away
		}
	}
	return nil
}

// changes writes events, revision by revision.
func (st *sse) changes(events []kv.Event, only string) error {
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].KV.Mod == events[0].KV.Mod {
			n++
		}
		list := events[:n]
		events = events[n:]
		if only != "" {
			list = filtered(list, only)
		}
		if len(list) == 0 {
			continue
		}
		if err := st.change(list); err != nil {
			return err
		}
	}
	if st.out.Buffered() == 0 {
		return nil
	}
	return st.send()
}

func filtered(list []kv.Event, only string) (kept []kv.Event) {
	for _, e := range list {
		if (e.Type == kv.DeleteEvent) == (only == "delete") {
			kept = append(kept, e)
		}
	}
	return kept
}
