package scenes

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"paxos/acceptor"
	"paxos/client/session"
	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
	"paxos/proposer"
)

// user is who stands outside the cluster: it sends values and is answered.
const user paxos.NodeID = "user"

// Stage is a set of nodes and the mail between them. Nothing on it happens by
// chance or in parallel.
type Stage struct {
	config paxos.Configuration
	actors []*actor
	mail   []*letter
	past   []paxos.Envelope // everything that was delivered
	cuts   map[link]bool
	holds  []filter
	tick   int
	said   int // the tick of which the last printed line was
	fresh  uint64
	runs   uint64
	sizes  sizes
	quiet  map[string]bool
	mute   bool
	names  names
	umpire *umpire
	lines  []string
	// answers are what the user was told last, by value.
	answers map[string]string
}

// sizes are the bounds that a scene may set.
type sizes struct{ page, window, batch int }

// actor is one node: the role it plays, and what outlives it.
type actor struct {
	id       paxos.NodeID
	kind     paxos.RoleName
	role     paxos.Role // nil: it is down
	identity paxos.Identity
	disk     []paxos.Record
	machine  *kv.Machine // a learner's
	elected  bool        // a proposer's last attempt succeeded
	starts   uint64      // of an acceptor with this disk
	saved    *actor      // a copy of its disk
	trip     string      // "before" or "after": it crashes at its next writing
}

// NewStage makes an empty stage.
func NewStage() *Stage {
	return &Stage{
		cuts: map[link]bool{}, quiet: map[string]bool{}, answers: map[string]string{},
		sizes: sizes{page: 1 << 20, window: 64, batch: 64}, umpire: newUmpire(),
	}
}

// Cast brings nodes on the stage, with blank disks: acceptor1, acceptor2…
func (s *Stage) Cast(acceptors, proposers, learners, clients int) {
	add := func(kind paxos.RoleName, n int) {
		for i := range n {
			s.actors = append(s.actors, &actor{id: paxos.NodeID(fmt.Sprintf("%s%d", kind, i+1)), kind: kind})
		}
	}
	add(paxos.AcceptorRole, acceptors)
	add(paxos.ProposerRole, proposers)
	add(paxos.LearnerRole, learners)
	add(paxos.ClientRole, clients)
	s.config = paxos.Configuration{Acceptors: s.ids(paxos.AcceptorRole), Learners: s.ids(paxos.LearnerRole)}
	s.umpire.config = s.config
	for _, a := range s.actors {
		s.start(a)
	}
}

func (s *Stage) ids(kind paxos.RoleName) []paxos.NodeID {
	var list []paxos.NodeID
	for _, a := range s.actors {
		if a.kind == kind {
			list = append(list, a.id)
		}
	}
	return list
}

func (s *Stage) actor(id paxos.NodeID) *actor {
	i := slices.IndexFunc(s.actors, func(a *actor) bool { return a.id == id })
	if i < 0 {
		return nil
	}
	return s.actors[i]
}

// draw stands for the random numbers that a real node draws at its start.
func (s *Stage) draw() uint64 {
	s.fresh++
	return s.fresh
}

// start makes a node's role from what it kept: an acceptor's disk, and for all
// others nothing.
func (s *Stage) start(a *actor) {
	switch a.kind {
	case paxos.AcceptorRole:
		cfg := acceptor.Config{Node: a.id, Configuration: s.config, PageBytes: s.sizes.page, FreshStore: paxos.StoreID(s.draw())}
		cfg.FreshCluster[15] = byte(s.draw())
		a.starts++
		s.runs++
		cfg.Starts, cfg.Run = paxos.Number(a.starts), paxos.StartID(s.runs)
		role := acceptor.New(cfg, a.identity)
		for _, rec := range a.disk {
			if err := role.Restore(rec); err != nil {
				s.umpire.object("%s cannot read its disk: %v", a.id, err)
			}
		}
		a.role = role
	case paxos.ProposerRole:
		n := s.draw()
		a.role = proposer.New(proposer.Config{Node: a.id, Configuration: s.config, Start: paxos.StartID(n), Seed: n + 5, TickMillis: 100,
			ElectionTicks: 10, HeartbeatTicks: 3, SurveyTicks: 3, ResendTicks: 6, Window: s.sizes.window,
			MaxBatch: s.sizes.batch, MaxBatchBytes: 1 << 20, MaxWaiting: 1000, MaxWaitingBytes: 1 << 20})
	case paxos.LearnerRole:
		a.machine = opened()
		a.role = learner.New(learner.Config{Node: a.id, Configuration: s.config, PullTicks: 5, FinishTicks: 20, BeatTicks: 5, PageBytes: s.sizes.page}, a.machine)
	case paxos.ClientRole:
		n := s.draw()
		a.role = session.New(session.Config{Node: a.id, Configuration: s.config, Session: paxos.SessionID(n), Seed: n,
			SurveyTicks: 3, ResendTicks: 12, RetryTicks: 4, AbandonTicks: 200, MaxPending: 100, MaxBytes: 1 << 20})
	}
	s.Gossip("")
}

