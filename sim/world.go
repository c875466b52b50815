package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"paxos/acceptor"
	"paxos/audit"
	"paxos/paxos"
)

// World is one run of a Scenario.
type World struct {
	scenario *Scenario
	config   paxos.Configuration
	dice     *rand.Rand
	agenda   agenda
	now      int64
	until    int64
	calm     bool // the first phase is over
	healed   int64
	served   [2]bool // since then: a write, a read
	over     bool    // the second one is, too

	letters []letter
	rumours []rumour
	free    []int32 // places in letters

	hosts     []*host
	byID      map[paxos.NodeID]*host
	processes []*process
	links     [][]link // by numbers of hosts
	born      uint64
	// tripped hosts have a disk that was told to fail, fired those where it did,
	// cuts those whose power goes with it; begun faults know what they did.
	tripped, fired, cuts []bool
	begun                []*deed
	lies                 int // faults by which gossip tells lies

	users   []*user
	calls   map[string]*call // by their idempotency keys
	history []*call
	leases  leases
	acked   []acknowledged
	highest paxos.Slot   // that anybody proposed a value for
	leading paxos.Ballot // the highest under which that was done
	formed  bool
	judge   *audit.Judge
	counts  Counts
	objects []audit.Objection
	// plant, unless nil, tells messages that never leave: a bug that a test plants.
	plant func(paxos.Envelope) bool
	noted int // of the judge's objections
	// forgives, unless nil, tells objections that a test provokes.
	forgives func(audit.Objection) bool
	trace    io.Writer
	image    *image
	jumps    int64 // ticks by which clocks were set ahead, in all
}

// link is how one host hears another, besides what is true of all.
type link struct {
	cuts int   // faults by which nothing passes
	slow int64 // the most that is added to each message
}

// newWorld makes the hosts, all with empty disks, and plans the faults.
func newWorld(s *Scenario, trace io.Writer) *World {
	w := &World{
		scenario: s, config: s.Configuration(), dice: rand.New(rand.NewPCG(s.Seed, 0xd1ce)), byID: map[paxos.NodeID]*host{},
		calls: map[string]*call{}, leases: newLeases(), trace: trace,
	}
	w.counts.Faults = map[FaultKind]int64{}
	w.judge = audit.NewWith(w.config, audit.Options{Live: true, Snapshots: w.snapshots()})
	for _, role := range []struct {
		name paxos.RoleName
		n    int
	}{{paxos.AcceptorRole, s.Acceptors}, {paxos.ProposerRole, s.Proposers}, {paxos.LearnerRole, s.Learners}, {paxos.ClientRole, s.Clients}} {
		for i, id := range ids(role.name, role.n) {
			h := &host{id: id, number: len(w.hosts), role: role.name}
			switch role.name {
			case paxos.AcceptorRole:
				h.disk, h.doomed = newDisk(), i < s.Doomed
			case paxos.LearnerRole:
				// Of what was truncated, learners have the only copies.
				h.disk, h.doomed = newDisk(), i == 0 && s.Learners > 1
			}
			w.hosts = append(w.hosts, h)
			w.byID[id] = h
		}
	}
	w.links = make([][]link, len(w.hosts))
	for i := range w.links {
		w.links[i] = make([]link, len(w.hosts))
	}
	w.tripped, w.fired, w.cuts, w.begun = make([]bool, len(w.hosts)), make([]bool, len(w.hosts)), make([]bool, len(w.hosts)), make([]*deed, len(s.Faults))
	for _, h := range w.hosts {
		w.agenda.plan(w.dice.Int64N(tick), hostStarts, int32(h.number))
	}
	for i := range s.Users {
		w.users = append(w.users, &user{w: w, number: i})
		w.agenda.plan(second+w.dice.Int64N(second), userActs, int32(i))
	}
	for i, f := range s.Faults {
		w.agenda.plan(f.At, faultBegins, int32(i))
	}
	w.agenda.plan(tick, gossipSpreads, 0)
	return w
}

// snapshots is how many learners must hold what acceptors truncate.
func (w *World) snapshots() int { return min(2, w.scenario.Learners) }

func ids(role paxos.RoleName, n int) (list []paxos.NodeID) {
	for i := range n {
		list = append(list, paxos.NodeID(fmt.Sprintf("%s%d", role, i+1)))
	}
	return list
}

// draw stands for the random bits that a node draws at its start; never 0.
func (w *World) draw() uint64 { return w.dice.Uint64() | 1<<40 }

