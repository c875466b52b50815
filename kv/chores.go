package kv

import "paxos/paxos"

// History is how much of it is kept, and up to an eighth more; 0 keeps all.
// Revisions counts them, Bytes is about the memory that compaction could free.
type History struct {
	Revisions uint64
	Bytes     int
}

// mostChores is how many commands Chores gives at once.
const mostChores = 256

// Chores gives the bodies of commands that maintain the state, for learners to
// propose without a session: the end of leases that are due and of sessions
// that were not used for 24 h, and compaction. now is an estimate of the log's
// time, not below Time(). That several learners propose the same, or one does
// it again, changes nothing. It costs little when there is nothing to do.
func (m *Machine) Chores(now paxos.LogTime, keep History) [][]byte {
	var bodies [][]byte
	if revision := m.compactable(keep); revision > m.compacted {
		bodies = append(bodies, Encode(Compact{Revision: revision, Kept: true}))
	}
	m.leaseTable.due.Scan(func(l *lease) bool {
		if l.due > now || len(bodies) == mostChores {
			return false
		}
		bodies = append(bodies, Encode(Expire{l.id, l.renewal, l.due}))
		return true
	})
	m.used.Scan(func(s *session) bool {
		if s.used > now || now-s.used < sessionLife || len(bodies) == mostChores {
			return false
		}
		bodies = append(bodies, Encode(ExpireSession{s.id, s.used}))
		return true
	})
	return bodies
}

// compactable gives the revision to compact to, 0 if there is no need.
func (m *Machine) compactable(keep History) (revision Revision) {
	first := max(m.compacted, 1)
	// An eighth more, so that not every write brings a compaction with it.
	if held := uint64(m.revision - first); keep.Revisions > 0 && held > keep.Revisions+keep.Revisions/8 {
		revision = m.revision - Revision(keep.Revisions)
	}
	if keep.Bytes > 0 && m.oldBytes > keep.Bytes && !m.sweeping() {
		// Nobody knows which revisions are the big ones: half of them go, and if
		// that was not enough, half of the rest.
		revision = max(revision, first+(m.revision-first+1)/2)
	}
	return revision
}

// sweeping reports whether an earlier compaction still frees room.
func (s *store) sweeping() bool {
	c, ok := s.changes.Min()
	return ok && c.Mod < s.compacted
}
