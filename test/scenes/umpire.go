package scenes

import (
	"fmt"
	"slices"

	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
)

// umpire watches every record and every message, and objects when an
// invariant does not hold. It sees all nodes at once, as no node can.
type umpire struct {
	config     paxos.Configuration
	objections []string

	// proposed is the one value that a slot may have under one ballot.
	proposed map[vote]paxos.Digest
	// accepts are the acceptors that wrote it.
	accepts map[vote]map[paxos.NodeID]bool
	// chosen is the one value that a quorum of disks ever agreed on in a slot.
	chosen map[paxos.Slot]choice
	// floors is the highest floor in the promises that reached a ballot before
	// it proposed anything.
	floors  map[paxos.Ballot]paxos.Slot
	begun   map[paxos.Ballot]bool
	where   map[paxos.CommandName]position
	carried map[paxos.CommandName]bool // an Accept left for it
	denied  map[paxos.CommandName]bool // a user was told: not applied
}

type vote struct {
	slot   paxos.Slot
	ballot paxos.Ballot
}

type choice struct {
	ballot paxos.Ballot
	value  paxos.Value
}

type position struct {
	slot     paxos.Slot
	position uint32
}

func newUmpire() *umpire {
	return &umpire{
		proposed: map[vote]paxos.Digest{}, accepts: map[vote]map[paxos.NodeID]bool{}, chosen: map[paxos.Slot]choice{},
		floors: map[paxos.Ballot]paxos.Slot{}, begun: map[paxos.Ballot]bool{},
		where: map[paxos.CommandName]position{}, carried: map[paxos.CommandName]bool{}, denied: map[paxos.CommandName]bool{},
	}
}

func (u *umpire) object(format string, args ...any) {
	u.objections = append(u.objections, fmt.Sprintf(format, args...))
}

// delivered notes what a candidate was told of truncated slots.
func (u *umpire) delivered(e paxos.Envelope) {
	if m, ok := e.Message.(paxos.Promise); ok && e.To == m.Ballot.Proposer && !u.begun[m.Ballot] {
		u.floors[m.Ballot] = max(u.floors[m.Ballot], m.Floor)
	}
}

// writes watches what goes on disk: promises only rise, a value is accepted
// under no lower ballot than the promise, and what a quorum wrote is chosen.
func (u *umpire) writes(a *actor, rec paxos.Record) {
	switch r := rec.(type) {
	case paxos.PromisedRecord:
		if p := a.promised(); !p.Less(r.Ballot) {
			u.object("%s writes promise %v after %v", a.id, r.Ballot, p)
		}
	case paxos.AcceptedRecord:
		if p := a.promised(); r.Ballot.Less(p) {
			u.object("%s accepts under %v and had promised %v", a.id, r.Ballot, p)
		}
		for _, p := range r.Proposals {
			u.oneValue(p.Slot, r.Ballot, p.Value)
			v := vote{p.Slot, r.Ballot}
			if u.accepts[v] == nil {
				u.accepts[v] = map[paxos.NodeID]bool{}
			}
			u.accepts[v][a.id] = true
			if len(u.accepts[v]) >= u.config.Quorum() {
				u.choose(p.Slot, choice{r.Ballot, p.Value})
			}
		}
	}
}

func (u *umpire) oneValue(slot paxos.Slot, b paxos.Ballot, value paxos.Value) {
	v, digest := vote{slot, b}, value.Digest()
	if old, had := u.proposed[v]; had && old != digest {
		u.object("slot %d has two values under ballot %v", slot, b)
	}
	u.proposed[v] = digest
}

func (u *umpire) choose(slot paxos.Slot, c choice) {
	old, had := u.chosen[slot]
	switch {
	case !had:
		u.chosen[slot] = c
	case old.value.Digest() != c.value.Digest():
		u.object("slot %d has two chosen values: %s under %v, and %s under %v", slot,
			ValueText(old.value), old.ballot, ValueText(c.value), c.ballot)
	}
}

// sends watches what a node says: nothing that its disk does not say, and no
// promise or vote by a disk that is not a member.
func (u *umpire) sends(a *actor, e paxos.Envelope) {
	switch m := e.Message.(type) {
	case paxos.Promise:
		u.isMember(a, m.Store)
		if a.promised().Less(m.Ballot) {
			u.object("%s promises %v, and its disk says %v", a.id, m.Ballot, a.promised())
		}
		u.isWhole(a, m)
	case paxos.Accepted:
		u.isMember(a, m.Store)
		for _, slot := range m.Slots {
			u.isOnDisk(a, slot, m.Ballot)
		}
	case paxos.Learn:
		u.isMember(a, m.Store)
		u.votesOnDisk(a, m.Votes)
	case paxos.Voted:
		u.isMember(a, m.Store)
		u.votesOnDisk(a, m.Votes)
	case paxos.Accept:
		u.accept(a, m)
	case paxos.Heartbeat:
		u.watermark(a, m.Chosen)
	case paxos.Settled:
		u.settled(a, m)
	}
}

func (u *umpire) votesOnDisk(a *actor, votes []paxos.Vote) {
	for _, v := range votes {
		u.isOnDisk(a, v.Slot, v.Ballot)
	}
}

func (u *umpire) isMember(a *actor, store paxos.StoreID) {
	if a.identity.Standing != paxos.Member || a.identity.Store != store {
		u.object("%s votes, and its disk says %v", a.id, a.identity.Standing)
	}
}

func (u *umpire) isOnDisk(a *actor, slot paxos.Slot, b paxos.Ballot) {
	if !slices.ContainsFunc(a.disk, func(rec paxos.Record) bool {
		r, ok := rec.(paxos.AcceptedRecord)
		return ok && r.Ballot == b && slices.ContainsFunc(r.Proposals, func(p paxos.Proposal) bool { return p.Slot == slot })
	}) {
		u.object("%s says that it accepted slot %d under %v, and its disk does not", a.id, slot, b)
	}
}

