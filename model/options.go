package model

import (
	"errors"
	"fmt"
	"time"

	"paxos/acceptor"
	"paxos/paxos"
	"paxos/proposer"
)

// Options bound the space and the run.
type Options struct {
	// Campaigns is how often each of the two proposers stands for election.
	Campaigns [2]int
	// Commands is how many commands clients have; each may be brought to each
	// proposer once. Slots is the last slot into which one is put. Own lets every
	// command have one proposer, to which it is brought and to no other: they
	// take turns.
	Commands int
	Slots    int
	Own      bool
	// Crashes is how often an acceptor crashes and comes back, all together, and
	// Restarts how often a proposer does.
	Crashes  int
	Restarts int
	// Window of the proposers.
	Window int
	// Pages makes acceptors give what they accepted one slot at a time.
	Pages bool
	// Beats lets leaders send heartbeats; Finish lets a learner ask a leader to
	// finish all slots.
	Beats  bool
	Finish bool
	// Learner makes the learner's state a part of the state. Without it, a
	// learner is shown all votes of every state in a few orders.
	Learner bool
	// Lives carries what acceptors say of their disk's past; without it every
	// word counts, late ones of ended processes too.
	Lives bool
	// AsIs visits all states, also those that differ only in which acceptor is
	// which.
	AsIs bool
	// Depth bounds the ways: what takes more steps is not visited; 0 is no bound.
	Depth int

	Workers int
	// States, For and Megabytes end the run; 0 is no bound.
	States    uint64
	For       time.Duration
	Megabytes uint64

	// Say, if not nil, is called every few seconds.
	Say func(Result)

	plant plant
}

// plant are the places where tests plant bugs.
type plant struct {
	acceptor func(*acceptor.Acceptor) acceptorRoom
	proposer func(*proposer.Proposer) proposerRoom
	// loses tells which records do not reach the disk, though it says so.
	loses func(paxos.Record) bool
	// hears is what a place takes a message for.
	hears func(place uint8, e paxos.Envelope) paxos.Envelope
	// only is the one checker that speaks; "" for all.
	only string
}

// Default is the space of the long run: more than a night's.
func Default() Options {
	return Options{Campaigns: [2]int{2, 2}, Commands: 2, Slots: 2, Crashes: 1, Restarts: 1, Window: 2, Beats: true, Workers: 2}
}

// Short are the small spaces of CI. Each is visited to its end, or to its depth.
func Short() []Options {
	return []Options{
		{Campaigns: [2]int{1, 1}, Commands: 1, Slots: 1, Window: 1, Workers: 2},
		{Campaigns: [2]int{1, 0}, Commands: 2, Slots: 2, Window: 2, Crashes: 1, Workers: 2},
		{Campaigns: [2]int{1, 1}, Commands: 2, Own: true, Slots: 2, Window: 1, Crashes: 1, Depth: 19, Workers: 2},
		{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Window: 1, Finish: true, Workers: 2},
		{Campaigns: [2]int{2, 0}, Commands: 1, Slots: 1, Window: 1, Restarts: 1, Workers: 2},
		{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Window: 1, Crashes: 1, Beats: true, Learner: true, Workers: 2},
		{Campaigns: [2]int{1, 0}, Commands: 1, Slots: 1, Window: 1, Crashes: 1, Lives: true, Learner: true, Workers: 2},
	}
}

// Bounds of what fits the tables of a state.
const (
	mostCampaigns = 3
	mostCommands  = 4
	mostSlots     = 8
	mostCrashes   = 6
)

// Check says what is wrong with the options, and what to do.
func (o Options) Check() error {
	for _, c := range o.Campaigns {
		if c < 0 || c > mostCampaigns {
			return fmt.Errorf("%d campaigns of a proposer: 0 to %d are possible", c, mostCampaigns)
		}
	}
	switch {
	case o.Campaigns == [2]int{}:
		return errors.New("no campaigns at all: nobody would ever say anything; give one proposer 1")
	case o.Commands < 0 || o.Commands > mostCommands:
		return fmt.Errorf("%d commands: 0 to %d are possible", o.Commands, mostCommands)
	case o.Slots < 1 || o.Slots > mostSlots:
		return fmt.Errorf("%d slots: 1 to %d are possible", o.Slots, mostSlots)
	case o.Crashes < 0 || o.Crashes > mostCrashes:
		return fmt.Errorf("%d crashes of acceptors: 0 to %d are possible", o.Crashes, mostCrashes)
	case o.Restarts < 0 || o.Restarts > mostCrashes:
		return fmt.Errorf("%d restarts of proposers: 0 to %d are possible", o.Restarts, mostCrashes)
	case o.Window < 1:
		return fmt.Errorf("a window of %d: a leader needs at least 1 slot", o.Window)
	case o.Workers < 1 || o.Workers > 64:
		return fmt.Errorf("%d workers: 1 to 64 are possible", o.Workers)
	case o.Lives && (o.Beats || o.Finish):
		return errors.New("lives, and beats or finish: a heartbeat's answers here are of no life; leave one of them out")
	case o.Depth < 0:
		return fmt.Errorf("a depth of %d: it cannot be negative", o.Depth)
	case o.For < 0:
		return fmt.Errorf("for %v: a time cannot be negative", o.For)
	}
	return nil
}
