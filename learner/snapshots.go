package learner

import (
	"maps"
	"slices"

	"paxos/paxos"
)

// A learner's memory is its state; a snapshot is that state on its disk, so
// that acceptors may forget the log below it. Snapshots are taken at the same
// slots by all learners and are equal byte for byte: what one has not finished
// to send, another can, and a difference of two is a broken learner.

// Ticks after which another learner is asked for a part that does not come, and
// for which learners wait for each other's word on a state before they judge
// without it; and how many slots' states are compared.
const (
	partPatience  = 200
	statePatience = 3000
	keptStates    = 8
)

type snapshots struct {
	kept   paxos.SnapshotSaved // the last on this disk
	saving paxos.Slot          // the one that is being written, 0 for none
	fetch  *fetch
	peer   int
	states map[paxos.Slot]*states
}

// fetch is a snapshot on its way here.
type fetch struct {
	from    paxos.NodeID
	slot    paxos.Slot // 0: whatever the other one has last
	next    paxos.Number
	asked   int  // tick
	writing bool // a part is with the keeper
	refused int  // how many were thrown away since a part was taken
}

// states are the digests of one slot's state, by learner.
type states struct {
	digests map[paxos.NodeID]paxos.Digest
	since   int
}

func newSnapshots(cfg Config) snapshots {
	s := snapshots{kept: cfg.Kept, states: map[paxos.Slot]*states{}}
	if cfg.Kept.Slot > 0 {
		s.states[cfg.Kept.Slot] = &states{digests: map[paxos.NodeID]paxos.Digest{cfg.Node: cfg.Kept.Digest}}
	}
	return s
}

// stepSnapshots takes what is about snapshots.
func (l *Learner) stepSnapshots(from paxos.NodeID, m paxos.Message) {
	switch m := m.(type) {
	case paxos.SnapshotSaved:
		if from == paxos.Keeper {
			l.saved(m)
		}
	case paxos.PartRead:
		if from == paxos.Keeper {
			l.send(m.To, m.Part)
		}
	case paxos.PartWritten:
		if from == paxos.Keeper {
			l.partWritten(m)
		}
	case paxos.SnapshotAsk:
		if l.cfg.Store != 0 && slices.Contains(l.cfg.Configuration.Learners, from) {
			l.send(paxos.Keeper, paxos.ReadPart{To: from, Ask: m})
		}
	case paxos.SnapshotPart:
		l.part(from, m)
	case paxos.StateIs:
		l.stateIs(from, m)
	}
}

// saveSnapshot freezes the state as it is after the slot that was just applied.
// If the one before it is still being written, this one is left out.
func (l *Learner) saveSnapshot() {
	if l.cfg.Store == 0 || l.snapshots.saving != 0 || !l.adopt.Done() {
		return
	}
	l.snapshots.saving = l.next - 1
	l.send(paxos.Keeper, paxos.SaveSnapshot{Cluster: l.adopt.Cluster, Config: l.cfg.Configuration.Stamp(), State: l.machine.Freeze()})
}

// saved notes that a snapshot is on disk, and was read back.
func (l *Learner) saved(m paxos.SnapshotSaved) {
	s := &l.snapshots
	if m.Slot >= s.saving { // a later one, if that was installed while this one waited
		s.saving = 0
	}
	if m.Slot <= s.kept.Slot {
		return
	}
	s.kept = m
	l.event(paxos.Event{Kind: paxos.EventSnapshot, Slot: m.Slot})
	l.noteState(l.cfg.Node, paxos.StateIs{Slot: m.Slot, Digest: m.Digest})
	l.report()
}

// report tells acceptors what they need not keep for this learner, and the
// other learners what its state is.
func (l *Learner) report() {
	kept := l.snapshots.kept
	l.sendAcceptors(paxos.Kept{Store: l.cfg.Store, Last: kept.Slot, Previous: kept.Previous})
	if kept.Slot == 0 {
		return
	}
	for _, id := range others(l.cfg.Configuration.Learners, l.cfg.Node) {
		l.send(id, paxos.StateIs{Slot: kept.Slot, Digest: kept.Digest})
	}
}

func (l *Learner) tickSnapshots() {
	if l.cfg.Store == 0 || !l.adopt.Done() {
		return
	}
	if l.tick%max(1, l.cfg.ReportTicks) == 0 {
		l.report()
	}
	if f := l.snapshots.fetch; f != nil && !f.writing && l.tick-f.asked >= partPatience {
		l.askElsewhere()
	}
	for _, slot := range slices.Sorted(maps.Keys(l.snapshots.states)) {
		if l.tick-l.snapshots.states[slot].since == statePatience {
			l.judge(slot, true)
		}
	}
}

