package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/sirupsen/logrus"

	"paxos/acceptor"
	"paxos/client"
	"paxos/client/session"
	"paxos/gossip"
	"paxos/internal/config"
	"paxos/internal/lean"
	"paxos/internal/node"
	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
	"paxos/proposer"
)

// Parts are what a server serves. Exactly one of the roles is set, and the
// machine belongs to the learner; all of them are touched in the loop only.
type Parts struct {
	Settings *config.Settings
	Loop     *node.Loop
	Hub      *Hub
	Gossip   *gossip.Gossip
	Log      *logrus.Entry
	Version  string
	Metrics  http.Handler
	Measures Measures

	Acceptor *acceptor.Acceptor
	Starts   func() uint64 // of the node's disk; nil if it has none
	Proposer *proposer.Proposer
	Learner  *learner.Learner
	Machine  *kv.Machine
	Session  *session.Session
}

// Server answers a node's HTTP.
type Server struct {
	Parts
	settings   *config.Settings
	loop       *node.Loop
	hub        *Hub
	role       paxos.Role
	stamp      paxos.Stamp
	started    time.Time
	http       *http.Server
	edge       *lean.Edge // what is not hot goes on to http
	gate       *gate
	fetch      *http.Client // the client service's way to learners
	learnersAt *atomic.Pointer[learnersAt]

	parameters map[string][]string // that each endpoint takes; see table

	// life ends when the server shuts down: for answers that have no end.
	life context.Context
	end  context.CancelFunc

	patienceOfParts    time.Duration
	patienceForCluster time.Duration
	news               *news

	programs *programs // the streams of client.Client
	desks    *desks    // a learner's streams of reads, and
	askings  *lines    // those of a client service to learners

	began *atomic.Bool // a learner or client service could take its part once
}

// HTTP limits that are nobody's to tune.
const (
	headerLimit    = 64 << 10
	headerPatience = 5 * time.Second
	bodyPatience   = 30 * time.Second
	leanPatience   = time.Second // of these, at the lean edge
	idlePatience   = 60 * time.Second
	lastWords      = 200 * time.Millisecond
	stuckAfter     = 10 * time.Second // a loop that did not turn for so long
)

// New makes a server, before its loop runs; Serve starts it.
func New(p Parts) *Server {
	s := &Server{Parts: p, settings: p.Settings, loop: p.Loop, hub: p.Hub, stamp: p.Settings.Configuration().Stamp(), started: time.Now(),
		patienceOfParts: patienceOfParts, patienceForCluster: patienceForCluster, gate: newGate(p.Settings.RequestTimeout), began: new(atomic.Bool), news: &news{most: mostStreams}, programs: &programs{open: map[*program]bool{}}, desks: &desks{}, askings: newLines(p.Measures.Crowd), learnersAt: new(atomic.Pointer[learnersAt])}
	s.life, s.end = context.WithCancel(context.Background())
	switch {
	case p.Acceptor != nil:
		s.role = p.Acceptor
	case p.Proposer != nil:
		s.role = p.Proposer
	case p.Learner != nil:
		s.role = p.Learner
	default:
		s.role = p.Session
	}
	s.fetch = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second,
		DialContext: (&net.Dialer{Timeout: dialLimit}).DialContext}}
	if p.Machine != nil {
		p.Loop.AfterTurns(func() { s.news.turned(p.Machine) })
	}
	handler := s.routes()
	s.http = &http.Server{
		Handler: handler, ReadHeaderTimeout: headerPatience - leanPatience, ReadTimeout: bodyPatience - leanPatience, IdleTimeout: idlePatience,
		MaxHeaderBytes: headerLimit, ErrorLog: stdlog.New(io.Discard, "", 0),
	}
	s.http.RegisterOnShutdown(s.end)
	s.edge = s.newEdge()
	s.http.ConnState = s.edge.ConnState
	return s
}

