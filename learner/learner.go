// Package learner holds the rules of learning: which value is chosen, in which
// order values are applied, and how a learner gets what it missed.
//
// It is not the state machine: it hands chosen entries, once and in slot
// order, to a Machine (kv is one). Its neighbours: acceptor (remembering) tells
// it votes, proposer (leading) finishes slots that stay open, and client
// services are told what became of their commands.
//
// The package is pure: same input, same output.
package learner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"paxos/paxos"
)

// Machine is what chosen entries are applied to.
type Machine interface {
	// Apply must be deterministic; it gives one outcome for each command of the
	// entry, in order. An error means that the entry holds a command that this
	// version does not know: the node must stop, since skipping it would make
	// its state another one.
	Apply(paxos.Entry) ([]paxos.Outcome, error)
	// Applied is the first slot that is not applied yet, Time the log's time.
	Applied() paxos.Slot
	Time() paxos.LogTime
	// SnapshotDue reports, after Apply, whether a snapshot is to be taken of
	// just this state. It is the same at all learners.
	SnapshotDue() bool
	// Freeze gives the state as it is now; Restore takes another one's.
	Freeze() paxos.State
	Restore(paxos.State) error
}

// Config is what a learner is told at its start. Times are in ticks.
type Config struct {
	Node          paxos.NodeID
	Configuration paxos.Configuration
	PullTicks     int // without progress, after which it asks others
	FinishTicks   int // without progress, after which it asks for a slot to be finished
	BeatTicks     int // between two reports of the watermark to client services
	PageBytes     int // of values in one Chosen message

	// Store is this learner's disk, and Kept what is on it; without a Store it
	// keeps no snapshots.
	Store paxos.StoreID
	Kept  paxos.SnapshotSaved
	// ReportTicks is between two reports of its snapshots, ChoreTicks between
	// two looks for chores; TickMillis is how much log time passes in a tick.
	ReportTicks int
	ChoreTicks  int
	TickMillis  uint64
	// Chores gives commands that the state needs (leases that are over, say)
	// at a log time; nil: none.
	Chores func(now paxos.LogTime) [][]byte
	// LogBytes bounds the entries kept for others, in bytes of memory, about; 0
	// is no bound.
	LogBytes int
	// Question is the number after which the questions to acceptors are counted:
	// 63 random bits, drawn for this start, so that an answer to a former
	// process, or to another one of this id, is not taken for one of its own.
	Question paxos.Number
}

// Bounds: how far above its watermark a learner counts votes (it pulls the
// rest later), and how old a slot may be for its clients to be told.
const (
	maxAhead  = 1 << 16
	maxNotify = 256
)

// Learner counts votes and applies what is chosen.
type Learner struct {
	cfg     Config
	stamp   paxos.Stamp // of the configuration
	machine Machine
	adopt   paxos.Adoption
	lives   paxos.Lives
	tick    int

	next    paxos.Slot // applied watermark: every slot below it is applied
	horizon paxos.Slot // the highest slot it heard of
	log     log
	open    map[paxos.Slot]*tally
	late    map[paxos.Slot]*tally // disagreeing votes for applied slots

	pulls    map[paxos.NodeID]paxos.Slot // the page asked of each node
	stalled  int                         // ticks without progress
	askings  int
	answered bool // an asking was answered, since there was progress
	// truncated is the highest floor that an acceptor told: below it there are
	// only snapshots.
	truncated paxos.Slot
	peer      int
	peers     paxos.Directory
	outcomes  map[paxos.NodeID][]paxos.Outcome

	snapshots snapshots
	reads     reads
	chores    chores
	out       paxos.Effects
}

// New makes a learner that goes on where the machine is.
func New(cfg Config, machine Machine) *Learner {
	next := machine.Applied()
	return &Learner{
		cfg: cfg, stamp: cfg.Configuration.Stamp(), machine: machine, next: next, horizon: next - 1, open: map[paxos.Slot]*tally{}, late: map[paxos.Slot]*tally{},
		log: log{floor: next}, pulls: map[paxos.NodeID]paxos.Slot{}, outcomes: map[paxos.NodeID][]paxos.Outcome{},
		snapshots: newSnapshots(cfg), reads: reads{number: cfg.Question},
	}
}

