package proposer

import (
	"cmp"
	"maps"
	"slices"

	"paxos/paxos"
)

// Bounds of what a new leader proposes again at once, and of one message.
const (
	againWindow     = 256
	maxFlightBytes  = 8 << 20
	maxMessageBytes = 1 << 20
)

// flying is a proposal that is not chosen yet.
type flying struct {
	value   paxos.Value
	size    int
	votes   map[paxos.NodeID]bool
	sent    int
	waiters []waiter // who asked for each command; nil when proposed again
}

// waiter is who asked for a command, and in which of its attempts.
type waiter struct {
	asker   paxos.NodeID
	attempt paxos.Number
}

func compareWaiters(a, b waiter) int {
	return cmp.Or(cmp.Compare(a.asker, b.asker), cmp.Compare(a.attempt, b.attempt))
}

// stopping counts down while a leader drains before it ends.
type stopping struct {
	ticks     int
	successor paxos.NodeID
	done      bool
}

// propose takes a message's commands, if this proposer leads, and else says who
// does. A refusal here is certain, no Accept left for any of them, unless one
// of them is under way from before. Without room on the disks, only what frees
// some is taken.
func (p *Proposer) propose(from paxos.NodeID, m paxos.Propose) {
	if p.attempts.late(m) {
		return // a copy of a message that was answered: its answer stands
	}
	var why paxos.Reason
	switch {
	case p.stopping != nil:
		why = paxos.Stopping
	case p.phase != Leading && p.answering() < p.cfg.Configuration.Quorum() && (!p.fresh() || p.since > 0):
		why = paxos.NoQuorum
	case p.phase != Leading:
		why = paxos.NotLeading
	case !p.queue.room(m.Commands, p.cfg):
		// All or none: one message gets one kind of answer.
		why = paxos.Overloaded
	}
	if why != paxos.NoReason {
		names := make([]paxos.CommandName, len(m.Commands))
		for i, c := range m.Commands {
			names[i] = c.Name()
		}
		// A copy of what is in the air is refused; what is in the air is not.
		flying := slices.ContainsFunc(names, p.underway)
		p.refuse(waiter{from, m.Attempt}, names, why, flying)
		return
	}
	for _, c := range p.withRoom(m.Commands, waiter{from, m.Attempt}) {
		// One that is under way was sent before: its answer is this one's.
		if !p.underway(c.Name()) {
			p.queue.push(c, waiter{from, m.Attempt})
		}
	}
	p.event(paxos.Event{Kind: paxos.EventPropose, Peer: from, Count: len(m.Commands)})
}

// diskFull reports whether commands must wait for room: where an acceptor that
// answers has little left, only what frees some is let in, so that no disk is
// filled to its end and there is a way back.
func (p *Proposer) diskFull() bool {
	if p.cfg.Frees == nil {
		return false
	}
	for id, full := range p.full {
		if full && p.tick-p.heard[id] < p.cfg.ElectionTicks {
			return true
		}
	}
	return false
}

// withRoom gives the commands that there is room for, and refuses the others
// for certain, except copies of what is under way.
func (p *Proposer) withRoom(commands []paxos.Command, w waiter) []paxos.Command {
	if !p.diskFull() {
		return commands
	}
	var taken []paxos.Command
	var refused []paxos.CommandName
	for _, c := range commands {
		if p.underway(c.Name()) || p.cfg.Frees(c) {
			taken = append(taken, c)
		} else {
			refused = append(refused, c.Name())
		}
	}
	if len(refused) > 0 {
		p.refuse(w, refused, paxos.DiskFull, false)
	}
	return taken
}

func (p *Proposer) refuse(to waiter, names []paxos.CommandName, why paxos.Reason, uncertain bool) {
	p.send(to.asker, paxos.Refused{Attempt: to.attempt, Commands: names, Reason: why, Uncertain: uncertain, Leader: p.leader(),
		Answering: uint32(p.answering()), Needed: uint32(p.cfg.Configuration.Quorum())})
	p.event(paxos.Event{Kind: paxos.EventRefused, Peer: to.asker, Count: len(names), Reason: why})
}

func (p *Proposer) underway(name paxos.CommandName) bool { return p.queue.names[name] }

