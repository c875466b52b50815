package metrics

import "github.com/prometheus/client_golang/prometheus"

// Emit gives the number for one value of a label.
type Emit func(value string, n float64)

// Group is metrics that are read together, all in one look. If the look does
// not come about, none of them is shown: an old number is worse than none.
type Group struct {
	set      *Set
	look     func(read func()) error // nil: any goroutine may read
	first    []func()
	answered *prometheus.Desc // nil: nobody is told
	shown    []shown
}

type shown struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(emit Emit)
	bare bool // no label of its own
}

// Group begins a group. look must call read where it may read, or fail; if it
// failed, read may still be called later, in vain.
func (s *Set) Group(look func(read func()) error) *Group {
	g := &Group{set: s, look: look}
	s.groups = append(s.groups, g)
	return g
}

// First is called in each look before anything is read.
func (g *Group) First(take func()) { g.first = append(g.first, take) }

// Answered shows 1 if the look came about, and else 0.
func (g *Group) Answered(name, help string) {
	g.answered = prometheus.NewDesc(name, help, nil, g.set.labels)
}

// Counter is like Set's.
func (g *Group) Counter(name, help string, read func() float64) {
	g.bare(prometheus.CounterValue, name, help, read)
}

// Gauge is like Set's.
func (g *Group) Gauge(name, help string, read func() float64) {
	g.bare(prometheus.GaugeValue, name, help, read)
}

// Counters is like Set's.
func (g *Group) Counters(name, help, label string, read func(emit Emit)) {
	g.labelled(prometheus.CounterValue, name, help, label, read)
}

// Gauges is like Set's.
func (g *Group) Gauges(name, help, label string, read func(emit Emit)) {
	g.labelled(prometheus.GaugeValue, name, help, label, read)
}

func (g *Group) bare(kind prometheus.ValueType, name, help string, read func() float64) {
	g.shown = append(g.shown, shown{prometheus.NewDesc(name, help, nil, g.set.labels), kind, func(emit Emit) { emit("", read()) }, true})
}

func (g *Group) labelled(kind prometheus.ValueType, name, help, label string, read func(emit Emit)) {
	g.shown = append(g.shown, shown{prometheus.NewDesc(name, help, []string{label}, g.set.labels), kind, read, false})
}

// Describe implements prometheus.Collector.
func (g *Group) Describe(descs chan<- *prometheus.Desc) {
	for _, s := range g.shown {
		descs <- s.desc
	}
	if g.answered != nil {
		descs <- g.answered
	}
}

// Collect implements prometheus.Collector.
func (g *Group) Collect(metrics chan<- prometheus.Metric) {
	// Of this look's own: one that comes too late writes into what nobody reads.
	var list []prometheus.Metric
	var err error
	if g.look == nil {
		list = g.take()
	} else {
		err = g.look(func() { list = g.take() })
	}
	if g.answered != nil {
		answered := 1.0
		if err != nil {
			answered = 0
		}
		metrics <- prometheus.MustNewConstMetric(g.answered, prometheus.GaugeValue, answered)
	}
	if err != nil {
		return
	}
	for _, m := range list {
		metrics <- m
	}
}

// take reads them all; it does not wait for whoever asked.
func (g *Group) take() []prometheus.Metric {
	for _, take := range g.first {
		take()
	}
	list := make([]prometheus.Metric, 0, len(g.shown))
	for _, s := range g.shown {
		s.read(func(value string, n float64) {
			if s.bare {
				list = append(list, prometheus.MustNewConstMetric(s.desc, s.kind, n))
			} else {
				list = append(list, prometheus.MustNewConstMetric(s.desc, s.kind, n, value))
			}
		})
	}
	return list
}
