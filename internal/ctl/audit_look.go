package ctl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"paxos/audit"
	"paxos/client"
	"paxos/paxos"
)

// lookout looks at a running cluster, once or again and again.
type lookout struct {
	*app
	place    *place
	onlooker *audit.Onlooker
	nodes    map[paxos.NodeID]*looked
	looks    int
}

// looked is what was seen of a node so far.
type looked struct {
	target
	answered bool
	silent   string // why it did not answer the last time, "" if it did
	start    string // of its process
	last     uint64 // event
	events   int
	lost     uint64 // events that it kept no longer
	state    shownState
	read     paxos.Slot // the log was read below it
	from     paxos.Slot // the first slot that was read
	skipped  paxos.Slot // a slot below which it could not be read
	partial  string     // why its log was not read to the end, "" if it was
}

// shownState is what the states of acceptors and learners have, as far as an
// audit looks at it.
type shownState struct {
	Standing string        `json:"standing"`
	Store    paxos.StoreID `json:"store"`
	Promise  paxos.Ballot  `json:"promise"`
	Floor    paxos.Slot    `json:"floor"`
	Highest  paxos.Slot    `json:"highest"`

	Applied  paxos.Slot `json:"applied_watermark"`
	LogFloor paxos.Slot `json:"log_floor"`
}

// chosenPage is how many entries are asked for at once.
const chosenPage = 1000

// look asks every node once.
func (l *lookout) look(ctx context.Context) error {
	list, err := l.app.nodes(ctx, l.place)
	if err != nil {
		return err
	}
	l.looks++
	for _, t := range list {
		n := l.nodes[t.ID]
		if n == nil {
			n = &looked{}
			l.nodes[t.ID] = n
		}
		n.target = t
		if err := l.lookAt(ctx, n); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			n.silent, _ = explain(err)
			continue
		}
		n.answered, n.silent = true, ""
	}
	return nil
}

func (l *lookout) lookAt(ctx context.Context, n *looked) error {
	if err := l.lookAtEvents(ctx, n); err != nil {
		return err
	}
	switch {
	case n.Role == paxos.AcceptorRole && n.state.Standing == paxos.Member.String():
		l.onlooker.Acceptor(n.ID, audit.Shown{Store: n.state.Store, Promise: n.state.Promise, Floor: n.state.Floor, Highest: n.state.Highest})
	case n.Role == paxos.LearnerRole:
		return l.lookAtLog(ctx, n)
	}
	return nil
}

// lookAtEvents takes all events that came since the last look, page by page, and
// the state that comes with the last page.
func (l *lookout) lookAtEvents(ctx context.Context, n *looked) error {
	for {
		asking, done := context.WithTimeout(ctx, answerLimit)
		page, err := l.place.Events(asking, n.Address, client.Events{Since: n.last, FromStart: n.last == 0, Limit: mostEvents})
		done()
		switch {
		case err != nil:
			return err
		case page.Node != n.ID:
			return fmt.Errorf("%s answers there", page.Node)
		case page.Start != n.start && n.last > 0:
			n.start, n.last = page.Start, 0 // another process, which counts its own
			continue
		}
		n.start = page.Start
		for _, e := range page.Events {
			l.onlooker.Event(n.ID, n.start, audit.ShownEvent{Number: uint64(e.Number), Kind: e.Kind, Ballot: e.Ballot, Slot: e.Slot})
		}
		n.events += len(page.Events)
		n.lost += uint64(page.Lost)
		if err := stateOf(page.State, &n.state); err != nil {
			return err
		}
		if last := uint64(page.Last); last > n.last && len(page.Events) == mostEvents {
			n.last = last
			continue
		}
		n.last = max(n.last, uint64(page.Last))
		return nil
	}
}

func stateOf(state any, to *shownState) error {
	text, err := json.Marshal(state)
	if err == nil {
		*to = shownState{}
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		return fmt.Errorf("its state cannot be read: %w", err)
	}
	return nil
}

// lookAtLog reads what a learner applied since the last look. A learner that
// goes back, from an older snapshot after a restart, is read again from there.
func (l *lookout) lookAtLog(ctx context.Context, n *looked) error {
	if n.state.Applied < n.read {
		n.read = n.state.LogFloor
	}
	n.partial = ""
	for at := max(n.read, n.state.LogFloor, 1); at < n.state.Applied; at = n.read {
		if n.read < at {
			n.skipped = max(n.skipped, at)
		}
		asking, done := context.WithTimeout(ctx, answerLimit)
		page, err := l.place.Chosen(asking, n.Address, at, chosenPage)
		done()
		var refused *client.Problem
		switch {
		case errors.As(err, &refused) && refused.Kind() == "truncated":
			n.partial = refused.Detail // it moved on; the next look begins there
			return nil
		case err != nil:
			return err
		case len(page.Entries) == 0:
			n.partial = fmt.Sprintf("it gives nothing from slot %d on", at)
			return nil
		}
		if n.from == 0 || at < n.from {
			n.from = at
		}
		for _, e := range page.Entries {
			l.onlooker.Chosen(n.ID, e)
		}
		n.read = page.Entries[len(page.Entries)-1].Slot + 1
	}
	return nil
}

// result says what was seen, and what was not.
func (l *lookout) result() audited {
	r := audited{Looks: l.looks, Counts: l.onlooker.Counts(), Nodes: []auditedNode{}, Unseen: []string{}, Objections: l.onlooker.Objections()}
	if r.Objections == nil {
		r.Objections = []audit.Objection{}
	}
	var list []*looked
	for _, n := range l.nodes {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *looked) int {
		return cmp.Or(cmp.Compare(slices.Index(roleOrder, a.Role), slices.Index(roleOrder, b.Role)), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	learners := 0
	for _, n := range list {
		a := auditedNode{target: n.target, Answered: n.answered, Standing: n.state.Standing, Promise: n.state.Promise, Events: n.events}
		switch n.Role {
		case paxos.AcceptorRole:
			if n.answered {
				a.From, a.Below = n.state.Floor, max(n.state.Highest+1, n.state.Floor)
			}
		case paxos.LearnerRole:
			a.From, a.Below = n.from, n.state.Applied
			if n.read > 0 {
				learners++
			}
		}
		r.Nodes = append(r.Nodes, a)
		r.Unseen = append(r.Unseen, n.unseen()...)
	}
	if learners < 2 {
		r.Unseen = append(r.Unseen, fmt.Sprintf("learners were not compared: the logs of %d of them were read", learners))
	}
	return r
}

// unseen is what could not be seen of a node.
func (n *looked) unseen() (list []string) {
	if n.silent != "" {
		list = append(list, fmt.Sprintf("%s: %s", n.ID, n.silent))
	}
	if n.lost > 0 {
		list = append(list, fmt.Sprintf("%s: %d events that it keeps no longer", n.ID, n.lost))
	}
	if n.Role == paxos.LearnerRole && max(n.from, n.skipped) > 1 {
		list = append(list, fmt.Sprintf("%s: its log below slot %d, of which it has only the state", n.ID, max(n.from, n.skipped)))
	}
	if n.partial != "" {
		list = append(list, fmt.Sprintf("%s: a part of its log: %s", n.ID, n.partial))
	}
	return list
}
