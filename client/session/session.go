// Package session holds the rules of asking: how the client service gets a
// user's command to the leader, sends it again under the same name until its
// outcome is known, and what it may say when it runs out of time.
//
// It is not the Go client for programs (that is package client, one folder up)
// and not the session table (that is kv). Its neighbours: proposer takes what
// it sends, learner tells it outcomes.
//
// The package is pure: same input, same output.
package session

import (
	"slices"

	"paxos/paxos"
)

// Config is what a session is told at its start. Times are in ticks.
type Config struct {
	Node          paxos.NodeID
	Configuration paxos.Configuration
	Session       paxos.SessionID // 64 random bits, drawn for this start
	Seed          uint64          // of the dice that choose a proposer

	// Open and Touch are the bodies of the commands that open the session and
	// that keep it alive when TouchTicks passed without another; without Open
	// the session counts as open.
	Open, Touch []byte

	TouchTicks   int
	SurveyTicks  int // between two questions for the cluster, until it is known
	ResendTicks  int // after which an unanswered command is sent again
	RetryTicks   int // after which a refused command is sent again
	AbandonTicks int // how long the outcome of what nobody waited for stays askable
	KeptOutcomes int // how many outcomes stay askable after they were told
	MaxPending   int // commands that may wait for their outcome
	PendingBytes int // of their bodies; 0 is no bound
	MaxBytes     int // of commands in one Propose
}

// Session pursues commands. It is a paxos.Role.
type Session struct {
	cfg   Config
	stamp paxos.Stamp // of the configuration
	dice  paxos.Dice
	adopt paxos.Adoption
	tick  int

	session paxos.SessionID
	open    bool
	opening paxos.Sequence // the command that opens it, 0 before
	used    int            // the tick at which a command was last sent

	applied   paxos.Slot // the highest watermark a learner reported
	last      paxos.Sequence
	confirmed paxos.Sequence // every lower sequence is settled
	pending   map[paxos.Sequence]*pending
	spare     []*pending // settled ones, to be used again
	due       due
	bytes     int                    // of users' commands in pending
	abandoned map[paxos.Sequence]int // settled as unknown; until which tick it keeps the floor
	unsent    []paxos.Sequence

	attempt   paxos.Number
	leader    paxos.NodeID // whom to ask first: a hint
	distrust  paxos.NodeID // the last that was asked in vain, or is stopping
	until     int          // the tick until which it is not asked
	turned    int          // the tick of the last redirection at once
	directory paxos.Directory
	heard     map[paxos.NodeID]int // tick of the acceptors' last survey
	reports   []Report             // the last ones, the oldest first
	learners  map[paxos.NodeID]told
	fates     Fates

	out paxos.Effects
}

// pending is a command whose outcome is not known yet.
type pending struct {
	command  paxos.Command
	asker    paxos.NodeID // "" if nobody waits
	asked    paxos.NodeID // the proposer that it was last sent to, until it refuses
	sent     paxos.Number // in which attempt
	deadline int
	retry    int // the tick at which it is sent again
	// open are the attempts that were not refused for certain. While there is
	// one, the command may take effect.
	open    []paxos.Number
	refusal paxos.Refused // the last one, to explain a 503
	renamed bool          // it got a new name, once
}

// New makes a session.
func New(cfg Config) *Session {
	return &Session{
		cfg: cfg, stamp: cfg.Configuration.Stamp(), dice: paxos.Dice(cfg.Seed), session: cfg.Session, confirmed: 1, pending: map[paxos.Sequence]*pending{}, due: due{at: map[int][]paxos.Sequence{}},
		abandoned: map[paxos.Sequence]int{}, heard: map[paxos.NodeID]int{}, learners: map[paxos.NodeID]told{},
	}
}

// Header implements paxos.Role.
func (s *Session) Header() paxos.Header {
	return paxos.Header{Node: s.cfg.Node, Cluster: s.adopt.Cluster, Config: s.stamp}
}

