package rest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/internal/node"
	"paxos/kv"
	"paxos/paxos"
)

// Every read of the store says how fresh its answer must be. What that takes
// is decided here, for all of them; what is read is a frozen view, so that a
// long answer delays nobody.

// The consistencies.
const (
	linearizable = "linearizable" // everything that was acknowledged before it was asked
	bounded      = "bounded"      // what was acknowledged max_age ago, at least
	afterSession = "session"      // at least what the session token has seen
	stale        = "stale"        // what this learner has applied
)

var readParameters = []string{"consistency", "max_age", "session_token", "timeout"}

// reading is how fresh a read must be.
type reading struct {
	consistency string
	maxAge      time.Duration
	seen        paxos.Slot
	patience    time.Duration
}

// sight is the state that a read is answered from.
type sight struct {
	*kv.View
	fresh client.Freshness
}

func (s *Server) parseReading(c *gin.Context) (r reading, bad *client.Problem) {
	if r.patience, bad = s.patience(c); bad != nil {
		return r, bad
	}
	r.consistency = c.DefaultQuery("consistency", linearizable)
	switch r.consistency {
	case linearizable, bounded, afterSession, stale:
	default:
		return r, badRequest(fmt.Errorf("parameter consistency: %q is none of linearizable, bounded, session, stale", r.consistency), "leave it out for linearizable")
	}
	age, aged := c.GetQuery("max_age")
	switch {
	case aged != (r.consistency == bounded):
		return r, badRequest(errors.New("consistency=bounded and max_age=… belong together"), "for example ?consistency=bounded&max_age=500ms")
	case aged:
		d, err := time.ParseDuration(age)
		if err != nil || d < time.Millisecond || d > 24*time.Hour {
			return r, badRequest(fmt.Errorf("parameter max_age: %q is no duration from 1ms to 24h", age), "for example 500ms or 2s")
		}
		r.maxAge = d
	}
	token, err := sessionToken(c)
	if err != nil {
		return r, badRequest(err, "pass on what an answer said, as it is")
	}
	// A client library may send its token along with every read.
	if r.consistency == afterSession {
		r.seen = token
	}
	return r, nil
}

// sessionToken reads what the reader has seen, 0 if it says nothing.
func sessionToken(c *gin.Context) (paxos.Slot, error) {
	text, given := c.GetQuery("session_token")
	header := c.Request.Header.Values(client.HeaderToken)
	switch {
	case len(header) > 1 || len(header) == 1 && given && header[0] != text:
		return 0, fmt.Errorf("there is more than one session token")
	case len(header) == 1:
		text = header[0]
	case !given:
		return 0, nil
	}
	return parseToken(text)
}

// A session token is the last slot that was seen, in 16 hexadecimal digits: of
// two, the greater text has seen more.
func tokenOf(slot paxos.Slot) string {
	return string(appendHex(make([]byte, 0, 16), uint64(slot)))
}

func parseToken(text string) (paxos.Slot, error) {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || tokenOf(paxos.Slot(n)) != text {
		return 0, fmt.Errorf("%.40q is no session token", text)
	}
	return paxos.Slot(n), nil
}

// Clock is this process's monotonic clock in nanoseconds, never 0: the one of
// paxos.AskRead and paxos.Clock.
func (s *Server) Clock() int64 { return int64(time.Since(s.started)) + 1 }

// sight gives a state that is as fresh as asked for; it answers the request
// itself if there is none in time. What follows may read it at leisure.
func (s *Server) sight(c *gin.Context) (*sight, bool) {
	r, bad := s.parseReading(c)
	if bad != nil {
		refuse(c, bad)
		return nil, false
	}
	return s.sightFor(c, r)
}

func (s *Server) sightFor(c *gin.Context, r reading) (*sight, bool) {
	got, bad := s.see(c.Request.Context(), r, ginVoice{c})
	if bad != nil {
		refuse(c, bad)
		return nil, false
	}
	return got, true
}

// see gives a state that is as fresh as asked for, and says in the headers of
// the answer how fresh that is.
func (s *Server) see(ctx context.Context, r reading, v voice) (*sight, *client.Problem) {
	if r.consistency == afterSession && r.seen != 0 {
		if bad := s.awaitSlot(ctx, r.seen, r.patience); bad != nil {
			return nil, bad
		}
	}
	got, since, bad := s.askRead(ctx, r, "")
	if bad != nil {
		return nil, bad
	}
	return &sight{got.view, s.tellFresh(v, r.consistency, got.view.Revision(), got.view.Applied(), since)}, nil
}

// glance is one key in the state, and which state that is.
type glance struct {
	one      kv.KeyValue
	found    bool
	applied  paxos.Slot
	revision kv.Revision
}

// glance reads a key where it is. It must be called in the loop. Unlike a view it
// freezes nothing, of which later writes would have to make copies.
func (s *Server) glance(key string) glance {
	g := glance{applied: s.Machine.Applied(), revision: s.Machine.Revision()}
	g.one, g.found = s.Machine.Get(key)
	return g
}

// seeKey is see, of one key.
func (s *Server) seeKey(ctx context.Context, r reading, key string, v voice) (glance, client.Freshness, *client.Problem) {
	if r.consistency == afterSession && r.seen != 0 {
		if bad := s.awaitSlot(ctx, r.seen, r.patience); bad != nil {
			return glance{}, client.Freshness{}, bad
		}
	}
	got, since, bad := s.askRead(ctx, r, key)
	if bad != nil {
		return glance{}, client.Freshness{}, bad
	}
	return got.glance, s.tellFresh(v, r.consistency, got.glance.revision, got.glance.applied, since), nil
}

