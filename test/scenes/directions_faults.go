package scenes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"paxos/paxos"
	"paxos/proposer"
)

// parseSet reads "proposer1, acceptors" as a list of nodes. "rest" is every
// node that is not in but.
func (s *Stage) parseSet(text string, but []paxos.NodeID) ([]paxos.NodeID, error) {
	var list []paxos.NodeID
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		id := paxos.NodeID(word)
		switch {
		case word == "rest":
			for _, a := range s.actors {
				if !slices.Contains(but, a.id) {
					list = append(list, a.id)
				}
			}
		case word == "acceptors" || word == "proposers" || word == "learners" || word == "clients":
			list = append(list, s.ids(paxos.RoleName(strings.TrimSuffix(word, "s")))...)
		case id == user || s.actor(id) != nil:
			list = append(list, id)
		default:
			return nil, fmt.Errorf("there is no %q on the stage", word)
		}
	}
	return list, nil
}

// parseFilter reads "a, b → c", "a | b" (both ways), each perhaps followed by
// a colon and kinds of message; "" picks everything.
func (s *Stage) parseFilter(text string) (f filter, err error) {
	text, kinds, _ := strings.Cut(text, ":")
	f.kinds = strings.FieldsFunc(kinds, func(r rune) bool { return r == ',' || r == ' ' })
	if strings.TrimSpace(text) == "" {
		return f, nil
	}
	left, right, oneWay := strings.Cut(text, "→")
	if !oneWay {
		if left, right, f.twoWay = strings.Cut(text, "|"); !f.twoWay {
			return f, fmt.Errorf("%q: a → b or a | b is needed", text)
		}
	}
	if f.from, err = s.parseSet(left, nil); err != nil {
		return f, err
	}
	if f.to, err = s.parseSet(right, f.from); err != nil {
		return f, err
	}
	if len(f.from) == 0 || len(f.to) == 0 {
		return f, fmt.Errorf("%q: nodes are needed on both sides", text)
	}
	return f, nil
}

func cut(s *Stage, rest string) error {
	f, err := s.parseFilter(rest)
	for _, l := range f.links() {
		s.cuts[l] = true
	}
	return err
}

// heal mends the given links, or all.
func heal(s *Stage, rest string) error {
	f, err := s.parseFilter(rest)
	if rest == "" {
		clear(s.cuts)
	}
	for _, l := range f.links() {
		delete(s.cuts, l)
	}
	return err
}

func hold(s *Stage, rest string) error {
	f, err := s.parseFilter(rest)
	f.text = rest
	s.holds = append(s.holds, f)
	return err
}

// release ends the holding that began with the same words, or all; the letters
// are on their way again.
func release(s *Stage, rest string) error {
	before := len(s.holds)
	s.holds = slices.DeleteFunc(s.holds, func(f filter) bool { return rest == "" || f.text == rest })
	if len(s.holds) == before {
		return errors.New("nothing is held so")
	}
	for _, l := range s.mail {
		l.held = l.held && s.matchesHold(l)
	}
	return nil
}

func drop(s *Stage, rest string) error {
	f, err := s.parseFilter(rest)
	if err == nil {
		s.Drop(f)
	}
	return err
}

func repeat(s *Stage, rest string) error {
	f, err := s.parseFilter(rest)
	if err == nil && !s.Repeat(f) {
		err = errors.New("no such message was delivered before")
	}
	return err
}

// crash: "crash a", now; "crash a before it writes", "crash a after it
// writes": at its next writing, before it speaks.
func crash(s *Stage, rest string) error {
	set, when := rest, ""
	for _, w := range []string{"before", "after"} {
		if left, ok := strings.CutSuffix(rest, " "+w+" it writes"); ok {
			set, when = left, w
		}
	}
	return s.each(set, func(a *actor) error {
		switch {
		case a.role == nil:
			return fmt.Errorf("%s is down already", a.id)
		case when == "":
			s.Crash(a, "")
		default:
			a.trip = when
		}
		return nil
	})
}

func restart(s *Stage, rest string) error {
	return s.each(rest, func(a *actor) error {
		if a.role != nil {
			return fmt.Errorf("%s is up already", a.id)
		}
		s.Restart(a)
		return nil
	})
}