// Step implements paxos.Role.
func (s *Session) Step(e paxos.Envelope) paxos.Effects {
	switch m := e.Message.(type) {
	case paxos.Submit:
		s.submit(e.From, m)
	case paxos.Refused:
		s.refused(e.From, m)
	case paxos.Proposed:
		s.proposed(e.From, m)
	case paxos.Notify:
		s.notify(e.From, m)
	case paxos.Surveyed:
		s.adopt.Hear(s.cfg.Configuration, e.From, e.Cluster, m)
		if s.cfg.Configuration.IsAcceptor(e.From) && m.Standing == paxos.Member {
			s.heard[e.From] = s.tick
		}
	case paxos.Directory:
		s.directory = m
	case paxos.Gone:
		s.gone(m.Node)
	}
	return s.effects()
}

// Flush implements paxos.Role: everything that waits to be sent leaves as few
// messages, to one proposer.
func (s *Session) Flush() paxos.Effects {
	if len(s.unsent) > 0 && s.adopt.Done() && s.applied > 0 {
		if s.opened() {
			s.propose(s.unsent)
			s.unsent = s.unsent[:0]
		} else if i := slices.Index(s.unsent, s.opening); i >= 0 {
			s.unsent = slices.Delete(s.unsent, i, i+1)
			s.propose([]paxos.Sequence{s.opening})
		}
	}
	return s.effects()
}

// Tick implements paxos.Role.
func (s *Session) Tick() paxos.Effects {
	s.tick++
	if !s.adopt.Done() && s.tick%s.cfg.SurveyTicks == 1%s.cfg.SurveyTicks {
		for _, id := range s.cfg.Configuration.Acceptors {
			s.send(id, paxos.Survey{})
		}
	}
	for _, sequence := range s.due.take(s.tick) {
		p := s.pending[sequence]
		switch {
		case p == nil:
		case s.tick >= p.deadline:
			s.giveUp(sequence, p)
		case s.tick == p.retry:
			s.unsent = append(s.unsent, sequence)
			if p.asked != "" {
				s.avoid(p.asked)
			}
		}
	}
	s.touch()
	for sequence, until := range s.abandoned {
		if s.tick >= until {
			delete(s.abandoned, sequence)
		}
	}
	return s.effects()
}

func (s *Session) effects() paxos.Effects {
	out := s.out
	s.out = paxos.Effects{}
	return out
}

func (s *Session) send(to paxos.NodeID, m paxos.Message) {
	s.out.Send = append(s.out.Send, s.Header().Envelope(to, m))
}

func (s *Session) submit(from paxos.NodeID, m paxos.Submit) {
	if len(s.pending) >= s.cfg.MaxPending || s.cfg.PendingBytes > 0 && s.bytes > 0 && s.bytes+len(m.Body) > s.cfg.PendingBytes {
		s.fates.NotApplied++
		s.send(from, paxos.Settled{Fate: paxos.FateNotApplied, Reason: paxos.Overloaded})
		return
	}
	p := s.pursue(paxos.Command{Key: m.Key, Body: m.Body})
	p.asker, p.deadline = from, s.tick+max(1, m.Ticks)
	s.due.add(p.deadline, p.command.Sequence)
	if m.NoWait {
		s.send(from, paxos.Settled{Fate: paxos.FatePending, Name: p.command.Name()})
		p.asker = ""
	}
}

// pursue gives a command the next name, and has it sent.
func (s *Session) pursue(c paxos.Command) *pending {
	s.last++
	c.Session, c.Sequence, c.Client = s.session, s.last, s.cfg.Node
	var p *pending
	if n := len(s.spare); n > 0 {
		p, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		p = &pending{}
	}
	p.command = c
	s.pending[s.last] = p
	s.bytes += len(c.Body)
	s.unsent = append(s.unsent, s.last)
	return p
}

// propose sends commands to the proposer that is said to lead.
func (s *Session) propose(sequences []paxos.Sequence) {
	to := s.target()
	if to == "" {
		s.retryLater(sequences)
		return
	}
	s.used = s.tick
	floor := s.floor()
	var commands []paxos.Command
	bytes := 0
	leave := func() {
		if len(commands) > 0 {
			s.send(to, paxos.Propose{Attempt: s.attempt, Commands: commands})
			s.out.Events = append(s.out.Events, paxos.Event{Kind: paxos.EventPropose, Peer: to, Count: len(commands)})
		}
		commands, bytes = nil, 0
	}
	for i, sequence := range sequences {
		p := s.pending[sequence]
		if p == nil {
			continue
		}
		c := &p.command
		if c.Admitted == 0 {
			// Every copy carries the watermark of the first admission, so that
			// an old copy is known for what it is.
			c.Admitted = s.applied
		}
		c.Confirmed = floor
		size := len(c.Body) + len(c.Key) + 64
		if bytes+size > s.cfg.MaxBytes {
			leave()
		}
		if len(commands) == 0 {
			s.attempt++
			commands = make([]paxos.Command, 0, len(sequences)-i)
		}
		bytes += size
		commands = append(commands, *c)
		if !p.under(s.attempt) {
			p.open = append(p.open, s.attempt)
		}
		p.asked, p.sent = to, s.attempt
		s.retry(p, s.tick+s.cfg.ResendTicks)
	}
	leave()
}

