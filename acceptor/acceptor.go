// Package acceptor holds the rules of remembering: what an acceptor promises,
// what it accepts, what it refuses, and how a set of blank disks becomes a
// cluster, once.
//
// It is not the disk and not the network: it says which records must be
// durable before which messages leave (paxos.Effects), and internal/node does
// so. It knows who asks only by id. Its neighbours: proposer (leading) asks,
// learner (learning) is told.
//
// The package is pure: same input, same output.
package acceptor

import (
	"fmt"
	"slices"

	"paxos/paxos"
)

// Bounds that no honest leader reaches: by how much a message may raise the
// promise's number, and how far beyond all that is known a slot may lie. They
// keep a slip of somebody's hand from exhausting the ballots or stretching the
// log; whoever forges a leader's messages on purpose is not kept out by them.
const (
	maxLeap  = 1 << 32
	maxAhead = 1 << 20
)

// Config is what an acceptor is told at its start.
type Config struct {
	Node          paxos.NodeID
	Configuration paxos.Configuration
	// FreshCluster and FreshStore are random bits drawn for this start. They
	// are used only if this start makes a cluster, or joins one.
	FreshCluster paxos.ClusterID
	FreshStore   paxos.StoreID
	// Starts counts the starts of an acceptor with this disk, this one included
	// (0, of a blank disk, means 1), and Run is 64 random bits drawn for it.
	Starts paxos.Number
	Run    paxos.StartID
	// PageBytes bounds the values in one Promise or Voted message.
	PageBytes int
	// Snapshots is how many learners must have a snapshot before what it holds
	// is truncated; 0 truncates nothing.
	Snapshots int
	// TruncateSlots is the least number of slots that a truncation is worth.
	TruncateSlots int
	// Mute, if not empty, says why the disk must not vote.
	Mute string
}

// Acceptor remembers promises and accepted values. Its fields change only
// together with a record in Effects.Persist, or are of no matter for safety.
type Acceptor struct {
	cfg      Config
	stamp    paxos.Stamp // of the configuration
	identity paxos.Identity
	mute     string

	promise  paxos.Ballot
	accepted map[paxos.Slot]paxos.Entry
	digests  map[paxos.Slot]paxos.Digest
	slots    []paxos.Slot // the keys of accepted, sorted
	highest  paxos.Slot
	floor    paxos.Slot
	time     paxos.LogTime
	// position is how many records the journal was ever given, those included
	// that this turn persists and those that were truncated; began is what it
	// was when this start began.
	position, began paxos.Number

	// Hints, not durable by themselves.
	chosen paxos.Slot
	led    paxos.Ballot
	silent uint32
	gone   bool                        // nobody listens where the leader last heard was
	asked  []ask                       // who surveyed last, so that they are told
	kept   map[paxos.NodeID]paxos.Kept // what learners reported last
	full   bool
	// replaced are the disks that a learner had before the one it has now.
	replaced map[paxos.StoreID]bool

	votes []paxos.Vote // of this turn, told to the learners in Flush
	init  initialisation
	out   paxos.Effects
}

// New makes an acceptor whose disk has the given identity (the zero identity
// for a blank disk); the disk's records follow by Restore.
func New(cfg Config, identity paxos.Identity) *Acceptor {
	cfg.Starts = max(cfg.Starts, 1)
	a := &Acceptor{
		cfg: cfg, stamp: cfg.Configuration.Stamp(), identity: identity, mute: cfg.Mute, floor: 1,
		accepted: map[paxos.Slot]paxos.Entry{}, digests: map[paxos.Slot]paxos.Digest{}, kept: map[paxos.NodeID]paxos.Kept{}, replaced: map[paxos.StoreID]bool{},
	}
	if a.mute == "" && identity.Standing != paxos.Blank {
		a.mute = whyForeign(cfg, identity)
	}
	return a
}

