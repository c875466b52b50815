package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/paxos"
)

// A client service passes a watch on from a learner. When that learner ends the
// stream, dies or says nothing, the watch goes on at another one, after the last
// event that was passed on: revisions are the same everywhere, so that nothing
// is told twice and nothing is left out.

// How long a learner of a watch may say nothing (it says something every five
// seconds), and how long to wait when none answers.
const (
	watchSilence = 12 * time.Second
	watchPause   = 500 * time.Millisecond
)

// event is a server-sent event as it came. Id is 0 if it has none.
type event struct {
	name string
	id   uint64
	raw  []byte
}

var errLarge = errors.New("an event is too large to be passed on")

// readEvent reads a whole event; what breaks off is none. Alive is called for
// every line.
func readEvent(r *bufio.Reader, alive func()) (e event, err error) {
	start := 0
	for {
		line, err := r.ReadSlice('\n')
		alive()
		e.raw = append(e.raw, line...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if len(e.raw) > passedOn {
				return e, errLarge
			}
			continue
		case err != nil:
			return e, err
		}
		whole := bytes.TrimRight(e.raw[start:], "\r\n")
		start = len(e.raw)
		name, value, _ := bytes.Cut(whole, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(whole) == 0 && e.name != "":
			return e, nil
		case len(whole) == 0:
			e, start = event{}, 0 // a comment alone
		case string(name) == "event":
			e.name = string(value)
		case string(name) == "id":
			if e.id, err = strconv.ParseUint(string(value), 10, 64); err != nil {
				return e, fmt.Errorf("an event's id: %w", err)
			}
		}
	}
}

// relay is a watch on its way to its user.
type relay struct {
	s       *Server
	c       *gin.Context
	query   string
	out     *sse
	begun   bool   // the user's stream is open
	last    uint64 // the revision up to which the user knows everything
	given   bool   // last is known
	ended   bool   // the user has got its last event, or is gone
	answer  *answer
	trouble map[string]string // of each learner, why it is silent
}