// floor is the sequence from which on the user may still ask what became of a
// command: not above one that is not settled, or that nobody was told of, and
// some way below the last.
func (s *Session) floor() paxos.Sequence {
	for s.confirmed <= s.last && s.last-s.confirmed >= paxos.Sequence(s.cfg.KeptOutcomes) {
		_, kept := s.abandoned[s.confirmed]
		if s.pending[s.confirmed] != nil || kept {
			break
		}
		s.confirmed++
	}
	return s.confirmed
}

func (s *Session) retryLater(sequences []paxos.Sequence) {
	for _, sequence := range sequences {
		if p := s.pending[sequence]; p != nil {
			s.retry(p, s.tick+1+s.cfg.RetryTicks/2+s.dice.Below(s.cfg.RetryTicks))
		}
	}
}

// refused takes a proposer's refusal of one attempt. It is certain that this
// copy has no effect unless the proposer says that it is not.
func (s *Session) refused(from paxos.NodeID, m paxos.Refused) {
	switch {
	case m.Reason == paxos.Stopping:
		s.avoid(from)
	case from == s.leader || m.Leader != "":
		s.leader = ""
		if m.Leader != from {
			s.believe(m.Leader)
		}
	}
	var again []paxos.Sequence
	for _, name := range m.Commands {
		p := s.pending[name.Sequence]
		if p == nil || name != p.command.Name() || !p.under(m.Attempt) {
			continue
		}
		p.refusal = m
		if m.Attempt == p.sent {
			p.asked = "" // it answers: nothing speaks against asking it again
		}
		if !m.Uncertain {
			p.open = slices.DeleteFunc(p.open, func(a paxos.Number) bool { return a == m.Attempt })
		}
		again = append(again, name.Sequence)
	}
	if s.leader != "" && m.Reason == paxos.NotLeading && s.turned != s.tick {
		// At once, to who leads; but two proposers that name each other must
		// not pass a command to and fro for ever.
		s.turned = s.tick
		s.unsent = append(s.unsent, again...)
		return
	}
	s.retryLater(again)
}

// proposed says that commands are chosen: who answered leads. What they did is
// for the learners to tell.
func (s *Session) proposed(from paxos.NodeID, m paxos.Proposed) {
	s.leader, s.distrust = from, ""
}

// notify takes a learner's word: chosen, applied, and on a quorum of disks.
func (s *Session) notify(from paxos.NodeID, m paxos.Notify) {
	if !slices.Contains(s.cfg.Configuration.Learners, from) {
		return
	}
	s.applied = max(s.applied, m.Applied)
	s.learners[from] = told{m.Applied, s.tick}
	known := 0
	for _, o := range m.Outcomes {
		told := o
		told.Result = nil // it may be large, and is for the asker alone
		s.reports = append(s.reports, Report{from, told})
		p := s.pending[o.Sequence]
		if p == nil || o.Session != p.command.Session {
			continue
		}
		known++
		if s.ownSettled(o) || s.harmless(o, p) && s.again(p) {
			continue
		}
		if o.Verdict == paxos.Expired && o.Session == s.session {
			s.expired()
		}
		s.settle(o.Sequence, p, paxos.Settled{Fate: paxos.FateKnown, Outcome: o})
	}
	if n := len(s.reports); n > 2*keptReports {
		s.reports = s.reports[:copy(s.reports, s.reports[n-keptReports:])]
	}
	if known > 0 {
		s.out.Events = append(s.out.Events, paxos.Event{Kind: paxos.EventNotify, Peer: from, Slot: m.Outcomes[0].Slot, Count: known})
	}
}
