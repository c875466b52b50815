package session

import (
	"slices"

	"paxos/paxos"
)

// target is whom to ask: who is said to lead, else any proposer.
func (s *Session) target() paxos.NodeID {
	s.believe(s.directory.Leader)
	if s.leader != "" {
		return s.leader
	}
	proposers := slices.DeleteFunc(slices.Clone(s.directory.Proposers), s.avoids)
	if n := len(proposers); n > 0 {
		return proposers[s.dice.Below(n)]
	}
	return s.distrust
}

// believe takes a hint about who leads, unless a better one is there. What is
// said of a leader that has just not answered is older than its silence.
func (s *Session) believe(hint paxos.NodeID) {
	if s.leader == "" && !s.avoids(hint) {
		s.leader = hint
	}
}

// avoid keeps a proposer from being asked for a while: it gave no answer, or
// is stopping.
func (s *Session) avoid(id paxos.NodeID) {
	s.distrust, s.until = id, s.tick+s.cfg.ResendTicks
	if s.leader == id {
		s.leader = ""
	}
}

func (s *Session) avoids(id paxos.NodeID) bool { return id == s.distrust && s.tick < s.until }
