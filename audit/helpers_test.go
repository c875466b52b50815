package audit

import (
	"slices"
	"testing"

	"paxos/paxos"
)

// stage is a judged cluster of three acceptors, whose processes bear the number
// 1 at first, and whatever proposers and learners a test lets speak.
type stage struct {
	*Judge
	t     *testing.T
	stamp paxos.Stamp
	runs  map[paxos.NodeID]uint64 // restarts
}

var cluster = paxos.ClusterID{7}

func configuration() paxos.Configuration {
	return paxos.Configuration{Acceptors: []paxos.NodeID{"acceptor1", "acceptor2", "acceptor3"}, Learners: []paxos.NodeID{"learner1", "learner2"}}
}

func storeOf(id paxos.NodeID) paxos.StoreID { return paxos.StoreID(100 + id[len(id)-1]) }

func memberOf(id paxos.NodeID) paxos.Identity {
	m := paxos.Identity{Standing: paxos.Member, Cluster: cluster, Node: id, Store: storeOf(id), Config: configuration()}
	for _, a := range m.Config.Acceptors {
		m.Stores = append(m.Stores, paxos.StoreOf{Acceptor: a, Store: storeOf(a)})
	}
	return m
}

// blank is a cluster before its initialisation.
func blank(t *testing.T, o Options) *stage {
	s := &stage{NewWith(configuration(), o), t, configuration().Stamp(), map[paxos.NodeID]uint64{}}
	for _, id := range configuration().Acceptors {
		s.Began(id, s.run(id))
	}
	return s
}

// live is a cluster of members, judged as things happen.
func live(t *testing.T) *stage {
	s := blank(t, Options{Live: true})
	s.enroll()
	return s
}

// replayed is one that is judged afterwards.
func replayed(t *testing.T) *stage {
	s := blank(t, Options{})
	s.enroll()
	return s
}

func (s *stage) enroll() {
	for _, id := range configuration().Acceptors {
		s.wrote(id, paxos.IdentityRecord{Identity: memberOf(id)})
	}
}

// run is the number of a node's process, 1 for the first.
func (s *stage) run(id paxos.NodeID) uint64 { return 1 + s.runs[id] }

func (s *stage) restart(id paxos.NodeID) {
	s.runs[id]++
	s.Began(id, s.run(id))
}

func (s *stage) wrote(id paxos.NodeID, records ...paxos.Record) { s.turn(id, records) }

func (s *stage) says(id paxos.NodeID, messages ...paxos.Message) { s.turn(id, nil, messages...) }

func (s *stage) turn(id paxos.NodeID, records []paxos.Record, messages ...paxos.Message) {
	s.Turned(id, s.run(id), records, s.envelopes(id, messages))
}

func (s *stage) envelopes(id paxos.NodeID, messages []paxos.Message) (sent []paxos.Envelope) {
	for _, m := range messages {
		sent = append(sent, paxos.Envelope{From: id, To: "somebody", Cluster: cluster, Config: s.stamp, Message: m})
	}
	return sent
}

// wants fails unless just these checkers objected.
func (s *stage) wants(checkers ...string) {
	s.t.Helper()
	var got []string
	for _, o := range s.Objections() {
		if !slices.Contains(got, o.Checker) {
			got = append(got, o.Checker)
		}
	}
	slices.Sort(got)
	slices.Sort(checkers)
	if !slices.Equal(got, checkers) {
		s.t.Fatalf("checkers %q object, want %q: %v", got, checkers, s.Objections())
	}
}

// b is a ballot of proposer p in its process n.
func b(number int, p int, start ...int) paxos.Ballot {
	ballot := paxos.Ballot{Number: paxos.Number(number), Proposer: proposer(p), Start: 1}
	for _, n := range start {
		ballot.Start = paxos.StartID(n)
	}
	return ballot
}

func proposer(p int) paxos.NodeID { return paxos.NodeID("proposer" + string(rune('0'+p))) }

func acceptorN(n int) paxos.NodeID { return configuration().Acceptors[n-1] }

// named is a value of one command of a session.
func named(session, sequence int) paxos.Value {
	return paxos.Value{Time: 5, Commands: []paxos.Command{{Session: paxos.SessionID(session), Sequence: paxos.Sequence(sequence), Client: "client1", Body: []byte{byte(sequence)}}}}
}

func accept(ballot paxos.Ballot, chosen, slot paxos.Slot, v paxos.Value) paxos.Accept {
	return paxos.Accept{Ballot: ballot, Chosen: chosen, Proposals: []paxos.Proposal{{Slot: slot, Value: v}}}
}

// promises lets acceptors promise a ballot to which nothing is to be told.
func (s *stage) promises(ballot paxos.Ballot, first paxos.Slot, ns ...int) {
	for _, n := range ns {
		id := acceptorN(n)
		s.turn(id, []paxos.Record{paxos.PromisedRecord{Ballot: ballot}},
			paxos.Promise{Ballot: ballot, Store: storeOf(id), First: first, Next: first, Floor: 1, Chosen: 1})
	}
}

// leads lets a proposer win an election in an empty log.
func (s *stage) leads(ballot paxos.Ballot, first paxos.Slot, ns ...int) {
	s.says(ballot.Proposer, paxos.Prepare{Ballot: ballot, First: first})
	s.promises(ballot, first, ns...)
}

// proposes says an Accept; votes lets acceptors take it and tell of it.
func (s *stage) proposes(ballot paxos.Ballot, slot paxos.Slot, v paxos.Value) {
	s.says(ballot.Proposer, accept(ballot, 1, slot, v))
}

func (s *stage) votes(ballot paxos.Ballot, slot paxos.Slot, v paxos.Value, ns ...int) {
	for _, n := range ns {
		id := acceptorN(n)
		s.turn(id, []paxos.Record{paxos.AcceptedRecord(accept(ballot, 1, slot, v))},
			paxos.Accepted{Ballot: ballot, Store: storeOf(id), Slots: []paxos.Slot{slot}}, learn(id, ballot, slot, v))
	}
}

func learn(id paxos.NodeID, ballot paxos.Ballot, slot paxos.Slot, v paxos.Value) paxos.Learn {
	return paxos.Learn{Store: storeOf(id), Votes: []paxos.Vote{{Slot: slot, Ballot: ballot, Digest: v.Digest(), Value: &v}}}
}

// chooses puts values into the slots from 1 on, under one ballot.
func (s *stage) chooses(ballot paxos.Ballot, values ...paxos.Value) {
	s.leads(ballot, 1, 1, 2, 3)
	for i, v := range values {
		s.proposes(ballot, paxos.Slot(i+1), v)
		s.votes(ballot, paxos.Slot(i+1), v, 1, 2)
	}
}

// applies lets a learner apply a value with the outcomes that everybody gives.
func (s *stage) applies(id paxos.NodeID, slot paxos.Slot, ballot paxos.Ballot, v paxos.Value) {
	s.Applied(id, s.run(id), paxos.Entry{Slot: slot, Ballot: ballot, Value: v}, outcomes(slot, v))
}

func outcomes(slot paxos.Slot, v paxos.Value) (list []paxos.Outcome) {
	for i, c := range v.Commands {
		list = append(list, paxos.Outcome{Session: c.Session, Sequence: c.Sequence, Slot: slot, Position: uint32(i), Result: []byte("ok")})
	}
	return list
}