// tellFresh says in the headers of an answer of which state it is, and how fresh
// that is; since is 0 if nobody knows.
func (s *Server) tellFresh(v voice, consistency string, revision kv.Revision, applied paxos.Slot, since int64) client.Freshness {
	f := client.Freshness{Consistency: consistency, Learner: s.settings.ID, Revision: paxos.Number(revision), Applied: applied, SessionToken: tokenOf(applied - 1)}
	if since != 0 {
		age := max(0, s.Clock()-since) / int64(time.Millisecond)
		f.Age = &age
		v.number(client.HeaderAge, uint64(age))
	}
	v.number(client.HeaderRevision, uint64(f.Revision))
	v.number(client.HeaderApplied, uint64(f.Applied))
	v.header(client.HeaderConsistency, f.Consistency)
	v.header(client.HeaderLearner, string(f.Learner))
	v.header(client.HeaderToken, f.SessionToken)
	v.header("Cache-Control", "no-cache") // a kept answer would be an old one
	return f
}

// lookAtAll gives the state as it is, unless it is so old that what follows is
// truncated: then it is no answer to anybody, and the request is refused.
func (s *Server) lookAtAll(c *gin.Context) (*kv.View, bool) {
	// The loop may look when nobody waits for it any more: into these, and not
	// into what is given back.
	var view *kv.View
	var why string
	if !s.look(c, func() { view, why = s.view(), s.whyBehind() }) {
		return nil, false
	}
	if why != "" {
		refuse(c, useless(why))
		return nil, false
	}
	return view, true
}

func useless(why string) *client.Problem {
	return problem("not-applied-yet", http.StatusServiceUnavailable, why, "ask another learner; if all say so, put back the directory of one that had a snapshot")
}

// whyBehind says why this learner's state is of no use, "" if it is of use; it
// must be called in the loop.
func (s *Server) whyBehind() string {
	if s.Learner == nil || s.Learner.Behind() == 0 {
		return ""
	}
	return fmt.Sprintf("%s has applied the slots below %d, the acceptors have truncated those below %d: it waits for another learner's snapshot",
		s.settings.ID, s.Learner.Applied(), s.Learner.Behind())
}

// view gives the state as it is, frozen; it must be called in the loop. All who
// read between two slots share one. It is not kept here: an old state holds all
// of its history in memory.
func (s *Server) view() *kv.View { return s.Machine.View() }

// askRead waits for the right to read, and gives the state of that moment, or of
// that state a key; since is the moment before which everything that was
// acknowledged is in the state, 0 if nobody knows.
func (s *Server) askRead(ctx context.Context, r reading, key string) (got answered, since int64, bad *client.Problem) {
	ask := s.rightToRead(r)
	begun := time.Now()
	got = s.await(ctx, ask, r.patience, s, key)
	is, _ := got.message.(paxos.ReadIs)
	if ask.MaxAge == 0 {
		s.Measures.read(time.Since(begun), is.Ready)
	}
	return got, is.Since, s.whyNoAnswer(is, got.err, got.behind)
}

// rightToRead is the question of a read that begins now.
func (s *Server) rightToRead(r reading) paxos.AskRead {
	ask := paxos.AskRead{At: s.Clock(), MaxAge: int64(r.maxAge), Ticks: s.settings.Ticks(r.patience)}
	if r.consistency == afterSession || r.consistency == stale {
		ask.MaxAge = math.MaxInt64 // it only wants to be told
	}
	return ask
}

// whyNoAnswer is the problem of a read that has no right, or no state, nil if it
// has both.
func (s *Server) whyNoAnswer(is paxos.ReadIs, err error, behind string) *client.Problem {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, node.ErrFull):
		return problem("stuck", http.StatusServiceUnavailable, s.idle(err), "the disk may be stuck: see /livez")
	case err != nil:
		return s.failed(err, paxos.KindLocal)
	}
	bad := whyUnread(is, s.settings.ID)
	if behind != "" && (bad == nil || bad.Status == http.StatusGatewayTimeout) {
		return useless(behind) // that tells more than that a slot is missing
	}
	return bad
}

// whyUnread is the problem of a read that may not be answered.
func whyUnread(is paxos.ReadIs, learner paxos.NodeID) *client.Problem {
	switch {
	case is.Ready:
		return nil
	case is.Missing != 0:
		return problem("not-applied-yet", http.StatusGatewayTimeout, fmt.Sprintf("slot %d is not applied at %s yet", is.Missing, learner),
			"ask again, wait longer with ?timeout=, or take an older answer with ?consistency=stale")
	}
	p := problem("no-quorum", http.StatusServiceUnavailable, fmt.Sprintf("no quorum: %d acceptors answered, %d are needed", is.Answering, is.Needed),
		"start acceptors, or take an older answer with ?consistency=stale")
	p.Answering, p.Needed = &is.Answering, &is.Needed
	return p
}

// refuseRead tells why the state could not answer.
func refuseRead(c *gin.Context, saw *sight, fail *kv.Failure) {
	c.Abort()
	saw.tellFailure(ginVoice{c}, fail)
}

func (saw *sight) tellFailure(v voice, fail *kv.Failure) {
	if fail.Code == kv.FailCompacted {
		v.header(client.HeaderCompacted, numberText(uint64(saw.Compacted())))
	}
	tellProblem(v, whyFailed(fail))
}