// Serve answers on the listener until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	var catching sync.WaitGroup
	catching.Go(func() { s.catchUp(s.life) })
	defer catching.Wait()
	var taking sync.WaitGroup
	taking.Go(func() { s.edge.Serve(limit(l, s.settings.MaxConnections)) })
	defer taking.Wait()
	err := s.http.Serve(s.edge)
	// Shutdown may close the listener a moment before net/http hears of it.
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Shutdown lets requests finish until ctx ends. Then it stops the loop, so that
// those that still wait are answered (that their outcome is unknown), and
// closes what is left.
func (s *Server) Shutdown(ctx context.Context, stopLoop func()) {
	drained := make(chan error, 1)
	go func() { drained <- s.edge.Shutdown(ctx) }()
	err := s.http.Shutdown(ctx)
	s.end()
	err = errors.Join(err, <-drained, s.programs.wait(ctx))
	stopLoop()
	if err != nil {
		last, cancel := context.WithTimeout(context.Background(), lastWords)
		_ = s.edge.Shutdown(last)
		_ = s.http.Shutdown(last)
		_ = s.programs.wait(last)
		cancel()
		s.edge.Abort()
		_ = s.http.Close()
		s.programs.cut()
	}
	s.fetch.CloseIdleConnections()
	s.askings.close()
	s.desks.wait()
}

// look reads the role's state in the loop; it answers the request itself when
// the loop does not.
func (s *Server) look(c *gin.Context, read func()) bool {
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.settings.RequestTimeout)
	defer cancel()
	if err := s.loop.Inspect(ctx, read); err != nil {
		refuse(c, problem("stuck", http.StatusServiceUnavailable, s.idle(err), "the disk may be stuck: see /livez"))
		return false
	}
	return true
}

func (s *Server) idle(err error) string {
	return fmt.Sprintf("%s did not answer: its loop has not turned for %v (%v)", s.settings.ID, s.loop.Idle().Round(time.Millisecond), err)
}

// state gives the role's inner state; it must be called in the loop.
func (s *Server) state() any {
	switch {
	case s.Acceptor != nil:
		return s.Acceptor.Status()
	case s.Proposer != nil:
		return s.Proposer.Status()
	case s.Learner != nil:
		return s.Learner.Status()
	default:
		return s.Session.Status()
	}
}

func (s *Server) health(c *gin.Context) {
	h := client.Health{Node: s.settings.ID, Role: s.settings.Role, Status: "ok", Version: s.Version,
		Start:   s.hub.start,
		Started: s.started.UTC().Format(time.RFC3339), Uptime: time.Since(s.started).Seconds()}
	ok := s.look(c, func() {
		h.State, h.Cluster = s.state(), s.role.Header().Cluster
		if s.Starts != nil {
			h.Starts = paxos.Number(s.Starts())
		}
		if a := s.Acceptor; a != nil {
			h.Why = a.Why()
			switch {
			case a.Silenced():
				h.Status = "mute"
			case h.Why != "":
				h.Status = "waiting"
			}
		} else if h.Cluster.IsZero() {
			h.Status = "waiting"
			h.Why = "no quorum of acceptors has said yet which cluster this is"
		} else if h.Why = s.whyBehind(); h.Why != "" {
			h.Status = "waiting"
		}
	})
	if ok {
		reply(c, http.StatusOK, h)
	}
}

// livez says that the loop and the disk move. It never depends on a quorum.
func (s *Server) livez(c *gin.Context) {
	if idle := s.loop.Idle(); idle > stuckAfter {
		refuse(c, problem("stuck", http.StatusServiceUnavailable, s.idle(errors.New("stuck")), "the disk may be stuck"))
		return
	}
	c.String(http.StatusOK, "ok\n")
}

func (s *Server) gossipNodes(c *gin.Context) {
	reply(c, http.StatusOK, gin.H{"node": s.settings.ID, "members": s.Gossip.Members(), "leader": s.Gossip.Leader(), "streams": s.hub.Streams()})
}

func (s *Server) gossipJoin(c *gin.Context) {
	b, bad := body(c, headerLimit)
	if bad != nil {
		refuse(c, bad)
		return
	}
	var ask struct {
		Join []string `json:"join"`
	}
	if err := paxos.StrictJSON(b, &ask); err != nil {
		refuse(c, badRequest(err, `for example {"join": ["127.0.0.1:14001"]}`))
		return
	}
	if len(ask.Join) == 0 || len(ask.Join) > 64 {
		refuse(c, badRequest(fmt.Errorf("join lists %d addresses; 1 to 64 are needed", len(ask.Join)), `for example {"join": ["127.0.0.1:14001"]}`))
		return
	}
	n, err := s.Gossip.Join(ask.Join)
	if err != nil {
		refuse(c, problem("no-answer", http.StatusBadGateway, err.Error(), "the address is host:port of gossip: a local node's REST port + 10000"))
		return
	}
	reply(c, http.StatusOK, gin.H{"joined": n})
}
