package service

import "paxos/internal/metrics"

// metrics lists what /metrics shows.
func (r *running) metrics() *metrics.Set {
	set := metrics.New(string(r.settings.ID), string(r.settings.Role))
	counts := r.parts.Loop.Counts()
	set.Counter("paxos_loop_turns_total", "Turns of the loop.", func() float64 { return float64(counts.Turns.Load()) })
	set.Counter("paxos_messages_stepped_total", "Messages that the role took.", func() float64 { return float64(counts.Steps.Load()) })
	set.Counter("paxos_messages_sent_total", "Messages that the role sent.", func() float64 { return float64(counts.Sent.Load()) })
	set.Counter("paxos_messages_rejected_total", "Messages that were not meant for this node.", func() float64 { return float64(counts.Rejected.Load()) })
	set.Counter("paxos_messages_lost_total", "Messages that were dropped: a queue was full, or nobody was known.", func() float64 { return float64(r.parts.Hub.Lost.Load()) })
	set.Counter("paxos_streams_opened_total", "Streams opened, both ways.", func() float64 { return float64(r.parts.Hub.Opened.Load()) })
	set.Gauge("paxos_loop_idle_seconds", "Time since the loop's last turn ended.", func() float64 { return r.parts.Loop.Idle().Seconds() })
	r.diskMetrics(set)
	return set
}

// diskMetrics are those of nodes that have a disk.
func (r *running) diskMetrics(set *metrics.Set) {
	counts := r.parts.Loop.Counts()
	if r.disk != nil {
		set.Counter("paxos_records_kept_total", "Records made durable.", func() float64 { return float64(counts.Records.Load()) })
		set.Counter("paxos_turns_synced_total", "Turns that ended with a sync.", func() float64 { return float64(counts.Syncs.Load()) })
	}
	if disk := r.disk; disk != nil {
		set.Gauge("paxos_disk_bytes", "Bytes of this node on its disk.", func() float64 { return float64(disk.Stats().DiskBytes) })
		set.Gauge("paxos_journal_segments", "Segments of the journal, the prepared one included.", func() float64 { return float64(disk.Stats().Segments) })
		set.Gauge("paxos_journal_sync_seconds", "How long the last sync took.", func() float64 { return disk.Stats().LastSync.Seconds() })
		set.Gauge("paxos_disk_full", "1 while only what frees room is taken.", func() float64 {
			if r.space.full.Load() {
				return 1
			}
			return 0
		})
	}
	if r.learner == nil {
		return
	}
	stats := r.learner.disk.Keeper.Stats
	set.Gauge("paxos_disk_bytes", "Bytes of this node on its disk.", func() float64 { return float64(stats().DiskBytes) })
	set.Gauge("paxos_snapshot_slot", "Slot of the last snapshot on disk, 0 for none.", func() float64 { return float64(stats().Last) })
	set.Gauge("paxos_snapshot_previous_slot", "Slot of the snapshot before the last, 0 for none.", func() float64 { return float64(stats().Previous) })
	set.Gauge("paxos_snapshot_bytes", "Size of the last snapshot.", func() float64 { return float64(stats().LastBytes) })
	set.Gauge("paxos_snapshot_seconds", "How long the last snapshot took to save, pauses included.", func() float64 { return stats().LastTook.Seconds() })
	set.Counter("paxos_snapshots_saved_total", "Snapshots made of this node's own state.", func() float64 { return float64(stats().Saved) })
	set.Counter("paxos_snapshots_taken_total", "Snapshots taken from other learners.", func() float64 { return float64(stats().Taken) })
	set.Counter("paxos_snapshot_parts_read_total", "Parts of snapshots read for other learners.", func() float64 { return float64(stats().PartsRead) })
	set.Counter("paxos_snapshot_parts_dropped_total", "Parts that were not read, because too many waited.", func() float64 { return float64(stats().PartsDropped) })
}
