package rest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/client/wire"
)

// What a learner answers: a page of values, as JSON with every byte escaped, is
// not larger than passedOn. Up to heldBack is held back until all of it is
// there, so that another learner can be asked if it breaks off; what is larger
// is passed on as it comes.
const (
	passedOn       = 64 << 20
	heldBack       = 1 << 20
	silentLearner  = 10 * time.Second // between two parts of an answer
	streamedAtOnce = 64 << 10
)

// question is what a client service asks learners. Path is the question to one
// that may wait so long.
type question struct {
	method   string
	header   http.Header
	patience time.Duration
	path     func(share time.Duration) string
	hot      *wire.Read // the same for a stream, nil if it is for none
	key      string     // of hot
}

// answer is what a learner says.
type answer struct {
	status int
	header http.Header
	body   []byte
	rest   io.Reader // what follows body, nil if nothing does
	close  func()
	// Of an answer that came over a stream; header is nil then.
	head []byte
	held *waiting // whose head and body are
}

// passedHeaders are those of a learner's answer that are for its reader.
func passedHeaders(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Etag", "Cache-Control", "Vary", "Retry-After", "X-Content-Type-Options":
		return true
	}
	return strings.HasPrefix(name, "Paxos-")
}

// askedHeaders are those of a reader's question that are for the learner.
var askedHeaders = []string{"Accept", "If-None-Match", client.HeaderToken}

func (a *answer) pass(c *gin.Context) {
	defer a.close()
	for name, values := range a.header {
		if passedHeaders(name) {
			c.Writer.Header()[name] = values
		}
	}
	c.Status(a.status)
	c.Writer.WriteHeaderNow()
	if _, err := c.Writer.Write(a.body); err != nil || a.rest == nil {
		return
	}
	// Content-Length says how much must come: if it breaks off, so does this
	// connection, and nobody takes a part for the whole.
	_, err := io.CopyBuffer(struct{ io.Writer }{c.Writer}, a.rest, make([]byte, streamedAtOnce))
	if err != nil {
		c.Abort()
	}
}

// fromLearner passes on what a learner answers.
func (s *Server) fromLearner(c *gin.Context, patience time.Duration, path func(time.Duration) string) {
	q := question{method: c.Request.Method, header: http.Header{}, patience: patience, path: path}
	for _, name := range askedHeaders {
		if values := c.Request.Header.Values(name); len(values) > 0 {
			q.header[http.CanonicalHeaderKey(name)] = values
		}
	}
	got, bad := s.consult(c.Request.Context(), q)
	if bad != nil {
		refuse(c, bad)
		return
	}
	got.pass(c)
}

// consult asks learners, one after the other, until one can answer. Which one
// is asked first stays the same, so that a reader does not jump back and forth
// in time while that learner lives. Each has half of the time that is left, the
// last one all of it.
func (s *Server) consult(ctx context.Context, q question) (*answer, *client.Problem) {
	end := time.Now().Add(q.patience)
	addresses := s.learners()
	var behind string // who might still answer, if it had more time
	var kept *answer
	var silent []string
	full := false
	ask := func(address string, parts int) *answer {
		share, begun := max(time.Until(end)/time.Duration(parts), time.Millisecond), time.Now()
		got, err := s.reach(ctx, q, address, share)
		switch {
		case errors.Is(err, errFull):
			full = true
		case err != nil:
			silent = append(silent, s.silence(address, time.Since(begun), err))
		case got.status < http.StatusInternalServerError:
			s.served(got)
			return got
		default:
			got.close()
			kept = got
			if got.status == http.StatusGatewayTimeout {
				behind = address
			}
		}
		return nil
	}
	for i, address := range addresses {
		if got := ask(address, min(2, len(addresses)-i)); got != nil {
			return got, nil
		}
	}
	// Those after it were gone at once, perhaps.
	if behind != "" && time.Until(end) > q.patience/4 {
		if got := ask(behind, 1); got != nil {
			return got, nil
		}
	}
	switch {
	case full:
		return nil, problem("overloaded", http.StatusServiceUnavailable, "as many reads wait for an answer here as there is room for",
			"nothing was changed; try again in a second, ask another client service, or a learner itself")
	case kept != nil:
		return kept, nil
	case len(silent) > 0:
		return nil, noLearner(strings.Join(silent, "; "))
	default:
		return nil, noLearner("no learner is known")
	}
}

func noLearner(why string) *client.Problem {
	return problem("no-learner", http.StatusServiceUnavailable, why, "nothing was changed; start a learner; see /gossip/nodes for who is there")
}

