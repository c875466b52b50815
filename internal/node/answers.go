package node

import "paxos/paxos"

// asked is a question from this process, and where its answer goes.
type asked struct {
	id     paxos.NodeID
	told   func(paxos.Envelope, error) // of Ask; nil for Do, which waits at
	answer chan answer                 // room for one
	// A Propose is answered command by command, as slots are chosen.
	commands map[paxos.CommandName]bool // those without an answer yet
	placed   []paxos.Placed
}

type answer struct {
	envelope paxos.Envelope
	err      error
}

// told is an answer on its way to who asked.
type told struct {
	asked    *asked
	envelope paxos.Envelope
}

// tell ends the question.
func (a *asked) tell(e paxos.Envelope, err error) {
	if a.told != nil {
		a.told(e, err)
		return
	}
	a.answer <- answer{e, err}
}

// expect notes what a question still needs an answer for.
func (a *asked) expect(m paxos.Message) {
	propose, ok := m.(paxos.Propose)
	if !ok {
		return
	}
	a.commands = make(map[paxos.CommandName]bool, len(propose.Commands))
	for _, c := range propose.Commands {
		a.commands[c.Name()] = true
	}
}

// gather takes an answer and gives the one to hand on, once it is whole: all
// that a Propose asked for is chosen, or something of it is not pursued. If
// some of it is chosen and some is not, the whole is uncertain.
func (a *asked) gather(e paxos.Envelope) (paxos.Envelope, bool) {
	switch m := e.Message.(type) {
	case paxos.Proposed:
		for _, p := range m.Placed {
			delete(a.commands, paxos.CommandName{Session: p.Session, Sequence: p.Sequence})
		}
		a.placed = append(a.placed, m.Placed...)
		e.Message = paxos.Proposed{Placed: a.placed}
		return e, len(a.commands) == 0
	case paxos.Refused:
		// What it does not name is chosen, or under way.
		for _, name := range m.Commands {
			delete(a.commands, name)
		}
		m.Uncertain = m.Uncertain || len(a.placed) > 0 || len(a.commands) > 0
		e.Message = m
	}
	return e, true
}

// answered tells which messages have an answer addressed to their sender.
func answered(m paxos.Message) bool {
	switch m.(type) {
	case paxos.Survey, paxos.Prepare, paxos.Accept, paxos.Heartbeat, paxos.Highest, paxos.CatchUp,
		paxos.Propose, paxos.Init, paxos.Form, paxos.Enroll, paxos.Submit, paxos.AskRead:
		return true
	}
	return false
}
