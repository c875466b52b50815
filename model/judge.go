package model

import (
	"fmt"

	"paxos/paxos"
)

// The invariants, judged from outside: on votes that were ever durable and on
// what was said, never on what a room thinks. Each step is judged by what it
// changed; what was true of older words stays true, since promises and votes are
// only ever added.

// judge says what is wrong with a state that a step of one place has led to.
func (w *world) judge(h *hands, s *state, moved int, was uint32) *wrong {
	n, old := w.nodes.get(s[moved]), w.nodes.get(was)
	found := n.wrong
	check := func(bad *wrong) {
		if found == nil || w.opts.plant.only != "" && found.checker != w.opts.plant.only {
			found = bad
		}
	}
	switch {
	case moved < firstAcceptor:
		check(w.judgeProposals(s, n, old))
		check(w.judgeWords(s, n, old))
	case moved < learnerPlace:
		if n.voted != old.voted {
			check(w.judgeVotes(s, n))
		}
		if len(n.to[learnerPlace]) != len(old.to[learnerPlace]) && s[learnerPlace] == 0 {
			check(w.judgeLearners(h, s))
		}
	default:
		check(w.judgeApplied(s, w.rooms.get(n.room).applied))
	}
	if found != nil && w.opts.plant.only != "" && found.checker != w.opts.plant.only {
		return nil
	}
	return found
}

func (w *world) acceptor(s *state, i int) *node { return w.nodes.get(s[firstAcceptor+i]) }

// count is on how many acceptors a vote was ever durable.
func (w *world) count(s *state, vote uint32) int {
	n := 0
	for i := range acceptors {
		for _, v := range w.acceptor(s, i).votes {
			if v == vote {
				n++
			}
		}
	}
	return n
}

// chosen gives the votes that are chosen in a slot: a quorum's, in one ballot.
func (w *world) chosen(s *state, slot paxos.Slot) (list []uint32) {
	for i := range acceptors - quorum + 1 {
		for _, v := range w.acceptor(s, i).votes {
			if w.votes.get(v).slot == slot && w.count(s, v) >= quorum {
				list = append(list, v)
			}
		}
	}
	return list
}

// newlyChosen is how many votes a step of one place has made a quorum's.
func (w *world) newlyChosen(s *state, place int, was uint32) (n uint64) {
	if place < firstAcceptor || place >= learnerPlace {
		return 0
	}
	old, now := w.nodes.get(was), w.nodes.get(s[place])
	if now.voted == old.voted {
		return 0
	}
	for _, id := range now.votes {
		if _, fresh := added(old.votes, id); fresh && w.count(s, id) == quorum {
			n++
		}
	}
	return n
}

// judgeVotes: one value for a slot and ballot, and one chosen value for a slot.
func (w *world) judgeVotes(s *state, n *node) *wrong {
	for _, id := range n.votes {
		v := w.votes.get(id)
		for i := range acceptors {
			for _, other := range w.acceptor(s, i).votes {
				if o := w.votes.get(other); o.slot == v.slot && o.ballot == v.ballot && o.digest != v.digest {
					return &wrong{"one-value-per-ballot", fmt.Sprintf("slot %d holds %s and %s under ballot %v", v.slot, shown(v.value), shown(o.value), v.ballot)}
				}
			}
		}
		var first *vote
		for _, c := range w.chosen(s, v.slot) {
			o := w.votes.get(c)
			if first == nil {
				first = o
			}
			if first.digest != o.digest {
				return &wrong{"one-value-per-slot", fmt.Sprintf("in slot %d %s is chosen under ballot %v, and %s under %v",
					v.slot, shown(first.value), first.ballot, shown(o.value), o.ballot)}
			}
		}
	}
	return nil
}

// judgeProposals: what is proposed is safe (Lamport's SafeAt, in the TLA+
// specification of Paxos), and no other value was proposed under this ballot.
func (w *world) judgeProposals(s *state, n, old *node) *wrong {
	if len(n.proposed) == len(old.proposed) {
		return nil
	}
	for _, id := range n.proposed {
		if _, fresh := added(old.proposed, id); !fresh {
			continue
		}
		v := w.votes.get(id)
		for place := range firstAcceptor {
			for _, other := range w.nodes.get(s[place]).proposed {
				if o := w.votes.get(other); o.slot == v.slot && o.ballot == v.ballot && o.digest != v.digest {
					return &wrong{"one-value-per-ballot", fmt.Sprintf("slot %d is proposed as %s and as %s under ballot %v", v.slot, shown(v.value), shown(o.value), v.ballot)}
				}
			}
		}
		if !w.safe(s, v) {
			return &wrong{"safe-proposal", fmt.Sprintf("%s is proposed for slot %d under ballot %v, and no quorum's promises and votes allow it", shown(v.value), v.slot, v.ballot)}
		}
	}
	return nil
}