// Header implements paxos.Role.
func (l *Learner) Header() paxos.Header {
	return paxos.Header{Node: l.cfg.Node, Cluster: l.adopt.Cluster, Config: l.stamp}
}

// Step implements paxos.Role.
func (l *Learner) Step(e paxos.Envelope) paxos.Effects {
	switch m := e.Message.(type) {
	case paxos.Surveyed:
		l.adopt.Hear(l.cfg.Configuration, e.From, e.Cluster, m)
	case paxos.Learn:
		l.learn(e.From, m)
	case paxos.Voted:
		l.voted(e.From, m)
	case paxos.Chosen:
		l.chosenElsewhere(e.From, m)
	case paxos.CatchUp:
		l.catchUp(e.From, m)
	case paxos.Directory:
		l.peers = m
	case paxos.AskRead:
		l.askRead(e.From, m)
	case paxos.Clock:
		l.clock(m)
	case paxos.HighestIs:
		l.highestIs(e.From, m)
	default:
		l.stepSnapshots(e.From, m)
	}
	return l.effects()
}

// Flush implements paxos.Role: each client service is told at once all that was
// applied in this turn, and one question to the acceptors serves all reads.
func (l *Learner) Flush() paxos.Effects {
	for _, client := range slices.Sorted(maps.Keys(l.outcomes)) {
		l.notify(client, l.outcomes[client])
		delete(l.outcomes, client)
	}
	l.question()
	return l.effects()
}

// Tick implements paxos.Role.
func (l *Learner) Tick() paxos.Effects {
	l.tick++
	if !l.adopt.Done() {
		if l.tick%l.cfg.PullTicks == 1%l.cfg.PullTicks {
			l.sendAcceptors(paxos.Survey{})
		}
		l.tickReads()
		return l.effects()
	}
	l.stalled++
	if l.pullNow() {
		l.pull()
	}
	if l.stalled%l.cfg.FinishTicks == 0 && l.horizon >= l.next {
		l.finish()
	}
	if l.tick%l.cfg.BeatTicks == 0 {
		for _, id := range l.peers.Clients {
			l.send(id, paxos.Notify{Applied: l.next})
		}
	}
	l.tickReads()
	l.tickSnapshots()
	l.tickChores()
	return l.effects()
}

// finish asks the proposers to see to it that what was heard of is chosen.
func (l *Learner) finish() {
	for _, id := range l.peers.Proposers {
		l.send(id, paxos.Finish{First: l.next, Next: l.horizon + 1})
	}
	l.event(paxos.Event{Kind: paxos.EventFinish, Slot: l.next, Count: int(l.horizon + 1 - l.next)})
}

func (l *Learner) effects() paxos.Effects {
	out := l.out
	l.out = paxos.Effects{}
	return out
}

func (l *Learner) send(to paxos.NodeID, m paxos.Message) {
	l.out.Send = append(l.out.Send, l.Header().Envelope(to, m))
}

func (l *Learner) sendAcceptors(m paxos.Message) {
	for _, id := range l.cfg.Configuration.Acceptors {
		l.send(id, m)
	}
}

func (l *Learner) event(e paxos.Event) { l.out.Events = append(l.out.Events, e) }

func (l *Learner) broken(format string, args ...any) {
	if l.out.Broken == nil {
		l.out.Broken = fmt.Errorf("broken invariant at %s: %s", l.cfg.Node, fmt.Sprintf(format, args...))
	}
}

// notify tells a client service its outcomes, in one message or, if their
// results are large, in a few.
func (l *Learner) notify(client paxos.NodeID, outcomes []paxos.Outcome) {
	for len(outcomes) > 0 {
		n, size := 0, 0
		for n < len(outcomes) && (n == 0 || size+len(outcomes[n].Result) <= l.cfg.PageBytes) {
			size += len(outcomes[n].Result)
			n++
		}
		l.send(client, paxos.Notify{Applied: l.next, Outcomes: outcomes[:n:n]})
		l.event(paxos.Event{Kind: paxos.EventNotify, Peer: client, Slot: outcomes[0].Slot, Count: n})
		outcomes = outcomes[n:]
	}
}

