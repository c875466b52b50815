package scenes

import (
	"slices"

	"paxos/paxos"
)

// letter is a message on its way.
type letter struct {
	paxos.Envelope
	held bool // it was said that it is held
}

// link is the way from one node to another.
type link struct{ from, to paxos.NodeID }

// filter picks letters: by sender, addressee and kind; what is empty picks all.
type filter struct {
	from, to []paxos.NodeID
	twoWay   bool
	kinds    []string
	text     string // as it was written
}

func (f filter) picks(e paxos.Envelope) bool {
	if len(f.kinds) > 0 && !slices.Contains(f.kinds, e.Message.Kind().String()) {
		return false
	}
	one := among(f.from, e.From) && among(f.to, e.To)
	return one || f.twoWay && among(f.from, e.To) && among(f.to, e.From)
}

func among(list []paxos.NodeID, id paxos.NodeID) bool {
	return len(list) == 0 || slices.Contains(list, id)
}

// links lists the ways that a filter is about.
func (f filter) links() []link {
	var list []link
	for _, a := range f.from {
		for _, b := range f.to {
			list = append(list, link{a, b})
			if f.twoWay {
				list = append(list, link{b, a})
			}
		}
	}
	return list
}

// tooMuch is how many waves of mail may follow one another before the stage
// objects that the nodes do not stop talking.
const tooMuch = 1000

// Deliver carries the letters that f picks until none is left: everything
// that waits for a node reaches it in one turn, as in the real loop.
func (s *Stage) Deliver(f filter) {
	for range tooMuch {
		wave, order := map[paxos.NodeID][]*letter{}, []paxos.NodeID{}
		var stay []*letter
		for _, l := range s.mail {
			if !f.picks(l.Envelope) || s.isHeld(l) {
				stay = append(stay, l)
				continue
			}
			if s.cuts[link{l.From, l.To}] {
				s.sayLetter("✕", l.Envelope, "(lost)")
				continue
			}
			if len(wave[l.To]) == 0 {
				order = append(order, l.To)
			}
			wave[l.To] = append(wave[l.To], l)
		}
		s.mail = stay
		if len(order) == 0 {
			return
		}
		for _, id := range order {
			s.arrive(id, wave[id])
		}
	}
	s.umpire.object("the nodes do not stop talking")
}

func (s *Stage) arrive(id paxos.NodeID, inbox []*letter) {
	a := s.actor(id)
	switch {
	case id == user:
		for _, l := range inbox {
			s.sayLetter("→", l.Envelope, "")
			s.answered(l.Envelope)
		}
	case a == nil || a.role == nil:
		for _, l := range inbox {
			s.sayLetter("✕", l.Envelope, "(lost: it is down)")
		}
	default:
		s.turn(a, inbox, false)
	}
}

func (s *Stage) matchesHold(l *letter) bool {
	return slices.ContainsFunc(s.holds, func(f filter) bool { return f.picks(l.Envelope) })
}

func (s *Stage) isHeld(l *letter) bool {
	if !s.matchesHold(l) {
		return false
	}
	if !l.held {
		l.held = true
		s.sayLetter("…", l.Envelope, "(held)")
	}
	return true
}

// wire passes an envelope through its binary form, as a real wire does, so
// that two nodes never share memory; local messages have none.
func (s *Stage) wire(e paxos.Envelope) paxos.Envelope {
	if e.Message.Kind() == paxos.KindLocal {
		return e
	}
	got, err := paxos.DecodeEnvelope(paxos.AppendEnvelope(nil, e))
	if err != nil {
		s.umpire.object("%s sends what cannot be read: %v", e.From, err)
	}
	return got
}

// Drop loses the letters on their way that f picks.
func (s *Stage) Drop(f filter) {
	s.mail = slices.DeleteFunc(s.mail, func(l *letter) bool {
		if !f.picks(l.Envelope) {
			return false
		}
		s.sayLetter("✕", l.Envelope, "(lost)")
		return true
	})
}

// Repeat puts the last delivered letter that f picks on its way once more, as
// networks do; it reports whether there was one.
func (s *Stage) Repeat(f filter) bool {
	for _, e := range slices.Backward(s.past) {
		if f.picks(e) {
			s.mail = append(s.mail, &letter{Envelope: e})
			s.sayLetter("↻", e, "(again on its way)")
			return true
		}
	}
	return false
}
