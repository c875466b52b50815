package sim

import (
	"math/bits"

	"paxos/paxos"
)

// lead is what a proposer was told by acceptors, as far as it must rest on it.
// Acceptors are bits, by the number of their host.
type lead struct {
	// lost is the ballot of which it was told, in an earlier turn, that a higher
	// one is promised, losing the same in this one or the next.
	lost, losing paxos.Ballot
	// promised is by whom each ballot was promised to it: of two processes under
	// one id each may hear what the other one asked for.
	promised map[paxos.Ballot]uint64
	// under is the ballot under which it last proposed, reach the first slot in
	// which it had to propose nothing when it began to, and accepted by whom.
	under    paxos.Ballot
	reach    paxos.Slot
	accepted map[paxos.Slot]uint64
	// sure is the first slot that it did not call chosen yet.
	sure paxos.Slot
}

// hears notes what an acceptor says to the proposer.
func (l *lead) hears(from int, m paxos.Message) {
	switch m := m.(type) {
	case paxos.Nack:
		if m.Reason == paxos.Preempted && m.Ballot.Less(m.Promise) && l.losing.Less(m.Ballot) {
			l.losing = m.Ballot
		}
	case paxos.Promise:
		if l.promised == nil {
			l.promised = map[paxos.Ballot]uint64{}
		}
		l.promised[m.Ballot] |= 1 << from
	case paxos.Accepted:
		if m.Ballot != l.under {
			return
		}
		for _, slot := range m.Slots {
			l.accepted[slot] |= 1 << from
		}
	}
}

// checkLead demands of whoever leads that it was promised its very ballot by a
// quorum, stops when it was told of a higher promise, runs ahead of what is
// chosen no further than the window, never stamps a new slot with less than the
// time of what is applied, and calls chosen only what a quorum accepted under its
// very ballot, as it was told itself.
func (w *World) checkLead(p *process, m paxos.Message) {
	switch m := m.(type) {
	case paxos.Heartbeat:
		w.checkBallot(p, m.Ballot, m.Chosen)
	case paxos.Accept:
		w.checkBallot(p, m.Ballot, m.Chosen)
		w.checkProposals(p, m)
	case paxos.Proposed:
		for _, at := range m.Placed {
			w.checkCounted(p, at.Slot)
		}
	}
}

func (w *World) checkCounted(p *process, slot paxos.Slot) {
	if n := bits.OnesCount64(p.lead.accepted[slot]); n < w.config.Quorum() {
		w.object("counted", p.host.id, slot, "it is told to be chosen, and %d acceptors said that they accepted it under %v", n, p.lead.under)
	}
}

func (w *World) checkBallot(p *process, ballot paxos.Ballot, chosen paxos.Slot) {
	l := &p.lead
	if ballot == l.lost {
		w.object("preempted", p.host.id, 0, "it leads on under ballot %v, and was told of a higher promise", ballot)
	}
	if l.under == ballot {
		for ; l.sure < chosen; l.sure++ {
			w.checkCounted(p, l.sure)
		}
		return
	}
	l.under, l.reach, l.accepted, l.sure = ballot, p.proposer.Status().Next, map[paxos.Slot]uint64{}, chosen
	if n := bits.OnesCount64(l.promised[ballot]); n < w.config.Quorum() {
		w.object("counted", p.host.id, 0, "it leads under ballot %v, and %d acceptors promised it", ballot, n)
	}
}

func (w *World) checkProposals(p *process, m paxos.Accept) {
	if w.leading.Less(m.Ballot) {
		w.leading = m.Ballot
	}
	for i := range m.Proposals {
		slot := m.Proposals[i].Slot
		if slot >= max(p.lead.reach, m.Chosen+paxos.Slot(w.scenario.Window)) {
			w.object("window", p.host.id, slot, "it is proposed, and all is chosen only below slot %d; the window is %d", m.Chosen, w.scenario.Window)
		}
		if slot <= w.highest {
			continue // proposed before
		}
		w.highest = slot
		if m.Ballot.Less(w.leading) {
			continue // by one who was deposed and does not know
		}
		if at := m.Proposals[i].Value.Time; at < w.leases.latest {
			w.object("log-time", p.host.id, slot, "it is stamped with the time %d, and %d is applied", at, w.leases.latest)
		}
	}
}