// fetchSnapshot begins to fetch one, unless that is under way: what comes next
// was truncated.
func (l *Learner) fetchSnapshot() {
	if l.snapshots.fetch == nil && l.cfg.Store != 0 && len(l.cfg.Configuration.Learners) > 1 {
		l.snapshots.fetch = &fetch{}
		l.askElsewhere()
	}
}

// askElsewhere asks the next learner for the part that is missing. The same
// snapshot is the same everywhere, so it goes on where it was; one that has
// only another gives that.
func (l *Learner) askElsewhere() {
	peers := others(l.cfg.Configuration.Learners, l.cfg.Node)
	l.snapshots.peer++
	l.snapshots.fetch.from = peers[l.snapshots.peer%len(peers)]
	l.askPart()
}

func (l *Learner) askPart() {
	f := l.snapshots.fetch
	f.asked, f.writing = l.tick, false
	l.send(f.from, paxos.SnapshotAsk{Slot: f.slot, Offset: f.next})
}

// part takes a part from the learner that was asked, if it leads further than
// the state is.
func (l *Learner) part(from paxos.NodeID, m paxos.SnapshotPart) {
	f := l.snapshots.fetch
	if f == nil || f.writing || from != f.from {
		return
	}
	if m.Slot < l.next {
		// It has none, or an old one; pull finds out whether it is needed still.
		l.snapshots.fetch = nil
		return
	}
	f.writing = true
	l.send(paxos.Keeper, paxos.WritePart{From: from, Part: m})
}

// partWritten goes on with the next part, or takes the whole. A damaged one was
// thrown away; another learner is asked for its.
func (l *Learner) partWritten(m paxos.PartWritten) {
	f := l.snapshots.fetch
	switch {
	case f == nil:
	case m.Damaged != "":
		l.event(paxos.Event{Kind: paxos.EventRejected, Peer: m.From, Slot: m.Slot})
		f.slot, f.next, f.writing, f.asked = 0, 0, false, l.tick
		// When nobody's is any good, they are asked again after a while.
		if f.refused++; f.refused < len(l.cfg.Configuration.Learners)-1 {
			l.askElsewhere()
		}
	case m.State == nil:
		f.slot, f.next, f.refused = m.Slot, m.Next, 0
		l.askPart()
	default:
		l.snapshots.fetch = nil
		l.install(m.From, m.State)
	}
}

// install goes on from another learner's state, unless the own one has come
// further meanwhile.
func (l *Learner) install(from paxos.NodeID, state paxos.State) {
	if state.Applied() <= l.next {
		return
	}
	if err := l.machine.Restore(state); err != nil {
		l.broken("the snapshot of slot %d cannot be taken: %v", state.Applied()-1, err)
		return
	}
	l.next = state.Applied()
	l.horizon = max(l.horizon, l.next-1)
	l.log = log{floor: l.next}
	for slot := range l.open {
		if slot < l.next {
			delete(l.open, slot)
		}
	}
	clear(l.late)
	l.stalled, l.askings, l.answered = 0, 0, false
	l.event(paxos.Event{Kind: paxos.EventCatchUp, Peer: from, Slot: l.next - 1})
	l.advance()
	l.ready()
}

// stateIs takes another learner's word on its state.
func (l *Learner) stateIs(from paxos.NodeID, m paxos.StateIs) {
	if slices.Contains(l.cfg.Configuration.Learners, from) && from != l.cfg.Node && m.Slot > 0 {
		l.noteState(from, m)
	}
}

func (l *Learner) noteState(id paxos.NodeID, m paxos.StateIs) {
	all := l.snapshots.states
	s := all[m.Slot]
	if s == nil {
		s = &states{digests: map[paxos.NodeID]paxos.Digest{}, since: l.tick}
		all[m.Slot] = s
		if len(all) > keptStates {
			oldest := m.Slot
			for slot := range all {
				oldest = min(oldest, slot)
			}
			delete(all, oldest)
		}
	}
	s.digests[id] = m.Digest
	l.judge(m.Slot, false)
}

// judge stops this learner if its state is not that of most learners of the
// configuration; if no state is, nobody knows who is right, and all stop. As long as some have not spoken, it waits for them, for a while.
func (l *Learner) judge(slot paxos.Slot, now bool) {
	s := l.snapshots.states[slot]
	if s == nil {
		return
	}
	own, ok := s.digests[l.cfg.Node]
	if !ok {
		return
	}
	count := map[paxos.Digest]int{}
	for _, d := range s.digests {
		count[d]++
	}
	n := len(l.cfg.Configuration.Learners)
	if len(count) == 1 || count[own] > n/2 {
		return
	}
	for d, same := range count {
		if same > n/2 {
			l.broken("the state at slot %d is %v here and %v at %d of %d learners: this one is wrong, its disk must be emptied", slot, own, d, same, n)
			return
		}
	}
	if now || len(s.digests) == n {
		l.broken("learners have %d different states at slot %d, this one %v, and none is most learners': which is right is not known here", len(count), slot, own)
	}
}
