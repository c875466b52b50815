package manifests

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// store is what a Prometheus has, for its engine to ask.
type store struct {
	storage.Querier // of what it is not asked
	series          []storage.Series
}

// stored puts networks into one Prometheus, each with labels of its own.
func stored(t *testing.T, networks map[string]watched) *store {
	t.Helper()
	s := &store{Querier: storage.NoopQuerier()}
	for told, w := range networks {
		for _, name := range slices.Sorted(maps.Keys(w)) {
			metric, err := parser.NewParser(parser.Options{}).ParseMetric(strings.Replace(name, "{", "{"+told+",", 1))
			if err != nil {
				t.Fatal(err)
			}
			var list []chunks.Sample
			for i, c := 0, w[name]; i <= c.minutes; i++ {
				list = append(list, sample{int64(i) * time.Minute.Milliseconds(), c.first + float64(i)*c.more})
			}
			s.series = append(s.series, storage.NewListSeries(metric, list))
		}
	}
	return s
}

// Select gives the series that all matchers fit, and leaves the times to the engine.
func (s *store) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &selection{}
	for _, one := range s.series {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(one.Labels().Get(m.Name)) }) {
			found.series = append(found.series, one)
		}
	}
	return found
}

// selection is walked once.
type selection struct {
	series []storage.Series
	next   int
}

func (s *selection) Next() bool                        { s.next++; return s.next <= len(s.series) }
func (s *selection) At() storage.Series                { return s.series[s.next-1] }
func (s *selection) Err() error                        { return nil }
func (s *selection) Warnings() annotations.Annotations { return nil }

// sample is a number at a time, in milliseconds.
type sample struct {
	at    int64
	value float64
}

func (s sample) T() int64                      { return s.at }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
