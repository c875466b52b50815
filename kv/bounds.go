package kv

import "paxos/paxos"

// bounds are how much the table remembers at most. They are constants of the
// state machine, or equal logs would not give equal states; only tests have
// others.
type bounds struct {
	keys     [classes]holding
	results  int // bytes of what one session's commands gave
	sessions int
}

var allBounds = bounds{
	keys:     [classes]holding{chosen: {1 << 20, 256 << 20}, drawn: {1 << 19, 256 << 20}},
	results:  64 << 20,
	sessions: 1 << 16,
}

// bind makes room after the table took a note of a session.
func (m *Machine) bind(id paxos.SessionID) {
	m.shorten(id, m.most.results)
	for m.sessions.Len() > m.most.sessions {
		m.closeLeastUsed(id)
	}
}

// shorten forgets the first notes of a session whose results are too large, as
// if its client had confirmed them: copies are told so.
func (t *table) shorten(id paxos.SessionID, most int) {
	old := t.session(id)
	if old == nil || old.results <= most {
		return
	}
	s := t.own(old)
	over := s.results - most
	s.notes.Scan(func(q paxos.Sequence, o paxos.Outcome) bool {
		over -= len(o.Result)
		s.confirmed = max(q, q+1) // the last sequence there is stands below none
		return over > 0
	})
	t.forget(s, s.confirmed)
}

// closeLeastUsed closes the session that was not used for the longest time; it
// spares the one that is in use.
func (t *table) closeLeastUsed(spared paxos.SessionID) {
	var last *session
	t.used.Scan(func(s *session) bool {
		last = s
		return s.id == spared
	})
	if last != nil && last.id != spared {
		t.end(last)
	}
}
