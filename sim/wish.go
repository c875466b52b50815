package sim

import (
	"slices"
	"time"

	"paxos/paxos"
)

// wished is what a learner would have a leader finish, and how often another
// one had its turn since.
type wished struct {
	by     paxos.NodeID
	under  paxos.Ballot
	first  paxos.Slot
	passed int
}

// hearsWishes notes, of what a proposer is about to take, the wishes that it
// must not forget: it leads, and the slots are chosen.
func (p *process) hearsWishes() {
	for i := range p.inbox {
		e := &p.inbox[i].Envelope
		m, ok := e.Message.(paxos.Finish)
		if !ok || p.proposer == nil || p.role.Header().Check(*e) != nil {
			continue
		}
		s := p.proposer.Status()
		if !s.Leading || m.First < 1 || m.First >= min(m.Next, s.Chosen) {
			continue
		}
		at := slices.IndexFunc(p.wishes, func(w wished) bool { return w.by == e.From && w.under == s.Ballot })
		if at < 0 {
			at = len(p.wishes)
			p.wishes = append(p.wishes, wished{by: e.From, under: s.Ballot})
		}
		p.wishes[at].first = m.First
	}
}

// Turned implements node.Meter. It demands of a leader that finishes slots for
// one learner that no other one waits for longer than a turn or two of each.
func (p *process) Turned(_ time.Time, _ int, events []paxos.Event) {
	w := p.world
	for _, e := range events {
		if e.Kind != paxos.EventFinish || p.proposer == nil {
			continue
		}
		p.wishes = slices.DeleteFunc(p.wishes, func(old wished) bool { return old.under != e.Ballot || old.first == e.Slot })
		for i := range p.wishes {
			left := &p.wishes[i]
			if left.passed++; left.passed == 2*w.scenario.Learners+1 {
				w.object("turn", p.host.id, left.first, "%s waits for slots to be finished from here on, and %d times others had their turn", left.by, left.passed)
			}
		}
	}
}
