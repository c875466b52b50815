package proposer

import (
	"slices"

	"paxos/paxos"
)

// mostWishes is how many learners may wait for slots to be finished.
const mostWishes = 64

// wish is what a learner would have finished.
type wish struct {
	from paxos.NodeID
	paxos.Finish
}

// finish sees to it that the slots a learner misses are chosen under one
// ballot, where the votes that it can have do not show it. What the leader has in
// the air it sends again until it is chosen; for what is chosen, by itself or
// before it led, it asks the acceptors once more, in the same ballot, and proposes
// again what they hold: an acceptor that has not voted there votes now, and the
// learner may hear it where it does not hear those that did.
// What some acceptor outside its quorum accepted above all that it proposed was
// not chosen: a no-op goes there, so that who waits for that slot need not wait
// for the next command.
func (p *Proposer) finish(from paxos.NodeID, m paxos.Finish) {
	if p.phase != Leading {
		return
	}
	for ; p.next < m.Next && p.next < p.chosen+paxos.Slot(p.cfg.Window); p.next++ {
		p.again = append(p.again, paxos.Proposal{Slot: p.next, Value: paxos.Value{Time: p.now()}})
	}
	if m.First < 1 || m.First >= min(m.Next, p.chosen) {
		return
	}
	if i := slices.IndexFunc(p.wishes, func(w wish) bool { return w.from == from }); i >= 0 {
		p.wishes[i].Finish = m
	} else if len(p.wishes) < mostWishes {
		p.wishes = append(p.wishes, wish{from, m})
	}
	p.grant()
}

// grant begins with the wish that has waited longest, when it is time. Of two
// learners that ask in one rhythm the one that can never be helped would else be
// the only one that is heard (sim, seed 47167).
func (p *Proposer) grant() {
	if len(p.wishes) == 0 || p.asking != nil || p.tick < p.finishAgain {
		return
	}
	m := p.wishes[0]
	p.wishes = slices.Delete(p.wishes, 0, 1)
	// A learner that hears too few acceptors asks for ever; what others propose
	// must not wait for its sake.
	p.finishAgain = p.tick + p.cfg.ElectionTicks/2
	p.event(paxos.Event{Kind: paxos.EventFinish, Ballot: p.ballot, Slot: m.First})
	// Not all of a long log at once: who still misses something asks again.
	// What is proposed twice in one ballot is the same value both times: what was
	// accepted in the own ballot never changes, and below where the lead began the
	// highest ballot's value was chosen before.
	p.asking = p.collect(m.First, min(p.chosen, m.Next, m.First+extendMost))
	p.prepare()
}
