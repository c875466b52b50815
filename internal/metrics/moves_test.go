package metrics_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// TestWhatMovesWhen lets one node of each role live a little and looks at what
// each shows before, meanwhile and afterwards.
func TestWhatMovesWhen(t *testing.T) {
	w := newTown(t)
	for _, n := range w.all() {
		if list := n.scrape(t); number(t, list, "paxos_cluster_known") != 0 || number(t, list, "paxos_loop_answered") != 1 {
			t.Errorf("before init, the %s knows a cluster or does not answer", n.role)
		}
	}
	before := w.acceptor.scrape(t)
	if number(t, before, "paxos_voting") != 0 || number(t, before, "paxos_journal_sync_seconds_count") != 0 {
		t.Error("a blank acceptor votes, or has synced")
	}
	if list := w.proposer.scrape(t); number(t, list, "paxos_leading") != 0 || number(t, list, "paxos_leader_known") != 0 {
		t.Error("a proposer leads nobody")
	}
	w.initialise(t)
	const writes = 20
	first := w.acceptor.scrape(t)
	firstLearner := w.learner.scrape(t)
	for i := range writes {
		if code, b := w.client.do(http.MethodPut, fmt.Sprintf("/kv/key%d", i), "x"); code != http.StatusOK {
			t.Fatalf("write %d: %d %s", i, code, b)
		}
	}
	for range 3 {
		if code, b := w.client.get("/kv/key1"); code != http.StatusOK {
			t.Fatalf("a read: %d %s", code, b)
		}
	}
	t.Run("proposer", func(t *testing.T) { leads(t, w.proposer.scrape(t), writes) })
	until(t, "gossip tells the acceptor who leads", func() bool { return number(t, w.acceptor.scrape(t), "paxos_leader_known") == 1 })
	t.Run("acceptor", func(t *testing.T) { votes(t, first, w.acceptor.scrape(t), writes) })
	t.Run("learner", func(t *testing.T) { learns(t, w, firstLearner, writes) })
	t.Run("client", func(t *testing.T) { sends(t, w, writes) })
	t.Run("no quorum", func(t *testing.T) { stops(t, w) })
}

