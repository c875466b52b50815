package report

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func result(system string, rate, p99 float64) Result {
	return Result{Cell: Cell{System: system, Protocol: "http", Op: "put", Users: 1, Size: 256}, Rate: rate, P99: p99}
}

func TestAMedianIsTheMiddle(t *testing.T) {
	for want, list := range map[float64][]float64{3: {9, 3, 1}, 2.5: {1, 4, 2, 3}, 7: {7}} {
		if got := Median(list); got != want {
			t.Errorf("of %v: %v, not %v", list, got, want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("nothing has a median")
	}
}

// TestRatiosAreThoseOfPairs: the median of ratios, not the ratio of medians, and
// each against the best that counts of that pair.
func TestRatiosAreThoseOfPairs(t *testing.T) {
	failed := result("c", 1000, 1)
	failed.Failed = "it lost a key"
	pair := func(ours float64, peers ...float64) Pair {
		p := Pair{Ours: result("paxos", ours, ours/10), Peers: []Result{failed}}
		for i, rate := range peers {
			p.Peers = append(p.Peers, result(string(rune('a'+i)), rate, rate/10))
		}
		return p
	}
	c := Comparison{Row: Row{Figure: Rate, AtLeast: 2, Stretch: 4}, Pairs: []Pair{pair(10, 1, 5), pair(100, 20, 10), pair(30, 30, 2)}}
	if got := c.Ratios(); len(got) != 3 || got[0] != 2 || got[1] != 5 || got[2] != 1 {
		t.Errorf("rates: %v", got)
	}
	if ours, peer, name := c.Sides(); ours != 30 || peer != 20 || name != "a http, b http" {
		t.Errorf("sides: %v, %v, %v", ours, peer, name)
	}
	if c.Verdict() != "holds" {
		t.Errorf("2 of 2 is %q", c.Verdict())
	}
	c.Figure = P99
	if got := c.Ratios(); got[0] != 10 || got[1] != 10 || got[2] != 15 {
		t.Errorf("of what is better if it is less, the least counts: %v", got)
	}
	c.Peers = []Cell{{System: "a"}}
	c.Pairs = []Pair{{Ours: failed, Peers: []Result{result("a", 1, 1)}}, {Ours: result("paxos", 1, 1), Peers: []Result{failed}}}
	if len(c.Ratios()) != 0 || c.Verdict() != "nothing measured" {
		t.Errorf("what failed is compared: %v", c.Ratios())
	}
}

func TestAVerdictKnowsWhatIsBetter(t *testing.T) {
	for _, v := range []struct {
		figure           Figure
		ratio            float64
		atLeast, stretch float64
		want             string
	}{
		{Rate, 2.9, 3, 4, "missed"}, {Rate, 3, 3, 4, "holds"}, {Rate, 4, 3, 4, "stretch"}, {Rate, 9, 0, 0, "for information"},
		{P99, 0.6, 0.5, 0.3, "missed"}, {P99, 0.5, 0.5, 0.3, "holds"}, {P99, 0.3, 0.5, 0.3, "stretch"},
	} {
		c := Comparison{Row: Row{Figure: v.figure, AtLeast: v.atLeast, Stretch: v.stretch},
			Pairs: []Pair{{Ours: result("paxos", v.ratio, v.ratio), Peers: []Result{result("a", 1, 1)}}}}
		if got := c.Verdict(); got != v.want {
			t.Errorf("%v: %v is %q", v, v.ratio, got)
		}
	}
}

func TestRowsOfAFileAreReplacedByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "bench.json")
	for _, rate := range []float64{1, 2} {
		f, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Put(Comparison{Row: Row{Name: "other", Figure: Rate}})
		f.Put(Comparison{Row: Row{Name: "puts", Figure: Rate}, Pairs: []Pair{{Ours: result("paxos", rate, 1)}}})
		if err := f.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Read(path)
	if err != nil || len(f.Rows) != 2 || f.Rows[1].Pairs[0].Ours.Rate != 2 {
		t.Errorf("%+v, %v", f, err)
	}
	if err := os.WriteFile(path, []byte(`{"legs":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("another kind of file is read")
	}
}

// spent gives a result what its servers and users took.
func spent(r Result, acceptors, loader float64) Result {
	r.Roles, r.Loader = map[string]float64{"acceptor": acceptors, "learner": 5}, loader
	r.More = map[string]float64{"ops/s at 1000000": acceptors, "ops/s at 200000": 7, "elections": 0}
	return r
}

func TestAPagesBlocksAreMadeAnew(t *testing.T) {
	list := []Comparison{{Row: Row{Name: "puts", What: "puts of all", Figure: Rate, AtLeast: 3}, Source: Source{Command: "go run ./cmd/bench", Commit: "abc1234", Date: "2026-01-02 03:04:05"},
		Pairs: []Pair{{Ours: spent(result("paxos", 31000, 1), 20, 0.010), Peers: []Result{result("etcd", 10000, 1)}}, {Ours: spent(result("paxos", 29000, 1), 30, 0.020), Peers: []Result{result("etcd", 10000, 1)}}}}}
	list = append(list, Comparison{Row: Row{Name: "before", What: "against before", Figure: Rate, Peers: []Cell{{System: "paxos/before"}}},
		Pairs: []Pair{{Ours: result("paxos/now", 500, 1), Peers: []Result{result("paxos/before", 100, 1)}}}})
	text, err := Page("# A\n<!-- bench: others -->\n<!-- end -->\n<!-- bench: rows -->\nstale table\n<!-- end -->\nbetween\n<!-- bench: cells -->\n<!-- end -->\n<!-- bench: roles -->\n<!-- end -->\n<!-- bench: more -->\n<!-- end -->\n<!-- bench: sources -->\n<!-- end -->\nbehind\n", list)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# A\n", "between\n", "behind\n", "| puts of all | ops/s | 30,000 | 10,000 (etcd http) | **3.00 ×** (2.90–3.10) | 2 | ≥ 3 × | – | holds |",
		"| paxos | http | put | 1 | 256 | 30,000 |", "| against before | ops/s | 500 | 100 (paxos/before http) | **5.00 ×** (5.00–5.00) | 1 |\n", "| acceptor | learner | users of the bench |\n", "| paxos | http | put | 1 | 256 | 25.0 | 5.00 | 15.0 |\n",
		"| elections | 0 | 2 |\n| paxos | http | put | 1 | ops/s at 200000 | 7.00 | 2 |\n| paxos | http | put | 1 | ops/s at 1000000 | 25.0 | 2 |\n", "| `puts` | `go run ./cmd/bench` | `abc1234` |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "stale table") {
		t.Error("the old table is still there")
	}
	again, err := Page(text, list)
	if err != nil || again != text {
		t.Errorf("made twice it is another page: %v", err)
	}
	for _, broken := range []string{"no block", "<!-- bench: rows -->\n", "<!-- bench: nothing -->\n<!-- end -->", "<!-- bench: rows -->\n<!-- bench: cells -->\n<!-- end -->"} {
		if _, err := Page(broken, list); err == nil {
			t.Errorf("%q is taken", broken)
		}
	}
}

// TestASharedResultCountsOnce: several rows need the same cell of the same turn.
func TestASharedResultCountsOnce(t *testing.T) {
	p := []Pair{{Ours: result("paxos", 5, 1)}, {Ours: result("paxos", 7, 1)}}
	list := Summaries([]Comparison{{Row: Row{Name: "a"}, Pairs: p}, {Row: Row{Name: "b"}, Pairs: p}})
	if len(list) != 1 || len(list[0].results) != 2 {
		t.Errorf("%+v", list)
	}
}

func TestMemoryIsNoDisk(t *testing.T) {
	if _, err := FileSystem("/dev/shm"); err == nil {
		t.Error("/dev/shm passes for a disk")
	}
	if _, err := FileSystem(t.TempDir()); err != nil && !strings.Contains(err.Error(), "memory") {
		t.Error(err)
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for want, f := range map[string]float64{"1,234,567": 1234567, "999": 999.4, "12.3": 12.34, "1.23": 1.234, "0.012": 0.0123, "0": 0, "–": math.NaN()} {
		if got := figure(f); got != want {
			t.Errorf("%v is %q, not %q", f, got, want)
		}
	}
}