// pass lets the world go on until a time, or until something is wrong.
func (w *World) pass(until int64, done func() bool) bool {
	w.until = until
	for len(w.agenda.heap) > 0 && w.agenda.heap[0].at <= until && len(w.objects) == 0 {
		h := w.agenda.next()
		if h.at < w.now {
			panic(fmt.Sprintf("sim: the world's time would go from %d back to %d", w.now, h.at))
		}
		w.now = h.at
		w.counts.Events++
		w.happen(h)
		for all := w.judge.Objections(); w.noted < len(all); w.noted++ {
			if o := all[w.noted]; w.forgives == nil || !w.forgives(o) {
				w.object(o.Checker, o.Node, o.Slot, "%s", o.Text)
			}
		}
		if done != nil && w.counts.Events%64 == 0 && done() {
			return true
		}
	}
	if len(w.objects) == 0 {
		w.now = until
	}
	return done != nil && done()
}

func (w *World) happen(h happening) {
	switch h.kind {
	case letterArrives:
		w.arrive(h.what)
	case processTicks:
		w.ticks(w.processes[h.what])
	case processWakes:
		w.wakes(w.processes[h.what])
	case keeperWorks:
		w.keep(w.processes[h.what])
	case userActs:
		w.users[h.what].act()
	case userIsTold:
		w.users[h.what].hear()
	case hostStarts:
		w.start(w.hosts[h.what])
	case faultBegins:
		w.fault(int(h.what))
	case faultEnds:
		w.mend(int(h.what))
	case gossipSpreads:
		w.agenda.plan(w.now+second, gossipSpreads, 0)
		w.spread()
		w.slander()
	case rumourArrives:
		w.hearRumour(w.rumours[h.what])
	}
}

// object notes that something is wrong.
func (w *World) object(checker string, id paxos.NodeID, slot paxos.Slot, format string, args ...any) {
	o := audit.Objection{Checker: checker, Node: id, Slot: slot, Text: fmt.Sprintf(format, args...)}
	w.objects = append(w.objects, o)
	w.tell(id, "OBJECTION "+checker+": "+o.Text, "", nil)
}

// spread lets discovery tell who is there, and a cluster be initialised that is not yet.
func (w *World) spread() {
	for _, h := range w.hosts {
		for _, p := range h.processes {
			w.gossip(p)
		}
	}
	w.formed = w.formed || w.allMembers()
	if first := w.hosts[0]; !w.formed && len(first.processes) > 0 {
		p := first.processes[0]
		w.give(p, paxos.Envelope{From: paxos.LocalPrefix + "init", To: first.id, Config: w.config.Stamp(), Message: paxos.Init{}})
	}
}

// allMembers reports whether every acceptor runs, and is a member.
func (w *World) allMembers() bool {
	for _, h := range w.hosts[:w.scenario.Acceptors] {
		if len(h.processes) == 0 || h.processes[0].role.(*acceptor.Acceptor).Status().Standing != paxos.Member {
			return false
		}
	}
	return true
}

// gossip tells a process whom discovery has found, and who is said to lead.
func (w *World) gossip(p *process) {
	if p.host.role != paxos.LearnerRole && p.host.role != paxos.ClientRole {
		return
	}
	var m paxos.Directory
	for _, h := range w.hosts {
		if w.lies > 0 && w.dice.IntN(2) == 0 {
			continue
		}
		switch h.role {
		case paxos.ProposerRole:
			m.Proposers = append(m.Proposers, h.id)
			for _, other := range h.processes {
				if other.proposer.Status().Leading {
					m.Leader = h.id
				}
			}
		case paxos.ClientRole:
			m.Clients = append(m.Clients, h.id)
		}
	}
	if w.lies > 0 && len(m.Proposers) > 0 {
		m.Leader = m.Proposers[w.dice.IntN(len(m.Proposers))]
	}
	w.give(p, paxos.Envelope{To: p.host.id, Message: m})
}

// userOf gives the user that an answer is for; all others at a local address
// ask for nothing more.
func (w *World) userOf(id paxos.NodeID) (*user, bool) {
	if !strings.HasPrefix(string(id), paxos.LocalPrefix) {
		return nil, false
	}
	number, at := 0, len(paxos.LocalPrefix)
	for ; at < len(id) && id[at] >= '0' && id[at] <= '9'; at++ {
		number = number*10 + int(id[at]-'0')
	}
	if at == len(paxos.LocalPrefix) || number >= len(w.users) {
		return &user{w: w, number: -1}, true
	}
	return w.users[number], true
}
