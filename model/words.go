package model

import (
	"fmt"

	"paxos/acceptor"
	"paxos/learner"
	"paxos/paxos"
	"paxos/proposer"
)

// The nodes of a state, by their place in it.
const (
	firstAcceptor = 2
	learnerPlace  = 5
	clientPlace   = 6 // no node: where answers to clients go
	places        = 6
	acceptors     = 3
	quorum        = 2
)

const client paxos.NodeID = "c1"

// names are those of all places.
var names = [...]paxos.NodeID{"p1", "p2", "a1", "a2", "a3", "l1", client}

var (
	cluster       = paxos.ClusterID{1}
	configuration = paxos.Configuration{Acceptors: names[firstAcceptor:learnerPlace], Learners: names[learnerPlace:clientPlace]}
	stamp         = configuration.Stamp()
	stores        = []paxos.StoreOf{{Acceptor: "a1", Store: 11}, {Acceptor: "a2", Store: 12}, {Acceptor: "a3", Store: 13}}
)

// Ticks of the rooms. Nothing is sent again by itself.
const (
	electionTicks = 4
	surveyTicks   = 2
	never         = 1 << 30
)

type acceptorRoom interface {
	paxos.Role
	Restore(paxos.Record) error
}

type proposerRoom interface {
	paxos.Role
	Status() proposer.Status
}

// learnerRoom is a learner with its machine in sight.
type learnerRoom struct {
	*learner.Learner
	machine *applied
}

// applied is a state machine that only remembers.
type applied struct{ entries []paxos.Entry }

// Apply implements learner.Machine.
func (a *applied) Apply(e paxos.Entry) ([]paxos.Outcome, error) {
	a.entries = append(a.entries, e)
	return make([]paxos.Outcome, len(e.Value.Commands)), nil
}

// Applied implements learner.Machine.
func (a *applied) Applied() paxos.Slot { return paxos.Slot(len(a.entries) + 1) }

// Time implements learner.Machine.
func (a *applied) Time() paxos.LogTime { return 0 }

// SnapshotDue implements learner.Machine.
func (a *applied) SnapshotDue() bool { return false }

// Freeze implements learner.Machine; no snapshot is ever due.
func (a *applied) Freeze() paxos.State { panic("model: a snapshot was taken, though none was due") }

// Restore implements learner.Machine; there are no snapshots.
func (a *applied) Restore(paxos.State) error { return fmt.Errorf("there are no snapshots here") }

// newRoom makes the room of a place, as it is after so many starts.
func (w *world) newRoom(place uint8, starts uint32) paxos.Role {
	switch {
	case place < firstAcceptor:
		p := proposer.New(proposer.Config{
			Node: names[place], Configuration: configuration, Start: paxos.StartID(starts), Seed: 1,
			ElectionTicks: electionTicks, HeartbeatTicks: 1, SurveyTicks: surveyTicks, ResendTicks: never,
			Window: w.opts.Window, MaxBatch: 1, MaxBatchBytes: 1 << 10, MaxWaiting: 8, MaxWaitingBytes: 1 << 20,
		})
		if w.opts.plant.proposer != nil {
			return w.opts.plant.proposer(p)
		}
		return p
	case place < learnerPlace:
		page := 1 << 20
		if w.opts.Pages {
			page = 1
		}
		id := names[place]
		a := acceptor.New(acceptor.Config{Node: id, Configuration: configuration, Starts: paxos.Number(starts), Run: paxos.StartID(starts), PageBytes: page},
			paxos.Identity{Standing: paxos.Member, Cluster: cluster, Node: id, Store: paxos.StoreIn(stores, id), Config: configuration, Stores: stores})
		if w.opts.plant.acceptor != nil {
			return w.opts.plant.acceptor(a)
		}
		return a
	default:
		machine := &applied{}
		l := &learnerRoom{learner.New(learner.Config{Node: names[place], Configuration: configuration,
			PullTicks: never, FinishTicks: never, BeatTicks: never, PageBytes: 1 << 20}, machine), machine}
		for _, id := range configuration.Acceptors {
			l.Step(paxos.Envelope{From: id, To: names[place], Cluster: cluster, Config: stamp,
				Message: paxos.Surveyed{Standing: paxos.Member, Store: paxos.StoreIn(stores, id), Stores: stores, Life: firstLife}})
		}
		return l
	}
}

// command is the k-th that clients have.
func command(k uint32) paxos.Command {
	return paxos.Command{Session: 5, Sequence: paxos.Sequence(k + 1), Client: client, Body: []byte{'x' + byte(k)}}
}

// firstLife is what acceptors say of their disk when lives are not carried:
// one start, no records.
var firstLife = paxos.Life{Starts: 1, Run: 1}

// normal is a message without what no rule depends on; ok is false for those
// that nobody here has a use for.
func (w *world) normal(m paxos.Message) (normal paxos.Message, ok bool) {
	switch m := m.(type) {
	case paxos.Prepare, paxos.Accept, paxos.Nack, paxos.Proposed:
		return m, true
	case paxos.Heartbeat:
		m.Count = 0
		return m, w.opts.Beats
	case paxos.Surveyed:
		m.Question, m.Led, m.Silent = 0, paxos.Ballot{}, electionTicks
		w.normalLife(&m.Life)
		return m, true
	case paxos.Promise:
		w.normalLife(&m.Life)
		return m, true
	case paxos.Accepted:
		w.normalLife(&m.Life)
		return m, true
	case paxos.Learn:
		w.normalLife(&m.Life)
		return m, true
	}
	return nil, false
}

func (w *world) normalLife(l *paxos.Life) {
	if !w.opts.Lives {
		*l = firstLife
	}
}

// renamed is what the acceptor whose own store is from says, as if to said it.
func renamed(m paxos.Message, from, to paxos.StoreID) paxos.Message {
	switch m := m.(type) {
	case paxos.Surveyed:
		m.Store = swapped(m.Store, from, to)
		return m
	case paxos.Promise:
		m.Store = swapped(m.Store, from, to)
		return m
	case paxos.Accepted:
		m.Store = swapped(m.Store, from, to)
		return m
	case paxos.Learn:
		m.Store = swapped(m.Store, from, to)
		return m
	}
	return m
}

func swapped(store, from, to paxos.StoreID) paxos.StoreID {
	if store == from {
		return to
	}
	return store
}
