package scenes

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"paxos/client/session"
	"paxos/kv"
	"paxos/paxos"
	"paxos/proposer"
)

// directions are the commands of a script: the first word, and what it does
// with the rest of the line. README.md describes them.
var directions map[string]func(*Stage, string) error

func init() {
	directions = map[string]func(*Stage, string) error{
		"cast": cast, "pages": pages, "window": window, "leave": leaveOut, "tell": tell,
		"initialise": initialise, "init": askInit, "gossip": gossip, "send": send,
		"deliver": deliver, "wait": wait, "cut": cut, "heal": heal, "hold": hold, "release": release,
		"drop": drop, "repeat": repeat, "crash": crash, "restart": restart, "wipe": wipe,
		"save": save, "put": putBack, "truncate": truncate, "stop": stop, "knock": knock, "show": show, "log": showLog, "expect": expect,
	}
}

// Direct does what one line of a script says.
func (s *Stage) Direct(command string) error {
	word, rest, _ := strings.Cut(command, " ")
	if word == "quietly" {
		s.mute = true
		defer func() { s.mute, s.said = false, s.tick }()
		word, rest, _ = strings.Cut(rest, " ")
	}
	do := directions[word]
	if do == nil {
		return fmt.Errorf("%q is no command", word)
	}
	return do(s, strings.TrimSpace(rest))
}

// cast: "3 acceptors, 1 proposer, 2 learners, 1 client".
func cast(s *Stage, rest string) error {
	if len(s.actors) > 0 {
		return errors.New("the cast is on the stage already")
	}
	count := map[string]int{}
	for part := range strings.SplitSeq(rest, ",") {
		var n int
		var role string
		if _, err := fmt.Sscanf(strings.TrimSpace(part), "%d %s", &n, &role); err != nil {
			return fmt.Errorf("%q: a number and a role are needed", part)
		}
		count[strings.TrimSuffix(role, "s")] = n
	}
	s.Cast(count["acceptor"], count["proposer"], count["learner"], count["client"])
	return nil
}

// pages and window set bounds; they come before the cast.
func pages(s *Stage, rest string) (err error) {
	s.sizes.page, err = number(strings.TrimSuffix(strings.TrimPrefix(rest, "of "), " bytes"))
	return err
}

func window(s *Stage, rest string) (err error) {
	s.sizes.window, err = number(strings.TrimSuffix(strings.TrimPrefix(rest, "of "), " slots"))
	return err
}

func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q: a number is needed", text)
	}
	return n, nil
}

// leaveOut: "leave out heartbeats, surveys"; tell takes it back.
func leaveOut(s *Stage, rest string) error { return s.setQuiet(strings.TrimPrefix(rest, "out "), true) }

func tell(s *Stage, rest string) error { return s.setQuiet(rest, false) }

func (s *Stage) setQuiet(list string, quiet bool) error {
	for chore := range strings.SplitSeq(list, ",") {
		chore = strings.TrimSpace(chore)
		for _, kind := range append(chores[chore], chore) {
			s.quiet[kind] = quiet
		}
	}
	return nil
}

// initialise makes the cluster with real messages, out of sight, and waits
// until every node knows it.
func initialise(s *Stage, rest string) error {
	s.mute = true
	defer func() { s.mute, s.said = false, s.tick }()
	if err := askInit(s, string(s.config.Acceptors[0])); err != nil {
		return err
	}
	s.Deliver(filter{})
	for range 20 {
		if !slices.ContainsFunc(s.actors, (*actor).isNew) {
			return nil
		}
		s.Tick(s.everybody())
	}
	return errors.New("some nodes did not find their cluster")
}

// isNew reports whether a node does not know its cluster yet or, being a
// client, heard of no learner.
func (a *actor) isNew() bool {
	c, ok := a.role.(*session.Session)
	return a.role.Header().Cluster.IsZero() || ok && c.Status().Applied == 0
}

func (s *Stage) everybody() []paxos.NodeID {
	var list []paxos.NodeID
	for _, a := range s.actors {
		list = append(list, a.id)
	}
	return list
}

// fromUser puts a message of the user on its way.
func (s *Stage) fromUser(to string, m paxos.Message) error {
	a := s.actor(paxos.NodeID(to))
	if a == nil {
		return fmt.Errorf("there is no %q on the stage", to)
	}
	s.mail = append(s.mail, &letter{Envelope: paxos.Envelope{From: user, To: a.id, Config: s.config.Stamp(), Message: m}})
	return nil
}

