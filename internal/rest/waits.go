package rest

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// getQueue tells who holds and who waits, at a learner; with ?token= it waits
// until that place is the first, or is no place any more.
func (s *Server) getQueue(q kv.Queue) gin.HandlerFunc {
	return func(c *gin.Context) {
		begun := time.Now()
		name, bad := queueName(c)
		if bad != nil {
			refuse(c, bad)
			return
		}
		wanted, bad := token(c, false)
		if bad != nil {
			refuse(c, bad)
			return
		}
		var crowd *crowd
		if wanted != 0 {
			var ok bool
			if crowd, ok = s.joined(c); !ok {
				return
			}
			defer s.news.leave()
		}
		saw, ok := s.sight(c)
		if !ok {
			return
		}
		places, fresh := saw.Queue(q, name), &saw.fresh
		if saw.View = nil; wanted != 0 { // what is waited for is in later ones
			places = s.awaitPlace(c, crowd, fresh, places, waited{q, name, wanted, begun})
		}
		out := client.Queue{Name: name, Queue: []client.Place{}, Freshness: *fresh}
		for i, p := range places {
			place := shownPlace(p)
			if i == 0 {
				out.Holder = &place
				continue
			}
			out.Queue = append(out.Queue, place)
		}
		reply(c, http.StatusOK, out)
	}
}

// waited is a place that is waited for.
type waited struct {
	queue kv.Queue
	name  string
	token kv.Revision
	since time.Time
}

// settled reports whether the place is the first or gone.
func (w waited) settled(places []kv.Place) bool {
	return slices.IndexFunc(places, func(p kv.Place) bool { return p.Token == w.token }) <= 0
}

// awaitPlace waits for what is seen of a queue to change until a place is the
// first or gone, the time is over, or the node stops. It holds no state while it
// waits: that would keep all of its history.
func (s *Server) awaitPlace(c *gin.Context, crowd *crowd, fresh *client.Freshness, places []kv.Place, w waited) []kv.Place {
	patience, bad := s.patience(c)
	if bad != nil || w.settled(places) {
		return places // sight has read the patience before
	}
	ctx, cancel := context.WithDeadline(c.Request.Context(), w.since.Add(patience))
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	bell, stop := crowd.listen(queueOf(places[0].Key))
	defer stop()
	for {
		rung := bell()
		if view := crowd.since(fresh.Applied); view != nil {
			places = view.Queue(w.queue, w.name)
			seenLater(c, fresh, view)
		}
		if ctx.Err() != nil || w.settled(places) {
			return places
		}
		select {
		case <-rung:
		case <-ctx.Done():
		}
	}
}

// seenLater makes an answer as fresh as what it tells: it was read when it says.
func seenLater(c *gin.Context, fresh *client.Freshness, view *kv.View) {
	fresh.Age = nil
	fresh.Revision, fresh.Applied = paxos.Number(view.Revision()), view.Applied()
	fresh.SessionToken = tokenOf(view.Applied() - 1)
	c.Header(client.HeaderToken, fresh.SessionToken)
	c.Header(client.HeaderRevision, strconv.FormatUint(uint64(view.Revision()), 10))
	c.Header(client.HeaderApplied, strconv.FormatUint(uint64(view.Applied()), 10))
	c.Writer.Header().Del(client.HeaderAge)
}
