package metrics

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests counts what was asked over HTTP. A nil one forgets.
type Requests struct {
	count *prometheus.CounterVec
	took  *prometheus.HistogramVec
}

// Requests makes the metrics of HTTP.
func (s *Set) Requests(count, countHelp, took, tookHelp string) *Requests {
	r := &Requests{
		count: prometheus.NewCounterVec(prometheus.CounterOpts{Name: count, Help: countHelp, ConstLabels: s.labels}, []string{"method", "route", "class"}),
		took:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: took, Help: tookHelp, ConstLabels: s.labels, Buckets: Slow}, []string{"method", "route"}),
	}
	s.registry.MustRegister(r.count, r.took)
	return r
}

// Route is one method of one route. It keeps its labels' children, made when
// they are needed for the first time: most routes of most nodes are never asked.
type Route struct {
	requests      *Requests
	method, route string
	classes       [6]atomic.Pointer[Count] // by the first digit of the status
	once          sync.Once
	took          *Histogram
}

// Route gives what is told of each answered request of a route.
func (r *Requests) Route(method, route string) *Route {
	if r == nil {
		return nil
	}
	return &Route{requests: r, method: method, route: route}
}

var classNames = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Answered counts an answer. The time of a stream says how long somebody
// listened, and does not count.
func (r *Route) Answered(status int, took time.Duration, stream bool) {
	if r == nil {
		return
	}
	class := status / 100
	if class < 1 || class >= len(r.classes) {
		class = 0
	}
	count := r.classes[class].Load()
	if count == nil {
		count = &Count{r.requests.count.WithLabelValues(r.method, r.route, classNames[class])}
		r.classes[class].Store(count)
	}
	count.Add(1)
	if stream {
		return
	}
	r.once.Do(func() { r.took = &Histogram{r.requests.took.WithLabelValues(r.method, r.route)} })
	r.took.Took(took)
}
