package ctl

import (
	"fmt"

	"paxos/audit"
	"paxos/paxos"
)

// replayed is what an audit of traces says.
type replayed struct {
	Files      int               `json:"files"`
	Torn       int               `json:"torn"`
	Bytes      int64             `json:"bytes"`
	Counts     audit.Counts      `json:"counts"`
	Unseen     []string          `json:"unseen"`
	NotJudged  audit.NotJudged   `json:"not_judged"`
	Objections []audit.Objection `json:"objections"`
}

// replay judges traces.
func (d *auditing) replay() error {
	got, err := audit.ReadDir(d.traces)
	if err != nil {
		return usage("--traces: %w", err)
	}
	r := replayed{Files: len(got.Files), Counts: got.Counts(), Objections: got.Objections(), NotJudged: got.NotJudged(), Unseen: []string{}}
	if r.Objections == nil {
		r.Objections = []audit.Objection{}
	}
	for _, f := range got.Files {
		r.Bytes += f.Bytes
		if f.Torn {
			r.Torn++
		}
	}
	for _, u := range got.Unseen() {
		r.Unseen = append(r.Unseen, unseen(u))
	}
	if d.output == "json" {
		err = d.printJSON(r, "  ")
	} else {
		d.sayReplayed(r)
	}
	switch {
	case err != nil:
		return err
	case len(r.Objections) > 0:
		return failed(ExitError, "if these are the traces of all processes, a promise of the protocol is broken: keep the data directories as they are, and do not trust this cluster", "%d objections", len(r.Objections))
	case !got.QuorumSeen():
		return failed(ExitUnavailable, "put the traces of all acceptors into that directory, of all their processes", "fewer acceptors than a quorum have traces: nothing is said of what is chosen")
	}
	return nil
}

// unseen says in words who left no trace.
func unseen(u audit.Unseen) string {
	switch {
	case u.Role == paxos.AcceptorRole:
		return fmt.Sprintf("%s has no trace: what it promised and accepted is not judged, nor what rests on its votes", u.Node)
	case u.Role == paxos.LearnerRole:
		return fmt.Sprintf("%s has no trace: what it applied and told is not judged", u.Node)
	}
	ballots := ""
	for i, b := range u.Ballots {
		if i == 3 {
			ballots += fmt.Sprintf(" and %d more", len(u.Ballots)-i)
			break
		}
		ballots += " " + b.String()
	}
	return fmt.Sprintf("%s has no trace of the processes that used%s as ballots: what it proposed and answered is not judged", u.Node, ballots)
}

func (d *auditing) sayReplayed(r replayed) {
	c := r.Counts
	d.say("%d traces of %d bytes, %d cut short", r.Files, r.Bytes, r.Torn)
	d.say("looked at: %d processes, %d records, %d messages, %d promises, %d votes, %d proposals under %d ballots, %d pages", c.Processes, c.Records, c.Envelopes, c.Promises, c.Votes, c.Proposals, c.Elections, c.Pages)
	d.say("           %d slots chosen with %d commands (%d no-ops), %d applied, %d answers compared, %d disks read back", c.Chosen, c.Commands, c.Noops, c.Applied, c.Placements, c.Found)
	for _, u := range r.Unseen {
		d.say("not seen:  %s", u)
	}
	if n := r.NotJudged; n.Slots > 0 || n.Answers > 0 {
		d.say("not judged: %d slots that learners applied and %d answers, which rest on what was not seen", n.Slots, n.Answers)
	}
	if at := r.NotJudged.Watermark; at > 0 {
		d.say("not judged: watermarks above slot %d, from where on votes were not seen", at)
	}
	d.sayObjections(r.Objections)
}
