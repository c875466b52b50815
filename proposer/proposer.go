// Package proposer holds the rules of leading: when to stand for election,
// what to propose again after it, how to fill gaps, how many slots may be in
// flight, and when to step down.
//
// It is not a clock, a queue of connections or a place where anything is
// stored: a proposer keeps nothing on disk, because its ballot carries a fresh
// start id. Its neighbours: acceptor (remembering) answers it, client/session
// asks it, learner (learning) tells the outcome.
//
// The package is pure: same input, same output.
package proposer

import (
	"fmt"

	"paxos/paxos"
)

// Config is what a proposer is told at its start. Times are in ticks.
type Config struct {
	Node          paxos.NodeID
	Configuration paxos.Configuration
	Start         paxos.StartID // 64 random bits, drawn for this start
	Seed          uint64        // of the dice that back-off throws
	TickMillis    uint64        // how much log time passes in a tick

	ElectionTicks  int // silence after which a leader is given up
	HeartbeatTicks int // between two heartbeats of a leader
	SurveyTicks    int // between two surveys of who does not lead
	ResendTicks    int // after which an unanswered message is sent again

	Window          int // how many slots may be unchosen at once
	MaxBatch        int // commands in one slot
	MaxBatchBytes   int // bytes of commands in one slot
	MaxWaiting      int // commands that may wait; above it: Overloaded
	MaxWaitingBytes int // bytes of commands that may wait

	// Frees tells which commands are taken while an acceptor has little room on
	// its disk; nil: all.
	Frees func(paxos.Command) bool
}

// Phase is what a proposer does now.
type Phase uint8

// The phases.
const (
	Following Phase = iota
	Preparing
	Leading
)

// String gives the phase's word.
func (p Phase) String() string { return [...]string{"following", "preparing", "leading"}[p] }

// MarshalText implements encoding.TextMarshaler.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Proposer leads, or waits until it may.
type Proposer struct {
	cfg   Config
	stamp paxos.Stamp // of the configuration
	dice  paxos.Dice
	tick  int
	adopt paxos.Adoption
	lives paxos.Lives

	phase  Phase
	ballot paxos.Ballot // the ballot of the last own attempt
	seen   paxos.Number // the highest ballot number heard of
	chosen paxos.Slot   // chosen watermark: every slot below it is chosen

	// Following.
	question paxos.Number
	surveys  map[paxos.NodeID]surveyed
	words    map[paxos.NodeID]*word
	since    int // the tick at which it last stopped leading
	failures int
	calm     int          // ticks since anybody was missed
	wait     int          // ticks until the next attempt; -1: no reason for one
	asked    paxos.Number // the survey that must still find silence; 0 for none
	// lastAnswering is how many acceptors answered when it last led.
	lastAnswering int

	// Preparing, and when a leader asks for slots below those it began with.
	asking *collection

	// Leading.
	led paxos.Slot // the chosen watermark when the lead began: from here on all is proposed in the own ballot
	// finishAgain is the tick from which on learners may have slots finished.
	finishAgain int
	wishes      []wish     // of learners, the one that waited longest first
	next        paxos.Slot // the first slot nothing was proposed for
	heard       map[paxos.NodeID]int
	full        map[paxos.NodeID]bool
	beats       paxos.Number
	lastTime    paxos.LogTime
	timeBase    paxos.LogTime
	timeTick    int
	again       []paxos.Proposal // to be proposed again, in slot order
	flight      map[paxos.Slot]*flying
	bytes       int // of the values in flight
	airborne    int // the commands in them that somebody waits for
	queue       queue
	attempts    attempts
	stopping    *stopping

	placed map[paxos.NodeID][]paxos.Placed // answers gathered in this turn
	out    paxos.Effects
}

type surveyed struct {
	paxos.Surveyed
	tick int
}

// New makes a proposer.
func New(cfg Config) *Proposer {
	return &Proposer{
		cfg: cfg, stamp: cfg.Configuration.Stamp(), dice: paxos.Dice(cfg.Seed), chosen: 1, wait: -1,
		surveys: map[paxos.NodeID]surveyed{}, words: map[paxos.NodeID]*word{}, placed: map[paxos.NodeID][]paxos.Placed{},
	}
}

