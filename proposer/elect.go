package proposer

import (
	"cmp"
	"maps"
	"slices"

	"paxos/paxos"
)

// maxBackoff bounds how often the range of the random wait is doubled;
// calmAfter is for how many election timeouts somebody must have led before it
// is small again; stride is by how much an acceptor lets its promise be raised.
const (
	maxBackoff = 5
	calmAfter  = 4
	stride     = 1 << 32
	extendMost = 256
)

// collection gathers the promises of one ballot for the slots from first up to
// (not including) limit, in pages; limit 0 means all slots.
type collection struct {
	first, limit paxos.Slot
	reports      map[paxos.NodeID]*report
	best         map[paxos.Slot]paxos.Entry // highest ballot wins
	since        int                        // tick of the last progress
	sent         int
}

// report is one acceptor's promise, as far as its pages have come.
type report struct {
	next     paxos.Slot // where the next page begins
	complete bool
	floor    paxos.Slot
	chosen   paxos.Slot
	time     paxos.LogTime
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// tickSurvey asks the acceptors what they last heard of a leader.
func (p *Proposer) tickSurvey() {
	if (p.tick-p.since)%p.cfg.SurveyTicks == 1%p.cfg.SurveyTicks {
		p.survey()
	}
}

func (p *Proposer) survey() {
	p.question++
	p.sendAcceptors(paxos.Survey{Question: p.question})
}

func (p *Proposer) surveyed(from paxos.NodeID, cluster paxos.ClusterID, m paxos.Surveyed) {
	if !p.cfg.Configuration.IsAcceptor(from) {
		return
	}
	p.adopt.Hear(p.cfg.Configuration, from, cluster, m)
	// An answer to an older question, or to one of a former start, may be of
	// long ago.
	if m.Question+2 < p.question || m.Question > p.question {
		return
	}
	p.told(from, m)
	if m.Standing != paxos.Member || !p.counts(from, m.Store, m.Life) {
		return
	}
	p.seen = max(p.seen, m.Promise.Number)
	p.surveys[from] = surveyed{m, p.tick}
	if p.phase == Following {
		// Every slot below an acceptor's floor or chosen watermark is chosen.
		p.chosen = max(p.chosen, m.Chosen, m.Floor)
	}
	p.stand()
}

// current gives an acceptor's survey if it is fresh enough to count.
func (p *Proposer) current(id paxos.NodeID) (surveyed, bool) {
	s, ok := p.surveys[id]
	return s, ok && p.tick-s.tick <= 3*p.cfg.SurveyTicks
}

// answering counts the acceptors that answer this proposer and may vote. Who
// has just stepped down has asked nobody yet, and says what it knew as leader.
func (p *Proposer) answering() int {
	if p.phase != Leading && p.fresh() {
		return p.lastAnswering
	}
	n := 0
	for _, id := range p.cfg.Configuration.Acceptors {
		if p.answers(id) {
			n++
		}
	}
	return n
}

// answers reports whether an acceptor that may vote answers this proposer.
func (p *Proposer) answers(id paxos.NodeID) bool {
	if p.phase == Leading {
		return p.tick-p.heard[id] < p.cfg.ElectionTicks
	}
	_, ok := p.current(id)
	return ok
}

// fresh reports whether the proposer has followed for so short a time that its
// surveys say nothing yet.
func (p *Proposer) fresh() bool { return p.tick-p.since <= 3*p.cfg.SurveyTicks }

// leader is who leads as far as is known: a hint.
func (p *Proposer) leader() paxos.NodeID {
	if p.phase == Leading && p.stopping == nil {
		return p.cfg.Node
	}
	best := paxos.Ballot{}
	for _, id := range p.cfg.Configuration.Acceptors {
		if s, ok := p.current(id); ok && int(s.Silent) < p.cfg.ElectionTicks && best.Less(s.Led) {
			best = s.Led
		}
	}
	if best.Proposer == p.cfg.Node && best.Start == p.cfg.Start {
		return "" // an attempt of this process; another one of its id may well lead
	}
	return best.Proposer
}

// silence reports whether a quorum of acceptors answers and has heard no
// leader for an election timeout, in answers to this question or a later one.
// One that is cut off from its peers, but not from the acceptors, so disturbs
// nobody.
func (p *Proposer) silence(since paxos.Number) bool {
	silent := 0
	for _, id := range p.cfg.Configuration.Acceptors {
		if s, ok := p.current(id); ok && s.Question >= since && int(s.Silent) >= p.cfg.ElectionTicks {
			silent++
		}
	}
	return silent >= p.cfg.Configuration.Quorum()
}

// tickFollowing waits, where nobody leads, for a random time that grows with
// every failed attempt, and then asks the acceptors once more.
func (p *Proposer) tickFollowing() {
	if p.stopping != nil || !p.adopt.Done() || !p.silence(0) {
		p.wait, p.asked = -1, 0
		if p.calm++; p.calm >= calmAfter*p.cfg.ElectionTicks {
			p.failures = 0 // whoever duelled with this one has long won
		}
		return
	}
	p.calm = 0
	if p.wait < 0 {
		p.wait = p.dice.Below(p.patience() << min(p.failures, maxBackoff))
	}
	if p.wait > 0 {
		p.wait--
		return
	}
	if p.asked == 0 {
		p.survey()
		p.asked = p.question
	}
}

// stand begins an election if a quorum says, after the wait, that it still
// hears nobody: while this proposer waited another may have won.
func (p *Proposer) stand() {
	if p.phase == Following && p.asked != 0 && p.silence(p.asked) {
		p.campaign()
	}
}

// campaign begins phase 1 with a ballot above all that were heard of, once for
// every slot from the chosen watermark on.
func (p *Proposer) campaign() {
	p.seen = p.number()
	p.ballot = paxos.Ballot{Number: p.seen, Proposer: p.cfg.Node, Start: p.cfg.Start}
	p.phase, p.wait, p.asked = Preparing, -1, 0
	p.asking = p.collect(p.chosen, 0)
	p.event(paxos.Event{Kind: paxos.EventCampaign, Ballot: p.ballot, Slot: p.chosen})
	p.prepare()
}

// number is the next ballot's: above all that were heard of, but not further
// above any acceptor's promise than it takes, and above every own ballot, for
// a ballot is never used twice.
func (p *Proposer) number() paxos.Number {
	next := p.seen + 1
	for _, id := range p.cfg.Configuration.Acceptors {
		if s, ok := p.current(id); ok {
			next = min(next, s.Promise.Number+stride)
		}
	}
	return max(next, p.ballot.Number+1)
}

func (p *Proposer) collect(first, limit paxos.Slot) *collection {
	c := &collection{first: first, limit: limit, since: p.tick, reports: map[paxos.NodeID]*report{}, best: map[paxos.Slot]paxos.Entry{}}
	for _, id := range p.cfg.Configuration.Acceptors {
		c.reports[id] = &report{next: first}
	}
	return c
}

// prepare asks, or asks again, every acceptor for the page that is missing.
func (p *Proposer) prepare() {
	p.asking.sent = p.tick
	for _, id := range p.cfg.Configuration.Acceptors {
		if r := p.asking.reports[id]; !r.complete {
			p.send(id, paxos.Prepare{Ballot: p.ballot, First: r.next})
		}
	}
	p.event(paxos.Event{Kind: paxos.EventPrepare, Ballot: p.ballot, Slot: p.asking.first})
}

func (p *Proposer) tickPreparing() {
	switch {
	case p.tick-p.asking.since >= p.cfg.ElectionTicks:
		p.stepDown(paxos.NoQuorum)
	case p.tick-p.asking.sent >= p.cfg.ResendTicks:
		p.prepare()
	}
}

// promise takes one page of phase 1b. Pages count only in order and only for
// the ballot that asked, so that a report is one acceptor's state after its
// promise; of a second asking in one ballot a page may be an earlier one's, which
// extend takes into account.
func (p *Proposer) promise(from paxos.NodeID, m paxos.Promise) {
	if !p.counts(from, m.Store, m.Life) || p.asking == nil || m.Ballot != p.ballot {
		return
	}
	r := p.asking.reports[from]
	if r == nil || r.complete || m.First != r.next || (m.More && m.Next <= m.First) {
		return
	}
	if p.phase == Leading {
		p.heard[from] = p.tick
	}
	p.heardOf(from)
	p.asking.since = p.tick
	r.floor, r.chosen, r.time = max(r.floor, m.Floor), max(r.chosen, m.Chosen), max(r.time, m.Time)
	r.next = m.Next
	limit := p.asking.limit
	for _, e := range m.Entries {
		if limit != 0 && e.Slot >= limit {
			continue
		}
		// The value rule: of what was accepted in a slot, the highest ballot's
		// may have been chosen (Paxos Made Simple, section 2.2, P2c).
		if old, ok := p.asking.best[e.Slot]; !ok || old.Ballot.Less(e.Ballot) {
			p.asking.best[e.Slot] = e
		}
	}
	r.complete = !m.More || (limit != 0 && m.Next >= limit)
	if !r.complete {
		p.send(from, paxos.Prepare{Ballot: p.ballot, First: r.next})
		return
	}
	p.event(paxos.Event{Kind: paxos.EventPromise, Peer: from, Ballot: m.Ballot, Slot: p.asking.first, Count: len(p.asking.best)})
	if p.asking.completed() >= p.cfg.Configuration.Quorum() {
		p.collected()
	}
}

func (c *collection) completed() int {
	n := 0
	for _, r := range c.reports {
		if r.complete {
			n++
		}
	}
	return n
}

// collected ends phase 1: a quorum's reports are complete.
func (p *Proposer) collected() {
	c := p.asking
	p.asking = nil
	var floor, chosen paxos.Slot
	var time paxos.LogTime
	for _, r := range c.reports {
		// A page of an incomplete report is as good a fact as any other.
		floor, chosen, time = max(floor, r.floor), max(chosen, r.chosen), max(time, r.time)
	}
	if c.limit != 0 {
		p.extend(c, floor)
		return
	}
	// Below the floor and the watermark everything is chosen; nothing may be
	// proposed there, no no-op either (docs/protocol.md, Many slots).
	p.chosen = max(c.first, floor, chosen)
	p.lead(c, time)
}

// lead begins to lead: what may have been chosen is proposed again, gaps are
// filled with no-ops, and everything above is new.
func (p *Proposer) lead(c *collection, time paxos.LogTime) {
	p.phase, p.failures = Leading, 0
	p.flight, p.bytes, p.airborne = map[paxos.Slot]*flying{}, 0, 0
	p.heard, p.full = map[paxos.NodeID]int{}, map[paxos.NodeID]bool{}
	for _, id := range p.cfg.Configuration.Acceptors {
		p.heard[id] = p.tick - p.cfg.ElectionTicks
		if c.reports[id].complete {
			p.heard[id] = p.tick
		}
	}
	p.lastTime, p.timeBase, p.timeTick = time, time, p.tick
	p.next, p.led, p.finishAgain = p.chosen, p.chosen, 0
	p.again = nil
	for _, slot := range sortedKeys(c.best) {
		if slot < p.led {
			continue
		}
		for ; p.next < slot; p.next++ {
			p.again = append(p.again, paxos.Proposal{Slot: p.next, Value: paxos.Value{Time: p.now()}})
		}
		p.again = append(p.again, paxos.Proposal{Slot: slot, Value: c.best[slot].Value})
		p.next = slot + 1
	}
	p.event(paxos.Event{Kind: paxos.EventElected, Ballot: p.ballot, Slot: p.led, Count: len(p.again)})
	p.beat()
}

// extend ends the second asking of a leader, for slots below its chosen
// watermark. They were chosen, so every quorum holds them, or truncated them.
func (p *Proposer) extend(c *collection, floor paxos.Slot) {
	var lower []paxos.Proposal
	for slot := max(c.first, floor); slot < c.limit; slot++ {
		e, ok := c.best[slot]
		if slot >= p.led && (!ok || e.Ballot != p.ballot) {
			// A page that is late, of an asking before this slot was proposed: what
			// it tells is no longer so. Who still misses the slot asks again.
			continue
		}
		if !ok {
			p.broken("slot %d is below the chosen watermark %d, and a quorum holds no value for it", slot, p.chosen)
			return
		}
		lower = append(lower, paxos.Proposal{Slot: slot, Value: e.Value})
	}
	p.again = append(lower, p.again...)
}

// handover skips the wait: the leader is stopping, and asked this proposer. It
// prepares like any other. Where a higher ballot than the leader's was heard
// of, it is a late copy, and would only disturb who leads since.
func (p *Proposer) handover(m paxos.Handover) {
	p.event(paxos.Event{Kind: paxos.EventHandover, Ballot: m.Ballot})
	if p.phase == Following && p.adopt.Done() && p.stopping == nil && m.Ballot.Number >= p.seen && m.Ballot.Number-p.seen < 2 {
		p.seen = max(p.seen, m.Ballot.Number)
		p.campaign()
	}
}
