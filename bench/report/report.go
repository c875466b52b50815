// Package report keeps what the bench measured: results of cells, rows that
// compare two of them pair by pair, medians and ratios, as JSON, as text and as
// the tables of docs/performance.md.
//
// It measures nothing and judges only whether a row holds what it must.
package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Cell is one thing that is measured: a system under one load.
type Cell struct {
	System   string `json:"system"`   // "paxos", "etcd", …
	Protocol string `json:"protocol"` // "http", "grpc", "stream", …
	Op       string `json:"op"`
	Users    int    `json:"users"`
	Size     int    `json:"size"` // bytes of a value
}

// String is a cell in a line.
func (c Cell) String() string {
	return fmt.Sprintf("%s over %s: %s, %d users, %d B", c.System, c.Protocol, c.Op, c.Users, c.Size)
}

// Result is what came of a cell once. Figures that the cell has not are 0, syncs
// that nobody counts are absent.
type Result struct {
	Cell
	Rate      float64   `json:"ops_per_second"`            // the median of the intervals
	Intervals []float64 `json:"intervals,omitempty"`       // ops/s of each
	P50       float64   `json:"p50_ms"`                    // milliseconds, as all the next
	P99       float64   `json:"p99_ms"`                    //
	P999      float64   `json:"p999_ms"`                   //
	Longest   float64   `json:"max_ms"`                    //
	CPU       float64   `json:"cpu_s_per_1000_ops"`        // of all server processes
	Loader    float64   `json:"loader_cpu_s_per_1000_ops"` // of the bench itself
	// Roles are µs of processor time per operation, of each kind of server; nil if
	// all servers do the same.
	Roles   map[string]float64 `json:"cpu_us_per_op_of,omitempty"`
	Syncs   *float64           `json:"syncs_per_op,omitempty"` // of all servers, by their own count
	Written float64            `json:"bytes_written_per_op"`   // of all servers
	Memory  int64              `json:"memory_bytes"`           // resident, all servers, at the end
	Peak    int64              `json:"memory_peak_bytes"`      // the most of each server, added up
	Outage  float64            `json:"outage_ms,omitempty"`    // without a successful write
	Ops     int64              `json:"ops"`
	Errors  map[string]int64   `json:"errors,omitempty"`
	Checked int                `json:"keys_read_back"`
	// Failed says why the result does not count; "" if it does.
	Failed string `json:"failed,omitempty"`
	// More are figures that only this kind of cell has.
	More map[string]float64 `json:"more,omitempty"`
}

// Figure is a figure's name, of those that rows compare.
type Figure string

// The figures of rows.
const (
	Rate   Figure = "ops/s"
	P50    Figure = "p50, ms"
	P99    Figure = "p99, ms"
	CPU    Figure = "CPU s per 1,000"
	Outage Figure = "ms without a write"
	Memory Figure = "MiB"
)

// Lower says that less of it is better.
func (f Figure) Lower() bool { return f != Rate }

// Of is a result's figure.
func (f Figure) Of(r Result) float64 {
	switch f {
	case Rate:
		return r.Rate
	case P50:
		return r.P50
	case P99:
		return r.P99
	case CPU:
		return r.CPU
	case Outage:
		return r.Outage
	case Memory:
		return float64(r.Memory) / (1 << 20)
	}
	return math.NaN()
}

// Row compares one of our cells with a peer's, or with the best of several.
type Row struct {
	Name    string  `json:"row"`
	What    string  `json:"what"`
	Ours    Cell    `json:"ours"`
	Peers   []Cell  `json:"peers"`
	Figure  Figure  `json:"figure"`
	AtLeast float64 `json:"at_least"` // ours divided by the peer's: at least, or at most if less is better
	Stretch float64 `json:"stretch"`
}

// Pair is one turn of both sides of a row.
type Pair struct {
	Ours  Result   `json:"ours"`
	Peers []Result `json:"peers"`
}

// Best is the best of the peers that count; false if none does.
func (p Pair) Best(f Figure) (Result, bool) {
	counting := slices.DeleteFunc(slices.Clone(p.Peers), func(r Result) bool { return r.Failed != "" })
	if len(counting) == 0 {
		return Result{}, false
	}
	by := func(a, b Result) int { return cmp.Compare(f.Of(a), f.Of(b)) }
	if f.Lower() {
		return slices.MinFunc(counting, by), true
	}
	return slices.MaxFunc(counting, by), true
}

// Ratio is ours divided by the best peer's; false if a side does not count.
func (p Pair) Ratio(f Figure) (float64, bool) {
	peer, ok := p.Best(f)
	if !ok || p.Ours.Failed != "" || f.Of(peer) == 0 {
		return 0, false
	}
	return f.Of(p.Ours) / f.Of(peer), true
}

// Comparison is a row with what was measured.
type Comparison struct {
	Row
	Source
	Pairs []Pair `json:"pairs"`
}

// Ratios are those of the pairs that count.
func (c Comparison) Ratios() []float64 {
	var list []float64
	for _, p := range c.Pairs {
		if r, ok := p.Ratio(c.Figure); ok {
			list = append(list, r)
		}
	}
	return list
}

// Verdict judges the median of the ratios: "stretch", "holds", "missed", or
// "nothing measured".
func (c Comparison) Verdict() string {
	ratios := c.Ratios()
	if len(ratios) == 0 && (len(c.Peers) > 0 || len(c.Pairs) == 0) {
		return "nothing measured"
	}
	reaches := func(goal float64) bool {
		if c.Figure.Lower() {
			return Median(ratios) <= goal
		}
		return Median(ratios) >= goal
	}
	switch {
	case c.AtLeast == 0:
		return "for information"
	case c.Stretch != 0 && reaches(c.Stretch):
		return "stretch"
	case reaches(c.AtLeast):
		return "holds"
	}
	return "missed"
}

// Median is the middle one, or the mean of the two in the middle; NaN of none.
func Median(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(list))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
