package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Text writes comparisons for a terminal.
func Text(w io.Writer, list []Comparison) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ROW\tFIGURE\tOURS\tPEER\tRATIO\t(LOWEST–HIGHEST)\tPAIRS\tDEMANDED\tSTRETCH\tVERDICT")
	for _, c := range list {
		ours, peer, name := c.Sides()
		ratios := c.Ratios()
		fmt.Fprintf(t, "%s\t%s\t%s\t%s %s\t%s\t%s\t%d of %d\t%s\t%s\t%s\n", c.Name, c.Figure, figure(ours), figure(peer), name,
			times(Median(ratios)), span(ratios), len(ratios), len(c.Pairs), goal(c, c.AtLeast), goal(c, c.Stretch), c.Verdict())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, strings.ToUpper(strings.Join(columns, "\t")))
	for _, s := range Summaries(list) {
		fmt.Fprintln(t, strings.Join(s.cells(), "\t"))
	}
	return t.Flush()
}

// rowTable is the rows for a page: those that demand something.
func rowTable(list []Comparison) string {
	var b strings.Builder
	b.WriteString("| | figure | ours | best peer | ratio, median (lowest–highest) | pairs | demanded | stretch | |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, c := range list {
		if c.AtLeast == 0 {
			continue
		}
		ours, peer, name := c.Sides()
		ratios := c.Ratios()
		fmt.Fprintf(&b, "| %s | %s | %s | %s (%s) | **%s** (%s) | %d | %s | %s | %s |\n", c.What, c.Figure, figure(ours), figure(peer), name,
			times(Median(ratios)), span(ratios), len(ratios), goal(c, c.AtLeast), goal(c, c.Stretch), c.Verdict())
	}
	return b.String()
}

// otherTable is the rows that demand nothing.
func otherTable(list []Comparison) string {
	var b strings.Builder
	b.WriteString("| | figure | ours | best peer | ratio, median (lowest–highest) | pairs |\n| --- | --- | ---: | ---: | ---: | ---: |\n")
	for _, c := range list {
		if c.AtLeast > 0 || len(c.Peers) == 0 {
			continue
		}
		ours, peer, name := c.Sides()
		ratios := c.Ratios()
		fmt.Fprintf(&b, "| %s | %s | %s | %s (%s) | **%s** (%s) | %d |\n", c.What, c.Figure, figure(ours), figure(peer), name, times(Median(ratios)), span(ratios), len(ratios))
	}
	return b.String()
}

// cellTable is what was measured of each cell, for a page.
func cellTable(list []Comparison) string {
	var b strings.Builder
	b.WriteString("| " + strings.Join(columns, " | ") + " |\n| --- | --- | --- " + strings.Repeat("| ---: ", len(columns)-3) + "|\n")
	for _, s := range Summaries(list) {
		b.WriteString("| " + strings.Join(s.cells(), " | ") + " |\n")
	}
	return b.String()
}

