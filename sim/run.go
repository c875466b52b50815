package sim

import (
	"crypto/sha256"
	"io"
	"runtime/debug"

	"paxos/audit"
	"paxos/kv"
	"paxos/paxos"
)

// Counts are what happened in a run, or in many.
type Counts struct {
	// Events are what was planned and came due: a message at its host (where it
	// may find nobody), a tick, a waking, a task of a keeper, an act of a user or
	// an answer to one, a start, the beginning or end of a fault, news of discovery.
	Events   int64
	Messages int64 // that arrived
	Lost     int64
	Twice    int64
	Late     int64
	Gone     int64 // findings that a proposer's port is closed
	Ticks    int64
	DiskOps  int64 // operations on disks
	Starts   int64
	Ends     int64
	Tripped  int64 // killed between a sync and what it would say
	Kept     int64 // tasks done by keepers of snapshots
	Applied  int64 // slots that a learner applied
	// Installed are snapshots that a learner went on from.
	Installed int64
	Calls     int64
	Writes    int64 // acknowledged
	Reads     int64
	Judged    int64 // calls that porcupine judged
	PutBack   int64 // disks that were put back as they once were, at a world's end
	Slots     int64 // chosen
	Leaders   int64 // ballots under which something was proposed
	Micros    int64 // of the world's time
	Faults    map[FaultKind]int64
}

// Result is what became of a run.
type Result struct {
	Counts
	Objections []audit.Objection // nil: nothing was wrong
	// At is the event after which the first of them was found.
	At int64
}

// Run runs a scenario to its end, or until something is wrong. Who passes a
// writer gets the conversation.
func Run(s *Scenario, trace io.Writer) Result { return newWorld(s, trace).run() }

// run plays all phases. A panic is a finding as any other.
func (w *World) run() (r Result) {
	defer func() {
		if what := recover(); what != nil {
			w.object("panic", "", 0, "%v\n%s", what, debug.Stack())
			r = Result{Counts: w.counts, Objections: w.objects, At: w.counts.Events}
		}
	}()
	s := w.scenario
	w.pass(s.Safety, nil)
	if s.Healing > 0 && len(w.objects) == 0 {
		w.heal()
	}
	if s.Healing > 0 && len(w.objects) == 0 {
		w.converge()
	}
	if len(w.objects) == 0 {
		w.checkHistory()
	}
	if len(w.objects) == 0 {
		w.putBack()
	}
	return w.result()
}

func (w *World) result() Result {
	c := &w.counts
	for _, h := range w.hosts {
		if h.disk != nil {
			c.DiskOps += int64(h.disk.Ops())
		}
	}
	seen := w.judge.Counts()
	c.Slots, c.Leaders, c.Micros = int64(seen.Chosen), int64(seen.Elections), w.now
	return Result{Counts: *c, Objections: w.objects, At: c.Events}
}

// heal is the second phase: a core works again, and everything else, but full
// disks, lies, and proposers that could lead from outside (disarm), stays as
// broken as it is. The core must make progress.
func (w *World) heal() {
	w.calm, w.healed = true, w.now
	w.chooseCore()
	w.keepImage()
	w.tell("", "THE CORE HEALS", "", nil)
	for i := range w.begun {
		w.begun[i] = nil // nothing of the first phase is mended any more
	}
	for _, h := range w.hosts {
		// One full disk among those that answer stops writes, by design.
		w.space(h, false)
		if h.core {
			w.repair(h)
		} else if h.role == paxos.ProposerRole {
			w.disarm(h)
		}
	}
	bound := w.now + int64(w.scenario.Healing)*w.scenario.electionTimeout() + w.paging()
	if !w.pass(bound, func() bool { return w.served == [2]bool{true, true} }) && len(w.objects) == 0 {
		w.object("liveness", "", 0, "%d election timeouts after a core healed, was a write acknowledged? %v. Was a read answered? %v.",
			w.scenario.Healing, w.served[0], w.served[1])
	}
}

// paging is how long a learner that has nothing may take to ask for all that is
// chosen, beyond any timeout: in a world whose pages hold a slot or two, each of
// which waits for a sync and goes there and back.
func (w *World) paging() int64 {
	const slotBytes = 100 // of the smallest; a page has one slot at least
	s := w.scenario
	pages := int64(w.judge.Counts().Chosen) / max(1, int64(s.PageBytes)/slotBytes)
	return pages * (s.SyncMost + 2*s.Network.Most)
}

