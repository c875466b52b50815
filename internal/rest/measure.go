package rest

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/internal/metrics"
	"paxos/internal/sched"
	"paxos/paxos"
)

// Measures are what a server measures; what is nil it does not.
type Measures struct {
	Requests *metrics.Requests
	// Of reads that ask the acceptors: how long until the answer, and how many
	// were answered or refused.
	Read                      *metrics.Histogram
	ReadAnswered, ReadRefused *metrics.Count
	// Served are, at a client service, the answers of each learner.
	Served map[paxos.NodeID]*metrics.Count
	// Crowd counts how many reads go together, nil if nobody asks.
	Crowd *sched.Crowd
}

// noSuch is the route of what has none: its paths are anybody's to invent.
const noSuch = "none"

// timed counts the requests of a route. Those that become a stream are counted
// when it ends.
func timed(route *metrics.Route) gin.HandlerFunc {
	return func(c *gin.Context) {
		begun := time.Now()
		c.Next()
		w, _ := c.Writer.(*parts)
		status := c.Writer.Status()
		route.Answered(status, time.Since(begun), status == http.StatusSwitchingProtocols || w != nil && w.flushed)
	}
}

// read tells how a read went that asked the acceptors.
func (m *Measures) read(took time.Duration, ready bool) {
	if !ready {
		m.ReadRefused.Add(1)
		return
	}
	m.ReadAnswered.Add(1)
	m.Read.Took(took)
}

// served notes which learner answered.
func (m *Measures) served(header http.Header) {
	m.Served[paxos.NodeID(header.Get(client.HeaderLearner))].Add(1)
}

// Watching is how many watches, and waits for locks, are open here.
func (s *Server) Watching() int {
	s.news.mu.Lock()
	defer s.news.mu.Unlock()
	return s.news.size
}
