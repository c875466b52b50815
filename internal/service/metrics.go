package service

import (
	"context"
	"strings"
	"time"

	"paxos/gossip"
	"paxos/internal/metrics"
	"paxos/internal/node"
	"paxos/paxos"
)

// lookLimit is how long a scrape waits for the loop. A loop that does not
// answer is shown as such, and nothing of what it was before.
const lookLimit = time.Second

// yes is how a gauge says so.
func yes(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// showMetrics completes what /metrics shows with what can be read at any time,
// and with what the loop alone can tell, in one look for each scrape.
func (r *running) showMetrics() {
	set := r.measured.set
	version, commit, _ := strings.Cut(Version(), " ")
	set.Info("paxos_build_info", "Which program runs: its version and commit. Always 1.", map[string]string{"version": version, "commit": commit})
	r.loopMetrics(set)
	r.networkMetrics(set)
	g := set.Group(func(read func()) error {
		ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
		defer cancel()
		return r.parts.Loop.Inspect(ctx, read)
	})
	g.Answered("paxos_loop_answered", "1 if the loop let this scrape look inside within a second. At 0, what only the loop knows is left out.")
	g.Gauge("paxos_cluster_known", "1 once this node knows which cluster it belongs to: the network is initialised.",
		func() float64 { return yes(!r.role.Header().Cluster.IsZero()) })
	switch {
	case r.parts.Proposer != nil:
		r.proposerMetrics(g)
	case r.parts.Acceptor != nil:
		r.acceptorMetrics(g)
		r.journalMetrics(set)
	case r.parts.Learner != nil:
		r.learnerMetrics(g)
		r.machineMetrics(g)
		r.snapshotMetrics(set)
	default:
		r.clientMetrics(g)
	}
}

func (r *running) loopMetrics(set *metrics.Set) {
	loop := r.parts.Loop
	counts := loop.Counts()
	set.Gauge("paxos_in_batches", "1 while this node's process works in batches: so many ask at once that it lets others finish first (SCHED_BATCH). Acceptors never do.", worksInBatches)
	set.Counter("paxos_loop_turns_total", "Turns of the loop.", func() float64 { return float64(counts.Turns.Load()) })
	set.Gauge("paxos_loop_idle_seconds", "Time since the loop's last turn ended. It ticks every few milliseconds: more than a second is a loop that stands still, on its disk mostly.",
		func() float64 { return loop.Idle().Seconds() })
	set.Gauge("paxos_inbox_messages", "Messages and looks that wait for the loop; there is room for 4096.", func() float64 { return float64(loop.Waiting()) })
	set.Counters("paxos_messages_stepped_total", "Messages that the role took, by kind.", "kind", func(emit metrics.Emit) {
		for kind := range counts.StepsOf {
			emit(paxos.Kind(kind).String(), float64(counts.StepsOf[kind].Load()))
		}
	})
	set.Counters("paxos_messages_sent_total", "Messages that the role sent to other nodes, by kind.", "kind", func(emit metrics.Emit) {
		for kind := range counts.SentOf {
			if paxos.Kind(kind) != paxos.KindLocal {
				emit(paxos.Kind(kind).String(), float64(counts.SentOf[kind].Load()))
			}
		}
	})
	set.Counter("paxos_messages_rejected_total", "Messages that were not meant for this node, its cluster or its configuration.",
		func() float64 { return float64(counts.Rejected.Load()) })
}

// memberStates are gossip's.
var memberStates = []gossip.State{gossip.Alive, gossip.Suspect, gossip.Dead, gossip.Left}

func (r *running) networkMetrics(set *metrics.Set) {
	hub := r.parts.Hub
	set.Counter("paxos_messages_lost_total", "Messages that were dropped: a queue was full, or nobody was known.", func() float64 { return float64(hub.Lost.Load()) })
	set.Counter("paxos_streams_opened_total", "Streams opened, both ways. If it grows, connections break.", func() float64 { return float64(hub.Opened.Load()) })
	set.Gauge("paxos_streams", "Peers with an open stream, either way.", func() float64 { return float64(len(hub.Streams())) })
	set.Gauges("paxos_gossip_members", "Nodes as gossip sees them from here, this one included, by state.", "state", func(emit metrics.Emit) {
		seen := map[gossip.State]int{}
		if r.gossip != nil {
			for _, m := range r.gossip.Members() {
				seen[m.State]++
			}
		}
		for _, state := range memberStates {
			emit(string(state), float64(seen[state]))
		}
	})
	if r.parts.Proposer == nil && r.parts.Session == nil {
		set.Gauge("paxos_leader_known", leaderKnown, func() float64 { return yes(r.leaderHint() != "") })
	}
}

const leaderKnown = "1 if this node knows who leads: a proposer from the acceptors, others from gossip or from who answered last."

func (r *running) leaderHint() paxos.NodeID {
	if r.gossip == nil {
		return ""
	}
	return r.gossip.Leader().Leader
}

// journalMetrics are those of an acceptor's disk.
func (r *running) journalMetrics(set *metrics.Set) {
	counts, disk := r.parts.Loop.Counts(), r.disk
	set.Counter("paxos_records_kept_total", "Records made durable.", func() float64 { return float64(counts.Records.Load()) })
	set.Counter("paxos_journal_written_bytes_total", "Bytes written to the journal, framing included.", func() float64 { return float64(disk.Stats().WrittenBytes) })
	set.Gauge("paxos_disk_bytes", "Bytes of this node on its disk.", func() float64 { return float64(disk.Stats().DiskBytes) })
	set.Gauge("paxos_journal_segments", "Segments of the journal, the prepared one included.", func() float64 { return float64(disk.Stats().Segments) })
	set.Gauge("paxos_disk_limit_bytes", "Bytes that the journal may have; 0 is no limit.", func() float64 { return float64(r.settings.DiskLimit) })
	set.Gauge("paxos_disk_used_ratio", "How full the disk is, from 0 to 1: the journal of its limit, or the file system, whichever is nearer to its end.", r.space.ratio)
	set.Gauge("paxos_disk_full", "1 while only what frees room is taken: from 90 % on, until it is below 85 %.", func() float64 { return yes(r.space.full.Load()) })
}

// snapshotMetrics are those of a learner's disk.
func (r *running) snapshotMetrics(set *metrics.Set) {
	stats := r.learner.disk.Keeper.Stats
	set.Gauge("paxos_disk_bytes", "Bytes of this node on its disk.", func() float64 { return float64(stats().DiskBytes) })
	set.Gauge("paxos_snapshot_slot", "Slot of the last snapshot on disk, 0 for none.", func() float64 { return float64(stats().Last) })
	set.Gauge("paxos_snapshot_previous_slot", "Slot of the snapshot before the last, 0 for none. Acceptors keep the log from the lowest of these on.", func() float64 { return float64(stats().Previous) })
	set.Gauge("paxos_snapshot_every_slots", "After how many slots a snapshot is due at the latest.", func() float64 { return float64(r.settings.SnapshotSlots) })
	set.Gauge("paxos_snapshot_bytes", "Size of the last snapshot.", func() float64 { return float64(stats().LastBytes) })
	set.Gauge("paxos_snapshot_seconds", "How long the last snapshot took to save, pauses included.", func() float64 { return stats().LastTook.Seconds() })
	set.Counter("paxos_snapshots_saved_total", "Snapshots made of this node's own state.", func() float64 { return float64(stats().Saved) })
	set.Counter("paxos_snapshots_taken_total", "Snapshots taken from other learners.", func() float64 { return float64(stats().Taken) })
	set.Counter("paxos_snapshot_parts_read_total", "Parts of snapshots read for other learners.", func() float64 { return float64(stats().PartsRead) })
	set.Counter("paxos_snapshot_parts_dropped_total", "Parts that were not read, because too many waited.", func() float64 { return float64(stats().PartsDropped) })
	counts := r.parts.Loop.Counts()
	set.Counter("paxos_catch_up_pulls_total", "Questions to other learners and to acceptors for slots that are missing here.", sent(counts, paxos.KindCatchUp))
}

func sent(counts *node.Counts, kind paxos.Kind) func() float64 {
	return func() float64 { return float64(counts.SentOf[kind].Load()) }
}
