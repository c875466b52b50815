package proposer_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"paxos/paxos"
	"paxos/proposer"
)

var (
	cluster = paxos.ClusterID{1}
	config  = paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a3"}, Learners: []paxos.NodeID{"l1"}}
	stores  = []paxos.StoreOf{{Acceptor: "a1", Store: 11}, {Acceptor: "a2", Store: 12}, {Acceptor: "a3", Store: 13}}
)

const (
	electionTicks = 10
	surveyTicks   = 2
	resendTicks   = 4
	window        = 4
	batch         = 3
	maxWaiting    = 8
)

func configOf(id paxos.NodeID, start paxos.StartID) proposer.Config {
	return proposer.Config{
		Node: id, Configuration: config, Start: start, Seed: uint64(start), TickMillis: 100,
		ElectionTicks: electionTicks, HeartbeatTicks: 2, SurveyTicks: surveyTicks, ResendTicks: resendTicks,
		Window: window, MaxBatch: batch, MaxBatchBytes: 1000, MaxWaiting: maxWaiting, MaxWaitingBytes: 1 << 20,
	}
}

// lab is one proposer whose every message is written by the test.
type lab struct {
	t        testing.TB
	p        *proposer.Proposer
	sent     []paxos.Envelope
	question paxos.Number
	ballot   paxos.Ballot // of its last Prepare
	events   []paxos.Event
	broken   error
}

func newLab(t testing.TB) *lab { return &lab{t: t, p: proposer.New(configOf("p1", 7))} }

func (l *lab) take(out paxos.Effects) {
	if out.Broken != nil {
		l.broken = out.Broken
	}
	if len(out.Persist) > 0 {
		l.t.Fatal("a proposer writes nothing to a disk")
	}
	l.events = append(l.events, out.Events...)
	for _, e := range out.Send {
		switch m := e.Message.(type) {
		case paxos.Survey:
			l.question = m.Question
		case paxos.Prepare:
			l.ballot = m.Ballot
		}
		l.sent = append(l.sent, e)
	}
}

func (l *lab) from(id paxos.NodeID, m paxos.Message) {
	l.take(l.p.Step(paxos.Envelope{From: id, To: "p1", Cluster: cluster, Config: config.Stamp(), Message: alive(m)}))
}

// alive gives a voter's word the life of an acceptor that never ended, unless
// it has one.
func alive(m paxos.Message) paxos.Message {
	v := reflect.New(reflect.TypeOf(m)).Elem()
	v.Set(reflect.ValueOf(m))
	if life := v.FieldByName("Life"); life.IsValid() && life.IsZero() {
		life.Set(reflect.ValueOf(paxos.Life{Starts: 1, Run: 1, Position: 1}))
	}
	return v.Interface().(paxos.Message)
}

func (l *lab) tick(n int) {
	for range n {
		l.take(l.p.Tick())
		l.take(l.p.Flush())
	}
}

func (l *lab) flush() { l.take(l.p.Flush()) }

// sentOf gives, and forgets, the messages of one type that have left.
func sentOf[M paxos.Message](l *lab) (list []M) {
	l.sent = slices.DeleteFunc(l.sent, func(e paxos.Envelope) bool {
		m, ok := e.Message.(M)
		if ok {
			list = append(list, m)
		}
		return ok
	})
	return list
}

func (l *lab) surveyed(id paxos.NodeID, silent uint32) paxos.Surveyed {
	return paxos.Surveyed{Question: l.question, Standing: paxos.Member, Store: paxos.StoreIn(stores, id), Stores: stores, Silent: silent, Chosen: 1, Floor: 1}
}

// answer answers the last survey: nobody was heard for so long.
func (l *lab) answer(silent uint32) {
	for _, id := range config.Acceptors {
		l.from(id, l.surveyed(id, silent))
	}
}

// calm lets n ticks pass in which the given acceptors say for how long they
// have heard nobody.
func (l *lab) calm(n int, silent map[paxos.NodeID]uint32) {
	for range n {
		for _, id := range config.Acceptors {
			if s, ok := silent[id]; ok {
				l.from(id, l.surveyed(id, s))
			}
		}
		l.tick(1)
	}
}

