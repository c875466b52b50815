package model

import (
	"context"
	"strings"
	"testing"

	"paxos/acceptor"
	"paxos/internal/raced"
	"paxos/paxos"
	"paxos/proposer"
)

// forgetful comes back without its promises.
type forgetful struct{ *acceptor.Acceptor }

func (f forgetful) Restore(r paxos.Record) error {
	if r.RecordKind() == paxos.PromisedKind {
		return nil
	}
	return f.Acceptor.Restore(r)
}

// twice writes every promise twice.
type twice struct{ *acceptor.Acceptor }

func (t twice) Step(e paxos.Envelope) paxos.Effects {
	out := t.Acceptor.Step(e)
	for _, r := range out.Persist {
		if r.RecordKind() == paxos.PromisedKind {
			out.Persist = append(out.Persist, r)
		}
	}
	return out
}

// unwritten writes nothing of what it promises.
type unwritten struct{ *acceptor.Acceptor }

func (u unwritten) Step(e paxos.Envelope) paxos.Effects {
	out := u.Acceptor.Step(e)
	if _, ok := e.Message.(paxos.Prepare); ok {
		out.Persist = nil
	}
	return out
}

// believing counts what one acceptor says as said by two.
type believing struct{ *proposer.Proposer }

func (b believing) Step(e paxos.Envelope) paxos.Effects {
	other := map[paxos.NodeID]paxos.NodeID{"a1": "a2", "a2": "a3", "a3": "a1"}[e.From]
	out := b.Proposer.Step(e)
	if other == "" || e.Message.Kind() != paxos.KindPromise && e.Message.Kind() != paxos.KindAccepted {
		return out
	}
	e.Message = renamed(e.Message, paxos.StoreIn(stores, e.From), paxos.StoreIn(stores, other))
	e.From = other
	return joined(out, b.Proposer.Step(e))
}

func believe(p *proposer.Proposer) proposerRoom { return believing{p} }