// askInit: a user asks the named acceptor for a cluster.
func askInit(s *Stage, rest string) error { return s.fromUser(rest, paxos.Init{}) }

// gossip: "gossip proposer1" says that proposer1 leads.
func gossip(s *Stage, rest string) error {
	s.Gossip(paxos.NodeID(rest))
	return nil
}

// send: `send client1 "a"`, and then perhaps `key "k"` and `patience 30`.
func send(s *Stage, rest string) error {
	to, rest, _ := strings.Cut(rest, " ")
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return fmt.Errorf("%s: a value in quotation marks is needed", rest)
	}
	value, _ := strconv.Unquote(quoted)
	m := paxos.Submit{Body: kv.Append(value), Ticks: 400}
	words := strings.Fields(rest[len(quoted):])
	for i := 0; i+1 < len(words); i += 2 {
		switch words[i] {
		case "key":
			m.Key = strings.Trim(words[i+1], `"`)
		case "patience":
			if m.Ticks, err = number(words[i+1]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q: key or patience is needed", words[i])
		}
	}
	return s.fromUser(to, m)
}

// answered notes what a user was told, for "expect answer".
func (s *Stage) answered(e paxos.Envelope) {
	m, ok := e.Message.(paxos.Settled)
	if !ok {
		return
	}
	if n, text, ok := strings.Cut(s.settledText(m), ": "); ok {
		s.answers[string(e.From)+" "+n] = text
	}
}

// deliver: everything, or what goes between the given nodes.
func deliver(s *Stage, rest string) error {
	f, err := s.parseFilter(rest)
	if err == nil {
		s.Deliver(f)
	}
	return err
}

// longest is how many ticks "wait until" waits before it fails.
const longest = 3000

// wait: "wait 10", "wait until proposer1 leads"; "only" names whose clocks run.
func wait(s *Stage, rest string) error {
	rest, set, some := strings.Cut(rest, " only ")
	who := s.everybody()
	if some {
		var err error
		if who, err = s.parseSet(set, nil); err != nil {
			return err
		}
	}
	condition, until := strings.CutPrefix(rest, "until ")
	n := longest
	if !until {
		var err error
		if n, err = number(rest); err != nil {
			return err
		}
	}
	for range n {
		if until {
			if holds, err := s.holdsTrue(condition); holds || err != nil {
				return err
			}
		}
		s.Tick(who)
	}
	if until {
		return fmt.Errorf("after %d ticks it is not so that %s", longest, condition)
	}
	if s.said != s.tick && !s.mute {
		s.said = s.tick
		s.print(fmt.Sprintf("(tick %d)", s.tick))
	}
	return nil
}

// holdsTrue answers "proposer1 leads", "somebody leads", "nobody leads",
// "proposer1 prepares", "learner1 applied slot 3", "client1 is answered".
func (s *Stage) holdsTrue(condition string) (bool, error) {
	who, what, _ := strings.Cut(condition, " ")
	switch {
	case condition == "somebody leads":
		return len(s.leaders()) > 0, nil
	case condition == "nobody leads":
		return len(s.leaders()) == 0, nil
	}
	a := s.actor(paxos.NodeID(who))
	if a == nil || a.role == nil {
		return false, fmt.Errorf("%q is not on the stage", who)
	}
	if p, ok := a.role.(*proposer.Proposer); ok {
		switch what {
		case "leads":
			return p.Status().Phase == proposer.Leading, nil
		case "prepares":
			return p.Status().Phase == proposer.Preparing, nil
		}
	}
	if slot, ok := strings.CutPrefix(what, "applied slot "); ok && a.kind == paxos.LearnerRole {
		n, err := number(slot)
		return len(a.log()) >= n, err
	}
	if what == "is answered" && a.kind == paxos.ClientRole {
		return a.pending() == 0, nil
	}
	return false, fmt.Errorf("%q cannot be waited for", condition)
}

func (s *Stage) leaders() []paxos.NodeID {
	var list []paxos.NodeID
	for _, a := range s.actors {
		if p, ok := a.role.(*proposer.Proposer); ok && p.Status().Leading {
			list = append(list, a.id)
		}
	}
	return list
}
