package learner_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"paxos/learner"
	"paxos/paxos"
)

var (
	cluster = paxos.ClusterID{1}
	config  = paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a3"}, Learners: []paxos.NodeID{"l1", "l2"}}
	stores  = []paxos.StoreOf{{Acceptor: "a1", Store: 11}, {Acceptor: "a2", Store: 12}, {Acceptor: "a3", Store: 13}}
)

const (
	pullTicks   = 3
	finishTicks = 7
	beatTicks   = 5
)

// machine writes down what is applied to it.
type machine struct {
	applied []paxos.Entry
	from    paxos.Slot // restored: every slot up to it is in the state
	due     paxos.Slot // a snapshot is due after each slot that it divides
	time    paxos.LogTime
	bad     error // what Restore answers
	result  []byte
}

// frozen is a state of the machine.
type frozen struct{ applied paxos.Slot }

func (f frozen) Applied() paxos.Slot { return f.applied }

func (f frozen) WriteTo(w io.Writer) (int64, error) {
	n, err := fmt.Fprint(w, f.applied)
	return int64(n), err
}

func (m *machine) Applied() paxos.Slot { return m.from + paxos.Slot(len(m.applied)) + 1 }
func (m *machine) Time() paxos.LogTime { return m.time }
func (m *machine) SnapshotDue() bool   { return m.due > 0 && (m.Applied()-1)%m.due == 0 }
func (m *machine) Freeze() paxos.State { return frozen{m.Applied()} }

func (m *machine) Restore(s paxos.State) error {
	m.from, m.applied = s.Applied()-1, nil
	return m.bad
}

func (m *machine) Apply(e paxos.Entry) ([]paxos.Outcome, error) {
	var outcomes []paxos.Outcome
	for i, c := range e.Value.Commands {
		if string(c.Body) == "unknown" {
			return nil, errors.New("a command of a newer version")
		}
		outcomes = append(outcomes, paxos.Outcome{Session: c.Session, Sequence: c.Sequence, Slot: e.Slot, Position: uint32(i), Result: m.result})
	}
	m.applied = append(m.applied, e)
	m.time = max(m.time, e.Value.Time)
	return outcomes, nil
}

func (m *machine) bodies() (list []string) {
	for _, e := range m.applied {
		s := fmt.Sprintf("%d:", e.Slot)
		for _, c := range e.Value.Commands {
			s += string(c.Body)
		}
		list = append(list, s)
	}
	return list
}

// tester is what *testing.T and *rapid.T share.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// desk is one learner whose every message is written by the test.
type desk struct {
	t      tester
	l      *learner.Learner
	m      *machine
	sent   []paxos.Envelope
	events []paxos.Event
	broken error
}

func newDesk(t tester) *desk { return newDeskWith(t, &machine{}, func(*learner.Config) {}) }

// newDeskWith makes a learner with other settings.
func newDeskWith(t tester, m *machine, change func(*learner.Config)) *desk {
	d := &desk{t: t, m: m}
	cfg := learner.Config{Node: "l1", Configuration: config, PullTicks: pullTicks, FinishTicks: finishTicks,
		BeatTicks: beatTicks, PageBytes: 300}
	change(&cfg)
	d.l = learner.New(cfg, d.m)
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1", "p2"}, Clients: []paxos.NodeID{"c1"}})
	for _, id := range []paxos.NodeID{"a1", "a2"} {
		d.from(id, paxos.Surveyed{Standing: paxos.Member, Store: paxos.StoreIn(stores, id), Stores: stores})
	}
	d.sent = nil
	return d
}

func (d *desk) take(out paxos.Effects) {
	if out.Broken != nil && d.broken == nil {
		d.broken = out.Broken
	}
	if len(out.Persist) > 0 {
		d.t.Fatal("a learner writes nothing")
	}
	d.sent, d.events = append(d.sent, out.Send...), append(d.events, out.Events...)
}

func (d *desk) from(id paxos.NodeID, m paxos.Message) {
	d.take(d.l.Step(paxos.Envelope{From: id, To: "l1", Cluster: cluster, Config: config.Stamp(), Message: alive(m)}))
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

func (d *desk) tick(n int) {
	for range n {
		d.take(d.l.Tick())
		d.take(d.l.Flush())
	}
}

// sentOf gives, and forgets, what has left of one type, by receiver.
func sentOf[M paxos.Message](d *desk) map[paxos.NodeID][]M {
	list := map[paxos.NodeID][]M{}
	d.sent = slices.DeleteFunc(d.sent, func(e paxos.Envelope) bool {
		m, ok := e.Message.(M)
		if ok {
			list[e.To] = append(list[e.To], m)
		}
		return ok
	})
	return list
}

func ballot(n paxos.Number) paxos.Ballot { return paxos.Ballot{Number: n, Proposer: "p1", Start: 1} }

func value(body string) paxos.Value {
	return paxos.Value{Commands: []paxos.Command{{Session: 5, Sequence: 1, Client: "c1", Body: []byte(body)}}}
}

func vote(slot paxos.Slot, b paxos.Ballot, body string) paxos.Vote {
	v := value(body)
	return paxos.Vote{Slot: slot, Ballot: b, Digest: v.Digest(), Value: &v}
}

func bare(v paxos.Vote) paxos.Vote {
	v.Value = nil
	return v
}

func (d *desk) learn(id paxos.NodeID, votes ...paxos.Vote) {
	d.from(id, paxos.Learn{Store: paxos.StoreIn(stores, id), Votes: votes})
}

// chosen makes slots chosen under ballot 1, with "s<slot>" for a value.
func (d *desk) chosen(slots ...paxos.Slot) {
	for _, s := range slots {
		d.learn("a1", vote(s, ballot(1), fmt.Sprint("s", s)))
		d.learn("a2", vote(s, ballot(1), fmt.Sprint("s", s)))
	}
}

func (d *desk) mustApply(want ...string) {
	d.t.Helper()
	if got := d.m.bodies(); !slices.Equal(got, want) {
		d.t.Fatalf("applied %v, want %v", got, want)
	}
	if d.broken != nil {
		d.t.Fatal(d.broken)
	}
}