// isWhole checks that a page of a promise tells, of every slot it is about,
// exactly what the disk holds.
func (u *umpire) isWhole(a *actor, m paxos.Promise) {
	told := map[paxos.Slot]paxos.Ballot{}
	for _, e := range m.Entries {
		u.isOnDisk(a, e.Slot, e.Ballot)
		told[e.Slot] = e.Ballot
	}
	held, floor := a.accepted()
	for slot, e := range held {
		if slot >= max(m.First, floor) && (!m.More || slot < m.Next) && told[slot] != e.Ballot {
			u.object("%s promises %v and keeps silent of slot %d, which it accepted under %v", a.id, m.Ballot, slot, e.Ballot)
		}
	}
}

// accept watches a leader: one value per slot and ballot, what was chosen
// under a lower ballot and nothing else, nothing below the floor.
func (u *umpire) accept(a *actor, m paxos.Accept) {
	u.begun[m.Ballot] = true
	u.watermark(a, m.Chosen)
	for _, p := range m.Proposals {
		u.oneValue(p.Slot, m.Ballot, p.Value)
		if c, had := u.chosen[p.Slot]; had && c.ballot.Less(m.Ballot) && c.value.Digest() != p.Value.Digest() {
			u.object("%s proposes %s in slot %d under %v, where %s was chosen under %v", a.id,
				ValueText(p.Value), p.Slot, m.Ballot, ValueText(c.value), c.ballot)
		}
		if floor := u.floors[m.Ballot]; p.Slot < floor {
			u.object("%s proposes in slot %d, below the floor %d that it was told", a.id, p.Slot, floor)
		}
		for _, c := range p.Value.Commands {
			u.carried[c.Name()] = true
			if u.denied[c.Name()] {
				u.object("%s proposes command %d, of which its user was told: not applied", a.id, c.Sequence)
			}
		}
	}
}

// watermark checks that everything below a chosen watermark is chosen.
func (u *umpire) watermark(a *actor, below paxos.Slot) {
	for slot := paxos.Slot(1); slot < below; slot++ {
		if _, ok := u.chosen[slot]; !ok {
			u.object("%s says that all below slot %d is chosen, and slot %d is not", a.id, below, slot)
			return
		}
	}
}

// settled watches what users are told.
func (u *umpire) settled(a *actor, m paxos.Settled) {
	switch {
	case m.Fate == paxos.FateNotApplied && m.Name.Sequence > 0:
		u.denied[m.Name] = true
		if u.carried[m.Name] {
			u.object("%s says that command %d was not applied, and an Accept left for it", a.id, m.Name.Sequence)
		}
	case m.Fate == paxos.FateKnown && m.Outcome.Verdict == paxos.Applied:
		o := m.Outcome
		name := paxos.CommandName{Session: o.Session, Sequence: o.Sequence}
		at := position{o.Slot, o.Position}
		if old, had := u.where[name]; had && old != at {
			u.object("command %d took effect in slot %d and in slot %d", o.Sequence, old.slot, o.Slot)
		}
		u.where[name] = at
		if _, ok := u.chosen[o.Slot]; !ok {
			u.object("%s says that command %d is applied, and slot %d is not chosen", a.id, o.Sequence, o.Slot)
		}
	}
}

// compare checks the learners against what is chosen and against one another.
func (u *umpire) compare(actors []*actor) {
	var longest *actor
	for _, a := range actors {
		if a.kind != paxos.LearnerRole || a.role == nil {
			continue
		}
		for _, e := range a.log() {
			if c, ok := u.chosen[e.Slot]; !ok || c.value.Digest() != e.Value.Digest() {
				u.object("%s applied %s in slot %d, which is not chosen", a.id, ValueText(e.Value), e.Slot)
			}
		}
		if longest == nil || len(a.log()) > len(longest.log()) {
			longest = a
		}
	}
	for _, a := range actors {
		if longest == nil || a.kind != paxos.LearnerRole || a.role == nil {
			continue
		}
		if !slices.Equal(a.values(), longest.values()[:min(len(a.values()), len(longest.values()))]) {
			u.object("the state of %s is no earlier state of %s", a.id, longest.id)
		}
	}
}

// promised is the promise that an acceptor's disk holds.
func (a *actor) promised() paxos.Ballot {
	var b paxos.Ballot
	for _, rec := range a.disk {
		switch r := rec.(type) {
		case paxos.PromisedRecord:
			b = r.Ballot
		case paxos.AcceptedRecord:
			b = r.Ballot
		}
	}
	return b
}

// accepted is what an acceptor's disk holds: by slot, the last accepted entry;
// and the slot below which all was truncated.
func (a *actor) accepted() (held map[paxos.Slot]paxos.Entry, floor paxos.Slot) {
	held = map[paxos.Slot]paxos.Entry{}
	for _, rec := range a.disk {
		switch r := rec.(type) {
		case paxos.AcceptedRecord:
			for _, p := range r.Proposals {
				held[p.Slot] = paxos.Entry{Slot: p.Slot, Ballot: r.Ballot, Value: p.Value}
			}
		case paxos.FloorRecord:
			floor = max(floor, r.Floor)
		}
	}
	return held, floor
}

// log is what a learner applied, in slot order.
func (a *actor) log() []paxos.Entry {
	l, ok := a.role.(*learner.Learner)
	if !ok {
		return nil
	}
	return l.Chosen(1, 1<<40)
}

// values is a learner's state: what was appended.
func (a *actor) values() []kv.Value {
	if a.machine == nil {
		return nil
	}
	list, _ := a.machine.Values(0, 0, 1<<30)
	return list
}
