package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// Locks and elections are the same thing: a queue whose first place holds. A
// client service writes the queue; whether a place has become the first, it is
// told by a learner.

// defaultTTL is the time to live of a lease that a lock grants, unless it is
// said.
const defaultTTL = 30000

// queueRoot is where a kind of queue has its paths.
func queueRoot(q kv.Queue) string {
	if q == kv.Elections {
		return "/election/"
	}
	return "/lock/"
}

// queueName is the name in the path.
func queueName(c *gin.Context) (string, *client.Problem) {
	name, err := pathText(c.Param("name"), "name")
	if err == nil {
		err = kv.Check(paxos.Command{Session: 1, Sequence: 1, Body: kv.Encode(kv.Release{Name: name, Token: 1})})
	}
	if err != nil {
		return "", badRequest(err, "for example /lock/printer")
	}
	return name, nil
}

// token is ?token=.
func token(c *gin.Context, needed bool) (kv.Revision, *client.Problem) {
	n, bad := number(c, "token", 0)
	_, given := c.GetQuery("token")
	if bad == nil && n == 0 && (needed || given) {
		bad = badRequest(errors.New("parameter token is needed; tokens begin at 1"), "as the answer to POST says it")
	}
	return kv.Revision(n), bad
}

const acquireHint = `for example {"ttl":"10s","value":"who"}; all of it may be left out`

// acquire takes a place in a queue and waits until it holds; if it does not in
// time, it leaves the queue, unless ?queue says to stay.
func (s *Server) acquire(q kv.Queue) gin.HandlerFunc {
	return func(c *gin.Context) {
		name, bad := queueName(c)
		if bad != nil {
			refuse(c, bad)
			return
		}
		ask, err := s.readAcquire(c, q, name)
		var stay bool
		if err == nil {
			stay, err = flag(c, "queue")
		}
		if err == nil {
			err = unconditional(c, nowhere...)
		}
		if err != nil {
			refuse(c, badRequest(err, acquireHint))
			return
		}
		w, bad := s.parseWriting(c, ask)
		if bad != nil {
			refuse(c, bad)
			return
		}
		s.hold(c, w, ask, stay)
	}
}

func (s *Server) readAcquire(c *gin.Context, q kv.Queue, name string) (ask kv.Acquire, err error) {
	b, bad := body(c, s.jsonLimit())
	if bad != nil {
		return ask, sizeError(bad.Detail)
	}
	var words struct {
		lasting
		Lease kv.LeaseID `json:"lease"`
		Value string     `json:"value"`
	}
	if len(b) > 0 {
		if err := paxos.StrictJSON(b, &words); err != nil {
			return ask, err
		}
	}
	ask = kv.Acquire{Queue: q, Name: name, Lease: words.Lease, Value: words.Value}
	if ask.TTL, err = words.read(); err != nil {
		return ask, err
	}
	if ask.TTL == 0 && ask.Lease == 0 {
		ask.TTL = defaultTTL
	}
	return ask, nil
}

// hold acquires, and waits for the rest of the time. Who goes away meanwhile
// wants the lock no more.
func (s *Server) hold(c *gin.Context, w writing, ask kv.Acquire, stay bool) {
	end := time.Now().Add(w.patience)
	request := c.Request
	c.Request = request.WithContext(context.WithoutCancel(request.Context()))
	d, ok := s.apply(c, w)
	c.Request = request
	switch {
	case !ok:
		return
	case d.Failure != nil && d.Failure.Code == kv.FailTTL && ask.TTL == 0:
		d.Failure = &kv.Failure{Code: kv.FailNoLease, Detail: fmt.Sprintf("there is no lease %v, and no ttl to grant one with", ask.Lease)}
		fallthrough
	case d.Failure != nil:
		s.refuseFailure(c, d)
		return
	case d.Place == nil:
		refuse(c, problem("internal", http.StatusInternalServerError, "the state machine gave no place", ""))
		return
	}
	place := shownPlace(*d.Place)
	if !place.Held {
		place = s.awaitHeld(request.Context(), ask.Queue, place, d.command.SessionToken, time.Until(end))
	}
	out := client.Placed{Place: place, Revision: paxos.Number(d.Revision), Command: d.command}
	switch {
	case request.Context().Err() != nil && !stay:
		s.abandon(kv.Release{Queue: ask.Queue, Name: ask.Name, Token: d.Place.Token})
	case place.Held:
		reply(c, http.StatusOK, out)
	case stay && place.Ahead > 0:
		reply(c, http.StatusAccepted, out)
	default:
		s.leave(c, ask, place)
	}
}

// awaitHeld asks learners until the place is the first, or is gone, or the time
// is over. It gives the place as it was last seen; gone, with nobody ahead and
// not held.
func (s *Server) awaitHeld(ctx context.Context, q kv.Queue, place client.Place, seen string, left time.Duration) client.Place {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)() // so that there is time left to leave the queue
	end := time.Now().Add(left)
	pause := backoffFirst
	for time.Until(end) > time.Millisecond && ctx.Err() == nil {
		got, err := s.askQueue(ctx, q, place, seen, time.Until(end))
		if err != nil {
			if !wait(ctx, min(pause, time.Until(end))) {
				return place
			}
			pause = min(2*pause, backoffMost/2)
			continue
		}
		place = placeIn(got, place)
		if place.Ahead == 0 {
			return place
		}
	}
	return place
}