var allSilent = map[paxos.NodeID]uint32{"a1": electionTicks, "a2": electionTicks, "a3": electionTicks}

// campaign brings the proposer to phase 1.
func (l *lab) campaign() paxos.Ballot {
	l.t.Helper()
	for range 400 {
		l.calm(1, allSilent)
		if l.p.Status().Phase == proposer.Preparing {
			return l.ballot
		}
	}
	l.t.Fatal("nobody stands for election, though all acceptors hear nobody")
	return paxos.Ballot{}
}

func (l *lab) promise(id paxos.NodeID, m paxos.Promise) {
	if m.Ballot.IsZero() {
		m.Ballot = l.ballot
	}
	if m.Store == 0 {
		m.Store = paxos.StoreIn(stores, id)
	}
	m.First, m.Next, m.Floor = max(m.First, 1), max(m.Next, 1), max(m.Floor, 1)
	l.from(id, m)
}

// elect makes the proposer the leader of an empty log.
func (l *lab) elect() paxos.Ballot {
	l.t.Helper()
	l.campaign()
	l.promise("a1", paxos.Promise{})
	l.promise("a2", paxos.Promise{})
	l.mustLead()
	l.flush()
	l.sent = nil
	return l.ballot
}

func (l *lab) mustLead() {
	l.t.Helper()
	if s := l.p.Status(); !s.Leading {
		l.t.Fatalf("does not lead: %+v", s)
	}
}

func (l *lab) accepted(id paxos.NodeID, slots ...paxos.Slot) {
	l.from(id, paxos.Accepted{Ballot: l.ballot, Store: paxos.StoreIn(stores, id), Slots: slots})
}

// alive lets time pass under a leader that two acceptors answer.
func (l *lab) alive(n int) {
	for range n {
		for _, id := range []paxos.NodeID{"a1", "a2"} {
			l.from(id, paxos.Heard{Ballot: l.ballot, Store: paxos.StoreIn(stores, id)})
		}
		l.tick(1)
	}
}

func command(sequence int) paxos.Command {
	return paxos.Command{Session: 5, Sequence: paxos.Sequence(sequence), Client: "c1", Body: []byte(fmt.Sprint("body ", sequence))}
}

func (l *lab) propose(attempt paxos.Number, sequences ...int) {
	m := paxos.Propose{Attempt: attempt}
	for _, s := range sequences {
		m.Commands = append(m.Commands, command(s))
	}
	l.from("c1", m)
}

func names(sequences ...int) (list []paxos.CommandName) {
	for _, s := range sequences {
		list = append(list, command(s).Name())
	}
	return list
}

// proposals gives, and forgets, what was proposed to one acceptor.
func (l *lab) proposals(id paxos.NodeID) (list []paxos.Proposal) {
	for _, e := range l.sent {
		if m, ok := e.Message.(paxos.Accept); ok && e.To == id {
			if m.Ballot != l.ballot {
				l.t.Fatalf("an Accept of ballot %v, the proposer's is %v", m.Ballot, l.ballot)
			}
			list = append(list, m.Proposals...)
		}
	}
	sentOf[paxos.Accept](l)
	return list
}

// shown writes proposals for a table: "3:x" is a command, "4:-" a no-op.
func shown(proposals []paxos.Proposal) (list []string) {
	for _, p := range proposals {
		s := fmt.Sprintf("%d:", p.Slot)
		if p.Value.IsNoop() {
			s += "-"
		}
		for i, c := range p.Value.Commands {
			if i > 0 {
				s += ","
			}
			s += string(c.Body)
		}
		list = append(list, s)
	}
	return list
}

func entry(slot paxos.Slot, b paxos.Ballot, body string) paxos.Entry {
	v := paxos.Value{}
	if body != "" {
		v.Commands = []paxos.Command{{Session: 9, Sequence: 1, Body: []byte(body)}}
	}
	return paxos.Entry{Slot: slot, Ballot: b, Value: v}
}