// whyForeign says why a disk with this identity is not this node's, "" if it is.
func whyForeign(cfg Config, id paxos.Identity) string {
	want, have := cfg.Configuration.Stamp(), id.Config.Stamp()
	switch {
	case id.Node != cfg.Node:
		return fmt.Sprintf("the disk belongs to %s, this is %s", id.Node, cfg.Node)
	case have != want:
		return fmt.Sprintf("the disk was made for the acceptors %v, the configuration says %v", id.Config.Acceptors, cfg.Configuration.Acceptors)
	case id.Standing == paxos.Member && paxos.StoreIn(id.Stores, id.Node) != id.Store:
		return "the identity on the disk contradicts itself: its store is not among the members' stores"
	}
	return ""
}

// Header implements paxos.Role.
func (a *Acceptor) Header() paxos.Header {
	return paxos.Header{Node: a.cfg.Node, Cluster: a.identity.Cluster, Config: a.stamp}
}

// Step implements paxos.Role.
func (a *Acceptor) Step(e paxos.Envelope) paxos.Effects {
	switch m := e.Message.(type) {
	case paxos.Survey:
		a.survey(e.From, m)
	case paxos.Prepare:
		a.prepare(e.From, m)
	case paxos.Accept:
		a.accept(e.From, m)
	case paxos.Heartbeat:
		a.heartbeat(e.From, m)
	case paxos.Highest:
		a.highestSlot(e.From, m)
	case paxos.CatchUp:
		a.catchUp(e.From, m)
	case paxos.Kept:
		a.snapshotKept(e.From, m)
	case paxos.Gone:
		a.nobodyListens(m.Node)
	case paxos.DiskSpace:
		a.full = m.Full
	case paxos.Init:
		a.initialise(e.From)
	case paxos.Initialised:
		a.initialised(m)
	case paxos.Form:
		a.form(e.From, m)
	case paxos.Formed:
		a.formed(e.From, m)
	case paxos.Enroll:
		a.enroll(e.From, m)
	}
	return a.effects()
}

// Flush implements paxos.Role: the votes of the whole turn leave together, in
// one Learn for each learner or, if they are large, in a few.
func (a *Acceptor) Flush() paxos.Effects {
	for len(a.votes) > 0 {
		n, size := 0, 0
		for n < len(a.votes) && (n == 0 || size+told(&a.votes[n]) <= a.cfg.PageBytes) {
			size += told(&a.votes[n])
			n++
		}
		for _, learner := range a.cfg.Configuration.Learners {
			a.send(learner, paxos.Learn{Store: a.identity.Store, Life: a.life(), Votes: a.votes[:n:n]})
		}
		a.event(paxos.Event{Kind: paxos.EventLearn, Slot: a.votes[0].Slot, Count: n, Ballot: a.votes[0].Ballot})
		a.votes = a.votes[n:]
	}
	a.votes = nil
	return a.effects()
}

// told is about how many bytes of values a vote carries.
func told(v *paxos.Vote) int {
	if v.Value == nil {
		return 0
	}
	return v.Value.Size()
}

// Tick implements paxos.Role.
func (a *Acceptor) Tick() paxos.Effects {
	if a.silent < 1<<31 {
		a.silent++
	}
	a.tickInitialisation()
	return a.effects()
}

func (a *Acceptor) effects() paxos.Effects {
	out := a.out
	a.out = paxos.Effects{}
	return out
}

func (a *Acceptor) send(to paxos.NodeID, m paxos.Message) {
	a.out.Send = append(a.out.Send, a.Header().Envelope(to, m))
}

func (a *Acceptor) event(e paxos.Event) { a.out.Events = append(a.out.Events, e) }

// votesHere says whether this acceptor may vote: only a member may whose disk
// is whole and its own (docs/protocol.md, Disks).
func (a *Acceptor) votesHere() bool {
	return a.identity.Standing == paxos.Member && !a.Silenced()
}

