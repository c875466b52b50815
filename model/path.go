package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"paxos/paxos"
)

// explain finds a shortest way to the first of what was found: the one with the
// lowest key, so that it is the same one with any number of workers.
func (s *search) explain(found []finding) *Violation {
	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.to.lo, b.to.lo), cmp.Compare(a.from.lo, b.from.lo))
	})
	first := found[0]
	chain := []uint64{first.to.lo}
	for lo := first.from.lo; lo != 0; lo = s.visited.parent(lo) {
		chain = append(chain, lo)
	}
	slices.Reverse(chain)
	v := &Violation{Checker: first.wrong.checker, Text: first.wrong.text}
	h := s.workers[0].hands
	// The way is walked with the acceptors' names as they were at its beginning,
	// though each state on it was kept under those of its family's first.
	at := s.w.beginning(h)
	for _, to := range chain[1:] {
		var there *state
		s.w.successors(h, &at, func(next state, place int, step uint32) {
			c, _, _ := s.w.canonical(h, next)
			if there != nil || s.w.keyOf(c).lo != to {
				return
			}
			v.Way = append(v.Way, s.w.told(h, &at, &next, place, step)...)
			there = &next
			if bad := s.w.judge(h, &next, place, at[place]); bad != nil {
				v.Checker, v.Text = bad.checker, bad.text
			}
		})
		if there == nil {
			v.Way = append(v.Way, "(here the way is lost: rooms that were taken for equal are not; that is a bug of package model)")
			return v
		}
		at = *there
	}
	return v
}

// told is one step in words: what happened, what was written, what was said.
func (w *world) told(h *hands, before, after *state, place int, step uint32) []string {
	name, with := names[place], step&stepContent
	old, now := w.nodes.get(before[place]), w.nodes.get(after[place])
	var line string
	switch step & stepKinds {
	case stepMessage, stepSilent:
		e := w.deliver(with>>2, uint8(place), with&3)
		line = fmt.Sprintf("%s ──▶ %s: %s", e.From, name, w.sentence(e.Message))
		if step&stepKinds == stepSilent {
			line += "; crashes after writing, before speaking, and comes back"
		}
	case stepCrash:
		line = fmt.Sprintf("%s crashes and comes back", name)
	case stepCampaign:
		pair := pairs[with>>26]
		line = fmt.Sprintf("%s hears from %s and %s that nobody leads, and campaigns", name, names[firstAcceptor+pair[0]], names[firstAcceptor+pair[1]])
	case stepSubmit:
		line = fmt.Sprintf("%s ──▶ %s: propose %s", client, name, command(with).Body)
	case stepBeat:
		line = fmt.Sprintf("%s lets its heartbeat's time come", name)
	case stepFinish:
		line = fmt.Sprintf("%s ──▶ %s: finish every slot", names[learnerPlace], name)
	}
	lines := []string{line}
	for _, id := range now.votes {
		if _, fresh := added(old.votes, id); fresh {
			v := w.votes.get(id)
			lines = append(lines, fmt.Sprintf("    %s writes: accepted slot %d %s under %v", name, v.slot, shown(v.value), v.ballot))
		}
	}
	if now.promise != old.promise {
		lines = append(lines, fmt.Sprintf("    %s writes: promised %v", name, now.promise))
	}
	return append(lines, w.words(name, old, now)...)
}

// words are what a step says, each once with all who are told.
func (w *world) words(name paxos.NodeID, old, now *node) (lines []string) {
	told := map[uint32][]string{}
	var order []uint32
	for to, list := range now.to {
		for _, id := range list {
			if _, fresh := added(old.to[to], id); !fresh {
				continue
			}
			if told[id] == nil {
				order = append(order, id)
			}
			told[id] = append(told[id], string(names[to]))
		}
	}
	for _, id := range order {
		lines = append(lines, fmt.Sprintf("    %s says to %s: %s", name, strings.Join(told[id], ", "), w.sentence(w.contents.get(id).envelope.Message)))
	}
	return lines
}

// shown is a value: the bodies of its commands, or "no-op".
func shown(v paxos.Value) string {
	if v.IsNoop() {
		return "no-op"
	}
	var list []string
	for _, c := range v.Commands {
		list = append(list, string(c.Body))
	}
	return strings.Join(list, "+")
}

// sentence is a message in words.
func (w *world) sentence(m paxos.Message) string {
	var list []string
	switch m := m.(type) {
	case paxos.Prepare:
		return fmt.Sprintf("prepare %v from slot %d", m.Ballot, m.First)
	case paxos.Promise:
		for _, e := range m.Entries {
			list = append(list, fmt.Sprintf("slot %d %s under %v", e.Slot, shown(e.Value), e.Ballot))
		}
		return fmt.Sprintf("promise %v from slot %d, below %d is chosen: accepted [%s]", m.Ballot, m.First, m.Chosen, strings.Join(list, ", "))
	case paxos.Accept:
		for _, p := range m.Proposals {
			list = append(list, fmt.Sprintf("slot %d %s", p.Slot, shown(p.Value)))
		}
		return fmt.Sprintf("accept %v, below %d is chosen: %s", m.Ballot, m.Chosen, strings.Join(list, ", "))
	case paxos.Accepted:
		return fmt.Sprintf("accepted %v: slots %v", m.Ballot, m.Slots)
	case paxos.Nack:
		return fmt.Sprintf("nack %v: %v, promise %v", m.Ballot, m.Reason, m.Promise)
	case paxos.Heartbeat:
		return fmt.Sprintf("heartbeat %v, below %d is chosen", m.Ballot, m.Chosen)
	case paxos.Learn:
		for _, v := range m.Votes {
			what := "value " + v.Digest.String()
			if v.Value != nil {
				what = shown(*v.Value)
			}
			list = append(list, fmt.Sprintf("slot %d %s under %v", v.Slot, what, v.Ballot))
		}
		return "learn: " + strings.Join(list, ", ")
	case paxos.Proposed:
		for _, p := range m.Placed {
			list = append(list, fmt.Sprintf("command %d in slot %d", p.Sequence, p.Slot))
		}
		return "proposed: " + strings.Join(list, ", ")
	}
	return m.Kind().String()
}
