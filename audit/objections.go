package audit

import (
	"fmt"

	"paxos/paxos"
)

// The checkers, as objections name them.
const (
	OneValuePerSlot   = "one-value-per-slot"
	OneValuePerBallot = "one-value-per-ballot"
	OneStartPerBallot = "one-start-per-ballot"
	PromiseRegress    = "promise-regress"
	WrittenBeforeSaid = "written-before-said"
	VoteLost          = "vote-lost"
	SafeProposal      = "safe-proposal"
	BelowFloor        = "below-floor"
	AppliedChosen     = "applied-chosen"
	SameOutcome       = "same-outcome"
	Acknowledged      = "acknowledged"
	StateDigests      = "state-digests"
	Watermark         = "watermark"
	Highest           = "highest"
	Identity          = "identity"
	NoVote            = "no-vote"
)

// Checkers are the names of all checkers.
var Checkers = []string{OneValuePerSlot, OneValuePerBallot, OneStartPerBallot, PromiseRegress, WrittenBeforeSaid, VoteLost,
	SafeProposal, BelowFloor, AppliedChosen, SameOutcome, Acknowledged, StateDigests, Watermark, Highest, Identity, NoVote}

// Objection says what must never happen and did.
type Objection struct {
	Checker string       `json:"checker"`
	Node    paxos.NodeID `json:"node"`
	Slot    paxos.Slot   `json:"slot"` // 0 if it is not about one
	Text    string       `json:"text"`
}

// String gives the objection in a line.
func (o Objection) String() string {
	if o.Slot == 0 {
		return fmt.Sprintf("%s: %s %s", o.Checker, o.Node, o.Text)
	}
	return fmt.Sprintf("%s: slot %d: %s %s", o.Checker, o.Slot, o.Node, o.Text)
}

// keptObjections bounds how many objections are kept; Counts has them all.
const keptObjections = 100

func (j *Judge) object(checker string, p *process, slot paxos.Slot, format string, args ...any) {
	j.counts.Objections++
	if len(j.objections) < keptObjections {
		j.objections = append(j.objections, Objection{checker, p.node.id, slot, fmt.Sprintf(format, args...)})
	}
}

// Objections gives what was found, in the order of finding; at most 100 are
// kept. A judge that is not Live says here, last, what it can only tell when it
// has seen everything.
func (j *Judge) Objections() []Objection {
	if j.options.Live {
		return j.objections
	}
	all, _ := j.end()
	return all
}

// end judges what is left for the time when all was seen, and forgets it again:
// more may come.
func (j *Judge) end() ([]Objection, NotJudged) {
	before, counts, notJudged := j.objections, j.counts, j.notJudged
	j.objections = append([]Objection(nil), before...)
	j.judgeLater()
	all, left := j.objections, j.notJudged
	j.objections, j.counts, j.notJudged = before, counts, notJudged
	return all, left
}

// Counts tell that something happened.
type Counts struct {
	Processes  int64 `json:"processes"`
	Records    int64 `json:"records"`
	Envelopes  int64 `json:"envelopes"`
	Promises   int64 `json:"promises"`  // written for their own sake
	Votes      int64 `json:"votes"`     // acceptor, slot, ballot, value
	Proposals  int64 `json:"proposals"` // slot, ballot, value
	Elections  int64 `json:"elections"` // ballots under which something was proposed
	Ballots    int64 `json:"ballots"`   // that anybody used
	Chosen     int64 `json:"chosen"`    // slots
	Noops      int64 `json:"noops"`     // chosen slots without a command
	Commands   int64 `json:"commands"`  // in chosen slots
	Pages      int64 `json:"pages"`     // of promises and votes, compared with what was written
	Floors     int64 `json:"floors"`
	Applied    int64 `json:"applied"` // entries, at all learners
	Installed  int64 `json:"installed"`
	Outcomes   int64 `json:"outcomes"`
	Placements int64 `json:"placements"` // acknowledged, and compared
	States     int64 `json:"states"`     // digests of states, compared
	Found      int64 `json:"found"`      // disks read back, and compared
	Lost       int64 `json:"lost"`       // of these, members' that were blank, mute or another's
	Objections int64 `json:"objections"`
}

// Counts gives what was judged so far.
func (j *Judge) Counts() Counts { return j.counts }
