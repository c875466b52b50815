package audit

import (
	"cmp"
	"fmt"
	"strings"

	"paxos/paxos"
)

// Onlooker judges a running cluster by what its nodes show when they are asked,
// in one look or in many. It sees less than a Judge: no single vote, and events
// only as far as nodes still keep them.
type Onlooker struct {
	acceptors map[paxos.NodeID]Shown
	runs      map[string]*shownRun
	values    map[paxos.Slot]shownValue
	compared  map[paxos.Slot]bool

	objections []Objection
	counts     ShownCounts
}

// Shown is what an acceptor says of itself: all of it was durable when it said
// so.
type Shown struct {
	Store          paxos.StoreID
	Promise        paxos.Ballot
	Floor, Highest paxos.Slot
}

// ShownEvent is a protocol event as /view-logs has it: a ballot lacks the start.
type ShownEvent struct {
	Number uint64
	Kind   string
	Ballot string
	Slot   paxos.Slot
}

// shownRun is what was seen of one process.
type shownRun struct {
	number  uint64
	promise mark
	applied paxos.Slot
}

// mark is a ballot without its start.
type mark struct {
	number   uint64
	proposer string
}

func (m mark) compare(n mark) int {
	return cmp.Or(cmp.Compare(m.number, n.number), strings.Compare(m.proposer, n.proposer))
}

func markOf(text string) (m mark, ok bool) {
	number, proposer, ok := strings.Cut(text, ".")
	n, err := paxos.ParseUint(number)
	return mark{n, proposer}, ok && err == nil
}

type shownValue struct {
	digest paxos.Digest
	by     paxos.NodeID
}

// ShownCounts tell how much an Onlooker saw.
type ShownCounts struct {
	Events   int `json:"events"`   // told apart
	Promises int `json:"promises"` // and votes among them: those that are judged
	States   int `json:"states"`   // of acceptors
	Slots    int `json:"slots"`    // whose chosen value was seen
	Compared int `json:"compared"` // of these, at more than one learner
}

// NewOnlooker makes one that has seen nothing.
func NewOnlooker() *Onlooker {
	return &Onlooker{acceptors: map[paxos.NodeID]Shown{}, runs: map[string]*shownRun{}, values: map[paxos.Slot]shownValue{}, compared: map[paxos.Slot]bool{}}
}

func (o *Onlooker) object(checker string, node paxos.NodeID, slot paxos.Slot, format string, args ...any) {
	if len(o.objections) < keptObjections {
		o.objections = append(o.objections, Objection{checker, node, slot, fmt.Sprintf(format, args...)})
	}
}

// Acceptor takes what a member says of itself now. Nothing of it falls, as long
// as its disk is the same (promise-regress, below-floor, highest).
func (o *Onlooker) Acceptor(id paxos.NodeID, now Shown) {
	o.counts.States++
	now.Highest = max(now.Highest, now.Floor-min(now.Floor, 1))
	old, had := o.acceptors[id]
	o.acceptors[id] = now
	if !had || old.Store != now.Store {
		return
	}
	if now.Promise.Less(old.Promise) {
		o.object(PromiseRegress, id, 0, "shows the promise %v after the promise %v", now.Promise, old.Promise)
	}
	if now.Floor < old.Floor {
		o.object(BelowFloor, id, 0, "shows the floor %d after the floor %d", now.Floor, old.Floor)
	}
	if now.Highest < old.Highest {
		o.object(Highest, id, now.Highest, "shows %d as the highest slot that it voted in, after %d", now.Highest, old.Highest)
	}
}

// Event takes an event of a process of a node, in the order of their numbers;
// one that was taken before is not taken again. An acceptor's promises and votes
// never fall (promise-regress), and a learner applies upwards (applied-chosen).
// Processes are not compared: an event is shown before what it tells of is on
// disk, and a crash may forget both.
func (o *Onlooker) Event(id paxos.NodeID, process string, e ShownEvent) {
	r := o.runs[string(id)+" "+process]
	if r == nil {
		r = &shownRun{}
		o.runs[string(id)+" "+process] = r
	}
	if e.Number <= r.number {
		return
	}
	r.number = e.Number
	o.counts.Events++
	switch e.Kind {
	case "promise", "accepted":
		m, ok := markOf(e.Ballot)
		if !ok {
			o.object(Identity, id, e.Slot, "shows the ballot %q, which is none", e.Ballot)
			return
		}
		o.counts.Promises++
		if m.compare(r.promise) < 0 {
			o.object(PromiseRegress, id, e.Slot, "shows in event %d %s under ballot %s after ballot %d.%s", e.Number, e.Kind, e.Ballot, r.promise.number, r.promise.proposer)
			return
		}
		r.promise = m
	case "applied":
		if e.Slot <= r.applied {
			o.object(AppliedChosen, id, e.Slot, "applies slot %d in event %d after slot %d", e.Slot, e.Number, r.applied)
		}
		r.applied = max(r.applied, e.Slot)
	}
}

// Chosen takes an entry that a learner applied. A slot has one value, at all
// learners and at all times (one-value-per-slot).
func (o *Onlooker) Chosen(learner paxos.NodeID, e paxos.Entry) {
	digest := e.Value.Digest()
	first, had := o.values[e.Slot]
	switch {
	case !had:
		o.counts.Slots++
		o.values[e.Slot] = shownValue{digest, learner}
	case first.digest != digest:
		o.object(OneValuePerSlot, learner, e.Slot, "has %v as chosen, and %s showed %v", digest, first.by, first.digest)
	case first.by != learner && !o.compared[e.Slot]:
		o.counts.Compared++
		o.compared[e.Slot] = true
	}
}

// Objections gives what was found; at most 100 are kept.
func (o *Onlooker) Objections() []Objection { return o.objections }

// Counts gives how much was seen.
func (o *Onlooker) Counts() ShownCounts { return o.counts }
