package session

import (
	"slices"

	"paxos/paxos"
)

// keptReports is how many reports of learners are kept for people to look at.
const keptReports = 1000

// Report is an outcome, and the learner that reported it.
type Report struct {
	Learner paxos.NodeID
	Outcome paxos.Outcome
}

// Reports gives the last limit reports, the oldest first.
func (s *Session) Reports(limit int) []Report {
	return slices.Clone(s.reports[max(0, len(s.reports)-limit):])
}

// Status is the client service's inner state, for /view-logs.
type Status struct {
	Cluster  paxos.ClusterID `json:"cluster"`
	Session  paxos.SessionID `json:"session"`
	Open     bool            `json:"open"`
	Sequence paxos.Sequence  `json:"last_sequence"`
	Pending  int             `json:"pending"`
	Unknown  int             `json:"unknown"`
	Applied  paxos.Slot      `json:"applied_watermark"`
	Leader   paxos.NodeID    `json:"leader"`
}

// Status gives the inner state.
func (s *Session) Status() Status {
	return Status{s.adopt.Cluster, s.session, s.open || s.cfg.Open == nil, s.last, len(s.pending), len(s.abandoned), s.applied, s.leader}
}

// Fates counts what became of commands; those that open sessions are not among
// them.
type Fates struct {
	Applied    uint64 // they took effect
	NotApplied uint64 // every attempt was refused for certain
	Unknown    uint64 // they may take effect, or may have
	// NoEffect were applied without one: the key was burnt or used for something
	// else, or the session was over.
	NoEffect uint64
}

func (f *Fates) count(answer paxos.Settled) {
	switch {
	case answer.Fate == paxos.FateNotApplied:
		f.NotApplied++
	case answer.Fate == paxos.FateUnknown:
		f.Unknown++
	case answer.Outcome.Verdict == paxos.Applied:
		f.Applied++
	default:
		f.NoEffect++
	}
}

// Fates gives the counts since the session's start.
func (s *Session) Fates() Fates { return s.fates }

// told is what a learner reported of itself last, and at which tick.
type told struct {
	applied paxos.Slot
	tick    int
}

// LearnerHeard is what the session knows of a learner.
type LearnerHeard struct {
	Learner paxos.NodeID
	Applied paxos.Slot // the watermark that it reported last
	Silent  int        // ticks since its last word
}

// Learners gives those that have reported, in the order of the configuration.
func (s *Session) Learners() []LearnerHeard {
	var list []LearnerHeard
	for _, id := range s.cfg.Configuration.Learners {
		if t, heard := s.learners[id]; heard {
			list = append(list, LearnerHeard{id, t.applied, s.tick - t.tick})
		}
	}
	return list
}
