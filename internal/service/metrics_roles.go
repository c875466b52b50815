package service

import (
	"time"

	"paxos/acceptor"
	"paxos/client/session"
	"paxos/internal/metrics"
	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
	"paxos/proposer"
)

// seconds is how long so many ticks are.
func (r *running) seconds(ticks int) float64 {
	return (time.Duration(ticks) * r.settings.Tick).Seconds()
}

// What follows is read in the loop, all of it from one status: both belong to
// the loop, however many scrapes there are.

// proposerMetrics tell whether one can write, and why not.
func (r *running) proposerMetrics(g *metrics.Group) {
	p := r.parts.Proposer
	var st proposer.Status
	g.First(func() { st = p.Status() })
	g.Gauge("paxos_leader_known", leaderKnown, func() float64 { return yes(st.Leader != "") })
	g.Gauge("paxos_leading", "1 while this proposer leads.", func() float64 { return yes(st.Leading) })
	g.Gauge("paxos_ballot_number", "Number of the ballot of its last own attempt to lead, 0 for none.", func() float64 { return float64(st.Ballot.Number) })
	g.Gauge("paxos_slots_in_flight", "Slots that are proposed and not chosen yet.", func() float64 { return float64(st.InFlight) })
	g.Gauge("paxos_commands_waiting", "Commands that wait for a slot.", func() float64 { return float64(st.Waiting) })
	g.Gauge("paxos_chosen_watermark_slot", "Every slot below it is chosen, as far as this proposer knows; who leads knows best.", func() float64 { return float64(st.Chosen) })
	g.Gauge("paxos_next_slot", "The first slot for which it proposed nothing when it last led.", func() float64 { return float64(st.Next) })
	g.Gauge("paxos_acceptors_answering", "Acceptors that answer this proposer and may vote.", func() float64 { return float64(st.Answering) })
	g.Gauge("paxos_acceptors_needed", "Acceptors that a quorum needs.", func() float64 { return float64(st.Needed) })
	acceptors := float64(len(r.settings.Acceptors))
	g.Gauge("paxos_acceptors_configured", "Acceptors of the cluster: who may vote at all.", func() float64 { return acceptors })
	g.Gauge("paxos_failures_tolerated", "How many more acceptors may fail now: answering less needed. Below 0, so many are missing for a write.",
		func() float64 { return float64(st.Answering - st.Needed) })
	g.Gauge("paxos_acceptors_cloned", cloned, func() float64 {
		n := 0
		for _, a := range st.Acceptors {
			if a.Cloned != "" {
				n++
			}
		}
		return float64(n)
	})
}

const cloned = "Acceptors whose words this node refuses for good: their disks were rolled back or copied."

// acceptorMetrics tell whether it votes, and what it holds.
func (r *running) acceptorMetrics(g *metrics.Group) {
	a := r.parts.Acceptor
	var st acceptor.Status
	g.First(func() { st = a.Status() })
	g.Gauge("paxos_voting", "1 if this acceptor votes; if not, /health says why.", func() float64 { return yes(st.Standing == paxos.Member && !a.Silenced()) })
	g.Gauge("paxos_promise_ballot_number", "Number of the highest ballot that it promised.", func() float64 { return float64(st.Promise.Number) })
	g.Gauge("paxos_accepted_slots", "Slots whose accepted value it holds: the log that is not truncated yet.", func() float64 { return float64(st.Accepted) })
	g.Gauge("paxos_accepted_highest_slot", "The highest slot that it accepted a value in.", func() float64 { return float64(st.Highest) })
	g.Gauge("paxos_floor_slot", "Every slot below it is chosen, and truncated here.", func() float64 { return float64(st.Floor) })
	g.Gauge("paxos_told_chosen_slot", "The chosen watermark as a leader told it last: a hint.", func() float64 { return float64(st.Chosen) })
	g.Gauge("paxos_leader_silence_seconds", "Time since it heard a leader, or a candidate, or since its start.", func() float64 { return r.seconds(int(st.Silent)) })
}