// wants compares numbers of one scrape.
func wants(t *testing.T, list map[string]*family, exactly map[string]float64, atLeast map[string]float64) {
	t.Helper()
	for name, want := range exactly {
		if got := number(t, list, name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	for name, want := range atLeast {
		if got := number(t, list, name); got < want {
			t.Errorf("%s is %v, less than %v", name, got, want)
		}
	}
}

func leads(t *testing.T, list map[string]*family, writes float64) {
	wants(t, list, map[string]float64{
		"paxos_leading": 1, "paxos_leader_known": 1, "paxos_cluster_known": 1, "paxos_acceptors_answering": 1, "paxos_acceptors_needed": 1, "paxos_acceptors_configured": 1,
		"paxos_failures_tolerated": 0, "paxos_slots_in_flight": 0, "paxos_commands_waiting": 0,
	}, map[string]float64{
		"paxos_ballot_number": 1, "paxos_elections_stood_total": 1, "paxos_elections_won_total": 1, "paxos_chosen_watermark_slot": writes, "paxos_next_slot": writes,
		"paxos_phase2_seconds_count": writes, "paxos_slot_commands_sum": writes, "paxos_turn_messages_count": writes, "paxos_streams": 1,
	})
	if number(t, list, "paxos_phase1_seconds_count") != number(t, list, "paxos_elections_won_total") {
		t.Error("elections were won of which nobody knows how long phase 1 took")
	}
	if number(t, list, "paxos_phase2_seconds_count") != number(t, list, "paxos_slot_commands_count") {
		t.Error("slots were chosen of which nobody knows how long it took")
	}
	if took := number(t, list, "paxos_phase2_seconds_sum") / number(t, list, "paxos_phase2_seconds_count"); took <= 0 || took > 1000 { // nanoseconds would be
		t.Errorf("phase 2 takes %v s", took)
	}
	if took := number(t, list, "paxos_phase1_seconds_sum"); took <= 0 || took > 1000 {
		t.Errorf("phase 1 took %v s", took)
	}
	if number(t, list, "paxos_messages_sent_total", `kind="accept"`) < writes || number(t, list, "paxos_messages_stepped_total", `kind="accepted"`) < writes {
		t.Error("messages are not counted by kind")
	}
	if number(t, list, "paxos_gossip_members", `state="alive"`) != 4 {
		t.Error("it does not count the members that it sees")
	}
}

func votes(t *testing.T, before, after map[string]*family, writes float64) {
	for _, name := range []string{"paxos_journal_sync_seconds_count", "paxos_journal_sync_records_sum", "paxos_records_kept_total", "paxos_accepted_slots", "paxos_accepted_highest_slot"} {
		if grown := number(t, after, name) - number(t, before, name); grown < writes {
			t.Errorf("%s grew by %v with %v writes", name, grown, writes)
		}
	}
	if grown := number(t, after, "paxos_journal_written_bytes_total") - number(t, before, "paxos_journal_written_bytes_total"); grown < 512*writes {
		t.Errorf("%v bytes were written with %v writes", grown, writes)
	}
	wants(t, after, map[string]float64{"paxos_voting": 1, "paxos_disk_full": 0, "paxos_floor_slot": 1, "paxos_disk_limit_bytes": 4 << 30, "paxos_leader_known": 1},
		map[string]float64{"paxos_promise_ballot_number": 1, "paxos_disk_bytes": 65536, "paxos_journal_segments": 2, "paxos_told_chosen_slot": writes})
	if took := number(t, after, "paxos_journal_sync_seconds_sum"); took <= 0 {
		t.Error("a sync takes no time")
	}
}

func learns(t *testing.T, w *town, before map[string]*family, writes float64) {
	list := w.learner.scrape(t)
	wants(t, list, map[string]float64{"paxos_lag_slots": 0, "paxos_lag_seconds": 0, "paxos_open_slots": 0, "paxos_behind_truncated_log": 0, "paxos_watchers": 0,
		"paxos_quorum_reads_waiting": 0, "paxos_keys": writes + 1, "paxos_leases": 0, "paxos_compacted_revision": 0, "paxos_snapshot_slot": 0, "paxos_snapshot_every_slots": 100000},
		map[string]float64{"paxos_sessions": 1, "paxos_quorum_read_questions_total": 1, "paxos_state_bytes": writes})
	for _, name := range []string{"paxos_applied_watermark_slot", "paxos_heard_highest_slot", "paxos_commands_applied_total", "paxos_revision"} {
		if grown := number(t, list, name) - number(t, before, name); grown < writes {
			t.Errorf("%s grew by %v with %v writes", name, grown, writes)
		}
	}
	if n := number(t, list, "paxos_quorum_reads_total", `outcome="answered"`); n < 3 || number(t, list, "paxos_quorum_read_seconds_count") != n {
		t.Errorf("%v reads were answered", n)
	}
	chosen := number(t, w.proposer.scrape(t), "paxos_chosen_watermark_slot")
	if applied := number(t, w.learner.scrape(t), "paxos_applied_watermark_slot"); applied < chosen {
		t.Errorf("%v is applied, %v chosen", applied, chosen)
	}
	request, err := http.Get("http://" + w.learner.address + "/watch?prefix")
	must(t, err)
	until(t, "the watcher is counted", func() bool { return number(t, w.learner.scrape(t), "paxos_watchers") == 1 })
	must(t, request.Body.Close())
	until(t, "the watcher is gone", func() bool { return number(t, w.learner.scrape(t), "paxos_watchers") == 0 })
	watch := func() bool {
		return number(t, w.learner.scrape(t), "paxos_http_requests_total", `route="/watch"`, `class="2xx"`) == 1
	}
	until(t, "the watch is counted", watch)
	for head := range w.learner.scrape(t)["paxos_http_request_seconds"].samples {
		if strings.Contains(head, "/watch") {
			t.Errorf("how long somebody watched counts as an answer's time: %s", head)
		}
	}
}

func sends(t *testing.T, w *town, writes float64) {
	list := w.client.scrape(t)
	wants(t, list, map[string]float64{"paxos_commands_pending": 0, "paxos_session_open": 1, "paxos_learners_reporting": 1, "paxos_leader_known": 1},
		map[string]float64{"paxos_told_applied_slot": writes, "paxos_commands_proposed_total": writes})
	for parts, want := range map[string]float64{`outcome="applied"`: writes, `outcome="no_effect"`: 0} {
		if got := number(t, list, "paxos_sends_total", parts); got < want || want == 0 && got > 0 {
			t.Errorf("%s: %v", parts, got)
		}
	}
	if number(t, list, "paxos_learner_applied_slot", `learner="learner1"`) < writes || number(t, list, "paxos_reads_served_total", `learner="learner1"`) != 3 {
		t.Error("it does not say what it knows of learner1")
	}
	if number(t, list, "paxos_learner_silence_seconds", `learner="learner1"`) > 10 {
		t.Error("learner1 is said to be silent")
	}
	put := []string{`method="PUT"`, `route="/kv/*key"`}
	if number(t, list, "paxos_http_requests_total", append(put, `class="2xx"`)...) < writes || number(t, list, "paxos_http_request_seconds_count", put...) < writes {
		t.Error("requests are not counted by their route")
	}
	if code, _ := w.client.get("/nobody/made/this/up"); code != http.StatusNotFound {
		t.Fatal(code)
	}
	list = w.client.scrape(t)
	if number(t, list, "paxos_http_requests_total", `route="none"`, `class="4xx"`) != 1 {
		t.Error("what has no route is not counted as such")
	}
	for head := range list["paxos_http_requests_total"].samples {
		if strings.Contains(head, "nobody") {
			t.Errorf("anybody can make up labels: %s", head)
		}
	}
}

// stops takes the acceptor away.
func stops(t *testing.T, w *town) {
	w.acceptor.stop()
	until(t, "the leader has stepped down", func() bool { return number(t, w.proposer.scrape(t), "paxos_leading") == 0 })
	// A send that was in the air when the acceptor stopped is unknown, and the
	// next ones are refused.
	until(t, "a send is refused", func() bool {
		code, _ := w.client.do(http.MethodPost, "/send?timeout=200ms", `{"value":"x"}`)
		return code == http.StatusServiceUnavailable
	})
	if code, _ := w.proposer.do(http.MethodPost, "/propose", `{"value":"x"}`); code != http.StatusServiceUnavailable {
		t.Errorf("/propose says %d", code)
	}
	if code, _ := w.learner.get("/kv/key1?timeout=100ms"); code != http.StatusServiceUnavailable {
		t.Errorf("a read without a quorum: %d", code)
	}
	list := w.proposer.scrape(t)
	if number(t, list, "paxos_failures_tolerated") != -1 || number(t, list, "paxos_stepped_down_total", `reason="no-quorum"`) < 1 || number(t, list, "paxos_commands_refused_total", `reason="no-quorum"`) < 1 {
		t.Errorf("it does not say why it leads no more: %v", list["paxos_stepped_down_total"].samples)
	}
	if number(t, w.client.scrape(t), "paxos_sends_total", `outcome="not_applied"`) < 1 {
		t.Error("what was refused is not counted")
	}
	if number(t, w.learner.scrape(t), "paxos_quorum_reads_total", `outcome="refused"`) != 1 {
		t.Error("a read that was refused is not counted")
	}
	until(t, "gossip sees that it left", func() bool {
		return number(t, w.proposer.scrape(t), "paxos_gossip_members", `state="left"`) == 1
	})
}

// TestNamesAndHelp asks Prometheus's own linter.
func TestNamesAndHelp(t *testing.T) {
	w := newTown(t)
	for _, n := range w.all() {
		_, text := n.get("/metrics")
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		must(t, err)
		for _, p := range problems {
			if strings.HasPrefix(p.Metric, "paxos_") {
				t.Errorf("%s of the %s: %s", p.Metric, n.role, p.Text)
			}
		}
		for name, f := range n.scrape(t) {
			id := fmt.Sprintf("%s1", n.role)
			for head := range f.samples {
				if !strings.Contains(head, `node="`+id+`"`) || !strings.Contains(head, `role="`+string(n.role)+`"`) {
					t.Errorf("%s does not say whose it is: %s", name, head)
				}
			}
			if f.help == "" || f.kind == "" || f.kind == "untyped" {
				t.Errorf("%s of the %s has help %q and type %q", name, n.role, f.help, f.kind)
			}
		}
	}
}