// advance applies what is chosen, strictly in slot order, each slot once.
func (l *Learner) advance() {
	for l.out.Broken == nil {
		t := l.open[l.next]
		if t == nil || t.chosen == nil {
			return
		}
		value, have := t.values[t.chosen.digest]
		if !have {
			return // pull will ask for it
		}
		entry := paxos.Entry{Slot: l.next, Ballot: t.chosen.ballot, Value: value}
		l.apply(entry, t.chosen.digest)
		l.ready()
	}
}

func (l *Learner) apply(entry paxos.Entry, digest paxos.Digest) {
	outcomes, err := l.machine.Apply(entry)
	if err != nil {
		l.out.Broken = fmt.Errorf("slot %d cannot be applied: %w", entry.Slot, err)
		return
	}
	l.log.push(entry, digest)
	l.keepLate(l.open[l.next], digest)
	delete(l.open, l.next)
	l.next++
	l.stalled, l.askings, l.answered = 0, 0, false
	if l.machine.SnapshotDue() {
		l.saveSnapshot()
	}
	l.trimLog()
	l.event(paxos.Event{Kind: paxos.EventApplied, Slot: entry.Slot, Ballot: entry.Ballot, Count: len(entry.Value.Commands)})
	if entry.Slot+maxNotify < l.horizon {
		return // whoever still waits for something this old asks again
	}
	l.gather(entry.Value.Commands, outcomes)
}

// gather keeps the outcomes for their client services until the turn ends. What
// one client service asks for comes in runs.
func (l *Learner) gather(commands []paxos.Command, outcomes []paxos.Outcome) {
	for from := 0; from < len(commands); {
		client, to := commands[from].Client, from+1
		for to < len(commands) && commands[to].Client == client {
			to++
		}
		if client != "" {
			l.outcomes[client] = append(l.outcomes[client], outcomes[from:to]...)
		}
		from = to
	}
}

// Status is a learner's inner state, for /view-logs.
type Status struct {
	Cluster paxos.ClusterID `json:"cluster"`
	Applied paxos.Slot      `json:"applied_watermark"`
	Horizon paxos.Slot      `json:"highest_slot_heard"`
	Open    int             `json:"slots_open"`
	Stalled int             `json:"ticks_without_progress"`
	// Floor is the first slot whose entry is kept for others.
	Floor paxos.Slot `json:"log_floor"`
	// Snapshot and Previous are the slots of the snapshots on disk, 0 for none.
	Snapshot paxos.Slot `json:"snapshot"`
	Previous paxos.Slot `json:"previous_snapshot"`
	Reading  int        `json:"reads_waiting"`
	// Behind is the slot below which the log is truncated, if what this learner
	// lacks is below it: only another learner's snapshot can help. Else 0.
	Behind paxos.Slot `json:"behind_truncated_log"`
	// Clones are the acceptors whose votes are refused for good.
	Clones []paxos.Clone `json:"clones"`
}

// Status gives the inner state.
func (l *Learner) Status() Status {
	return Status{l.adopt.Cluster, l.next, l.horizon, len(l.open), l.stalled, l.log.floor,
		l.snapshots.kept.Slot, l.snapshots.kept.Previous, l.reads.waitingNow(), l.Behind(), l.lives.Clones(l.adopt.Stores)}
}

// Behind is the slot below which the acceptors have truncated the log, if this
// learner lacks something below it, and else 0. Its state is then so old that it
// is no answer to anybody; only another learner's snapshot can help.
func (l *Learner) Behind() paxos.Slot {
	if l.truncated > l.next {
		return l.truncated
	}
	return 0
}

// Applied is the applied watermark: every slot below it is applied.
func (l *Learner) Applied() paxos.Slot { return l.next }

func others(ids []paxos.NodeID, self paxos.NodeID) []paxos.NodeID {
	list := slices.DeleteFunc(slices.Clone(ids), func(id paxos.NodeID) bool { return id == self })
	slices.SortFunc(list, cmp.Compare[paxos.NodeID])
	return list
}