// learnerMetrics tell how far it is behind.
func (r *running) learnerMetrics(g *metrics.Group) {
	l := r.parts.Learner
	var st learner.Status
	var missing float64
	g.First(func() {
		st = l.Status()
		missing = 0
		if st.Horizon >= st.Applied {
			missing = float64(st.Horizon - st.Applied + 1)
		}
	})
	g.Gauge("paxos_applied_watermark_slot", "Every slot below it is applied.", func() float64 { return float64(st.Applied) })
	g.Gauge("paxos_heard_highest_slot", "The highest slot that it heard of.", func() float64 { return float64(st.Horizon) })
	g.Gauge("paxos_lag_slots", "Slots that it heard of and has not applied.", func() float64 { return missing })
	g.Gauge("paxos_lag_seconds", "Time since it last applied a slot, while there are some that it heard of and has not applied; else 0.", func() float64 {
		if missing == 0 {
			return 0
		}
		return r.seconds(st.Stalled)
	})
	g.Gauge("paxos_open_slots", "Slots whose votes it counts.", func() float64 { return float64(st.Open) })
	g.Gauge("paxos_behind_truncated_log", "1 while what it lacks is truncated: only another learner's snapshot helps.", func() float64 { return yes(st.Behind != 0) })
	g.Gauge("paxos_acceptors_cloned", cloned, func() float64 { return float64(len(st.Clones)) })
	g.Gauge("paxos_quorum_reads_waiting", "Reads that wait for the acceptors' answer, or for its slot to be applied.", func() float64 { return float64(st.Reading) })
	r.measured.set.Gauge("paxos_watchers", watchers, r.watching)
}

const watchers = "Watches, and waits for locks and elections, that are open at this node; there is room for 10000."

// watching is 0 until the server is there.
func (r *running) watching() float64 {
	if r.server == nil {
		return 0
	}
	return float64(r.server.Watching())
}

// machineMetrics tell what the state holds.
func (r *running) machineMetrics(g *metrics.Group) {
	m := r.parts.Machine
	var sizes kv.Sizes
	g.First(func() { sizes = m.Sizes() })
	g.Gauge("paxos_keys", "Keys in the store.", func() float64 { return float64(sizes.Keys) })
	g.Gauge("paxos_revision", "The store's revision.", func() float64 { return float64(m.Revision()) })
	g.Gauge("paxos_compacted_revision", "The revision below which the past is forgotten, 0 if none is.", func() float64 { return float64(m.Compacted()) })
	g.Gauge("paxos_sessions", "Sessions in the state.", func() float64 { return float64(sizes.Sessions) })
	g.Gauge("paxos_idempotency_keys", "Idempotency keys that are remembered; there is room for a million.", func() float64 { return float64(sizes.IdempotencyKeys) })
	g.Gauge("paxos_leases", "Leases in the store.", func() float64 { return float64(sizes.Leases) })
	g.Gauge("paxos_state_bytes", "About how many bytes of memory the state takes.", func() float64 { return float64(sizes.StateBytes) })
	g.Gauge("paxos_history_bytes", "Of these, what compaction can free.", func() float64 { return float64(sizes.HistoryBytes) })
}

// reporting is how fresh a learner's last word must be: it says something every
// reportEvery.
const reporting = 5 * reportEvery

// clientMetrics tell what users get.
func (r *running) clientMetrics(g *metrics.Group) {
	s := r.parts.Session
	var st session.Status
	var fates session.Fates
	var learners []session.LearnerHeard
	g.First(func() { st, fates, learners = s.Status(), s.Fates(), s.Learners() })
	g.Gauge("paxos_leader_known", leaderKnown, func() float64 { return yes(st.Leader != "" || r.leaderHint() != "") })
	g.Gauge("paxos_session_open", "1 while this client service has an open session: users' commands can be sent.", func() float64 { return yes(st.Open) })
	g.Gauge("paxos_commands_pending", "Commands whose outcome is not known yet.", func() float64 { return float64(st.Pending) })
	g.Gauge("paxos_outcomes_askable", "Commands that nobody waits for any more, or whose user was told that the outcome is unknown; it can still be asked for.",
		func() float64 { return float64(st.Unknown) })
	g.Counters("paxos_sends_total", "What became of commands: applied; not_applied (503: refused for certain); unknown (504); no_effect (applied without one: a key that was burnt or used before, a session that was over).", "outcome",
		func(emit metrics.Emit) {
			emit("applied", float64(fates.Applied))
			emit("not_applied", float64(fates.NotApplied))
			emit("unknown", float64(fates.Unknown))
			emit("no_effect", float64(fates.NoEffect))
		})
	g.Gauge("paxos_told_applied_slot", "The highest applied watermark that any learner reported.", func() float64 { return float64(st.Applied) })
	g.Gauges("paxos_learner_applied_slot", "The applied watermark that each learner reported last.", "learner", func(emit metrics.Emit) {
		for _, l := range learners {
			emit(string(l.Learner), float64(l.Applied))
		}
	})
	g.Gauges("paxos_learner_silence_seconds", "Time since each learner reported last.", "learner", func(emit metrics.Emit) {
		for _, l := range learners {
			emit(string(l.Learner), r.seconds(l.Silent))
		}
	})
	g.Gauge("paxos_learners_reporting", "Learners that reported within the last second.", func() float64 {
		n := 0
		for _, l := range learners {
			if time.Duration(l.Silent)*r.settings.Tick <= reporting {
				n++
			}
		}
		return float64(n)
	})
	r.measured.set.Gauge("paxos_watchers", watchers, r.watching)
}