// relayWatch serves /watch at a client service.
func (s *Server) relayWatch(c *gin.Context) {
	if _, bad := s.parseWatch(c); bad != nil {
		refuse(c, bad)
		return
	}
	asked, bad := s.parseReading(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	if _, ok := s.joined(c); !ok {
		return
	}
	defer s.news.leave()
	r := &relay{s: s, c: c, query: c.Request.URL.RawQuery}
	if last, given, err := lastEvent(c); err == nil && given {
		r.last, r.given = last, true
	}
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	r.run(ctx, time.Now().Add(asked.patience))
}

// run goes from learner to learner. Until the stream is open, it has the
// patience of any request.
func (r *relay) run(ctx context.Context, end time.Time) {
	pause, failed := backoffFirst, 0
	for at := 0; ctx.Err() == nil; at++ {
		addresses := r.s.learners()
		failed++
		if n := len(addresses); n > 0 && r.from(ctx, addresses[at%n], time.Until(end)) {
			pause, failed = backoffFirst, 0
		}
		switch {
		case r.ended:
			return
		case !r.begun && time.Now().After(end):
			r.giveUp()
			return
		case failed < len(addresses) && len(addresses) > 1:
			continue // another one is there at once
		}
		if !wait(ctx, pause) {
			return
		}
		pause = min(2*pause, watchPause)
		r.comment()
	}
}

// comment tells a user that nothing is lost while no learner is there, and finds
// out whether the user still is.
func (r *relay) comment() {
	if r.begun && time.Since(r.out.wrote) >= progressEvery {
		r.write([]byte(": no learner answers\n\n"))
	}
}

// write gives the user bytes, and opens the stream for the first ones.
func (r *relay) write(b []byte) {
	if !r.begun {
		r.begun = true
		beginStream(r.c)
		r.out = &sse{out: bufio.NewWriterSize(r.c.Writer, streamedAtOnce), flush: r.c.Writer.Flush}
	}
	r.out.wrote = time.Now()
	_, err := r.out.out.Write(b)
	if err == nil {
		err = r.out.send()
	}
	r.ended = r.ended || err != nil
}

func (r *relay) giveUp() {
	switch {
	case r.answer != nil:
		r.answer.pass(r.c)
	default:
		why := "no learner is known"
		if len(r.trouble) > 0 {
			why = strings.Join(slices.Sorted(maps.Values(r.trouble)), "; ")
		}
		refuse(r.c, noLearner(why))
	}
}

// silent notes why a learner says nothing. That the time was up says less than
// what was wrong before.
func (r *relay) silent(address string, begun time.Time, err error) {
	if r.trouble == nil {
		r.trouble = map[string]string{}
	}
	if r.trouble[address] == "" || !errors.Is(err, context.Canceled) {
		r.trouble[address] = r.s.silence(address, time.Since(begun), err)
	}
}

// from passes on what one learner says, until it ends; it reports whether there
// was anything.
func (r *relay) from(ctx context.Context, address string, left time.Duration) (passed bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := watchSilence
	if !r.begun {
		// A learner that cannot answer says so at the deadline.
		silence = max(min(left+min(left, r.s.settings.RequestTimeout)/4, watchSilence), time.Millisecond)
	}
	begun, alarm := time.Now(), time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/watch?"+r.query, nil)
	if err != nil {
		r.silent(address, begun, err)
		return false
	}
	if token := r.c.GetHeader(client.HeaderToken); token != "" {
		request.Header.Set(client.HeaderToken, token)
	}
	if r.given {
		request.Header.Set("Last-Event-ID", strconv.FormatUint(r.last, 10))
	}
	response, err := r.s.fetch.Do(request)
	if err != nil {
		r.silent(address, begun, err)
		return false
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		r.refused(response)
		return false
	}
	in := bufio.NewReaderSize(response.Body, streamedAtOnce)
	for {
		e, err := readEvent(in, func() { alarm.Reset(watchSilence) })
		if errors.Is(err, errLarge) {
			r.resync(0)
			return true
		}
		if err != nil {
			r.silent(address, begun, err)
			return passed
		}
		alarm.Stop() // the user may take its time
		if !r.pass(e) {
			return true
		}
		passed = true
		alarm.Reset(watchSilence)
	}
}

// pass gives the user an event; it reports whether more is wanted.
func (r *relay) pass(e event) bool {
	if e.name == "change" && r.given && e.id <= r.last {
		return true // told before
	}
	r.write(e.raw)
	if e.id != 0 {
		r.last, r.given = max(r.last, e.id), true
	}
	r.ended = r.ended || e.name == "resync"
	return !r.ended
}

// refused takes a learner's no: the user's answer, unless it has a stream. What
// another learner may answer otherwise is tried there.
func (r *relay) refused(response *http.Response) {
	a, err := held(response)
	if err != nil {
		r.silent(response.Request.URL.Host, time.Now(), err)
		return
	}
	switch {
	case a.status >= http.StatusInternalServerError || a.status == http.StatusNotFound:
		r.answer = a
	case !r.begun:
		r.ended = true
		a.pass(r.c)
	case a.status == http.StatusGone:
		compacted, err := strconv.ParseUint(response.Header.Get(client.HeaderCompacted), 10, 64)
		if err != nil {
			r.silent(response.Request.URL.Host, time.Now(), err)
			return
		}
		r.resync(compacted)
	default:
		r.silent(response.Request.URL.Host, time.Now(), fmt.Errorf("it answered %d", a.status))
	}
}

// resync ends the stream where the history does.
func (r *relay) resync(compacted uint64) {
	b, err := json.Marshal(client.Resync{Revision: paxos.Number(r.last + 1), Compacted: paxos.Number(compacted), Hint: resyncHint})
	if err == nil {
		r.write(fmt.Appendf(nil, "event: resync\ndata: %s\n\n", b))
	}
	r.ended = true
}

// held reads a whole answer, which is a problem.
func held(response *http.Response) (*answer, error) {
	b, err := io.ReadAll(io.LimitReader(response.Body, heldBack))
	response.Header.Set("Content-Length", strconv.Itoa(len(b)))
	return &answer{status: response.StatusCode, header: response.Header, body: b, close: func() {}}, err
}
