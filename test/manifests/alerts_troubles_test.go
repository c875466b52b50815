package manifests

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// at gives a damage to one series of some nodes.
func at(metric string, values course, nodes ...string) func(watched) {
	return func(w watched) {
		for _, n := range nodes {
			w.put(metric, n, values)
		}
	}
}

func lost(nodes ...string) func(watched) { return func(w watched) { w.lose(nodes...) } }

func all(damages ...func(watched)) func(watched) {
	return func(w watched) {
		for _, d := range damages {
			d(w)
		}
	}
}

var everyNode = shape{acceptors: 3}.ids()

func ofThe(prefix string) (list []string) {
	for _, id := range everyNode {
		if role(id) == prefix {
			list = append(list, id)
		}
	}
	return list
}

var troubles = map[string]trouble{
	"nothing is wrong":     {func(watched) {}, nil},
	"nobody leads":         {at("paxos_leading", steady(0), "proposer2"), map[string]float64{"PaxosNoLeader": 1}},
	"no proposer is left":  {lost(ofThe("proposer")...), map[string]float64{"PaxosNoLeader": 1}},
	"everything is gone":   {lost(everyNode...), map[string]float64{"PaxosNoLeader": 1, "PaxosLearnersGone": 1, "PaxosNoSession": 1}},
	"one proposer is left": {lost("proposer1", "proposer3"), map[string]float64{"PaxosProposersMissing": 1}},
	"an acceptor is gone": {all(lost("acceptor1"), at("paxos_failures_tolerated", steady(0), "proposer1", "proposer2", "proposer3")),
		map[string]float64{"PaxosNoFailureTolerated": 0, "PaxosAcceptorsMissing": 1}},
	"an acceptor answers all but the leader": {at("paxos_failures_tolerated", steady(0), "proposer2"), map[string]float64{"PaxosNoFailureTolerated": 0}},
	"an acceptor answers the leader alone":   {at("paxos_failures_tolerated", steady(0), "proposer1", "proposer3"), nil},
	"two acceptors are gone": {all(lost("acceptor1", "acceptor2"), at("paxos_leading", steady(0), "proposer2"),
		at("paxos_failures_tolerated", steady(-1), "proposer1", "proposer2", "proposer3")),
		map[string]float64{"PaxosNoLeader": 1, "PaxosNoQuorum": 1, "PaxosAcceptorsMissing": 2}},
	"all acceptors are gone": {all(lost(ofThe("acceptor")...), at("paxos_leading", steady(0), "proposer2"),
		at("paxos_failures_tolerated", steady(-2), "proposer1", "proposer2", "proposer3")),
		map[string]float64{"PaxosNoLeader": 1, "PaxosNoQuorum": 2, "PaxosAcceptorsMissing": 3}},
	"an acceptor is mute": {at("paxos_voting", steady(0), "acceptor3"), map[string]float64{"PaxosAcceptorNotVoting": 0, "PaxosAcceptorsMissing": 1}},
	"not initialised": {all(at("paxos_voting", steady(0), ofThe("acceptor")...), at("paxos_cluster_known", steady(0), everyNode...),
		at("paxos_leading", steady(0), "proposer2"), at("paxos_session_open", steady(0), "client1", "client2")),
		map[string]float64{"PaxosNoLeader": 1, "PaxosNoSession": 1}},
	"two values":          {func(w watched) { w.put("paxos_nacks_total", "acceptor2", risen(1), `reason="two-values"`) }, map[string]float64{"PaxosBrokenInvariant": 10}},
	"a disk put back":     {at("paxos_acceptors_cloned", steady(1), "learner2"), map[string]float64{"PaxosAcceptorCloned": 1}},
	"a loop hangs":        {at("paxos_loop_answered", steady(0), "learner1"), map[string]float64{"PaxosNodeStuck": 0}},
	"a loop stands still": {at("paxos_loop_idle_seconds", steady(41), "acceptor1"), map[string]float64{"PaxosNodeStuck": 41}},
	"a pod hangs":         {at("up", steady(0), "client1"), map[string]float64{"PaxosNodeSilent": 0}},
	"no learner":          {lost("learner1", "learner2"), map[string]float64{"PaxosLearnersGone": 1}},
	"one learner":         {lost("learner2"), nil},
	"no client service":   {lost("client1", "client2"), map[string]float64{"PaxosNoSession": 1}},
	"no session":          {at("paxos_session_open", steady(0), "client1", "client2"), map[string]float64{"PaxosNoSession": 1}},
	"one session":         {at("paxos_session_open", steady(0), "client1"), nil},
	"a learner tells nobody": {func(w watched) {
		w.put("paxos_learner_silence_seconds", "client1", steady(60), `learner="learner2"`)
		w.put("paxos_learner_silence_seconds", "client2", steady(90), `learner="learner2"`)
	}, map[string]float64{"PaxosLearnerSilent": 60}},
	"a learner does not tell one": {func(w watched) { w.put("paxos_learner_silence_seconds", "client1", steady(60), `learner="learner2"`) }, nil},
	"a learner makes no progress": {at("paxos_lag_seconds", steady(30), "learner1"), map[string]float64{"PaxosLearnerLags": 30}},
	"a learner is far behind": {all(at("paxos_applied_watermark_slot", steady(30000), "learner1"), at("paxos_snapshot_slot", steady(20000), "learner1")),
		map[string]float64{"PaxosLearnerLags": 20000}},
	"a learner lacks slots": {at("paxos_behind_truncated_log", steady(1), "learner1"), map[string]float64{"PaxosLearnerBehindTheLog": 1}},
	"an old snapshot":       {at("paxos_snapshot_every_slots", steady(400), "learner1"), map[string]float64{"PaxosSnapshotOld": 1000}},
	"a full disk":           {all(at("paxos_disk_full", steady(1), "acceptor1"), at("paxos_disk_used_ratio", steady(.9), "acceptor1")), map[string]float64{"PaxosDiskFull": 1, "PaxosDiskNearlyFull": .9}},
	"a learner's volume": {func(w watched) {
		w[`kubelet_volume_stats_available_bytes{persistentvolumeclaim="learner2"}`] = steady(10)
	},
		map[string]float64{"PaxosVolumeNearlyFull": .1}},
	"memory": {at("process_resident_memory_bytes", steady(810e6), "learner1"), map[string]float64{"PaxosMemoryNearlyFull": .9}},
	"a slow disk": {func(w watched) {
		w.put("paxos_journal_sync_seconds_bucket", "acceptor1", risen(0), `le="0.01"`)
	}, map[string]float64{"PaxosSyncSlow": 0.9901}},
	"elections":           {at("paxos_elections_stood_total", risen(2), "proposer1"), map[string]float64{"PaxosElectionsOften": 20}},
	"unknown":             {func(w watched) { w.put("paxos_sends_total", "client1", risen(60), `outcome="unknown"`) }, map[string]float64{"PaxosOutcomesUnknown": 1}},
	"refused":             {func(w watched) { w.put("paxos_sends_total", "client1", risen(400), `outcome="not_applied"`) }, map[string]float64{"PaxosSendsRefused": .25}},
	"messages":            {at("paxos_messages_lost_total", risen(1200), "acceptor1"), map[string]float64{"PaxosMessagesLost": 20}},
	"a member is suspect": {func(w watched) { w.put("paxos_gossip_members", "client2", steady(1), `state="suspect"`) }, map[string]float64{"PaxosMembersDoubted": 1}},
	"two versions": {func(w watched) {
		w.lose("client2")
		w.put("paxos_build_info", "client2", steady(1), `version="v2",commit="def"`)
	}, map[string]float64{"PaxosVersionsDiffer": 2}},
}

