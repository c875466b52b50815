package session_test

import (
	"slices"

	"paxos/client/session"
	"paxos/paxos"
)

var (
	cluster = paxos.ClusterID{1}
	config  = paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a3"}, Learners: []paxos.NodeID{"l1", "l2"}}
	stores  = []paxos.StoreOf{{Acceptor: "a1", Store: 11}, {Acceptor: "a2", Store: 12}, {Acceptor: "a3", Store: 13}}
)

const (
	mine         = paxos.SessionID(77)
	resendTicks  = 6
	retryTicks   = 3
	abandonTicks = 40
	maxPending   = 50
	maxBytes     = 300
)

// tester is what *testing.T and *rapid.T share.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// desk is one session whose every message is written by the test.
type desk struct {
	t    tester
	s    *session.Session
	sent []paxos.Envelope
}

// newStranger makes a session that knows nobody yet.
func newStranger(t tester) *desk {
	return &desk{t: t, s: session.New(session.Config{Node: "c1", Configuration: config, Session: mine, Seed: 3, SurveyTicks: 2,
		ResendTicks: resendTicks, RetryTicks: retryTicks, AbandonTicks: abandonTicks, MaxPending: maxPending, MaxBytes: maxBytes})}
}

func (d *desk) meet() {
	for _, id := range []paxos.NodeID{"a1", "a2"} {
		d.from(id, paxos.Surveyed{Standing: paxos.Member, Store: paxos.StoreIn(stores, id), Stores: stores})
	}
}

// newDesk makes a session that knows its cluster, and that p1 leads.
func newDesk(t tester) *desk {
	d := newStranger(t)
	d.meet()
	d.from("l1", paxos.Notify{Applied: 5})
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1", "p2", "p3"}, Leader: "p1"})
	d.sent = nil
	return d
}

func (d *desk) take(out paxos.Effects) {
	if out.Broken != nil || len(out.Persist) > 0 {
		d.t.Fatalf("%+v", out)
	}
	d.sent = append(d.sent, out.Send...)
}

func (d *desk) from(id paxos.NodeID, m paxos.Message) {
	d.take(d.s.Step(paxos.Envelope{From: id, To: "c1", Cluster: cluster, Config: config.Stamp(), Message: m}))
}

func (d *desk) flush() { d.take(d.s.Flush()) }

func (d *desk) tick(n int) {
	for range n {
		d.take(d.s.Tick())
		d.flush()
	}
}

func (d *desk) submit(user paxos.NodeID, body string, ticks int) {
	d.from(user, paxos.Submit{Body: []byte(body), Ticks: ticks})
}

// asked is a Propose and the proposer it went to.
type asked struct {
	to paxos.NodeID
	paxos.Propose
}

// proposes gives, and forgets, the Proposes that have left.
func (d *desk) proposes() (list []asked) {
	d.sent = slices.DeleteFunc(d.sent, func(e paxos.Envelope) bool {
		m, ok := e.Message.(paxos.Propose)
		if ok {
			list = append(list, asked{e.To, m})
		}
		return ok
	})
	return list
}

// propose gives the only Propose that has left.
func (d *desk) propose() asked {
	d.t.Helper()
	list := d.proposes()
	if len(list) != 1 {
		d.t.Fatalf("%d Proposes left, not one: %+v", len(list), list)
	}
	return list[0]
}

// settled gives, and forgets, what a user was told.
func (d *desk) settled(user paxos.NodeID) (list []paxos.Settled) {
	d.sent = slices.DeleteFunc(d.sent, func(e paxos.Envelope) bool {
		m, ok := e.Message.(paxos.Settled)
		if ok && e.To == user {
			list = append(list, m)
		}
		return ok && e.To == user
	})
	return list
}

func (d *desk) told(user paxos.NodeID) paxos.Settled {
	d.t.Helper()
	list := d.settled(user)
	if len(list) != 1 {
		d.t.Fatalf("%s was told %d things, not one: %+v", user, len(list), list)
	}
	return list[0]
}

// refuse answers a Propose as its proposer would.
func (d *desk) refuse(a asked, why paxos.Reason, uncertain bool, leader paxos.NodeID) {
	m := paxos.Refused{Attempt: a.Attempt, Reason: why, Uncertain: uncertain, Leader: leader, Answering: 1, Needed: 2}
	for _, c := range a.Commands {
		m.Commands = append(m.Commands, c.Name())
	}
	d.from(a.to, m)
}

func outcome(sequence paxos.Sequence) paxos.Outcome {
	return paxos.Outcome{Session: mine, Sequence: sequence, Slot: 9, Position: 1, Result: []byte("r")}
}