// pump proposes as much as the window allows: first what must be proposed
// again, then what waits, everything that waits into one slot, unless it is
// little beside what is in the air.
func (p *Proposer) pump() {
	var batch []paxos.Proposal
	size := 0
	send := func() {
		if len(batch) > 0 {
			p.sendAcceptors(paxos.Accept{Ballot: p.ballot, Chosen: p.chosen, Proposals: batch})
			p.event(paxos.Event{Kind: paxos.EventAccept, Ballot: p.ballot, Slot: batch[0].Slot, Count: len(batch)})
			batch, size = nil, 0
		}
	}
	for {
		proposal, waiters, ok := p.nextProposal()
		if !ok {
			break
		}
		if p.flight[proposal.Slot] != nil {
			continue // in the air already: the same value, in the same ballot
		}
		f := &flying{value: proposal.Value, size: proposal.Value.Size(), votes: map[paxos.NodeID]bool{}, sent: p.tick, waiters: waiters}
		p.flight[proposal.Slot] = f
		p.bytes += f.size
		p.airborne += len(f.waiters)
		// An event tells of slots in a row, and so must its message.
		if n := len(batch); n > 0 && (size+f.size > maxMessageBytes || proposal.Slot != batch[n-1].Slot+1) {
			send()
		}
		batch = append(batch, proposal)
		size += f.size
	}
	send()
}

func (p *Proposer) nextProposal() (paxos.Proposal, []waiter, bool) {
	if len(p.flight) > 0 && p.bytes >= maxFlightBytes {
		return paxos.Proposal{}, nil, false
	}
	if len(p.again) > 0 {
		if len(p.flight) >= againWindow {
			return paxos.Proposal{}, nil, false
		}
		proposal := p.again[0]
		p.again = p.again[1:]
		return proposal, nil, true
	}
	if p.queue.len() == 0 || p.next >= p.chosen+paxos.Slot(p.cfg.Window) {
		return paxos.Proposal{}, nil, false
	}
	if p.gathers() {
		return paxos.Proposal{}, nil, false
	}
	commands, waiters := p.queue.take(p.cfg.MaxBatch, p.cfg.MaxBatchBytes)
	proposal := paxos.Proposal{Slot: p.next, Value: paxos.Value{Time: p.now(), Commands: commands}}
	p.next++
	return proposal, waiters, true
}

// gatherBytes is how much is worth a slot of its own, whatever is in the air.
const gatherBytes = 64 << 10

// gathers reports whether what waits had better wait for a landing: a slot costs
// about the same for one command as for a hundred, and much more is in the air,
// whose answers bring more (J. Nagle's rule, RFC 896, for slots).
func (p *Proposer) gathers() bool {
	return len(p.flight) > 0 && p.queue.bytes < gatherBytes && p.queue.len() < min(p.airborne/2, p.cfg.MaxBatch)
}

// now continues log time from the last stamp that a quorum reported, by this
// proposer's ticks: an outage expires nothing, and the log's time never goes
// back.
func (p *Proposer) now() paxos.LogTime {
	now := p.timeBase + paxos.LogTime(uint64(p.tick-p.timeTick)*p.cfg.TickMillis)
	p.lastTime = max(p.lastTime, now)
	return p.lastTime
}

// accepted counts phase 2b as a set of acceptors per slot, all in the own
// ballot; a quorum makes the value chosen.
func (p *Proposer) accepted(from paxos.NodeID, m paxos.Accepted) {
	if !p.hearing(from, m.Store, m.Life, m.Ballot) {
		return
	}
	for _, slot := range m.Slots {
		f := p.flight[slot]
		if f == nil {
			continue
		}
		f.votes[from] = true
		if len(f.votes) < p.cfg.Configuration.Quorum() {
			continue
		}
		p.event(paxos.Event{Kind: paxos.EventChosen, Ballot: p.ballot, Slot: slot, Count: len(f.value.Commands)})
		p.land(slot, f)
		for i, w := range f.waiters {
			c := f.value.Commands[i]
			p.placed[w.asker] = append(p.placed[w.asker], paxos.Placed{Session: c.Session, Sequence: c.Sequence, Slot: slot, Position: uint32(i)})
		}
	}
	p.raiseChosen()
}

// land takes a proposal out of the air.
func (p *Proposer) land(slot paxos.Slot, f *flying) {
	delete(p.flight, slot)
	p.bytes -= f.size
	p.airborne -= len(f.waiters)
	if f.waiters != nil {
		for _, c := range f.value.Commands {
			delete(p.queue.names, c.Name())
		}
	}
}

// raiseChosen moves the watermark over every slot that was proposed and is no
// longer in the air.
func (p *Proposer) raiseChosen() {
	end := p.next
	if len(p.again) > 0 {
		end = min(end, p.again[0].Slot)
	}
	for p.chosen < end {
		if _, flying := p.flight[p.chosen]; flying {
			return
		}
		p.chosen++
	}
}

// hearing notes that an acceptor answers this leader, in this ballot.
func (p *Proposer) hearing(from paxos.NodeID, store paxos.StoreID, life paxos.Life, ballot paxos.Ballot) bool {
	if !p.counts(from, store, life) || p.phase != Leading || ballot != p.ballot {
		return false
	}
	p.heard[from] = p.tick
	p.heardOf(from)
	return true
}