// roleTable says of each cell of ours which servers its processor time went to.
func roleTable(list []Comparison) string {
	all := Summaries(list)
	found := map[string]bool{}
	for _, s := range all {
		for _, r := range s.results {
			for role := range r.Roles {
				found[role] = true
			}
		}
	}
	roles := slices.Sorted(maps.Keys(found))
	var b strings.Builder
	b.WriteString("| system | protocol | operation | users | bytes | " + strings.Join(roles, " | ") + " | users of the bench |\n")
	b.WriteString("| --- | --- | --- | ---: | ---: " + strings.Repeat("| ---: ", len(roles)+1) + "|\n")
	for _, s := range all {
		if len(s.results) == 0 || s.results[0].Roles == nil {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d |", s.System, s.Protocol, s.Op, s.Users, s.Size)
		for _, role := range roles {
			fmt.Fprintf(&b, " %s |", figure(s.median(func(r Result) float64 { return r.Roles[role] })))
		}
		fmt.Fprintf(&b, " %s |\n", figure(1000*s.median(func(r Result) float64 { return r.Loader })))
	}
	return b.String()
}

// moreTable is what only some kinds of cells have, one figure a line.
func moreTable(list []Comparison) string {
	var b strings.Builder
	b.WriteString("| system | protocol | operation | users | figure | | turns |\n| --- | --- | --- | ---: | --- | ---: | ---: |\n")
	for _, s := range Summaries(list) {
		names := map[string]bool{}
		for _, r := range s.results {
			for name := range r.More {
				names[name] = true
			}
		}
		for _, name := range slices.SortedFunc(maps.Keys(names), natural) {
			var list []float64
			for _, r := range s.results {
				if f, has := r.More[name]; has {
					list = append(list, f)
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s | %d |\n", s.System, s.Protocol, s.Op, s.Users, name, figure(Median(list)), len(list))
		}
	}
	return b.String()
}

// natural is the order of names in which a longer number comes after a shorter
// one.
func natural(a, b string) int {
	if strings.TrimRight(a, "0123456789") != strings.TrimRight(b, "0123456789") {
		return strings.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// sourceTable says of each row how and on what it was got.
func sourceTable(list []Comparison) string {
	var b strings.Builder
	b.WriteString("| row | command | commit | when, UTC | machine |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range list {
		fmt.Fprintf(&b, "| `%s` | `%s` | `%s` | %s | %s |\n", c.Name, c.Command, c.Commit, c.Date, c.Machine)
	}
	return b.String()
}

// Sides are the medians of a row's figure, ours and the best peer's of each
// pair, and who that was.
func (c Comparison) Sides() (ours, peer float64, name string) {
	var a, b []float64
	names := map[string]bool{}
	for _, p := range c.Pairs {
		if p.Ours.Failed == "" {
			a = append(a, c.Figure.Of(p.Ours))
		}
		if r, ok := p.Best(c.Figure); ok {
			b = append(b, c.Figure.Of(r))
			names[r.System+" "+r.Protocol] = true
		}
	}
	return Median(a), Median(b), strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

// Summary is a cell over all pairs in which it was measured.
type Summary struct {
	Cell
	results []Result
	failed  int
}

// Summaries collects the results of each cell. Rows share results: each turn
// counts once.
func Summaries(list []Comparison) []Summary {
	var all []Summary
	seen := map[string]bool{}
	add := func(source string, pair int, r Result) {
		if id := fmt.Sprint(source, pair, r.Cell, r.Rate, r.Outage, r.Memory); seen[id] {
			return
		} else {
			seen[id] = true
		}
		i := slices.IndexFunc(all, func(s Summary) bool { return s.Cell == r.Cell })
		if i < 0 {
			all, i = append(all, Summary{Cell: r.Cell}), len(all)
		}
		if r.Failed != "" {
			all[i].failed++
			return
		}
		all[i].results = append(all[i].results, r)
	}
	for _, c := range list {
		for i, p := range c.Pairs {
			add(c.Date, i, p.Ours)
			for _, r := range p.Peers {
				add(c.Date, i, r)
			}
		}
	}
	return all
}

var columns = []string{"system", "protocol", "operation", "users", "bytes", "ops/s", "p50 ms", "p99 ms", "p99.9 ms", "CPU s/1,000", "loader CPU s/1,000", "syncs/op", "written/op",
	"MiB", "peak MiB", "errors", "turns"}

func (s Summary) median(of func(Result) float64) float64 {
	var list []float64
	for _, r := range s.results {
		list = append(list, of(r))
	}
	return Median(list)
}

func (s Summary) cells() []string {
	syncs := "not counted"
	if len(s.results) > 0 && s.results[0].Syncs != nil {
		syncs = figure(s.median(func(r Result) float64 {
			if r.Syncs == nil {
				return math.NaN()
			}
			return *r.Syncs
		}))
	}
	errors := int64(0)
	for _, r := range s.results {
		for _, n := range r.Errors {
			errors += n
		}
	}
	turns := strconv.Itoa(len(s.results))
	if s.failed > 0 {
		turns += fmt.Sprintf(", %d failed", s.failed)
	}
	const mib = 1 << 20
	of := func(f func(Result) float64) string {
		if n := s.median(f); n != 0 {
			return figure(n)
		}
		return "–" // nobody measured it
	}
	return []string{s.System, s.Protocol, s.Op, strconv.Itoa(s.Users), strconv.Itoa(s.Size), of(func(r Result) float64 { return r.Rate }),
		of(func(r Result) float64 { return r.P50 }), of(func(r Result) float64 { return r.P99 }), of(func(r Result) float64 { return r.P999 }),
		of(func(r Result) float64 { return r.CPU }), of(func(r Result) float64 { return r.Loader }), syncs, of(func(r Result) float64 { return r.Written }),
		of(func(r Result) float64 { return float64(r.Memory) / mib }), of(func(r Result) float64 { return float64(r.Peak) / mib }), grouped(errors), turns}
}

// figure is a number for people: three digits of it, all before the point.
func figure(f float64) string {
	switch {
	case math.IsNaN(f):
		return "–"
	case f >= 100:
		return grouped(int64(math.Round(f)))
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case f >= 1:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f == 0:
		return "0"
	}
	return strconv.FormatFloat(f, 'f', 3, 64)
}

func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func times(f float64) string {
	if math.IsNaN(f) {
		return "–"
	}
	return strconv.FormatFloat(f, 'f', 2, 64) + " ×"
}

func span(list []float64) string {
	if len(list) == 0 {
		return "–"
	}
	return strconv.FormatFloat(slices.Min(list), 'f', 2, 64) + "–" + strconv.FormatFloat(slices.Max(list), 'f', 2, 64)
}

func goal(c Comparison, f float64) string {
	switch {
	case f == 0:
		return "–"
	case c.Figure.Lower():
		return "≤ " + strconv.FormatFloat(f, 'g', 3, 64) + " ×"
	}
	return "≥ " + strconv.FormatFloat(f, 'g', 3, 64) + " ×"
}
