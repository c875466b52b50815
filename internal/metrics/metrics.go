// Package metrics makes a node's /metrics: it reads counters that the node
// keeps anyway when somebody asks, so that nothing is done for it on the hot
// path. It knows prometheus and nothing about Paxos; internal/service says
// what is measured.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Set is what one node shows.
type Set struct {
	registry *prometheus.Registry
	labels   prometheus.Labels
}

// New makes a set whose metrics all bear the node's id and role.
func New(node, role string) *Set {
	s := &Set{registry: prometheus.NewRegistry(), labels: prometheus.Labels{"node": node, "role": role}}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// Counter shows a number that only grows; read is called from any goroutine.
func (s *Set) Counter(name, help string, read func() float64) {
	s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: s.labels}, read))
}

// Gauge shows a number that goes up and down; read is called from any goroutine.
func (s *Set) Gauge(name, help string, read func() float64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: s.labels}, read))
}

// Handler answers a scrape.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
}