// knock: "knock at proposer1: acceptor1, client1": these find that nobody
// listens there any more, as a connection that is refused tells them.
func knock(s *Stage, rest string) error {
	at, set, ok := strings.Cut(strings.TrimPrefix(rest, "at "), ": ")
	door := s.actor(paxos.NodeID(at))
	if !ok || door == nil {
		return fmt.Errorf("%q: at a node: those who knock", rest)
	}
	if door.role != nil {
		return fmt.Errorf("%s is up, and would answer", at)
	}
	return s.each(set, func(a *actor) error {
		if a.role == nil {
			return fmt.Errorf("%s is down", a.id)
		}
		s.turn(a, []*letter{{Envelope: paxos.Envelope{From: a.id, To: a.id, Message: paxos.Gone{Node: door.id}}}}, false)
		return nil
	})
}

// wipe empties the disk of a node that is down.
func wipe(s *Stage, rest string) error {
	return s.each(rest, func(a *actor) error {
		if a.role != nil || a.kind != paxos.AcceptorRole {
			return fmt.Errorf("%s: an acceptor that is down is needed", a.id)
		}
		a.disk, a.identity, a.starts = nil, paxos.Identity{}, 0
		return nil
	})
}

// save keeps a copy of an acceptor's disk.
func save(s *Stage, rest string) error {
	return s.each(rest, func(a *actor) error {
		if a.kind != paxos.AcceptorRole {
			return fmt.Errorf("%s: an acceptor is needed", a.id)
		}
		a.saved = &actor{identity: a.identity, disk: slices.Clone(a.disk), starts: a.starts}
		return nil
	})
}

// putBack: "put back acceptor1": the copy takes the place of the disk.
func putBack(s *Stage, rest string) error {
	return s.each(strings.TrimPrefix(rest, "back "), func(a *actor) error {
		if a.role != nil || a.saved == nil {
			return fmt.Errorf("%s: an acceptor that is down, and whose disk was saved, is needed", a.id)
		}
		s.say(string(a.id)+" is given", fmt.Sprintf("an old copy of its disk: %d records, and it had %d", len(a.saved.disk), len(a.disk)))
		a.disk, a.identity, a.starts = slices.Clone(a.saved.disk), a.saved.identity, a.saved.starts
		return nil
	})
}

// promiseOn is the promise that a disk holds: the last one written.
func promiseOn(disk []paxos.Record) (b paxos.Ballot) {
	for _, rec := range disk {
		switch rec := rec.(type) {
		case paxos.PromisedRecord:
			b = rec.Ballot
		case paxos.AcceptedRecord:
			b = rec.Ballot
		case paxos.FloorRecord:
			b = rec.Promise
		}
	}
	return b
}

// truncate: "truncate acceptor1 below 4" writes the record that truncation
// leaves on the disk of an acceptor that is down.
func truncate(s *Stage, rest string) error {
	set, below, _ := strings.Cut(rest, " below ")
	floor, err := number(below)
	if err != nil {
		return err
	}
	return s.each(set, func(a *actor) error {
		if a.role != nil || a.kind != paxos.AcceptorRole {
			return fmt.Errorf("%s: an acceptor that is down is needed", a.id)
		}
		for slot := paxos.Slot(1); slot < paxos.Slot(floor); slot++ {
			if _, ok := s.umpire.chosen[slot]; !ok {
				return fmt.Errorf("slot %d is not chosen: no acceptor would truncate it", slot)
			}
		}
		s.write(a, paxos.FloorRecord{Floor: paxos.Slot(floor), Promise: promiseOn(a.disk), Position: paxos.Number(len(a.disk) + 1)})
		return nil
	})
}

// stop: "stop proposer1, then proposer2": a leader hands over.
func stop(s *Stage, rest string) error {
	who, successor, _ := strings.Cut(rest, ", then ")
	return s.each(who, func(a *actor) error {
		p, ok := a.role.(*proposer.Proposer)
		if !ok {
			return fmt.Errorf("%s is no proposer", a.id)
		}
		p.Stop(paxos.NodeID(successor), 10)
		return nil
	})
}

func (s *Stage) each(set string, do func(*actor) error) error {
	ids, err := s.parseSet(set, nil)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if a := s.actor(id); a != nil {
			if err := do(a); err != nil {
				return err
			}
		}
	}
	return nil
}
