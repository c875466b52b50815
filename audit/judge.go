package audit

import (
	"fmt"
	"slices"

	"paxos/paxos"
)

// Options of a Judge.
type Options struct {
	// Live says that calls come in an order in which everything was said before
	// it was heard. Without it, only the calls of one process are in its order,
	// and the processes of one acceptor in theirs; what rests on more is judged
	// in Objections.
	Live bool
	// Snapshots is how many learners must hold a snapshot before acceptors
	// truncate what it holds; 0 judges only that slots below a floor are chosen.
	// Only a Live judge can tell.
	Snapshots int
	// Absent are acceptors of which nothing is told, though they may have voted.
	// What would be wrong without their votes only is not objected to.
	Absent []paxos.NodeID
}

// Judge sees what the processes of one cluster do and says what must never
// happen. A call is judged when it comes; nothing is forgotten. Not safe for
// concurrent use.
type Judge struct {
	config  paxos.Configuration
	options Options
	stamp   paxos.Stamp
	quorum  int

	nodes     map[paxos.NodeID]*node
	latest    *node
	acceptors []*acceptor
	member    *paxos.Identity // the first that was written

	slots slots
	// base is the first slot of which the judge saw what was voted; below it
	// everything was chosen and truncated before it looked.
	base, below paxos.Slot
	ballots     map[paxos.Ballot]*lead
	effects     map[paxos.CommandName]place
	states      map[paxos.Slot]state
	kept        map[paxos.NodeID]paxos.Kept
	claims      map[claimKind]claim
	placed      []placedLater
	notified    []notifiedLater
	scratch     []voteSaid

	counts     Counts
	notJudged  NotJudged
	objections []Objection
}

// node is whoever bears an id, with all the processes that ran under it.
type node struct {
	id        paxos.NodeID
	acceptor  *acceptor // nil if it is not one of the configuration
	processes map[uint64]*process
	latest    *process
}

// process is one run of a node.
type process struct {
	node *node
	id   uint64
	lead *lead      // the last ballot it used
	next paxos.Slot // it applied, or was given, every slot below
}

// New makes a judge of calls that come in no order across processes.
func New(c paxos.Configuration) *Judge { return NewWith(c, Options{}) }

// NewLive makes a judge of calls that come as things happen.
func NewLive(c paxos.Configuration) *Judge { return NewWith(c, Options{Live: true}) }

// MaxAcceptors is the largest configuration that is judged.
const MaxAcceptors = 64

// NewWith makes a judge. It panics if the configuration has more than
// MaxAcceptors.
func NewWith(c paxos.Configuration, o Options) *Judge {
	if len(c.Acceptors) > MaxAcceptors {
		panic(fmt.Sprintf("audit: %d acceptors, at most %d are judged", len(c.Acceptors), MaxAcceptors))
	}
	j := &Judge{
		config: c, options: o, stamp: c.Stamp(), quorum: c.Quorum(), base: 1, below: 1,
		nodes: map[paxos.NodeID]*node{}, ballots: map[paxos.Ballot]*lead{}, effects: map[paxos.CommandName]place{},
		states: map[paxos.Slot]state{}, kept: map[paxos.NodeID]paxos.Kept{}, claims: map[claimKind]claim{},
	}
	for i, id := range c.Acceptors {
		a := newAcceptor(id, i)
		a.absent = slices.Contains(o.Absent, id)
		j.acceptors = append(j.acceptors, a)
		j.nodes[id] = &node{id: id, acceptor: a, processes: map[uint64]*process{}}
	}
	return j
}

func (j *Judge) process(id paxos.NodeID, number uint64) *process {
	n := j.latest
	if n == nil || n.id != id {
		if n = j.nodes[id]; n == nil {
			n = &node{id: id, processes: map[uint64]*process{}}
			j.nodes[id] = n
		}
		j.latest = n
	}
	if n.latest == nil || n.latest.id != number {
		if n.latest = n.processes[number]; n.latest == nil {
			j.counts.Processes++
			n.latest = &process{node: n, id: number, next: 1}
			n.processes[number] = n.latest
		}
	}
	return n.latest
}

// Began tells that a process of node starts, with its own number: no other
// process of that node has it. An acceptor's disk is taken to be as its last
// process left it, unless Found says more.
func (j *Judge) Began(node paxos.NodeID, process uint64) {
	p := j.process(node, process)
	if a := p.node.acceptor; a != nil {
		a.standing = a.identity.Standing
		a.endTurn()
	}
}

// Wrote tells that records are durable now: all those of one turn at once.
func (j *Judge) Wrote(node paxos.NodeID, process uint64, records []paxos.Record) {
	p := j.process(node, process)
	a := p.node.acceptor
	if a == nil {
		if len(records) > 0 {
			j.object(Identity, p, 0, "is no acceptor and writes %d records", len(records))
		}
		return
	}
	for _, r := range records {
		j.counts.Records++
		j.wrote(p, a, r)
	}
}

// Said tells what leaves now: all that one turn sends, after what it rests on
// was written, and after what the machine took in that turn. It ends the turn.
func (j *Judge) Said(node paxos.NodeID, process uint64, sent []paxos.Envelope) {
	p := j.process(node, process)
	var seen repeated
	for i := range sent {
		j.counts.Envelopes++
		if sent[i].From != node && sent[i].Message.Kind() != paxos.KindLocal {
			j.object(Identity, p, 0, "speaks as %s", sent[i].From)
		}
		if !seen.again(sent[i].Message) {
			j.said(p, &sent[i])
		}
	}
	if a := p.node.acceptor; a != nil {
		a.endTurn()
	}
}

// Turned is Wrote and Said of one turn.
func (j *Judge) Turned(node paxos.NodeID, process uint64, records []paxos.Record, sent []paxos.Envelope) {
	if len(records) > 0 {
		j.Wrote(node, process, records)
	}
	j.Said(node, process, sent)
}

// Chosen gives what is chosen in a slot, as far as the judge saw it.
func (j *Judge) Chosen(slot paxos.Slot) (paxos.Value, bool) {
	if s := j.slots.look(slot); s != nil && s.chosen != nil {
		return s.chosen.value, true
	}
	return paxos.Value{}, false
}

// ChosenBelow is the first slot that is not known to be chosen.
func (j *Judge) ChosenBelow() paxos.Slot { return j.below }
