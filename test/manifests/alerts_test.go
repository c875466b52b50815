package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// watched is what a Prometheus has of one network, by series.
type watched map[string]course

// course is one number a minute: the first, and by how much each is more.
type course struct {
	first, more float64
	minutes     int
}

// minutes is for how long Prometheus has been looking.
const minutes = 90

// steady is the same number all the time; risen grows by so much a minute.
func steady(v float64) course { return course{v, 0, minutes} }

func risen(perMinute float64) course { return course{0, perMinute, minutes} }

// put sets the series of a node; more are further labels.
func (w watched) put(metric, node string, values course, more ...string) {
	labels := []string{fmt.Sprintf("node=%q,role=%q,pod=%q", node, role(node), node+"-x")}
	w[metric+"{"+strings.Join(append(labels, more...), ",")+"}"] = values
}

// lose has nodes gone for ten minutes.
func (w watched) lose(nodes ...string) {
	for series, values := range w {
		for _, n := range nodes {
			if strings.Contains(series, fmt.Sprintf("node=%q", n)) {
				values.minutes = minutes - 10
				w[series] = values
			}
		}
	}
}

// well is a network of ten nodes that does as it should.
func well() watched {
	w := watched{}
	for _, n := range (shape{acceptors: 3}).ids() {
		for metric, v := range map[string]float64{"up": 1, "paxos_cluster_known": 1, "paxos_loop_answered": 1, "paxos_loop_idle_seconds": 0,
			"process_resident_memory_bytes": 300e6, "go_gc_gomemlimit_bytes": 900e6} {
			w.put(metric, n, steady(v))
		}
		w.put("paxos_build_info", n, steady(1), `version="v1",commit="abc"`)
		w.put("paxos_gossip_members", n, steady(0), `state="suspect"`)
		w.put("paxos_gossip_members", n, steady(10), `state="alive"`)
		w.put("paxos_messages_lost_total", n, risen(0))
		one := map[string]map[string]course{
			"proposer": {"paxos_leading": steady(0), "paxos_failures_tolerated": steady(1), "paxos_acceptors_needed": steady(2), "paxos_acceptors_configured": steady(3),
				"paxos_chosen_watermark_slot": steady(50000), "paxos_elections_stood_total": risen(0), "paxos_acceptors_cloned": steady(0)},
			"acceptor": {"paxos_voting": steady(1), "paxos_disk_full": steady(0), "paxos_disk_used_ratio": steady(.1)},
			"learner": {"paxos_applied_watermark_slot": steady(50000), "paxos_lag_seconds": steady(0), "paxos_behind_truncated_log": steady(0), "paxos_acceptors_cloned": steady(0),
				"paxos_snapshot_slot": steady(49000), "paxos_snapshot_every_slots": steady(100000)},
			"client": {"paxos_session_open": steady(1)},
		}[role(n)]
		for metric, values := range one {
			w.put(metric, n, values)
		}
		switch role(n) {
		case "acceptor":
			w.put("paxos_nacks_total", n, risen(0), `reason="two-values"`)
			for le, v := range map[string]float64{"0.01": 60, "1": 60, "+Inf": 60} {
				w.put("paxos_journal_sync_seconds_bucket", n, risen(v), fmt.Sprintf("le=%q", le))
			}
		case "learner":
			w[fmt.Sprintf("kubelet_volume_stats_available_bytes{persistentvolumeclaim=%q}", n)] = steady(80)
			w[fmt.Sprintf("kubelet_volume_stats_capacity_bytes{persistentvolumeclaim=%q}", n)] = steady(100)
		case "client":
			w.put("paxos_sends_total", n, risen(600), `outcome="applied"`)
			w.put("paxos_sends_total", n, risen(0), `outcome="unknown"`)
			w.put("paxos_sends_total", n, risen(0), `outcome="not_applied"`)
			w.put("paxos_learner_silence_seconds", n, steady(0), `learner="learner1"`)
			w.put("paxos_learner_silence_seconds", n, steady(0), `learner="learner2"`)
		}
	}
	w.put("paxos_leading", "proposer2", steady(1))
	return w
}

// firing asks every rule once, and gives the alerts that hold, with the labels
// and the number of each.
func firing(t *testing.T, rules []alarm, s *store) map[string]promql.Vector {
	t.Helper()
	ask := storage.QueryableFunc(func(int64, int64) (storage.Querier, error) { return s, nil })
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	defer func() { _ = engine.Close() }()
	all := map[string]promql.Vector{}
	for _, r := range rules {
		q, err := engine.NewInstantQuery(t.Context(), ask, nil, r.expr, time.Unix(minutes*60, 0))
		if err != nil {
			t.Fatalf("%s: %v", r.alert, err)
		}
		found, err := q.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatalf("%s: %v", r.alert, err)
		}
		if len(found) > 0 {
			all[r.alert] = slices.Clone(found)
		}
		q.Close()
	}
	return all
}

type alarm struct{ alert, expr string }

func alertRules(t *testing.T) (list []alarm) {
	t.Helper()
	groups, errs := parseRules(monitoring(t, "rules.yaml"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			list = append(list, alarm{r.Alert, r.Expr})
		}
	}
	return list
}

// trouble is what is wrong with a network, and which alerts must say so, each
// with the number that its text shows.
type trouble struct {
	damage func(watched)
	alerts map[string]float64
}

// namesIn lists the metrics that an expression asks for.
func namesIn(t *testing.T, expression string) (names []string) {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			names = append(names, v.Name)
		}
		return nil
	})
	return names
}
