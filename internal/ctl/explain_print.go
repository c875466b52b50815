package ctl

import (
	"cmp"
	"fmt"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// printExplanation writes the verdicts, the matrix, and what can be done.
func (a *app) printExplanation(e explanation) error {
	return a.print(e, func(row func(...any)) {
		row("writes: " + e.Writes.Sentence)
		row("reads:  " + e.Reads.Sentence)
		row("quorum: " + e.Quorum.words())
		row("leader: " + cmp.Or(string(e.Leader), "nobody"))
		e.matrixRows(row)
		row()
		row("PROPOSER", "HEALTH", "PHASE", "BELIEVES IN", "BALLOT", "HEARS", "WHY")
		for _, x := range e.Proposers {
			if x.Health == nil {
				row(x.ID, "silent", "-", "-", "-", "-", x.Why)
				continue
			}
			row(x.ID, x.Health.Status, dash(x.role.Phase), dash(x.role.Leader), x.role.Ballot.Number, fmt.Sprintf("%d of %d", x.hears(), len(e.Quorum.Configured)), dash(x.Why))
		}
		row()
		row("LEARNER", "HEALTH", "APPLIED", "WHY")
		for _, x := range e.Learners {
			row(x.ID, health(x), applied(x), dash(x.Why))
		}
		row()
		row("CLIENT", "HEALTH", "SENDS TO", "PENDING", "WHY")
		for _, x := range e.Clients {
			if x.Health == nil {
				row(x.ID, "silent", "-", "-", x.Why)
				continue
			}
			row(x.ID, x.Health.Status, cmp.Or(string(x.role.Leader), "whoever leads"), x.role.Pending, dash(x.Why))
		}
		e.restoreRows(row)
	})
}

// words says how many acceptors a quorum takes, and how many there are.
func (q quorum) words() string {
	votes := fmt.Sprintf("%d %s", q.Voting, one(q.Voting, "votes", "vote"))
	if q.Guessed {
		return fmt.Sprintf("not known, since no proposer says who the acceptors are: at least %d of at least %d; %s", q.Needed, len(q.Configured), votes)
	}
	return fmt.Sprintf("%d of %d acceptors; %s, %d more may fail", q.Needed, len(q.Configured), votes, q.Tolerated)
}

// matrixRows shows each acceptor as it says itself, and as each proposer sees it.
func (e *explanation) matrixRows(row func(...any)) {
	row()
	head := []any{"ACCEPTOR", "SAYS", "PROMISED"}
	for _, proposer := range e.Proposers {
		head = append(head, "SEEN BY "+string(proposer.ID))
	}
	row(append(head, "WHY")...)
	for _, x := range e.Acceptors {
		cells := []any{x.ID, health(x), "-"}
		if x.Health != nil {
			cells = []any{x.ID, x.says(), x.role.Promise.Number}
		}
		for _, proposer := range e.Proposers {
			cells = append(cells, x.seenBy(proposer))
		}
		row(append(cells, dash(x.Why))...)
	}
}

// says is what an acceptor says of itself in a word or two.
func (x explained) says() string {
	switch {
	case x.votes() && x.full:
		return "votes, disk full"
	case x.votes():
		return "votes"
	case x.lost:
		return "lost disk"
	case x.Cloned != "":
		return "clone"
	case x.Health.Status == "waiting":
		return cmp.Or(x.role.Standing, "waiting")
	}
	return x.Health.Status
}

// seenBy is the matrix' cell.
func (x explained) seenBy(proposer explained) string {
	seen, told := x.SeenBy[proposer.ID]
	if !told {
		return "?"
	}
	return sight(seen)
}

// justNow is how long who does not vote may be unheard of and still answers, in
// milliseconds: nobody asks it often.
const justNow = 3000

func sight(s client.Seen) string {
	silence := fmt.Sprintf("silent for %v", silentFor(s.SilentMillis))
	why := ""
	switch {
	case s.Stranger:
		why = "another disk"
	case s.Cloned != "":
		why = "clone"
	case s.Standing != "member":
		why = s.Standing
	}
	switch {
	case s.Answering && s.Full:
		return "answers, disk full"
	case s.Answering:
		return "answers"
	case !s.Heard:
		return "never heard"
	case why == "":
		return silence
	case s.SilentMillis < justNow:
		return why
	}
	return why + ", " + silence
}

// silentFor is a time for people: nobody needs the milliseconds of minutes.
func silentFor(ms paxos.Number) time.Duration {
	d := time.Duration(ms) * time.Millisecond
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(100 * time.Millisecond)
}

func health(x explained) string {
	if x.Health == nil {
		return "silent"
	}
	return x.Health.Status
}

func applied(x explained) string {
	if x.Health == nil {
		return "-"
	}
	return fmt.Sprint(x.role.Applied)
}

// restoreRows lists what can be done.
func (e *explanation) restoreRows(row func(...any)) {
	if len(e.Restore) == 0 {
		return
	}
	row()
	if e.Writes.Possible && e.Reads.Possible {
		row("To have everything again:")
	} else {
		row("To restore service:")
	}
	for _, r := range e.Restore {
		if r.Command == "" {
			row("  " + r.Why)
			continue
		}
		row("  "+r.Command, "# "+r.Why)
	}
}

func one(n int, single, many string) string {
	if n == 1 {
		return single
	}
	return many
}
