package gossip

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"paxos/paxos"
)

// State is gossip's opinion of a member.
type State string

// The states of a member: Alive and Suspect are living; Dead (it stopped
// answering) and Left (it said goodbye) are gone.
const (
	Alive   State = "alive"
	Suspect State = "suspect"
	Dead    State = "dead"
	Left    State = "left"
)

func (s State) living() bool { return s == Alive || s == Suspect }

// Member is a node as gossip sees it, through the freshest of its processes.
type Member struct {
	ID   paxos.NodeID   `json:"id"`
	Role paxos.RoleName `json:"role"`
	// REST is the host:port where the process answers HTTP.
	REST string `json:"rest"`
	// Gossip is the host:port where it gossips, over TCP and UDP.
	Gossip string `json:"gossip"`
	State  State  `json:"state"`
	// Started is when the process started, in milliseconds since 1970 by its
	// own clock: good for sorting, proof of nothing.
	Started paxos.Number `json:"started"`
	// Leads says that the member itself claims to lead.
	Leads bool `json:"leads"`
	// Hint is who leads in the member's eyes.
	Hint Hint `json:"hint,omitzero"`
	// Others are the REST addresses of further living processes under the
	// same id: a predecessor not yet given up, or a clone.
	Others []string `json:"others,omitempty"`
}

// Processes that are gone stay visible for a while, and never too many.
const (
	goneKept = 64
	goneFor  = 5 * time.Minute
)

// A process is one run of a node. Its name is fresh at every start.
type process struct {
	name    string
	address string // of its gossip
	card    card
	foreign bool // its metadata could not be read: the card is empty
	state   State
	gone    time.Time // when it became dead or left
}

// The book is the table of processes heard of. memberlist calls it with its
// own lock held, so nothing here may call memberlist, block or log.
type book struct {
	self string // the name of our own process

	mu        sync.Mutex
	processes map[string]*process
	changed   chan struct{} // closed, and replaced, at every visible change
}

func newBook(self string, address string, own card) *book {
	b := &book{self: self, processes: map[string]*process{}, changed: make(chan struct{})}
	b.processes[self] = &process{name: self, address: address, card: own, state: Alive}
	return b
}

func (b *book) changeLocked() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// living enters a process that has joined or has changed its metadata.
func (b *book) living(name, address string, c card, foreign bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &process{name: name, address: address, card: c, foreign: foreign, state: Alive}
	old := b.processes[name]
	if name == b.self {
		// Our own card is written here first; what comes back is older or equal.
		p.card, p.foreign = old.card, false
	}
	if old != nil && *old == *p {
		return
	}
	b.processes[name] = p
	b.changeLocked()
}

// goes marks a process that is gone: dead until more is known.
func (b *book) goes(name string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.processes[name]
	if p == nil || !p.state.living() {
		return
	}
	p.state, p.gone = Dead, now
	if name == b.self {
		p.state = Left
	}
	b.forgetLocked(now)
	b.changeLocked()
}

// refine takes over the exact state of a process. Whether it is living comes
// from events alone: a look may be older than the last event.
func (b *book) refine(name string, state State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.processes[name]
	if p == nil || p.state == state || p.state.living() != state.living() {
		return
	}
	p.state = state
	b.changeLocked()
}

// forget drops what has been gone for too long.
func (b *book) forget(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.forgetLocked(now) {
		b.changeLocked()
	}
}

func (b *book) forgetLocked(now time.Time) bool {
	var gone []*process
	for _, p := range b.processes {
		if !p.state.living() && p.name != b.self {
			gone = append(gone, p)
		}
	}
	slices.SortFunc(gone, func(p, q *process) int {
		return cmp.Or(q.gone.Compare(p.gone), cmp.Compare(p.name, q.name))
	})
	forgotten := false
	for i, p := range gone {
		if i >= goneKept || now.Sub(p.gone) > goneFor {
			delete(b.processes, p.name)
			forgotten = true
		}
	}
	return forgotten
}

// own gives the card of this process.
func (b *book) own() card {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.processes[b.self].card
}

// setHint changes our own card and reports whether it is news.
func (b *book) setHint(h Hint) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.processes[b.self]
	if p.card.Hint == h {
		return false
	}
	p.card.Hint = h
	b.changeLocked()
	return true
}

// knows reports whether every one of the names is in the book.
func (b *book) knows(names []string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !slices.ContainsFunc(names, func(name string) bool { return b.processes[name] == nil })
}

// aliveAt reports whether a process, this one included, is alive at that
// gossip address.
func (b *book) aliveAt(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.processes {
		if p.address == address && p.state == Alive {
			return true
		}
	}
	return false
}

// alone reports whether no other process is living.
func (b *book) alone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.processes {
		if p.name != b.self && p.state.living() {
			return false
		}
	}
	return true
}

// sorted gives copies of all processes whose card could be read, by role and
// id; under one id the living before the gone, then the newest first.
func (b *book) sorted() []process {
	b.mu.Lock()
	var all []process
	for _, p := range b.processes {
		if !p.foreign {
			all = append(all, *p)
		}
	}
	b.mu.Unlock()
	slices.SortFunc(all, func(p, q process) int {
		return cmp.Or(
			cmp.Compare(p.card.Role, q.card.Role),
			cmp.Compare(p.card.ID, q.card.ID),
			first(p.state.living(), q.state.living()),
			cmp.Compare(q.card.Started, p.card.Started),
			cmp.Compare(p.name, q.name))
	})
	return all
}

// first orders true before false.
func first(p, q bool) int {
	switch {
	case p == q:
		return 0
	case p:
		return -1
	default:
		return 1
	}
}

func (p process) leads() bool { return p.card.Hint.Leader == p.card.ID }

func (p process) member() Member {
	return Member{
		ID: p.card.ID, Role: p.card.Role, REST: p.card.REST, Gossip: p.address, State: p.state,
		Started: paxos.Number(p.card.Started), Leads: p.state.living() && p.leads(), Hint: p.card.Hint,
	}
}