// opened is an empty store in which every session is open that a scene may
// draw: scenes are about what comes then. It lies in slot 0, which no log has.
func opened() *kv.Machine {
	m := kv.New()
	e := paxos.Entry{}
	for n := range 200 {
		e.Value.Commands = append(e.Value.Commands, paxos.Command{Session: paxos.SessionID(n + 1), Sequence: 1 << 62, Body: kv.Encode(kv.Open{})})
	}
	if _, err := m.Apply(e); err != nil {
		panic(err)
	}
	return m
}

// Gossip tells who asks others whom there is to ask, as discovery would, and
// who is said to lead.
func (s *Stage) Gossip(leader paxos.NodeID) {
	for _, a := range s.actors {
		if a.role != nil && (a.kind == paxos.LearnerRole || a.kind == paxos.ClientRole) {
			h := a.role.Header()
			a.role.Step(h.Envelope(a.id, paxos.Directory{
				Proposers: s.ids(paxos.ProposerRole), Clients: s.ids(paxos.ClientRole), Leader: leader}))
		}
	}
}

// turn is one turn of a node's loop: it takes what waits (or a tick), writes
// what must be on disk, and only then speaks.
func (s *Stage) turn(a *actor, inbox []*letter, tick bool) {
	var persist []paxos.Record
	var send []paxos.Envelope
	take := func(e paxos.Effects) {
		persist, send = append(persist, e.Persist...), append(send, e.Send...)
		for _, event := range e.Events {
			s.sayEvent(a, event)
		}
		if e.Broken != nil {
			s.umpire.object("%s stops: %v", a.id, e.Broken)
		}
	}
	for _, l := range inbox {
		s.sayLetter("→", l.Envelope, "")
		s.past = append(s.past, l.Envelope)
		if err := a.role.Header().Check(l.Envelope); err != nil {
			s.say(string(a.id)+" turns it away", s.headerText(err))
			continue
		}
		s.umpire.delivered(l.Envelope)
		take(a.role.Step(l.Envelope))
	}
	if tick {
		take(a.role.Tick())
	}
	take(a.role.Flush())
	if a.trip == "before" && len(persist) > 0 {
		s.Crash(a, "before it writes")
		return
	}
	for _, rec := range persist {
		s.write(a, rec)
	}
	if a.trip == "after" && len(persist) > 0 {
		s.Crash(a, "after writing, before it speaks")
		return
	}
	for _, e := range send {
		s.umpire.sends(a, e)
		s.mail = append(s.mail, &letter{Envelope: s.wire(e)})
	}
	s.umpire.compare(s.actors)
}

func (s *Stage) write(a *actor, rec paxos.Record) {
	s.umpire.writes(a, rec)
	if id, ok := rec.(paxos.IdentityRecord); ok {
		a.identity = id.Identity
	} else {
		a.disk = append(a.disk, rec)
	}
	s.say(string(a.id)+" writes", s.recordText(rec))
}

// Crash ends a node at once: what it did not write is forgotten.
func (s *Stage) Crash(a *actor, when string) {
	a.role, a.machine, a.trip, a.elected = nil, nil, "", false
	s.say(string(a.id)+" crashes", when)
}

// Restart starts a node that is down, from its disk.
func (s *Stage) Restart(a *actor) {
	s.start(a)
	kept := "with nothing"
	if a.kind == paxos.AcceptorRole {
		kept = fmt.Sprintf("from its disk: %s, %d records", a.identity.Standing, len(a.disk))
	}
	s.say(string(a.id)+" restarts", kept)
}

// Tick lets one tick pass for the given nodes, and delivers all mail.
func (s *Stage) Tick(who []paxos.NodeID) {
	s.tick++
	for _, a := range s.actors {
		if a.role != nil && slices.Contains(who, a.id) {
			s.turn(a, nil, true)
		}
	}
	s.Deliver(filter{})
}

// column is how wide the left side of a line is.
const column = 26

// say prints one line: who, and what. The first line of a later tick is
// preceded by the time.
func (s *Stage) say(who, what string) {
	if s.mute {
		return
	}
	if s.said != s.tick {
		s.said = s.tick
		s.print(fmt.Sprintf("(tick %d)", s.tick))
	}
	pad := max(1, column-utf8.RuneCountInString(who))
	s.print(strings.TrimRight(who+strings.Repeat(" ", pad)+what, " "))
}

// print puts a line into the conversation: indented, as all output is.
func (s *Stage) print(line string) { s.lines = append(s.lines, "  "+line) }
