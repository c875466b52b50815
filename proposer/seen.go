package proposer

import "paxos/paxos"

// Seen is one acceptor as this proposer sees it, for people who ask why there
// is no quorum. No rule depends on it.
type Seen struct {
	Node paxos.NodeID `json:"node"`
	// Answering says that it counts: it answers, and may vote.
	Answering bool `json:"answering"`
	// Heard says that it was ever heard, and SilentMillis how long ago that was,
	// in the proposer's own ticks.
	Heard        bool         `json:"heard"`
	SilentMillis paxos.Number `json:"silent_ms"`
	// Standing, Why and Promise are what it said of itself when it was last
	// surveyed, which a leader does not do; "" if it never was.
	Standing string       `json:"standing"`
	Why      string       `json:"why"`
	Promise  paxos.Ballot `json:"promise"`
	// Stranger says that its disk is not the one with which it became a member.
	Stranger bool `json:"stranger"`
	// Cloned says why its words are refused for good: its disk was rolled back
	// or copied; "" if they are not.
	Cloned string `json:"cloned"`
	// Full says that its disk had little room left when it last answered a
	// heartbeat of this proposer, which leads: who does not hears of no disk.
	Full bool `json:"disk_full"`
}

// word is the last that was heard of an acceptor.
type word struct {
	tick     int
	asked    bool
	surveyed paxos.Surveyed
}

// heardOf notes that an acceptor said something.
func (p *Proposer) heardOf(id paxos.NodeID) *word {
	w := p.words[id]
	if w == nil {
		w = &word{}
		p.words[id] = w
	}
	w.tick = p.tick
	return w
}

// counts reports whether the word of an acceptor counts: it speaks with the
// disk with which it became a member, and that disk has one past.
func (p *Proposer) counts(from paxos.NodeID, store paxos.StoreID, life paxos.Life) bool {
	if !p.adopt.IsVoter(from, store) {
		return false
	}
	ok := p.lives.Hear(from, store, life)
	if !ok && p.lives.Why(from, store) != "" {
		p.event(paxos.Event{Kind: paxos.EventRejected, Peer: from, Reason: paxos.Cloned})
	}
	return ok
}

// told notes what an acceptor says of itself, whether or not it may vote.
func (p *Proposer) told(from paxos.NodeID, m paxos.Surveyed) {
	w := p.heardOf(from)
	w.asked, w.surveyed = true, m
}

// acceptors gives all of the configuration, in its order.
func (p *Proposer) acceptors() []Seen {
	list := make([]Seen, len(p.cfg.Configuration.Acceptors))
	for i, id := range p.cfg.Configuration.Acceptors {
		s := &list[i]
		s.Node, s.Answering = id, p.answers(id)
		s.Full = p.phase == Leading && p.full[id]
		s.Cloned = p.lives.Why(id, paxos.StoreIn(p.adopt.Stores, id))
		w := p.words[id]
		if w == nil {
			continue
		}
		s.Heard = true
		s.SilentMillis = paxos.Number(p.tick-w.tick) * paxos.Number(p.cfg.TickMillis)
		if w.asked {
			m := w.surveyed
			s.Standing, s.Why, s.Promise = m.Standing.String(), m.Why, m.Promise
			s.Stranger = m.Standing == paxos.Member && p.adopt.Done() && !p.adopt.IsVoter(id, m.Store)
		}
	}
	return list
}