func (a *Acceptor) nack(to paxos.NodeID, ballot paxos.Ballot, slot paxos.Slot, why paxos.Reason) {
	a.send(to, paxos.Nack{Ballot: ballot, Slot: slot, Reason: why, Promise: a.promise, Floor: a.floor})
	a.event(paxos.Event{Kind: paxos.EventNack, Peer: to, Ballot: ballot, Slot: slot, Reason: why})
}

// refuses nacks a message of this ballot, where it must be, and says so.
func (a *Acceptor) refuses(from paxos.NodeID, ballot paxos.Ballot) bool {
	switch {
	case !a.votesHere():
		a.nack(from, ballot, 0, paxos.NotMember)
	case ballot.Less(a.promise) || ballot.IsZero():
		a.nack(from, ballot, 0, paxos.Preempted)
	case ballot.Number-a.promise.Number > maxLeap:
		a.nack(from, ballot, 0, paxos.TooFar)
	default:
		return false
	}
	return true
}

// prepare is phase 1b (Paxos Made Simple, section 2.2, and section 3 for all
// slots at once). The same ballot may ask again: for the next page, or because
// the answer was lost.
func (a *Acceptor) prepare(from paxos.NodeID, m paxos.Prepare) {
	a.event(paxos.Event{Kind: paxos.EventPrepare, Peer: from, Ballot: m.Ballot, Slot: m.First})
	if a.refuses(from, m.Ballot) {
		return
	}
	if a.promise.Less(m.Ballot) {
		a.promise = m.Ballot
		a.persist(paxos.PromisedRecord{Ballot: m.Ballot})
	}
	// A candidate counts as a leader that was heard, so that others leave it
	// the time to finish.
	a.hear(m.Ballot)
	entries, next, more := a.page(m.First)
	a.send(from, paxos.Promise{
		Ballot: m.Ballot, Store: a.identity.Store, Life: a.life(), First: m.First, Next: next, More: more,
		Floor: a.floor, Chosen: a.chosen, Time: a.time, Entries: entries,
	})
	a.event(paxos.Event{Kind: paxos.EventPromise, Peer: from, Ballot: m.Ballot, Slot: m.First, Count: len(entries)})
}

// page gives the accepted entries from first on, as many as fit into a page
// but at least one, and the slot at which the next page begins.
func (a *Acceptor) page(first paxos.Slot) (entries []paxos.Entry, next paxos.Slot, more bool) {
	i, _ := slices.BinarySearch(a.slots, first)
	next = max(first, a.floor)
	size := 0
	for ; i < len(a.slots); i++ {
		entry := a.accepted[a.slots[i]]
		if size += entry.Value.Size(); size > a.cfg.PageBytes && len(entries) > 0 {
			return entries, next, true
		}
		entries = append(entries, entry)
		next = entry.Slot + 1
	}
	return entries, next, false
}