// safe: some quorum has promised this ballot or a higher one, and of its votes
// in the slot below the ballot the highest is for this value, or there is none.
func (w *world) safe(s *state, v *vote) bool {
	for _, pair := range pairs {
		var highest *vote
		promised := true
		for _, i := range pair {
			a := w.acceptor(s, int(i))
			promised = promised && !a.promise.Less(v.ballot)
			for _, id := range a.votes {
				if o := w.votes.get(id); o.slot == v.slot && o.ballot.Less(v.ballot) && (highest == nil || highest.ballot.Less(o.ballot)) {
					highest = o
				}
			}
		}
		if promised && (highest == nil || highest.digest == v.digest) {
			return true
		}
	}
	return false
}

// judgeWords: a watermark is below the first slot that is not chosen, and what
// clients are told is chosen is.
func (w *world) judgeWords(s *state, n, old *node) *wrong {
	if n.said == old.said {
		return nil
	}
	for to := range n.to {
		for _, id := range n.to[to] {
			if _, fresh := added(old.to[to], id); !fresh {
				continue
			}
			if bad := w.judgeWord(s, w.contents.get(id).envelope.Message); bad != nil {
				return bad
			}
		}
	}
	return nil
}

func (w *world) judgeWord(s *state, m paxos.Message) *wrong {
	var mark paxos.Slot
	switch m := m.(type) {
	case paxos.Accept:
		mark = m.Chosen
	case paxos.Heartbeat:
		mark = m.Chosen
	case paxos.Proposed:
		for _, p := range m.Placed {
			list := w.chosen(s, p.Slot)
			if len(list) == 0 || !placedIn(w.votes.get(list[0]).value, p) {
				return &wrong{"acknowledged", fmt.Sprintf("a client is told that command %d is chosen in slot %d, and it is not", p.Sequence, p.Slot)}
			}
		}
	}
	for slot := paxos.Slot(1); slot < mark; slot++ {
		if len(w.chosen(s, slot)) == 0 {
			return &wrong{"watermark", fmt.Sprintf("every slot below %d is said to be chosen, and slot %d is not", mark, slot)}
		}
	}
	return nil
}

func placedIn(v paxos.Value, p paxos.Placed) bool {
	return int(p.Position) < len(v.Commands) && v.Commands[p.Position].Name() == paxos.CommandName{Session: p.Session, Sequence: p.Sequence}
}

// judgeApplied: what a learner applied is chosen.
func (w *world) judgeApplied(s *state, applied []uint32) *wrong {
	for _, id := range applied {
		if v := w.votes.get(id); w.count(s, id) < quorum {
			return &wrong{"applied-chosen", fmt.Sprintf("the learner applied %s in slot %d under ballot %v, and no quorum voted for it", shown(v.value), v.slot, v.ballot)}
		}
	}
	return nil
}

// judgeLearners shows all votes that were ever told to a learner, in a few
// orders; what it makes of one set of them is found out once.
func (w *world) judgeLearners(h *hands, s *state) *wrong {
	var told []uint32
	var set key
	for i := range acceptors {
		for _, id := range w.acceptor(s, i).to[learnerPlace] {
			told = append(told, stepMessage|id<<2|uint32(i))
			set = set.plus(w.contents.get(id).key.scattered(uint64(i)))
		}
	}
	if known, ok := w.learned.Load(set); ok {
		bad, _ := known.(*wrong)
		return bad
	}
	var found *wrong
	for order := range 2 * len(told) {
		room := w.fresh(h, learnerPlace, 1)
		for i := range told {
			at := (i + order/2) % len(told)
			if order%2 == 1 {
				at = len(told) - 1 - at
			}
			var out *output
			if room, out = w.step(h, room, told[at]); out.broken != "" && found == nil {
				found = &wrong{"broken", out.broken}
			}
		}
		if found == nil {
			found = w.judgeApplied(s, w.rooms.get(room).applied)
		}
	}
	w.learned.Store(set, found)
	return found
}
