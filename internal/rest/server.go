package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/sirupsen/logrus"
	"golang.org/x/net/netutil"

	"paxos/acceptor"
	"paxos/client"
	"paxos/client/session"
	"paxos/gossip"
	"paxos/internal/config"
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

	Acceptor *acceptor.Acceptor
	Disk     *node.Disk
	Proposer *proposer.Proposer
	Learner  *learner.Learner
	Machine  *kv.Machine
	Session  *session.Session
}

// Server answers a node's HTTP.
type Server struct {
	Parts
	settings *config.Settings
	loop     *node.Loop
	hub      *Hub
	role     paxos.Role
	stamp    paxos.Stamp
	started  time.Time
	http     *http.Server
	fetch    *http.Client // the client service's way to learners

	patienceOfParts time.Duration
}

// HTTP limits that are nobody's to tune.
const (
	headerLimit    = 64 << 10
	headerPatience = 5 * time.Second
	bodyPatience   = 30 * time.Second
	idlePatience   = 60 * time.Second
	lastWords      = 200 * time.Millisecond
	stuckAfter     = 10 * time.Second // a loop that did not turn for so long
)

// New makes a server; Serve starts it.
func New(p Parts) *Server {
	s := &Server{Parts: p, settings: p.Settings, loop: p.Loop, hub: p.Hub, stamp: p.Settings.Configuration().Stamp(), started: time.Now(),
		patienceOfParts: patienceOfParts}
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
	s.http = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: headerPatience, ReadTimeout: bodyPatience, IdleTimeout: idlePatience,
		MaxHeaderBytes: headerLimit, ErrorLog: stdlog.New(io.Discard, "", 0),
	}
	return s
}

// Serve answers on the listener until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(netutil.LimitListener(l, s.settings.MaxConnections))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown lets requests finish until ctx ends. Then it stops the loop, so that
// those that still wait are answered (that their outcome is unknown), and
// closes what is left.
func (s *Server) Shutdown(ctx context.Context, stopLoop func()) {
	err := s.http.Shutdown(ctx)
	stopLoop()
	if err != nil {
		last, cancel := context.WithTimeout(context.Background(), lastWords)
		_ = s.http.Shutdown(last)
		cancel()
		_ = s.http.Close()
	}
	s.fetch.CloseIdleConnections()
}

func (s *Server) routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.ContextWithFallback = true
	_ = r.SetTrustedProxies(nil)
	// A key may hold a slash: paths are split before they are unescaped, and by
	// pathKey, since gin would take a plus for a blank.
	r.UseEscapedPath, r.UnescapePathValues = true, false
	r.Use(s.inParts)
	probes := []string{http.MethodGet, http.MethodHead} // load balancers ask in either way
	r.Match(probes, "/health", known(), s.health)
	r.Match(probes, "/livez", known(), s.livez)
	r.Match(probes, "/readyz", known(), s.readyz)
	r.GET("/view-logs", known("since", "limit", "kind", "format", "follow"), s.viewLogs)
	r.GET("/metrics", gin.WrapH(s.Metrics))
	r.GET("/gossip/nodes", known(), s.gossipNodes)
	r.POST("/gossip", known(), s.gossipJoin)
	for _, kind := range taken[s.settings.Role] {
		r.POST("/"+kind.String(), known("timeout"), s.message(kind))
	}
	switch s.settings.Role {
	case paxos.ProposerRole:
		r.GET("/leader", known(), s.leader)
	case paxos.AcceptorRole:
		r.GET("/highest", known("timeout"), s.highest)
	case paxos.LearnerRole:
		s.learnerRoutes(r)
	case paxos.ClientRole:
		s.clientRoutes(r)
	}
	r.NoRoute(s.noRoute(r))
	r.NoMethod(s.noMethod(r))
	return r
}

func (s *Server) noRoute(r *gin.Engine) gin.HandlerFunc {
	paths := map[string]bool{}
	for _, route := range r.Routes() {
		paths[route.Path] = true
	}
	list := make([]string, 0, len(paths))
	for p := range paths {
		list = append(list, p)
	}
	sort.Strings(list)
	return func(c *gin.Context) {
		refuse(c, problem("not-found", http.StatusNotFound, fmt.Sprintf("%s has no %s", s.settings.ID, c.Request.URL.Path),
			"it has "+strings.Join(list, " ")))
	}
}

func (s *Server) noMethod(r *gin.Engine) gin.HandlerFunc {
	routes := r.Routes()
	return func(c *gin.Context) {
		var methods []string
		for _, route := range routes {
			if route.Path == c.Request.URL.Path {
				methods = append(methods, route.Method)
			}
		}
		allow := strings.Join(methods, ", ")
		if allow == "" {
			allow = c.Writer.Header().Get("Allow")
		}
		c.Header("Allow", allow)
		refuse(c, problem("wrong-method", http.StatusMethodNotAllowed,
			fmt.Sprintf("%s takes no %s", c.Request.URL.Path, c.Request.Method), "it takes "+allow))
	}
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
		if s.Disk != nil {
			h.Starts = paxos.Number(s.Disk.Starts())
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

// readyz says that the node can take its part, or waits to be initialised.
func (s *Server) readyz(c *gin.Context) {
	why := ""
	if !s.look(c, func() {
		if s.Acceptor != nil && s.Acceptor.Silenced() {
			why = s.Acceptor.Why()
		}
	}) {
		return
	}
	if why != "" {
		refuse(c, problem("mute", http.StatusServiceUnavailable, why, "this acceptor does not vote; the others go on while a quorum of them is left"))
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
