package rest

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/paxos"
)

// A node is ready when the next one may be stopped. It becomes so once in its
// life, and a lost quorum does not take it back: what is ready says nothing
// about others.

// Times of a beginning.
const (
	patienceForCluster = 5 * time.Second        // after which no word of a cluster means that there is none yet
	catchUpEvery       = 100 * time.Millisecond // at the most
)

// readyz says that the node can take its part, or waits to be initialised: an
// acceptor that votes or will, a learner that has caught up once with what was
// chosen when it asked, a client service to which a learner has reported.
func (s *Server) readyz(c *gin.Context) {
	mute, behind, begins := "", "", ""
	if !s.look(c, func() {
		if s.Acceptor != nil && s.Acceptor.Silenced() {
			mute = s.Acceptor.Why()
		}
		behind, begins = s.whyBehind(), s.whyBegins()
	}) {
		return
	}
	switch {
	case behind != "":
		refuse(c, problem("not-applied-yet", http.StatusServiceUnavailable, behind, "put back the directory of a learner that had a snapshot, if no learner has one"))
	case mute != "":
		refuse(c, problem("mute", http.StatusServiceUnavailable, mute, "this acceptor does not vote; the others go on while a quorum of them is left"))
	case begins != "":
		refuse(c, problem("starting", http.StatusServiceUnavailable, begins, "it answers what it can already; see /health"))
	default:
		c.String(http.StatusOK, "ok\n")
	}
}

// whyBegins says what a node still needs to take its part for the first time,
// "" if nothing; it must be called in the loop.
func (s *Server) whyBegins() string {
	switch {
	case s.Learner == nil && s.Session == nil || s.began.Load():
		return ""
	case s.role.Header().Cluster.IsZero():
		if time.Since(s.started) > s.patienceForCluster {
			return ""
		}
		return fmt.Sprintf("%s has just started and does not know yet whether there is a cluster", s.settings.ID)
	case s.Learner != nil:
		return fmt.Sprintf("%s has just started and catches up: it has applied the slots below %d", s.settings.ID, s.Learner.Applied())
	case len(s.Session.Learners()) == 0:
		return fmt.Sprintf("%s has just started and no learner has reported to it yet", s.settings.ID)
	}
	s.began.Store(true)
	return ""
}

// catchUp asks, as a linearizable read does, until everything that was chosen at
// one moment after the start is applied.
func (s *Server) catchUp(ctx context.Context) {
	known := func() bool { return !s.role.Header().Cluster.IsZero() }
	if s.Learner == nil || s.loop.Await(ctx, known) != nil {
		return
	}
	ticker := time.NewTicker(catchUpEvery)
	defer ticker.Stop()
	for {
		ask := paxos.AskRead{At: s.Clock(), Ticks: s.settings.Ticks(s.settings.RequestTimeout)}
		got, err := s.loop.Do(ctx, paxos.Envelope{To: s.settings.ID, Config: s.stamp, Message: ask})
		if is, _ := got.Message.(paxos.ReadIs); err == nil && is.Ready {
			s.began.Store(true)
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
