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