// accept is phase 2b. Taking an Accept raises the promise to its ballot.
func (a *Acceptor) accept(from paxos.NodeID, m paxos.Accept) {
	first := paxos.Slot(0)
	if len(m.Proposals) > 0 {
		first = m.Proposals[0].Slot
	}
	a.event(paxos.Event{Kind: paxos.EventAccept, Peer: from, Ballot: m.Ballot, Slot: first, Count: len(m.Proposals)})
	if a.refuses(from, m.Ballot) {
		return
	}
	a.hear(m.Ballot)
	var fresh []paxos.Proposal
	var done []paxos.Slot
	for i, p := range m.Proposals {
		digest := p.Value.Digest()
		old, had := a.accepted[p.Slot]
		switch {
		case p.Slot < a.floor:
			a.nack(from, m.Ballot, p.Slot, paxos.BelowFloor)
			continue
		case p.Slot > max(a.highest, a.floor, m.Chosen)+maxAhead:
			a.nack(from, m.Ballot, p.Slot, paxos.TooFar)
			continue
		case had && old.Ballot == m.Ballot && a.digests[p.Slot] != digest:
			a.nack(from, m.Ballot, p.Slot, paxos.TwoValues)
			continue
		case had && old.Ballot == m.Ballot:
			// Sent again: it is on disk already, or in this turn's batch.
		default:
			a.put(paxos.Entry{Slot: p.Slot, Ballot: m.Ballot, Value: p.Value}, digest)
			fresh = append(fresh, p)
		}
		done = append(done, p.Slot)
		vote := paxos.Vote{Slot: p.Slot, Ballot: m.Ballot, Digest: digest}
		if a.cfg.Configuration.Tells(a.cfg.Node, p.Slot) {
			vote.Value = &m.Proposals[i].Value
		}
		a.votes = append(a.votes, vote)
	}
	a.believe(m.Chosen)
	if len(fresh) > 0 || a.promise.Less(m.Ballot) {
		a.promise = m.Ballot
		a.persist(paxos.AcceptedRecord{Ballot: m.Ballot, Chosen: m.Chosen, Proposals: fresh})
	}
	if len(done) > 0 {
		a.send(from, paxos.Accepted{Ballot: m.Ballot, Store: a.identity.Store, Life: a.life(), Slots: done})
		a.event(paxos.Event{Kind: paxos.EventAccepted, Peer: from, Ballot: m.Ballot, Slot: done[0], Count: len(done)})
	}
}

// believe takes what a leader says of the chosen watermark, as far as this
// acceptor has heard of slots itself. It is a hint for later leaders, which
// take the highest of a quorum's; one wrong number must not send them astray.
func (a *Acceptor) believe(chosen paxos.Slot) {
	a.chosen = max(a.chosen, min(chosen, max(a.highest+1, a.floor)))
}

// put keeps an accepted entry; a higher ballot's takes the place of a lower's.
func (a *Acceptor) put(e paxos.Entry, d paxos.Digest) {
	if _, had := a.accepted[e.Slot]; !had {
		i, _ := slices.BinarySearch(a.slots, e.Slot)
		a.slots = slices.Insert(a.slots, i, e.Slot)
	}
	a.accepted[e.Slot], a.digests[e.Slot] = e, d
	a.highest = max(a.highest, e.Slot)
	a.time = max(a.time, e.Value.Time)
}

func (a *Acceptor) heartbeat(from paxos.NodeID, m paxos.Heartbeat) {
	if a.refuses(from, m.Ballot) {
		return
	}
	a.hear(m.Ballot)
	a.believe(m.Chosen)
	a.send(from, paxos.Heard{Ballot: m.Ballot, Store: a.identity.Store, Life: a.life(), Count: m.Count, Full: a.full})
}

// highestSlot answers a quorum read's question (Paxos Quorum Reads, section
// 3): a slot that was truncated counts, also after a restart.
func (a *Acceptor) highestSlot(from paxos.NodeID, m paxos.Highest) {
	if !a.votesHere() {
		a.nack(from, paxos.Ballot{}, 0, paxos.NotMember)
		return
	}
	a.send(from, paxos.HighestIs{Question: m.Question, Store: a.identity.Store, Life: a.life(), Slot: max(a.highest, a.floor-1)})
}

// catchUp tells a learner what this acceptor voted; an acceptor that may not
// vote tells nothing.
func (a *Acceptor) catchUp(from paxos.NodeID, m paxos.CatchUp) {
	if !a.votesHere() {
		a.nack(from, paxos.Ballot{}, 0, paxos.NotMember)
		return
	}
	entries, next, more := a.page(m.First)
	votes := make([]paxos.Vote, len(entries))
	for i, e := range entries {
		votes[i] = paxos.Vote{Slot: e.Slot, Ballot: e.Ballot, Digest: a.digests[e.Slot], Value: &entries[i].Value}
	}
	a.send(from, paxos.Voted{Store: a.identity.Store, Life: a.life(), First: m.First, Next: next, More: more, Floor: a.floor, Votes: votes})
}
