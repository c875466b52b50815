package paxos_test

import (
	"slices"
	"testing"

	"paxos/paxos"
)

var members = []paxos.StoreOf{{Acceptor: "a1", Store: 11}, {Acceptor: "a2", Store: 12}, {Acceptor: "a3", Store: 13}}

func member(stores []paxos.StoreOf) paxos.Surveyed {
	return paxos.Surveyed{Standing: paxos.Member, Stores: stores}
}

func TestAClusterIsAdoptedOnceAQuorumStatesIt(t *testing.T) {
	x := paxos.ClusterID{1}
	var a paxos.Adoption
	for range 2 {
		if a.Hear(three, "a2", x, member(members)) || a.Done() {
			t.Fatal("one acceptor, heard twice, made a quorum")
		}
	}
	if a.IsVoter("a1", 11) {
		t.Error("somebody votes before a cluster is adopted")
	}
	if !a.Hear(three, "a3", x, member(members)) || !a.Done() || a.Cluster != x || !slices.Equal(a.Stores, members) {
		t.Fatalf("a quorum stated it, and what is adopted is %+v", a)
	}
	if a.Hear(three, "a1", x, member(members)) {
		t.Error("it was adopted a second time")
	}
	for _, c := range []struct {
		id    paxos.NodeID
		store paxos.StoreID
		want  bool
	}{{"a1", 11, true}, {"a3", 13, true}, {"a1", 12, false}, {"a1", 0, false}, {"a4", 0, false}, {"p1", 11, false}, {"", 0, false}} {
		if a.IsVoter(c.id, c.store) != c.want {
			t.Errorf("%s with store %d votes: %v", c.id, c.store, !c.want)
		}
	}
}

func TestAnAdoptedClusterStays(t *testing.T) {
	x, y := paxos.ClusterID{1}, paxos.ClusterID{2}
	others := []paxos.StoreOf{{Acceptor: "a1", Store: 21}, {Acceptor: "a2", Store: 22}, {Acceptor: "a3", Store: 23}}
	var a paxos.Adoption
	a.Hear(three, "a1", x, member(members))
	a.Hear(three, "a2", x, member(members))
	for _, id := range three.Acceptors {
		if a.Hear(three, id, y, member(others)) {
			t.Error("another cluster took its place")
		}
	}
	if a.Cluster != x || !a.IsVoter("a3", 13) || a.IsVoter("a3", 23) {
		t.Errorf("%+v", a)
	}
}

func TestOnlyWhatMembersOfTheConfigurationStateCounts(t *testing.T) {
	x, y := paxos.ClusterID{1}, paxos.ClusterID{2}
	for _, c := range []struct {
		name    string
		from    paxos.NodeID
		cluster paxos.ClusterID
		m       paxos.Surveyed
	}{
		{"a stranger", "a9", x, member(members)},
		{"a learner", "l1", x, member(members)},
		{"no cluster", "a2", paxos.ClusterID{}, member(members)},
		{"one that is forming", "a2", x, paxos.Surveyed{Standing: paxos.Forming, Stores: members}},
		{"one that is mute", "a2", x, paxos.Surveyed{Standing: paxos.Mute, Stores: members}},
		{"no stores", "a2", x, member(nil)},
		{"a store too few", "a2", x, member(members[:2])},
		{"a store of nobody", "a2", x, member([]paxos.StoreOf{members[0], members[1], {Acceptor: "a9", Store: 19}})},
		{"a store without a name", "a2", x, member([]paxos.StoreOf{members[0], members[1], {Acceptor: "a3"}})},
		{"other stores", "a2", x, member([]paxos.StoreOf{members[0], members[1], {Acceptor: "a3", Store: 99}})},
		{"another cluster with the same stores", "a2", y, member(members)},
	} {
		var a paxos.Adoption
		a.Hear(three, "a1", x, member(members))
		if a.Hear(three, c.from, c.cluster, c.m) || a.Done() {
			t.Errorf("%s was counted", c.name)
		}
		if !a.Hear(three, "a3", x, member(members)) || a.Cluster != x {
			t.Errorf("after %s a quorum was not heard any more", c.name)
		}
	}
}

func TestWhoChangesItsMindIsCountedForTheLast(t *testing.T) {
	x := paxos.ClusterID{1}
	others := []paxos.StoreOf{{Acceptor: "a1", Store: 21}, {Acceptor: "a2", Store: 22}, {Acceptor: "a3", Store: 23}}
	var a paxos.Adoption
	a.Hear(three, "a1", x, member(others))
	a.Hear(three, "a1", x, member(members))
	if a.Hear(three, "a2", x, member(others)) {
		t.Error("what an acceptor said before was counted beside what it says now")
	}
	if !a.Hear(three, "a2", x, member(members)) {
		t.Error("what both say now was not counted")
	}
}

func TestOneAcceptorIsAQuorumOfOne(t *testing.T) {
	one := paxos.Configuration{Acceptors: []paxos.NodeID{"a1"}}
	var a paxos.Adoption
	if !a.Hear(one, "a1", paxos.ClusterID{1}, member(members[:1])) {
		t.Error("not adopted")
	}
}
