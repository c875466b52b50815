package session

import (
	"math"

	"paxos/paxos"
)

// A session begins with a command of its own, and ends by one of the learners'
// when it was not used for a day (docs/protocol.md, Once, and the truth).
// Commands wait until it is open: one that is chosen before would be refused.

// opened makes sure that the session is open, or on its way to be.
func (s *Session) opened() bool {
	if s.cfg.Open == nil || s.open {
		return true
	}
	if s.pending[s.opening] == nil {
		s.opening = s.own(s.cfg.Open)
	}
	return false
}

// own submits a command of the session itself, for which nobody waits.
func (s *Session) own(body []byte) paxos.Sequence {
	s.pursue(paxos.Command{Body: body}).deadline = math.MaxInt
	return s.last
}

// touch keeps an idle session alive.
func (s *Session) touch() {
	if s.cfg.Touch != nil && s.open && s.tick-s.used >= s.cfg.TouchTicks {
		s.used = s.tick
		s.own(s.cfg.Touch)
	}
}

// ownSettled takes the outcome of the command that opens the session; it
// reports whether it was that one. If it had no effect, another one is sent.
func (s *Session) ownSettled(o paxos.Outcome) bool {
	if s.cfg.Open == nil || o.Sequence != s.opening {
		return false
	}
	s.bytes -= len(s.cfg.Open)
	delete(s.pending, s.opening)
	s.open, s.opening = o.Verdict == paxos.Applied, 0
	return true
}

// expired begins a new session: this one slept for so long that it was ended.
// What was sent under it stays what it is; what was never sent is renamed.
func (s *Session) expired() {
	if s.cfg.Open == nil || !s.open {
		return
	}
	s.open, s.opening = false, 0
	s.session = paxos.SessionID(1 + s.dice.Below(1<<62))
	for _, p := range s.pending {
		if p.command.Admitted == 0 && p.asker != "" {
			p.command.Session = s.session
		}
	}
}
