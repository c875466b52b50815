package learner

import (
	"slices"

	"paxos/paxos"
)

// Learn is the fast path; what guarantees that a learner gets everything is
// that it asks: other learners first, which know what is chosen, and then the
// acceptors, whose votes it counts.

// mostPulls bounds how far apart, in PullTicks, two askings are.
const mostPulls = 8

// pullNow reports whether to ask. While nobody answers, it is less and less
// often: a large page that takes its time is not to be sent again and again
// meanwhile, for each copy would delay the next one.
func (l *Learner) pullNow() bool {
	n := l.stalled / l.cfg.PullTicks
	return l.stalled%l.cfg.PullTicks == 0 && (l.answered || n&(n-1) == 0 || n%mostPulls == 0)
}

// pull asks for what comes next. Askings alternate between another learner and
// the acceptors, so that neither a dead learner nor a lost vote stops it.
func (l *Learner) pull() {
	l.askings++
	if peers := others(l.cfg.Configuration.Learners, l.cfg.Node); len(peers) > 0 && l.askings%2 == 1 {
		l.peer++
		l.ask(peers[l.peer%len(peers)], l.next)
		return
	}
	for _, id := range l.cfg.Configuration.Acceptors {
		l.ask(id, l.next)
	}
}

func (l *Learner) ask(id paxos.NodeID, first paxos.Slot) {
	l.pulls[id] = first
	l.send(id, paxos.CatchUp{First: first})
}

// expected reports whether a page answers the last question to that node; a
// late answer to an older one must not start a second chain of pages.
func (l *Learner) expected(from paxos.NodeID, first paxos.Slot) bool {
	asked, ok := l.pulls[from]
	if !ok || asked != first {
		return false
	}
	delete(l.pulls, from)
	l.answered = true
	return true
}

// voted counts a page of one acceptor's votes. They are votes and no more: one
// acceptor's word is not a chosen value.
func (l *Learner) voted(from paxos.NodeID, m paxos.Voted) {
	if !l.counts(from, m.Store, m.Life) || !l.expected(from, m.First) {
		return
	}
	l.countAll(from, m.Votes)
	if m.Floor > l.next {
		l.truncated = max(l.truncated, m.Floor)
		l.fetchSnapshot()
		return
	}
	if m.More && m.Next > m.First && m.Next < l.next+maxAhead {
		l.ask(from, m.Next)
	}
}

// chosenElsewhere takes chosen entries from another learner of the
// configuration.
func (l *Learner) chosenElsewhere(from paxos.NodeID, m paxos.Chosen) {
	if !slices.Contains(l.cfg.Configuration.Learners, from) || !l.expected(from, m.First) {
		return
	}
	if m.Watermark > 0 {
		l.horizon = max(l.horizon, m.Watermark-1)
	}
	for _, e := range m.Entries {
		digest := e.Value.Digest()
		if e.Slot < l.next {
			if applied, kept := l.log.digest(e.Slot); kept && applied != digest {
				l.twoValues(e.Slot, digest, applied)
			}
			continue
		}
		t := l.open[e.Slot]
		if t == nil {
			t = newTally()
			l.open[e.Slot] = t
		}
		t.values[digest] = e.Value
		l.choose(e.Slot, t, choice{e.Ballot, digest})
	}
	before := l.next
	l.advance()
	if n := len(m.Entries); n > 0 {
		l.event(paxos.Event{Kind: paxos.EventCatchUp, Peer: from, Slot: m.First, Count: n})
		if l.next > before && l.next < m.Watermark {
			l.ask(from, l.next)
		}
	}
}

// catchUp answers another learner with chosen entries, in order.
func (l *Learner) catchUp(from paxos.NodeID, m paxos.CatchUp) {
	l.send(from, paxos.Chosen{First: m.First, Watermark: l.next, Floor: l.log.floor, Entries: l.Chosen(m.First, l.cfg.PageBytes)})
}

// Chosen gives the applied entries from first on, as many as fit into the
// given number of bytes but at least one, if there is one; none if first is
// below the Floor.
func (l *Learner) Chosen(first paxos.Slot, bytes int) []paxos.Entry {
	return l.log.from(max(first, 1), bytes)
}

// Floor is the first slot whose entry is kept.
func (l *Learner) Floor() paxos.Slot { return l.log.floor }
