package ctl

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"paxos/audit"
	"paxos/paxos"
)

// auditing is one run of audit.
type auditing struct {
	*app
	watch  time.Duration
	traces string
}

// lookAgain is between two looks of --watch, tellEvery between two lines of it.
const (
	lookAgain = time.Second
	tellEvery = 10 * time.Second
)

func (a *app) audit() *cobra.Command {
	d := &auditing{app: a}
	cmd := &cobra.Command{
		Use: "audit", Short: "Looks for broken promises: two values in a slot, a vote that regressed, learners that differ.", Args: exactly(),
		Long: "Asks every node for its state and its protocol events, and every learner for its log, and judges them from outside:\n" +
			"a slot with two values, an acceptor whose promise, floor or highest slot fell, a vote under a lower ballot than a\n" +
			"promise before it, a learner that applied a slot twice, two learners that differ at a slot. With --watch it looks\n" +
			"again every second for so long: what falls is seen only between two looks. It says what it looked at, and what it\n" +
			"could not see. The exit code is 1 when something was found, and 5 when no acceptor or no learner answered.\n\n" +
			"With --traces nothing is asked of anybody: the traces that processes wrote into a directory, because\n" +
			audit.TraceVariable + " named it (for tests: each is as large as the log), are judged instead, every vote of them.\n" +
			"What rests on traces that are not there is not judged, and is listed; the exit code is 5 when fewer acceptors than a\n" +
			"quorum have traces.\n\n" + aboutExits(),
		Example: "  paxosctl audit\n  paxosctl audit --watch 3s\n  paxosctl audit -o json | jq .objections\n  paxosctl audit --traces traces",
	}
	cmd.Flags().DurationVar(&d.watch, "watch", 0, "look again for so long, such as 30s or 5m; 0 looks once")
	cmd.Flags().StringVar(&d.traces, "traces", "", "judge the traces in this directory, and no running cluster")
	a.proposersFlag(cmd)
	a.acceptorsFlag(cmd)
	a.remoteFlags(cmd)
	exclusive(cmd, "traces", "watch")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case cmd.Flags().Changed("traces"):
			return d.replay()
		case d.watch < 0:
			return usage("--watch %v is negative", d.watch)
		}
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		return d.running(ctx, p)
	}
	return cmd
}

// audited is what an audit of a running cluster says.
type audited struct {
	Looks      int               `json:"looks"`
	Counts     audit.ShownCounts `json:"counts"`
	Nodes      []auditedNode     `json:"nodes"`
	Unseen     []string          `json:"unseen"`
	Objections []audit.Objection `json:"objections"`
}

// auditedNode is what was looked at of a node.
type auditedNode struct {
	target
	Answered bool         `json:"answered"`
	Standing string       `json:"standing,omitempty"`
	Promise  paxos.Ballot `json:"promise,omitzero"`
	// Below is where the log ends here: for an acceptor above its highest slot, for
	// a learner the slot that it applies next. From is where it begins.
	From   paxos.Slot `json:"from,omitempty"`
	Below  paxos.Slot `json:"below,omitempty"`
	Events int        `json:"events"`
}

func (d *auditing) running(ctx context.Context, p *place) error {
	l := &lookout{app: d.app, place: p, onlooker: audit.NewOnlooker(), nodes: map[paxos.NodeID]*looked{}}
	if err := l.look(ctx); err != nil {
		return err
	}
	begun, told := time.Now(), time.Now()
	for ticker := time.NewTicker(lookAgain); time.Since(begun) < d.watch && ctx.Err() == nil; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			continue // what was seen until now is judged all the same
		}
		if err := l.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			d.note("looked %d times: %d events, %d slots, %d objections", l.looks, l.onlooker.Counts().Events, l.onlooker.Counts().Slots, len(l.onlooker.Objections()))
		}
	}
	result := l.result()
	if err := d.printAudit(result); err != nil {
		return err
	}
	return d.verdict(result)
}

// verdict is the error of an audit that found something, or saw too little to
// find anything.
func (d *auditing) verdict(r audited) error {
	if n := len(r.Objections); n > 0 {
		return objected(n)
	}
	seen := map[paxos.RoleName]bool{}
	for _, n := range r.Nodes {
		if n.Answered {
			seen[n.Role] = true
		}
	}
	for _, role := range []paxos.RoleName{paxos.AcceptorRole, paxos.LearnerRole} {
		if !seen[role] {
			return failed(ExitUnavailable, "paxosctl explain tells what is missing", "no %s answered: nothing is said of this cluster", role)
		}
	}
	return nil
}

func objected(n int) error {
	return failed(ExitError, "a promise of the protocol is broken: keep the data directories as they are, and do not trust this cluster", "%d objections", n)
}

func (d *auditing) printAudit(r audited) error {
	if d.output == "json" {
		return d.printJSON(r, "  ")
	}
	err := d.print(r, func(row func(...any)) {
		row("NODE", "STATE", "PROMISED", "FROM SLOT", "BELOW SLOT", "EVENTS")
		for _, n := range r.Nodes {
			state, promise := "silent", ""
			if n.Answered {
				state = "seen"
			}
			if n.Standing != "" {
				state = n.Standing
			}
			if !n.Promise.IsZero() {
				promise = n.Promise.String()
			}
			row(n.ID, state, dash(promise), dash(n.From), dash(n.Below), n.Events)
		}
	})
	c := r.Counts
	d.say("\nlooked at: %d events, %d promises and votes among them; %d states of acceptors; %d slots, %d of them at more than one learner", c.Events, c.Promises, c.States, c.Slots, c.Compared)
	for _, u := range r.Unseen {
		d.say("not seen:  %s", u)
	}
	d.sayObjections(r.Objections)
	return err
}

func (d *auditing) sayObjections(list []audit.Objection) {
	for _, o := range list {
		d.say("OBJECTION  %v", o)
	}
	if len(list) == 0 {
		d.say("objections: none")
	}
}

// say writes a line of the result.
func (d *auditing) say(format string, args ...any) { fmt.Fprintf(d.Out, format+"\n", args...) }