// silence says in a sentence that a learner gave no answer, and why.
func (s *Server) silence(address string, waited time.Duration, err error) string {
	if errors.Is(err, context.Canceled) {
		err = context.DeadlineExceeded // it had had its time
	}
	quiet := client.NoAnswer(address, waited, err)
	name := quiet.Address
	for _, id := range s.settings.Configuration().Learners {
		if slices.Contains(s.hub.book.Addresses(id), address) {
			name = string(id) + " at " + quiet.Address
		}
	}
	if what, why, more := strings.Cut(quiet.Why, ": "); more {
		return name + " " + what + " (" + why + ")"
	}
	return name + " " + quiet.Why
}

// learnersAt are the addresses of learners, as long as the book has this channel.
type learnersAt struct {
	addresses []string
	changed   <-chan struct{}
}

// learners are the addresses of all learners, in the order of this service. Nobody
// may change the list.
func (s *Server) learners() []string {
	changed := s.hub.book.Changed() // before the addresses: what changes then is seen next time
	if k := s.learnersAt.Load(); k != nil && k.changed == changed {
		return k.addresses
	}
	k := &learnersAt{changed: changed}
	list := s.settings.Configuration().Learners
	first := int(crc32.ChecksumIEEE([]byte(s.settings.ID)))
	for i := range list {
		k.addresses = append(k.addresses, s.hub.book.Addresses(list[(first+i)%len(list)])...)
	}
	s.learnersAt.Store(k)
	return k.addresses
}

// reach asks one learner: over the stream to it, if there is one and the question
// is for streams; else, and if the stream breaks, by a request.
func (s *Server) reach(ctx context.Context, q question, address string, share time.Duration) (*answer, error) {
	if q.hot == nil {
		return s.get(ctx, q, address, share)
	}
	begun := time.Now()
	got, asked, err := s.askings.to(address).ask(q, share, s.patienceWith(share))
	if got != nil || err != nil {
		return got, err
	}
	if asked {
		share = max(share-time.Since(begun), time.Millisecond)
	}
	return s.get(ctx, q, address, share)
}

// patienceWith is how long a learner is waited for that was given a share: if it
// lives, it answers in time, if only that it has no answer.
func (s *Server) patienceWith(share time.Duration) time.Duration {
	return share + min(share, s.settings.RequestTimeout)/4
}

// served notes which learner answered.
func (s *Server) served(got *answer) {
	if got.held != nil {
		s.Measures.Served[got.held.learner].Add(1)
		return
	}
	s.Measures.served(got.header)
}

// get asks one learner. The limit of its time covers what is held back; after
// that, a learner that falls silent is given up.
func (s *Server) get(ctx context.Context, q question, address string, share time.Duration) (*answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	alarm := time.AfterFunc(s.patienceWith(share), cancel)
	stop := func() {
		alarm.Stop()
		cancel()
	}
	a, err := s.begin(ctx, q, "http://"+address+q.path(share))
	if err != nil {
		stop()
		return nil, err
	}
	if a.rest == nil {
		a.close()
		stop()
		a.close = func() {}
		return a, nil
	}
	done := a.close
	a.rest = patient{a.rest, alarm}
	a.close = func() {
		done()
		stop()
	}
	return a, nil
}

func (s *Server) begin(ctx context.Context, q question, url string) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, q.method, url, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range q.header {
		request.Header[name] = values
	}
	response, err := s.fetch.Do(request)
	if err != nil {
		return nil, err
	}
	a := &answer{status: response.StatusCode, header: response.Header, close: func() { _ = response.Body.Close() }}
	if q.method == http.MethodHead {
		return a, nil
	}
	most := int64(passedOn)
	if n := response.ContentLength; n > heldBack && n <= passedOn && response.StatusCode < http.StatusInternalServerError {
		most = heldBack
	}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, most))
	switch {
	case err != nil:
	case most == heldBack:
		a.rest = response.Body
		return a, nil
	case int64(len(a.body)) == most && more(response.Body):
		err = fmt.Errorf("an answer of more than %d bytes", passedOn)
	default:
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
		return a, nil
	}
	a.close()
	return nil, err
}

func more(r io.Reader) bool {
	n, _ := io.ReadFull(r, make([]byte, 1))
	return n > 0
}

// patient reads while parts come, each in its time.
type patient struct {
	io.Reader
	alarm *time.Timer
}

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	p.alarm.Reset(silentLearner)
	return p.Reader.Read(b)
}
