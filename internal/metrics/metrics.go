// Package metrics makes a node's /metrics. Most of it reads what the node keeps
// anyway, when somebody asks; what must be measured as it happens goes into
// counters and histograms whose labels were settled before, so that nothing is
// formatted or allocated for it.
//
// It knows prometheus and nothing about Paxos; internal/service says what is
// measured.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Set is what one node shows.
type Set struct {
	registry *prometheus.Registry
	labels   prometheus.Labels
	direct   *Group
	groups   []*Group
}

// New makes a set whose metrics all bear the node's id and role.
func New(node, role string) *Set {
	s := &Set{registry: prometheus.NewRegistry(), labels: prometheus.Labels{"node": node, "role": role}}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.direct = s.Group(nil)
	return s
}

// Counter shows a number that only grows; read is called from any goroutine.
func (s *Set) Counter(name, help string, read func() float64) { s.direct.Counter(name, help, read) }

// Gauge shows a number that goes up and down; read is called from any goroutine.
func (s *Set) Gauge(name, help string, read func() float64) { s.direct.Gauge(name, help, read) }

// Counters shows a number for each value of a label.
func (s *Set) Counters(name, help, label string, read func(emit Emit)) {
	s.direct.Counters(name, help, label, read)
}

// Gauges shows a number for each value of a label.
func (s *Set) Gauges(name, help, label string, read func(emit Emit)) {
	s.direct.Gauges(name, help, label, read)
}

// Info shows words about the node: labels of a gauge that is always 1.
func (s *Set) Info(name, help string, words map[string]string) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: s.with(words)})
	g.Set(1)
	s.registry.MustRegister(g)
}

func (s *Set) with(words map[string]string) prometheus.Labels {
	labels := prometheus.Labels{}
	for _, list := range []map[string]string{s.labels, words} {
		for name, value := range list {
			labels[name] = value
		}
	}
	return labels
}

// Count counts what happens. Any goroutine may add; a nil Count forgets.
type Count struct{ counter prometheus.Counter }

// Add counts n more.
func (c *Count) Add(n int) {
	if c != nil {
		c.counter.Add(float64(n))
	}
}

// Count makes a counter.
func (s *Set) Count(name, help string) *Count {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: s.labels})
	s.registry.MustRegister(c)
	return &Count{c}
}

// Counts makes a counter for each of the label's values, which are all there
// will ever be.
func (s *Set) Counts(name, help, label string, values ...string) []*Count {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: s.labels}, []string{label})
	s.registry.MustRegister(vec)
	list := make([]*Count, len(values))
	for i, value := range values {
		list[i] = &Count{vec.WithLabelValues(value)}
	}
	return list
}

// Histogram tells how what it observed is spread. Any goroutine may observe; a
// nil Histogram forgets.
type Histogram struct{ observer prometheus.Observer }

// Observe takes a number.
func (h *Histogram) Observe(n int) {
	if h != nil {
		h.observer.Observe(float64(n))
	}
}

// Took takes a time, in seconds.
func (h *Histogram) Took(d time.Duration) {
	if h != nil {
		h.observer.Observe(d.Seconds())
	}
}

// The bounds of histograms: of times within a data centre and on its disks, of
// times that users wait, and of how many there are.
var (
	Quick = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
	Slow  = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	Many  = []float64{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096}
)

// Histogram makes a histogram with these upper bounds.
func (s *Set) Histogram(name, help string, bounds []float64) *Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: s.labels, Buckets: bounds})
	s.registry.MustRegister(h)
	return &Histogram{h}
}

// Handler answers a scrape. What the set shows must be complete by then.
func (s *Set) Handler() http.Handler {
	for _, g := range s.groups {
		s.registry.MustRegister(g)
	}
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
}