// Header implements paxos.Role.
func (p *Proposer) Header() paxos.Header {
	return paxos.Header{Node: p.cfg.Node, Cluster: p.adopt.Cluster, Config: p.stamp}
}

// Step implements paxos.Role.
func (p *Proposer) Step(e paxos.Envelope) paxos.Effects {
	switch m := e.Message.(type) {
	case paxos.Surveyed:
		p.surveyed(e.From, e.Cluster, m)
	case paxos.Promise:
		p.promise(e.From, m)
	case paxos.Accepted:
		p.accepted(e.From, m)
	case paxos.Heard:
		if p.hearing(e.From, m.Store, m.Life, m.Ballot) {
			p.full[e.From] = m.Full
			p.heardOf(e.From)
		}
	case paxos.Nack:
		p.nack(e.From, m)
	case paxos.Propose:
		p.propose(e.From, m)
	case paxos.Finish:
		p.finish(e.From, m)
	case paxos.Handover:
		p.handover(m)
	}
	return p.effects()
}

// Flush implements paxos.Role: what waits goes into slots as far as the window
// allows, and the answers of the turn leave together.
func (p *Proposer) Flush() paxos.Effects {
	if p.phase == Leading {
		p.pump()
	}
	for _, asker := range sortedKeys(p.placed) {
		p.send(asker, paxos.Proposed{Placed: p.placed[asker]})
		delete(p.placed, asker)
	}
	return p.effects()
}

// Tick implements paxos.Role.
func (p *Proposer) Tick() paxos.Effects {
	p.tick++
	switch {
	case p.phase == Leading:
		p.tickLeading()
	default:
		p.tickSurvey()
		if p.phase == Preparing {
			p.tickPreparing()
		} else {
			p.tickFollowing()
		}
	}
	return p.effects()
}

func (p *Proposer) effects() paxos.Effects {
	out := p.out
	p.out = paxos.Effects{}
	return out
}

func (p *Proposer) send(to paxos.NodeID, m paxos.Message) {
	p.out.Send = append(p.out.Send, p.Header().Envelope(to, m))
}

func (p *Proposer) sendAcceptors(m paxos.Message) {
	for _, id := range p.cfg.Configuration.Acceptors {
		p.send(id, m)
	}
}

func (p *Proposer) event(e paxos.Event) { p.out.Events = append(p.out.Events, e) }

func (p *Proposer) broken(format string, args ...any) {
	p.out.Broken = fmt.Errorf("broken invariant at %s: %s", p.cfg.Node, fmt.Sprintf(format, args...))
}

// Status is a proposer's inner state, for /leader and /view-logs.
type Status struct {
	Phase   Phase           `json:"phase"`
	Leading bool            `json:"leading"`
	Cluster paxos.ClusterID `json:"cluster"`
	Ballot  paxos.Ballot    `json:"ballot"`
	// Leader is who leads as far as this proposer knows, "" if unknown.
	Leader    paxos.NodeID `json:"leader"`
	Chosen    paxos.Slot   `json:"chosen_watermark"`
	Next      paxos.Slot   `json:"next_slot"`
	InFlight  int          `json:"slots_in_flight"`
	Waiting   int          `json:"commands_waiting"`
	Answering int          `json:"acceptors_answering"`
	Needed    int          `json:"acceptors_needed"`
	// Fresh says that it has followed for too short a time to tell who answers:
	// Answering is what it knew when it last led, 0 if it never did.
	Fresh bool `json:"fresh"`
	// Acceptors are all of the configuration, as this proposer sees them.
	Acceptors []Seen `json:"acceptors"`
}

// Status gives the inner state.
func (p *Proposer) Status() Status {
	return Status{
		Phase: p.phase, Leading: p.phase == Leading, Cluster: p.adopt.Cluster, Ballot: p.ballot, Leader: p.leader(),
		Chosen: p.chosen, Next: p.next, InFlight: len(p.flight), Waiting: p.queue.len(),
		Answering: p.answering(), Needed: p.cfg.Configuration.Quorum(), Fresh: p.phase != Leading && p.fresh(),
		Acceptors: p.acceptors(),
	}
}