// plants are bugs, and which checker says so.
var plants = map[string]struct {
	opts    Options
	checker string
	way     int // at most so many steps
	long    bool
}{
	"an acceptor comes back without its promises, and writes below them": {
		Options{Campaigns: [2]int{1, 1}, Commands: 1, Slots: 1, Crashes: 1, plant: plant{
			acceptor: func(a *acceptor.Acceptor) acceptorRoom { return forgetful{a} }}}, "promise-regress", 6, false},
	"a crash loses a promise that was written": {
		Options{Campaigns: [2]int{1, 1}, Commands: 2, Slots: 1, Crashes: 1, plant: plant{
			loses: func(r paxos.Record) bool { return r.RecordKind() == paxos.PromisedKind }}}, "promise-regress", 6, false},
	"a proposer counts one promise as two, and two values are chosen": {
		Options{Campaigns: [2]int{1, 1}, Commands: 2, Slots: 1, AsIs: true, plant: plant{only: "one-value-per-slot", proposer: believe}}, "one-value-per-slot", 12, true},
	"a crash loses a vote that was written": {
		Options{Campaigns: [2]int{1, 1}, Commands: 2, Slots: 1, Crashes: 1, plant: plant{only: "safe-proposal",
			loses: func(r paxos.Record) bool { return r.RecordKind() == paxos.AcceptedKind }}}, "safe-proposal", 20, true},
	"a crash loses a promise that was told": {
		Options{Campaigns: [2]int{1, 1}, Slots: 1, Crashes: 1, Lives: true, plant: plant{only: "clone",
			loses: func(r paxos.Record) bool { return r.RecordKind() == paxos.PromisedKind }}}, "clone", 12, false},
	"an acceptor promises before it writes": {
		Options{Campaigns: [2]int{1, 0}, Slots: 1, plant: plant{
			acceptor: func(a *acceptor.Acceptor) acceptorRoom { return unwritten{a} }}}, "promise-regress", 2, false},
	"an acceptor writes what it refuses to read": {
		Options{Campaigns: [2]int{1, 0}, Slots: 1, plant: plant{
			acceptor: func(a *acceptor.Acceptor) acceptorRoom { return twice{a} }}}, "broken", 2, false},
	"a proposer overlooks what was accepted": {
		Options{Campaigns: [2]int{1, 1}, Commands: 2, Slots: 1, plant: plant{hears: func(_ uint8, e paxos.Envelope) paxos.Envelope {
			if m, ok := e.Message.(paxos.Promise); ok {
				m.Entries = nil
				e.Message = m
			}
			return e
		}}}, "safe-proposal", 20, true},
	"a proposer counts one promise as two": {
		Options{Campaigns: [2]int{1, 1}, Commands: 2, Slots: 1, AsIs: true, plant: plant{only: "safe-proposal", proposer: believe}}, "safe-proposal", 20, false},
	"a proposer counts one vote as two": {
		Options{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, AsIs: true, plant: plant{only: "acknowledged", proposer: believe}}, "acknowledged", 20, false},
	"an acceptor takes a lower ballot for its own": {
		Options{Campaigns: [2]int{1, 1}, Commands: 2, Slots: 1, plant: plant{hears: func(place uint8, e paxos.Envelope) paxos.Envelope {
			if m, ok := e.Message.(paxos.Accept); ok {
				m.Ballot = paxos.Ballot{Number: 2, Proposer: "p2", Start: 1}
				e.Message = m
			}
			return e
		}}}, "one-value-per-ballot", 20, true},
	"an acceptor believes more of the watermark than it is told": {
		Options{Campaigns: [2]int{1, 1}, Commands: 2, Slots: 2, plant: plant{hears: func(_ uint8, e paxos.Envelope) paxos.Envelope {
			if m, ok := e.Message.(paxos.Accept); ok {
				m.Chosen++
				e.Message = m
			}
			return e
		}}}, "watermark", 20, true},
	"a learner counts votes for nothing": {
		Options{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Learner: true, plant: plant{hears: anyBallot}}, "applied-chosen", 20, false},
	"a learner that is shown all votes counts votes for nothing": {
		Options{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, plant: plant{hears: anyBallot}}, "applied-chosen", 20, false},
}

// anyBallot makes a learner count votes whatever their ballot is.
func anyBallot(_ uint8, e paxos.Envelope) paxos.Envelope {
	if m, ok := e.Message.(paxos.Learn); ok {
		votes := append([]paxos.Vote(nil), m.Votes...)
		for i := range votes {
			votes[i].Ballot = paxos.Ballot{Number: 1, Proposer: "p9"}
		}
		m.Votes = votes
		e.Message = m
	}
	return e
}

func TestEveryPlantedBugIsFoundOnAShortWay(t *testing.T) {
	for name, c := range plants {
		if c.long && raced.On {
			continue // minutes with the detector; the others show it as much
		}
		t.Run(name, func(t *testing.T) {
			c.opts.Window, c.opts.Workers, c.opts.States = 2, 2, 3_000_000
			r, err := Run(context.Background(), c.opts)
			switch {
			case err != nil:
				t.Fatal(err)
			case r.Violation == nil:
				t.Fatalf("nobody noticed: %+v", r)
			case r.Violation.Checker != c.checker:
				t.Errorf("%s says %q; %s was to speak", r.Violation.Checker, r.Violation.Text, c.checker)
			}
			steps := 0
			for _, line := range r.Violation.Way {
				if !strings.HasPrefix(line, " ") {
					steps++
				}
			}
			if steps != r.Depth+1 || steps > c.way || strings.Contains(strings.Join(r.Violation.Way, ""), "is lost") {
				t.Errorf("a way of %d steps to depth %d; at most %d were thought to be needed", steps, r.Depth+1, c.way)
			}
			t.Logf("%d states; %s: %s\n%s", r.States, r.Violation.Checker, r.Violation.Text, strings.Join(r.Violation.Way, "\n"))
		})
	}
}