// TestEachAlertSpeaksOfItsTrouble lets Prometheus' own engine ask the rules, of
// a network in trouble beside two that are well: one of another namespace, and
// one of the same name in another cluster.
func TestEachAlertSpeaksOfItsTrouble(t *testing.T) {
	rules := alertRules(t)
	tried := map[string]bool{}
	for what, c := range troubles {
		w := well()
		c.damage(w)
		// "up" and what the kubelet shows are asked for in the namespace paxos.
		got := firing(t, rules, stored(t, map[string]watched{`namespace="paxos",cluster="a"`: w, `namespace="paxos",cluster="b"`: well(), `namespace="other",cluster="a"`: well()}))
		for alert, found := range got {
			tried[alert] = true
			want, expected := c.alerts[alert]
			for _, s := range found {
				if s.Metric.Get("cluster") != "a" || s.Metric.Get("namespace") != "paxos" {
					t.Errorf("%s: %s speaks of %s", what, alert, s.Metric)
				}
				if d := s.F - want; !expected || d > 1e-3 || d < -1e-3 {
					t.Errorf("%s: %s holds with %v: %s", what, alert, s.F, s.Metric)
				}
			}
		}
		for alert := range c.alerts {
			if got[alert] == nil {
				t.Errorf("%s: %s does not hold", what, alert)
			}
		}
	}
	for _, r := range rules {
		if !tried[r.alert] {
			t.Errorf("no trouble makes %s hold", r.alert)
		}
	}
	t.Logf("%d alerts, %d troubles", len(rules), len(troubles))
}

// TestSilenceIsSeen: where nothing was ever heard of, and where the label
// "cluster" is not known.
func TestSilenceIsSeen(t *testing.T) {
	rules := alertRules(t)
	silent := []string{"PaxosLearnersGone", "PaxosNoLeader", "PaxosNoSession"}
	gone := well()
	gone.lose(everyNode...)
	for what, series := range map[string]*store{"nothing": stored(t, nil), "ten minutes of silence": stored(t, map[string]watched{`namespace="paxos"`: gone})} {
		got := firing(t, rules, series)
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, silent) {
			t.Errorf("%s: %q hold", what, names)
		}
		for alert, found := range got {
			if len(found) != 1 {
				t.Errorf("%s: %s holds %d times", what, alert, len(found))
			}
		}
	}
	if got := firing(t, rules, stored(t, map[string]watched{`namespace="paxos"`: well()})); len(got) > 0 {
		t.Errorf("of a network that is well: %v", got)
	}
}

// TestWhatOthersShow: of what rules ask for, these alone are not the nodes' own.
func TestWhatOthersShow(t *testing.T) {
	others := []string{"up", "process_resident_memory_bytes", "go_gc_gomemlimit_bytes", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"}
	for _, r := range alertRules(t) {
		for _, name := range namesIn(t, r.expr) {
			if !strings.HasPrefix(name, "paxos_") && !slices.Contains(others, name) {
				t.Errorf("%s asks for %s, which nobody is known to show", r.alert, name)
			}
		}
	}
}
