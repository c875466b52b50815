package sim

import (
	"fmt"
	"time"

	"paxos/client/session"
	"paxos/internal/node"
	"paxos/internal/snapshot"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
	"paxos/proposer"
)

// host is a machine with a disk, on which one node runs; by mistake, two.
type host struct {
	id        paxos.NodeID
	number    int
	role      paxos.RoleName
	disk      *memfs.Disk
	processes []*process
	doomed    bool // its disk may be lost for good
	lost      bool // and was
	core      bool // it heals first
	member    bool // its disk said so once
	off       int  // faults by which it must not run now
	waits     bool // it starts again at a time that is planned
}

// process is one life of a node.
type process struct {
	world  *World
	host   *host
	number uint64
	index  int32
	loop   *node.Loop
	role   paxos.Role
	inbox  []node.Item

	disk     *node.Disk
	learning *node.LearnerDisk
	bound    bool
	machine  *observed
	proposer *proposer.Proposer
	tasks    []paxos.Message // for the keeper of snapshots

	busy    int64 // until its disk has synced, or it is resumed
	wakes   bool  // a happening is planned at the end of that
	paused  bool
	wrote   bool // in this turn
	spoke   bool
	lead    lead // of a proposer
	wishes  []wished
	latency int64
	rate    int64 // by how many percent its clock is fast
	jumped  int64 // what its clock was set ahead
	born    int64
	ended   bool
	endedAt int64
	trip    trip
	stall   int64 // its next sync takes so much longer

	spare    []node.Item
	keeping  bool
	owes     bool  // a tick that came while it was busy
	told     int64 // when it is told the time again
	stopping bool  // a leader that hands over
}

// trip is where a process is to be killed inside a turn: after its disk has
// synced, when only some of what it would say has left.
type trip struct {
	armed bool
	left  int
}

// dir is where a node's data is on its disk.
const dir = "/data"

// newDisk gives an empty disk with a durable directory.
func newDisk() *memfs.Disk {
	d := memfs.New()
	if err := d.Mkdir(dir); err != nil {
		panic(err) // the directory is new
	}
	if err := d.SyncDir("/"); err != nil {
		panic(err)
	}
	return d
}

// start begins a process of the host. A disk that makes it impossible ends it at once.
func (w *World) start(h *host) {
	h.waits = false
	if h.off > 0 || len(h.processes) > 0 {
		return
	}
	w.begin(h)
}

func (w *World) begin(h *host) {
	w.born++
	p := &process{world: w, host: h, number: w.born, index: int32(len(w.processes)), born: w.now}
	if drift := w.scenario.Drift; drift > 0 {
		p.rate = int64(w.dice.IntN(2*drift+1) - drift)
	}
	w.judge.Began(h.id, p.number)
	var err error
	switch h.role {
	case paxos.AcceptorRole:
		err = w.beginAcceptor(p)
	case paxos.LearnerRole:
		err = w.beginLearner(p)
	case paxos.ProposerRole:
		p.proposer = proposer.New(w.proposerConfig(h.id))
		p.role = p.proposer
	case paxos.ClientRole:
		p.role = session.New(w.sessionConfig(h.id))
	}
	if err != nil {
		w.cannotStart(h, err)
		return
	}
	p.loop = node.New(node.Options{Role: p.role, Store: p, Network: p.network(w), Keeper: p, Meter: p, Now: w.clock, Room: 1})
	w.processes = append(w.processes, p)
	h.processes = append(h.processes, p)
	w.counts.Starts++
	w.tellf(h.id, "starts, as process %d", p.number)
	w.agenda.plan(w.now+1+w.dice.Int64N(tick), processTicks, p.index)
	w.gossip(p)
}

// cannotStart is right only for a disk that something was done to.
func (w *World) cannotStart(h *host, err error) {
	w.tell(h.id, "cannot start: "+err.Error(), "", nil)
	switch {
	case h.lost:
	case w.excused(h, err):
		w.crash(h)
		w.startLater(h, second)
	default:
		w.object("start", h.id, 0, "it cannot start from its own disk: %v", err)
	}
}

func (w *World) startLater(h *host, after int64) {
	if !h.waits {
		h.waits = true
		w.agenda.plan(w.now+after, hostStarts, int32(h.number))
	}
}

func (w *World) beginAcceptor(p *process) error {
	h := p.host
	disk, found, err := node.OpenDisk(h.disk, dir, h.id, wal.Options{SegmentBytes: w.scenario.SegmentBytes, Inline: true, Now: w.clock})
	if err != nil {
		return err
	}
	p.disk = disk
	w.judge.Found(h.id, p.number, found.Identity, found.Records, found.Mute)
	role := w.recover(h.id, disk, found)
	if why := role.Why(); why != "" && !h.lost && (found.Mute != "" || found.Identity.Standing == paxos.Member) {
		w.object("mute", h.id, 0, "nothing was done to its disk, and it does not vote: %s", why)
	}
	if found.Identity.Standing != paxos.Member && h.member && !h.lost {
		w.object("mute", h.id, 0, "nothing was done to its disk, which was a member's, and now it is %v", found.Identity.Standing)
	}
	p.role = role
	return nil
}