// placeIn finds a place in its queue again.
func placeIn(queue client.Queue, place client.Place) client.Place {
	if queue.Holder != nil && queue.Holder.Token == place.Token {
		return *queue.Holder
	}
	for _, p := range queue.Queue {
		if p.Token == place.Token {
			return p
		}
	}
	place.Held, place.Ahead = false, 0
	return place
}

// askQueue asks a learner that has seen the place, which answers when something
// about it has changed.
func (s *Server) askQueue(ctx context.Context, q kv.Queue, place client.Place, seen string, left time.Duration) (out client.Queue, err error) {
	query := url.Values{"consistency": {afterSession}, "session_token": {seen}, "token": {strconv.FormatUint(uint64(place.Token), 10)}}
	path := queueRoot(q) + url.PathEscape(place.Name)
	got, bad := s.consult(ctx, question{method: http.MethodGet, patience: max(left, time.Millisecond), path: func(share time.Duration) string {
		query.Set("timeout", min(max(share, time.Millisecond), maxTimeout).String())
		return path + "?" + query.Encode()
	}})
	if bad != nil {
		return out, bad
	}
	defer got.close()
	if got.status != http.StatusOK || got.rest != nil {
		return out, fmt.Errorf("a learner said %d of a queue", got.status)
	}
	return out, json.Unmarshal(got.body, &out)
}

// wait reports whether ctx has not ended before the time was over.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// leave takes a place that does not hold out of its queue, and says so.
func (s *Server) leave(c *gin.Context, ask kv.Acquire, place client.Place) {
	detail := fmt.Sprintf("%q is held by another, %d are ahead", ask.Name, place.Ahead)
	if place.Ahead == 0 {
		detail = fmt.Sprintf("the place in the queue of %q is gone: its lease has ended", ask.Name)
	}
	hint := "the queue was left; wait longer with ?timeout=, or stay in it with ?queue"
	release := kv.Release{Queue: ask.Queue, Name: ask.Name, Token: kv.Revision(place.Token)}
	settled, err := s.pursue(c.Request.Context(), paxos.Submit{Body: kv.Encode(release)}, s.settings.RequestTimeout)
	if err != nil || whySettled(settled, "") != nil {
		hint = "whether the queue was left is not certain; the place ends with its lease"
	}
	p := problem("not-held", http.StatusConflict, detail, hint)
	refuse(c, p)
}

// abandon does the same for somebody who does not listen any more.
func (s *Server) abandon(release kv.Release) {
	_, err := s.pursue(context.Background(), paxos.Submit{Body: kv.Encode(release), NoWait: true}, s.settings.RequestTimeout)
	if err != nil {
		s.Log.WithError(err).Warnf("a place in the queue of %q is left to its lease", release.Name)
	}
}

// placeNamed is the place that a request names: the queue in its path, and the
// token.
func placeNamed(c *gin.Context) (name string, wanted kv.Revision, bad *client.Problem) {
	if name, bad = queueName(c); bad != nil {
		return name, 0, bad
	}
	if wanted, bad = token(c, true); bad != nil {
		return name, 0, bad
	}
	if err := unconditional(c, nowhere...); err != nil {
		bad = badRequest(err, "")
	}
	return name, wanted, bad
}

// release takes a place out of a queue.
func (s *Server) release(q kv.Queue) gin.HandlerFunc {
	return func(c *gin.Context) {
		name, wanted, bad := placeNamed(c)
		if bad != nil {
			refuse(c, bad)
			return
		}
		s.placed(c, name, wanted, kv.Release{Queue: q, Name: name, Token: wanted})
	}
}

// proclaim changes the value of who leads.
func (s *Server) proclaim(c *gin.Context) {
	name, wanted, bad := placeNamed(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	value, bad := s.value(c)
	if bad == nil && !utf8.Valid(value) {
		bad = badRequest(errors.New("the value is not UTF-8"), "what is proclaimed is a text")
	}
	if bad != nil {
		refuse(c, bad)
		return
	}
	s.placed(c, name, wanted, kv.Proclaim{Queue: kv.Elections, Name: name, Token: wanted, Value: string(value)})
}

func (s *Server) placed(c *gin.Context, name string, wanted kv.Revision, command any) {
	d, ok := s.write(c, command)
	if !ok {
		return
	}
	out := client.Placed{Place: client.Place{Name: name, Token: paxos.Number(wanted)}, Revision: paxos.Number(d.Revision), Command: d.command}
	if d.Place != nil {
		out.Place = shownPlace(*d.Place)
	}
	if _, released := command.(kv.Release); released {
		out.Held = false
	}
	reply(c, http.StatusOK, out)
}
