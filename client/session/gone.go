package session

import (
	"maps"
	"slices"

	"paxos/paxos"
)

// gone takes the hint that nobody listens any more where a proposer was. What it
// was sent goes to another soon, each command under its name: the copies that it
// had may be chosen all the same, and their attempts stay open.
func (s *Session) gone(id paxos.NodeID) {
	s.avoid(id)
	var again []paxos.Sequence
	for _, sequence := range slices.Sorted(maps.Keys(s.pending)) {
		if p := s.pending[sequence]; p.asked == id {
			p.asked = ""
			again = append(again, sequence)
		}
	}
	s.retryLater(again)
}
