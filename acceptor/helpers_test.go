package acceptor_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/acceptor"
	"paxos/paxos"
)

var (
	cluster = paxos.ClusterID{1}
	config  = paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a3"}, Learners: []paxos.NodeID{"l1", "l2"}}
	stores  = []paxos.StoreOf{{Acceptor: "a1", Store: 11}, {Acceptor: "a2", Store: 12}, {Acceptor: "a3", Store: 13}}
)

func identity(id paxos.NodeID) paxos.Identity {
	return paxos.Identity{Standing: paxos.Member, Cluster: cluster, Node: id, Store: paxos.StoreIn(stores, id), Config: config, Stores: stores}
}

func configOf(id paxos.NodeID) acceptor.Config {
	return acceptor.Config{Node: id, Configuration: config, FreshCluster: paxos.ClusterID{9}, FreshStore: 99, Starts: 4, Run: 7, PageBytes: 1 << 20}
}

// life is that of an acceptor of configOf that began with so many records in
// its journal, and has so many now.
func life(began, position paxos.Number) paxos.Life {
	return paxos.Life{Starts: 4, Run: 7, Began: began, Position: position}
}

func newMember(id paxos.NodeID) *acceptor.Acceptor { return newMemberWith(configOf(id)) }

func newMemberWith(cfg acceptor.Config) *acceptor.Acceptor {
	return acceptor.New(cfg, identity(cfg.Node))
}

func ballot(n paxos.Number, p paxos.NodeID) paxos.Ballot {
	return paxos.Ballot{Number: n, Proposer: p, Start: 1}
}

func value(body string) paxos.Value {
	if body == "" {
		return paxos.Value{}
	}
	return paxos.Value{Time: paxos.LogTime(len(body)), Commands: []paxos.Command{{Session: 1, Sequence: 1, Body: []byte(body)}}}
}

func accept(b paxos.Ballot, proposals ...paxos.Proposal) paxos.Accept {
	return paxos.Accept{Ballot: b, Proposals: proposals}
}

func at(slot paxos.Slot, body string) paxos.Proposal {
	return paxos.Proposal{Slot: slot, Value: value(body)}
}

func step(a *acceptor.Acceptor, from paxos.NodeID, m paxos.Message) paxos.Effects {
	h := a.Header()
	return a.Step(paxos.Envelope{From: from, To: h.Node, Cluster: h.Cluster, Config: h.Config, Message: m})
}

// answer gives the only message that leaves.
func answer(t testing.TB, out paxos.Effects) paxos.Message {
	t.Helper()
	if len(out.Send) != 1 {
		t.Fatalf("%d messages leave, not one: %+v", len(out.Send), out.Send)
	}
	return out.Send[0].Message
}

func wantNack(t testing.TB, out paxos.Effects, want paxos.Nack) {
	t.Helper()
	if len(out.Persist) > 0 {
		t.Errorf("a refusal wrote %+v", out.Persist)
	}
	if diff := cmp.Diff(paxos.Message(want), answer(t, out)); diff != "" {
		t.Error(diff)
	}
}

func wantRecords(t testing.TB, out paxos.Effects, want ...paxos.Record) {
	t.Helper()
	if diff := cmp.Diff(want, out.Persist); diff != "" {
		t.Errorf("the disk gets something else: %s", diff)
	}
}

// disk is what an acceptor has made durable.
type disk struct {
	identity paxos.Identity
	journal  []paxos.Record
}

func (d *disk) write(records []paxos.Record) {
	for _, r := range records {
		if id, ok := r.(paxos.IdentityRecord); ok {
			d.identity = id.Identity
		} else {
			d.journal = append(d.journal, r)
		}
	}
}

func (d *disk) start(cfg acceptor.Config) (*acceptor.Acceptor, error) {
	a := acceptor.New(cfg, d.identity)
	for i, r := range d.journal {
		if err := a.Restore(r); err != nil {
			return nil, fmt.Errorf("record %d of %d: %w", i, len(d.journal), err)
		}
	}
	return a, nil
}

// covers says what is said in a message and not on the disk.
func (d *disk) covers(e paxos.Envelope) error {
	promised := paxos.Ballot{}
	accepted := map[paxos.Slot]paxos.Ballot{}
	digests := map[paxos.Slot]paxos.Digest{}
	floor := paxos.Slot(1)
	for _, r := range d.journal {
		switch r := r.(type) {
		case paxos.PromisedRecord:
			promised = r.Ballot
		case paxos.AcceptedRecord:
			promised = r.Ballot
			for _, p := range r.Proposals {
				accepted[p.Slot], digests[p.Slot] = r.Ballot, p.Value.Digest()
			}
		case paxos.FloorRecord:
			floor, promised = r.Floor, r.Promise
		}
	}
	switch m := e.Message.(type) {
	case paxos.Promise:
		if promised.Less(m.Ballot) {
			return fmt.Errorf("promised %v, on disk is %v", m.Ballot, promised)
		}
	case paxos.Nack:
		if promised.Less(m.Promise) {
			return fmt.Errorf("said to have promised %v, on disk is %v", m.Promise, promised)
		}
	case paxos.Accepted:
		for _, s := range m.Slots {
			if accepted[s] != m.Ballot {
				return fmt.Errorf("accepted slot %d under %v, on disk is %v", s, m.Ballot, accepted[s])
			}
		}
	case paxos.Learn:
		for _, v := range m.Votes {
			// A later Accept of the same turn may have taken the slot over.
			if v.Slot >= floor && (accepted[v.Slot].Less(v.Ballot) || accepted[v.Slot] == v.Ballot && digests[v.Slot] != v.Digest) {
				return fmt.Errorf("voted for slot %d under %v, on disk is %v", v.Slot, v.Ballot, accepted[v.Slot])
			}
		}
	case paxos.Formed:
		if m.Standing != d.identity.Standing && m.Standing != paxos.Mute || m.Current != d.identity.Cluster {
			return fmt.Errorf("called itself %v of %v, on disk is %v", m.Standing, m.Current, d.identity.Standing)
		}
	case paxos.Enroll:
		if d.identity.Standing != paxos.Member {
			return errors.New("enrolled others, and is no member on disk")
		}
	}
	return nil
}

// kept lets a learner report its last two snapshots.
func kept(a *acceptor.Acceptor, id paxos.NodeID, last, previous paxos.Slot) paxos.Effects {
	return step(a, id, paxos.Kept{Store: 21, Last: last, Previous: previous})
}