// chooseCore draws a quorum of acceptors whose disks are whole, a proposer, a
// client service, and as many learners as it takes for one of them to hold what
// is truncated. To form a cluster takes all acceptors.
func (w *World) chooseCore() {
	need := map[paxos.RoleName]int{paxos.AcceptorRole: w.config.Quorum(), paxos.ProposerRole: 1, paxos.LearnerRole: w.scenario.Learners - w.snapshots() + 1, paxos.ClientRole: 1}
	for _, i := range w.dice.Perm(len(w.hosts)) {
		h := w.hosts[i]
		if !w.formed || !h.lost && need[h.role] > 0 {
			h.core = true
			need[h.role]--
		}
	}
}

// disarm keeps a proposer outside the core from leading it: each acceptor of
// the core does not hear it, or is not heard. Who is heard by a quorum may lead,
// and then all depends on whether the core's clients reach it too.
func (w *World) disarm(h *host) {
	for _, a := range w.hosts[:w.scenario.Acceptors] {
		if way := w.dice.IntN(3); a.core {
			if way != 0 {
				w.links[h.number][a.number].cuts++
			}
			if way != 1 {
				w.links[a.number][h.number].cuts++
			}
		}
	}
}

// repair makes one host work again, and hear all others that do.
func (w *World) repair(h *host) {
	for _, other := range w.hosts {
		if other.core || w.over {
			w.links[h.number][other.number] = link{}
			w.links[other.number][h.number] = link{}
		}
	}
	if h.disk != nil {
		h.disk.Inject(nil)
	}
	// A failure may come to light later: of a segment prepared ahead, say.
	w.tripped[h.number] = w.fired[h.number]
	w.lies = 0
	for len(h.processes) > 1 {
		w.end(h.processes[1])
	}
	for _, p := range h.processes {
		p.trip, p.stall = trip{}, 0
		if p.paused {
			p.busy = w.now
		}
		w.agenda.plan(w.now, processWakes, p.index)
	}
	h.off = 0
	w.startLater(h, 1)
}

// converge heals everything, lets nobody call any more, and waits until all
// learners have applied all that is chosen. Their states must be equal then,
// and be what the chosen log makes of an empty state.
func (w *World) converge() {
	w.over = true
	w.tell("", "ALL HEALS", "", nil)
	for _, h := range w.hosts {
		if !h.lost || h.role == paxos.LearnerRole {
			w.repair(h)
		}
	}
	for _, u := range w.users {
		u.idle = true
	}
	bound := w.now + (2*int64(w.scenario.Healing))*w.scenario.electionTimeout()
	if !w.pass(bound, w.converged) && len(w.objects) == 0 {
		w.object("convergence", "", w.judge.ChosenBelow(), "all healed, and learners did not get what is chosen below slot %d", w.judge.ChosenBelow())
	}
	if len(w.objects) == 0 {
		w.checkStates()
		w.checkTime()
	}
}

func (w *World) converged() bool {
	learners := 0
	for _, h := range w.hosts {
		if h.role != paxos.LearnerRole {
			continue
		}
		for _, p := range h.processes {
			if p.machine.Applied() != w.judge.ChosenBelow() {
				return false
			}
			learners++
		}
		if len(h.processes) == 0 && !h.lost {
			return false
		}
	}
	for _, u := range w.users {
		if u.call != nil {
			return false
		}
	}
	return learners > 0
}

// checkStates demands that each learner's state is what a machine has that
// applies the chosen log alone, without a crash or a snapshot.
func (w *World) checkStates() {
	reference := kv.New(kv.Options{SnapshotSlots: w.scenario.SnapshotSlots})
	for slot := paxos.Slot(1); slot < w.judge.ChosenBelow(); slot++ {
		value, _ := w.judge.Chosen(slot)
		if _, err := reference.Apply(paxos.Entry{Slot: slot, Value: value}); err != nil {
			w.object("state", "", slot, "what is chosen cannot be applied: %v", err)
			return
		}
	}
	want := w.stateOf(reference)
	for _, h := range w.hosts {
		for _, p := range h.processes {
			if p.machine != nil && w.stateOf(p.machine.Machine) != want {
				w.object("state", h.id, p.machine.Applied()-1, "its state is not what the log makes of an empty one")
			}
		}
	}
}

func (w *World) stateOf(m *kv.Machine) (digest [sha256.Size]byte) {
	hash := sha256.New()
	if _, err := m.View().WriteTo(hash); err != nil {
		w.object("state", "", m.Applied()-1, "a state cannot be written: %v", err)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// checkTime demands that the log's time went no faster than the fastest clock
// of any leader: an outage must not make it jump.
func (w *World) checkTime() {
	most := w.now/1000*int64(100+w.scenario.Drift)/100 + (w.jumps+int64(w.judge.Counts().Elections)+2)*tickMillis
	for _, h := range w.hosts {
		for _, p := range h.processes {
			if p.machine != nil && int64(p.machine.Time()) > most {
				w.object("log-time", h.id, 0, "the log's time is %d ms, and no clock can have counted more than %d", p.machine.Time(), most)
			}
		}
	}
}
