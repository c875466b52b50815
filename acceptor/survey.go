package acceptor

import (
	"slices"
	"strings"

	"paxos/paxos"
)

// askedMost bounds how many of those who survey are remembered.
const askedMost = 8

// ask is the last survey of somebody.
type ask struct {
	from   paxos.NodeID
	survey paxos.Survey
}

// hear notes that a leader, or a candidate, lives.
func (a *Acceptor) hear(ballot paxos.Ballot) { a.led, a.silent, a.gone = ballot, 0, false }

func (a *Acceptor) survey(from paxos.NodeID, m paxos.Survey) {
	a.tell(from, m)
	if strings.HasPrefix(string(from), paxos.LocalPrefix) {
		return // who asked over HTTP has gone when there is more to say
	}
	a.asked = slices.DeleteFunc(a.asked, func(o ask) bool { return o.from == from })
	if len(a.asked) == askedMost {
		a.asked = slices.Delete(a.asked, 0, 1)
	}
	a.asked = append(a.asked, ask{from, m})
}

func (a *Acceptor) tell(from paxos.NodeID, m paxos.Survey) {
	silent := a.silent
	if a.gone {
		silent = paxos.NobodyListens
	}
	a.send(from, paxos.Surveyed{
		Question: m.Question, Standing: a.standing(), Why: a.Why(), Store: a.identity.Store, Life: a.life(), Stores: a.identity.Stores,
		Promise: a.promise, Led: a.led, Silent: silent, Chosen: a.chosen, Floor: a.floor,
	})
}

// nobodyListens takes the hint that a node is gone. If it led, whoever surveyed
// is told at once, as the answer to the last question. A word of its ballot takes
// the hint back (docs/protocol.md, Elections).
func (a *Acceptor) nobodyListens(id paxos.NodeID) {
	if a.gone || a.led.IsZero() || a.led.Proposer != id {
		return
	}
	a.gone = true
	for _, o := range a.asked {
		a.tell(o.from, o.survey)
	}
}