func (w *World) beginLearner(p *process) error {
	h := p.host
	disk, found, err := node.OpenLearnerDisk(h.disk, dir, node.LearnerOptions{Node: h.id, Configuration: w.config, FreshStore: paxos.StoreID(w.draw()), Decode: readState,
		Sizes: snapshot.Sizes{Chunk: w.scenario.ChunkBytes, Sync: 4 * w.scenario.ChunkBytes}})
	if err != nil {
		return err
	}
	for _, what := range found.Damaged {
		if !h.lost {
			w.object("snapshot", h.id, 0, "nothing was done to its disk, and a snapshot is damaged: %s", what)
		}
	}
	machine := kv.New(kv.Options{SnapshotSlots: w.scenario.SnapshotSlots})
	p.learning, p.bound = disk, !disk.Cluster().IsZero()
	p.machine = &observed{Machine: machine, w: w, p: p}
	if found.State != nil {
		if err := p.machine.Restore(found.State); err != nil {
			return err
		}
	}
	p.role = learner.New(w.learnerConfig(p, found), p.machine)
	return nil
}

func (w *World) learnerConfig(p *process, found snapshot.Found) learner.Config {
	return learner.Config{Node: p.host.id, Configuration: w.config, PullTicks: 2, FinishTicks: 5, BeatTicks: 3, PageBytes: w.scenario.PageBytes,
		Store: p.learning.Store(), Kept: found.Kept, ReportTicks: 10, ChoreTicks: 3, TickMillis: tickMillis, LogBytes: w.scenario.LogBytes,
		Question: paxos.Number(w.draw() >> 1), Chores: func(now paxos.LogTime) [][]byte { return p.machine.Chores(now, keptHistory) }}
}

// keptHistory makes learners compact soon.
var keptHistory = kv.History{Revisions: 200, Bytes: 1 << 16}

func (w *World) proposerConfig(id paxos.NodeID) proposer.Config {
	s := w.scenario
	return proposer.Config{Node: id, Configuration: w.config, Start: paxos.StartID(w.draw()), Seed: w.draw(), TickMillis: tickMillis,
		ElectionTicks: s.ElectionTicks, HeartbeatTicks: s.HeartbeatTicks, SurveyTicks: max(1, s.ElectionTicks/4), ResendTicks: 2,
		Window: s.Window, MaxBatch: s.Batch, MaxBatchBytes: 1 << 16, MaxWaiting: 64, MaxWaitingBytes: 1 << 16,
		Frees: func(c paxos.Command) bool { return kv.Frees(c.Body) }}
}

func (w *World) sessionConfig(id paxos.NodeID) session.Config {
	return session.Config{Node: id, Configuration: w.config, Session: paxos.SessionID(w.draw()), Seed: w.draw(), SurveyTicks: 2, ResendTicks: 3,
		RetryTicks: 2, AbandonTicks: 300, KeptOutcomes: 8, MaxPending: 64, MaxBytes: 1 << 12, Open: kv.Encode(kv.Open{}), Touch: kv.Encode(kv.Touch{}),
		TouchTicks: 200, PendingBytes: 1 << 16}
}

// end ends a process: what it was about to say is not said.
func (w *World) end(p *process) {
	if p.ended {
		return
	}
	p.ended, p.endedAt = true, w.now
	h := p.host
	for i, other := range h.processes {
		if other == p {
			h.processes = append(h.processes[:i:i], h.processes[i+1:]...)
			break
		}
	}
	w.counts.Ends++
	w.tellf(h.id, "ends, process %d", p.number)
	if len(h.processes) == 0 {
		w.closed(h)
	}
}

// kill ends all processes of a host; its disk is as they left it.
func (w *World) kill(h *host) {
	for len(h.processes) > 0 {
		w.end(h.processes[0])
	}
	if h.disk != nil {
		h.disk.Kill()
	}
	w.tripped[h.number], w.fired[h.number], w.cuts[h.number] = false, false, false
}

// crash takes the power from a host: of what was not synced, dice leave some.
func (w *World) crash(h *host) {
	w.kill(h)
	if h.disk != nil {
		h.disk.Crash(w.dice.IntN)
	}
}

// clock is the world's time; true for all who only measure.
func (w *World) clock() time.Time { return time.UnixMicro(w.now) }

// reading is what a process' own monotonic clock shows, in nanoseconds.
func (p *process) reading(now int64) int64 {
	return 1 + ((now-p.born)*(100+p.rate)/100+p.jumped)*int64(time.Microsecond)
}

// Keep implements node.Store.
func (p *process) Keep(records []paxos.Record) error {
	if p.disk == nil {
		return fmt.Errorf("%s has no disk, and is given %d records", p.host.id, len(records))
	}
	p.wrote = true
	if err := p.disk.Keep(records); err != nil {
		return err
	}
	p.world.judge.Wrote(p.host.id, p.number, records)
	for _, r := range records {
		if id, ok := r.(paxos.IdentityRecord); ok && id.Identity.Standing == paxos.Member {
			p.host.member = true
		}
	}
	return nil
}

// Take implements node.Keeper.
func (p *process) Take(task paxos.Message) { p.tasks = append(p.tasks, task) }
