package rest

import (
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/gin-gonic/gin"

	"paxos/internal/metrics"
	"paxos/kv"
	"paxos/paxos"
)

// table is gin's, and beside it which parameters each endpoint takes.
type table struct {
	*gin.Engine
	takes    map[string][]string // by method, blank, path
	requests *metrics.Requests
}

// on adds an endpoint, which refuses other parameters than these.
func (t table) on(methods, path string, handle gin.HandlerFunc, parameters ...string) {
	for method := range strings.FieldsSeq(methods) {
		t.takes[method+" "+path] = parameters
		t.Handle(method, path, timed(t.requests.Route(method, path)), known(parameters...), handle)
	}
}

// probes: load balancers ask in either way, and so do caches.
const probes = http.MethodGet + " " + http.MethodHead

func (s *Server) routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := table{gin.New(), map[string][]string{}, s.Measures.Requests}
	s.parameters = r.takes
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.ContextWithFallback = true
	_ = r.SetTrustedProxies(nil)
	// A key may hold a slash: paths are split before they are unescaped, and by
	// pathText, since gin would take a plus for a blank.
	r.UseEscapedPath, r.UnescapePathValues = true, false
	r.Use(s.inParts)
	r.on(probes, "/health", s.health)
	r.on(probes, "/livez", s.livez)
	r.on(probes, "/readyz", s.readyz)
	r.on(http.MethodGet, "/view-logs", s.viewLogs, "since", "limit", "kind", "format", "follow")
	r.GET("/metrics", timed(r.requests.Route(http.MethodGet, "/metrics")), gin.WrapH(s.Metrics))
	s.profiles(r)
	r.on(http.MethodGet, "/openapi.yaml", openAPI)
	r.on(http.MethodGet, "/gossip/nodes", s.gossipNodes)
	r.on(http.MethodPost, "/gossip", s.gossipJoin)
	for _, kind := range taken[s.settings.Role] {
		r.on(http.MethodPost, "/"+kind.String(), s.message(kind), "timeout")
	}
	switch s.settings.Role {
	case paxos.ProposerRole:
		r.on(http.MethodGet, "/leader", s.leader)
	case paxos.AcceptorRole:
		r.on(http.MethodGet, "/highest", s.highest, "timeout")
	case paxos.LearnerRole:
		s.learnerRoutes(r)
	case paxos.ClientRole:
		s.clientRoutes(r)
	}
	none := timed(r.requests.Route(noSuch, noSuch))
	r.NoRoute(none, s.noRoute(r.Engine))
	r.NoMethod(none, s.noMethod(r.Engine))
	return r.Engine
}

// storeReads are the same at learners and, passed on, at client services.
type storeReads struct {
	key, read, leases, lease, watch gin.HandlerFunc
	queue                           func(kv.Queue) gin.HandlerFunc
}

func (r table) reads(h storeReads) {
	r.on(probes, "/kv", h.key, rangeParameters...)
	r.on(probes, "/kv/*key", h.key, rangeParameters...)
	r.on(http.MethodGet, "/read", h.read, slices.Concat(valueParameters, readKeyParameters)...)
	r.on(http.MethodGet, "/lease", h.leases, readParameters...)
	r.on(http.MethodGet, "/lease/:id", h.lease, readParameters...)
	r.on(http.MethodGet, "/lock/:name", h.queue(kv.Locks), queueParameters...)
	r.on(http.MethodGet, "/election/:name", h.queue(kv.Elections), queueParameters...)
	r.on(http.MethodGet, "/watch", h.watch, watchParameters...)
}

var queueParameters = append([]string{"token"}, readParameters...)

// learnerRoutes are what people, client services and other learners read.
func (s *Server) learnerRoutes(r table) {
	r.on(http.MethodGet, "/get-values", s.getValues, valueParameters...)
	r.on(http.MethodGet, "/chosen", s.getChosen, "from", "limit")
	r.on(http.MethodGet, "/snapshot", s.getSnapshot)
	r.on(http.MethodGet, "/outcome", s.getOutcome, append([]string{"key", "session", "sequence"}, readParameters...)...)
	r.reads(storeReads{s.getKV, s.getRead, s.getLeases, s.getLease, s.watch, s.getQueue})
}

// clientRoutes are what users of the cluster speak to.
func (s *Server) clientRoutes(r table) {
	r.on(http.MethodPost, "/send", s.send, "timeout", "wait")
	r.on(http.MethodGet, "/get-responses", s.getResponses, "limit")
	r.on(http.MethodGet, "/outcome/:key", s.outcomeOfKey, readParameters...)
	r.on(http.MethodGet, "/outcome/:key/:sequence", s.outcomeOfName, readParameters...)
	r.on(http.MethodDelete, "/outcome/:key", s.burnKey, "timeout")
	r.on(http.MethodDelete, "/outcome/:key/:sequence", s.burnName, "timeout")
	r.reads(storeReads{s.passKV, s.read, s.passRead, s.passLease, s.relayWatch, s.passQueue})
	r.on(http.MethodPut, "/kv/*key", s.putKV, "lease", "keep_lease", "prev", "timeout")
	r.on(http.MethodDelete, "/kv/*key", s.deleteKV, "prefix", "end", "prev", "timeout")
	r.on(http.MethodPost, "/kv/*key", s.postKV, "timeout")
	r.on(http.MethodPost, "/kv", s.postMany, "timeout")
	r.on(http.MethodPost, "/txn", s.postTxn, "timeout")
	r.on(http.MethodPost, "/compact", s.compact, "timeout")
	r.on(http.MethodPost, "/lease", s.grant, "timeout")
	r.on(http.MethodPost, "/lease/:id/keepalive", s.keepAlive, "timeout")
	r.on(http.MethodDelete, "/lease/:id", s.revoke, "timeout")
	for path, queue := range map[string]kv.Queue{"/lock/:name": kv.Locks, "/election/:name": kv.Elections} {
		r.on(http.MethodPost, path, s.acquire(queue), "queue", "timeout")
		r.on(http.MethodDelete, path, s.release(queue), "token", "timeout")
	}
	r.on(http.MethodPut, "/election/:name", s.proclaim, "token", "timeout")
}

func (s *Server) noRoute(r *gin.Engine) gin.HandlerFunc {
	paths := map[string]bool{}
	for _, route := range r.Routes() {
		paths[strings.ReplaceAll(route.Path, "*", ":")] = true
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