// nack takes a refusal. Who hears of a higher ballot steps down at once.
func (p *Proposer) nack(from paxos.NodeID, m paxos.Nack) {
	if !p.cfg.Configuration.IsAcceptor(from) || m.Ballot != p.ballot || p.phase == Following {
		return
	}
	switch m.Reason {
	case paxos.Preempted:
		p.seen = max(p.seen, m.Promise.Number)
		if p.ballot.Less(m.Promise) {
			p.stepDown(paxos.Preempted)
		}
	case paxos.BelowFloor:
		// Somebody led since and truncated: this proposer's view is old.
		p.stepDown(paxos.Preempted)
		p.chosen = max(p.chosen, m.Floor)
	case paxos.TooFar:
		// Some other acceptor's promise is far above this one's; the next
		// ballot goes up in a stride that this one takes.
		if p.phase == Preparing {
			p.stepDown(paxos.TooFar)
		}
	case paxos.TwoValues:
		p.broken("%s holds another value for slot %d under ballot %v", from, m.Slot, m.Ballot)
	}
}

func (p *Proposer) tickLeading() {
	if p.answering() < p.cfg.Configuration.Quorum() {
		p.stepDown(paxos.NoQuorum)
		return
	}
	if p.tick%p.cfg.HeartbeatTicks == 0 {
		p.beat()
	}
	if p.asking != nil && p.tick-p.asking.sent >= p.cfg.ResendTicks {
		p.prepare()
	}
	p.grant()
	p.resend()
	p.tickStopping()
}

func (p *Proposer) beat() {
	p.beats++
	p.sendAcceptors(paxos.Heartbeat{Ballot: p.ballot, Count: p.beats, Chosen: p.chosen})
}

// resend sends again what is in the air for long, to those that did not answer.
func (p *Proposer) resend() {
	for _, slot := range sortedKeys(p.flight) {
		f := p.flight[slot]
		if p.tick-f.sent < p.cfg.ResendTicks {
			continue
		}
		f.sent = p.tick
		for _, id := range p.cfg.Configuration.Acceptors {
			if !f.votes[id] {
				p.send(id, paxos.Accept{Ballot: p.ballot, Chosen: p.chosen, Proposals: []paxos.Proposal{{Slot: slot, Value: f.value}}})
			}
		}
	}
}

// stepDown ends an attempt or a lead. What waits is refused for certain; what
// is in the air may still be chosen by whoever leads next.
func (p *Proposer) stepDown(why paxos.Reason) {
	led := p.phase == Leading
	if led {
		p.lastAnswering, p.since = p.answering(), p.tick
	}
	p.phase, p.asking, p.wait, p.asked = Following, nil, -1, 0
	if !led {
		p.failures++
	}
	p.event(paxos.Event{Kind: paxos.EventSteppedDown, Ballot: p.ballot, Reason: why})
	if !led {
		return
	}
	p.surveys = map[paxos.NodeID]surveyed{}
	uncertain, certain := map[waiter][]paxos.CommandName{}, map[waiter][]paxos.CommandName{}
	for _, slot := range sortedKeys(p.flight) {
		f := p.flight[slot]
		for i, w := range f.waiters {
			uncertain[w] = append(uncertain[w], f.value.Commands[i].Name())
		}
		p.land(slot, f)
	}
	commands, waiters := p.queue.take(p.queue.len(), 1<<62)
	for i, c := range commands {
		delete(p.queue.names, c.Name())
		certain[waiters[i]] = append(certain[waiters[i]], c.Name())
	}
	for _, w := range slices.SortedFunc(maps.Keys(uncertain), compareWaiters) {
		p.refuse(w, uncertain[w], paxos.SteppedDown, true)
	}
	if why != paxos.NoQuorum {
		why = paxos.NotLeading
	}
	for _, w := range slices.SortedFunc(maps.Keys(certain), compareWaiters) {
		p.refuse(w, certain[w], why, false)
	}
	p.again, p.wishes = nil, nil
}

// Stop begins to hand over: no more commands are admitted, what is under way
// is finished for at most the given ticks, then the successor ("" for none) is
// asked to stand without waiting.
func (p *Proposer) Stop(successor paxos.NodeID, ticks int) paxos.Effects {
	if p.stopping == nil {
		p.stopping = &stopping{ticks: ticks, successor: successor}
	}
	return p.effects()
}

// Stopped reports whether nothing is left to do after Stop.
func (p *Proposer) Stopped() bool {
	return p.stopping != nil && (p.stopping.done || p.phase != Leading)
}

func (p *Proposer) tickStopping() {
	if p.stopping == nil || p.stopping.done {
		return
	}
	p.stopping.ticks--
	if p.stopping.ticks > 0 && (p.queue.len() > 0 || len(p.flight) > 0) {
		return
	}
	p.stopping.done = true
	if p.stopping.successor != "" {
		p.send(p.stopping.successor, paxos.Handover{Ballot: p.ballot})
	}
	p.stepDown(paxos.Stopping)
}
