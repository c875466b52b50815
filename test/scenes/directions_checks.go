package scenes

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"paxos/acceptor"
	"paxos/client/session"
	"paxos/learner"
	"paxos/paxos"
	"paxos/proposer"
)

// show prints the state of nodes.
func show(s *Stage, rest string) error {
	return s.each(rest, func(a *actor) error {
		s.print(fmt.Sprintf("%-*s%s", column, a.id, s.stateText(a)))
		if a.kind == paxos.AcceptorRole {
			held, _ := a.accepted()
			for _, slot := range slices.Sorted(maps.Keys(held)) {
				e := held[slot]
				s.print(fmt.Sprintf("%-*sslot %d accepted under %v: %s", column, "", slot, e.Ballot, ValueText(e.Value)))
			}
		}
		return nil
	})
}

func (s *Stage) stateText(a *actor) string {
	switch role := a.role.(type) {
	case *proposer.Proposer:
		st := role.Status()
		text := st.Phase.String()
		if st.Phase != proposer.Following {
			text += fmt.Sprintf(" with ballot %v", st.Ballot)
		}
		if st.InFlight+st.Waiting > 0 {
			text += fmt.Sprintf("; %d slots in flight, %d commands waiting", st.InFlight, st.Waiting)
		}
		return text + marks(st.Chosen, 0)
	case *acceptor.Acceptor:
		st := role.Status()
		return fmt.Sprintf("%v of %s, with %s; promised %v%s%s", st.Standing, s.names.cluster(st.Cluster), s.names.store(st.Store),
			st.Promise, marks(0, st.Floor), s.why(st.Why))
	case *learner.Learner:
		return fmt.Sprintf("applied below slot %d; slots with votes above: %d", role.Status().Applied, role.Status().Open)
	case *session.Session:
		return fmt.Sprintf("%d commands sent, %d not answered", role.Status().Sequence, role.Status().Pending)
	}
	return "down"
}

// why is what an acceptor says of its disk.
func (a *actor) why() string {
	if role, ok := a.role.(*acceptor.Acceptor); ok {
		return role.Why()
	}
	return ""
}

func (a *actor) pending() int {
	if role, ok := a.role.(*session.Session); ok {
		return role.Status().Pending
	}
	return 0
}

// showLog prints what learners applied, slot by slot, and the values that
// came of it.
func showLog(s *Stage, rest string) error {
	return s.each(rest, func(a *actor) error {
		for _, e := range a.log() {
			s.print(fmt.Sprintf("%-*sslot %d: %s", column, a.id, e.Slot, ValueText(e.Value)))
		}
		values := strings.Join(a.valueTexts(), ", ")
		if values == "" {
			values = "none"
		}
		s.print(fmt.Sprintf("%-*svalues: %s", column, a.id, values))
		return nil
	})
}

func (a *actor) valueTexts() []string {
	var list []string
	for _, v := range a.values() {
		list = append(list, strconv.Quote(v.Value))
	}
	return list
}

func (a *actor) logTexts() []string {
	var list []string
	for _, e := range a.log() {
		list = append(list, ValueText(e.Value))
	}
	return list
}

// expect fails the scene if something is not so; unlike the conversation, it
// is not rewritten. "leader: proposer1", "log learners: "a", no-op",
// "values learner1: "a"", "answer client1 command 1: applied in slot 1",
// "slot 4: "a"" (chosen, by all the disks together), "slot 4: open",
// "standing acceptor1: member".
func expect(s *Stage, rest string) error {
	about, want, ok := strings.Cut(rest, ":")
	if !ok {
		return fmt.Errorf("%q: a colon is needed", rest)
	}
	want = strings.TrimSpace(want)
	what, of, _ := strings.Cut(about, " ")
	check := func(got string) error {
		if got == "" {
			got = "nothing"
		}
		if got != want {
			return fmt.Errorf("expected %s: %s; got: %s", about, want, got)
		}
		return nil
	}
	switch what {
	case "leader":
		if len(s.leaders()) == 0 {
			return check("nobody")
		}
		return check(joinIDs(s.leaders()))
	case "log":
		return s.each(of, func(a *actor) error { return check(strings.Join(a.logTexts(), ", ")) })
	case "values":
		return s.each(of, func(a *actor) error { return check(strings.Join(a.valueTexts(), ", ")) })
	case "answer":
		return check(s.answers[of])
	case "standing":
		return s.each(of, func(a *actor) error { return check(a.identity.Standing.String()) })
	case "slot":
		n, err := number(of)
		if err != nil {
			return err
		}
		if c, ok := s.umpire.chosen[paxos.Slot(n)]; ok {
			return check(ValueText(c.value))
		}
		return check("open")
	}
	return fmt.Errorf("%q cannot be expected", what)
}
