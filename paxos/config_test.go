package paxos_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"paxos/paxos"
)

var three = paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a3"}, Learners: []paxos.NodeID{"l1", "l2"}}

func TestAConfigurationNamesEveryNodeOnce(t *testing.T) {
	for _, c := range []struct {
		config paxos.Configuration
		want   string
	}{
		{three, ""},
		{paxos.Configuration{Acceptors: []paxos.NodeID{"a1"}}, ""},
		{paxos.Configuration{}, "at least one acceptor"},
		{paxos.Configuration{Learners: []paxos.NodeID{"l1"}}, "at least one acceptor"},
		{paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a1"}}, `node "a1" is named twice`},
		{paxos.Configuration{Acceptors: []paxos.NodeID{"a1"}, Learners: []paxos.NodeID{"a1"}}, `node "a1" is named twice`},
		{paxos.Configuration{Acceptors: []paxos.NodeID{"a1", ""}}, "1 to 63 characters"},
		{paxos.Configuration{Acceptors: []paxos.NodeID{"a1"}, Learners: []paxos.NodeID{"l 1"}}, "only letters, digits and hyphens"},
	} {
		err := c.config.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %q", c.config, err, c.want)
		}
	}
}

func TestAnyTwoQuorumsShareAnAcceptor(t *testing.T) {
	for n := 1; n <= 9; n++ {
		c := paxos.Configuration{Acceptors: make([]paxos.NodeID, n)}
		if q := c.Quorum(); 2*q <= n || 2*(q-1) > n {
			t.Errorf("of %d acceptors %d are called a quorum", n, q)
		}
	}
}

func TestAStampKnowsTheSetOfAcceptorsAndTheNumber(t *testing.T) {
	stamp := func(number paxos.Number, ids ...paxos.NodeID) paxos.Stamp {
		return paxos.Configuration{Number: number, Acceptors: ids}.Stamp()
	}
	base := stamp(0, "a1", "a2", "a3", "a4", "a5")
	if base != stamp(0, "a5", "a3", "a1", "a2", "a4") {
		t.Error("the order in which acceptors are listed matters")
	}
	if base != (paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a3", "a4", "a5"}, Learners: []paxos.NodeID{"l1"}}).Stamp() {
		t.Error("learners do not vote, and yet they matter")
	}
	for name, other := range map[string]paxos.Stamp{
		"shrunk to three": stamp(0, "a1", "a2", "a3"), "one more": stamp(0, "a1", "a2", "a3", "a4", "a5", "a6"),
		"one renamed": stamp(0, "a1", "a2", "a3", "a4", "a6"), "another number": stamp(1, "a1", "a2", "a3", "a4", "a5"),
		"names run together": stamp(0, "a1a2", "a3", "a4", "a5"),
	} {
		if base == other {
			t.Errorf("%s: the stamp is the same", name)
		}
	}
	ids := []paxos.NodeID{"a3", "a1", "a2"}
	stamp(0, ids...)
	if !slices.Equal(ids, []paxos.NodeID{"a3", "a1", "a2"}) {
		t.Error("stamping sorted the configuration's own list")
	}
	if base.IsZero() || !(paxos.Stamp{}).IsZero() {
		t.Error("only the absent stamp is zero")
	}
}

func TestAHeaderRefusesWhatIsMeantForOthers(t *testing.T) {
	x, y, none := paxos.ClusterID{1}, paxos.ClusterID{2}, paxos.ClusterID{}
	stamp, other := three.Stamp(), paxos.Configuration{Acceptors: []paxos.NodeID{"a1"}}.Stamp()
	ordinary := []paxos.Message{
		paxos.Prepare{}, paxos.Promise{}, paxos.Accept{}, paxos.Accepted{}, paxos.Nack{}, paxos.Heartbeat{}, paxos.Heard{},
		paxos.Highest{}, paxos.HighestIs{}, paxos.Learn{}, paxos.CatchUp{}, paxos.Chosen{}, paxos.Voted{}, paxos.Finish{},
		paxos.Propose{}, paxos.Proposed{}, paxos.Refused{}, paxos.Notify{}, paxos.Handover{},
	}
	survey := []paxos.Message{paxos.Survey{}, paxos.Surveyed{}}
	making := []paxos.Message{paxos.Init{}, paxos.Initialised{}, paxos.Form{}, paxos.Formed{}, paxos.Enroll{}}
	local := []paxos.Message{paxos.Directory{}, paxos.Submit{}, paxos.Settled{}}
	for _, c := range []struct {
		name       string
		mine, said paxos.ClusterID
		pass, stop [][]paxos.Message
	}{
		{"the same cluster", x, x, [][]paxos.Message{ordinary, survey, making, local}, nil},
		{"another cluster", x, y, [][]paxos.Message{making, local}, [][]paxos.Message{ordinary, survey}},
		{"the sender knows none", x, none, [][]paxos.Message{survey, making, local}, [][]paxos.Message{ordinary}},
		{"the node knows none", none, x, [][]paxos.Message{survey, making, local}, [][]paxos.Message{ordinary}},
		{"neither knows one", none, none, [][]paxos.Message{survey, making, local}, [][]paxos.Message{ordinary}},
	} {
		h := paxos.Header{Node: "a1", Cluster: c.mine, Config: stamp}
		for _, m := range slices.Concat(c.pass...) {
			if err := h.Check(paxos.Envelope{From: "p", To: "a1", Cluster: c.said, Config: stamp, Message: m}); err != nil {
				t.Errorf("%s: %T: %v", c.name, m, err)
			}
		}
		for _, m := range slices.Concat(c.stop...) {
			if err := h.Check(paxos.Envelope{From: "p", To: "a1", Cluster: c.said, Config: stamp, Message: m}); err == nil || !strings.Contains(err.Error(), "cluster") {
				t.Errorf("%s: %T: %v", c.name, m, err)
			}
		}
		for _, m := range slices.Concat(ordinary, survey, making) {
			if err := h.Check(paxos.Envelope{To: "a2", Cluster: c.said, Config: stamp, Message: m}); err == nil || err.Error() != "this is a1, not a2" {
				t.Errorf("%T for another node: %v", m, err)
			}
			if err := h.Check(paxos.Envelope{To: "a1", Cluster: c.said, Config: other, Message: m}); err == nil || !strings.Contains(err.Error(), "configuration") {
				t.Errorf("%T under another configuration: %v", m, err)
			}
		}
	}
}

func TestAHeaderAddressesWhatItSends(t *testing.T) {
	h := paxos.Header{Node: "a1", Cluster: paxos.ClusterID{1}, Config: three.Stamp()}
	want := paxos.Envelope{From: "a1", To: "p1", Cluster: paxos.ClusterID{1}, Config: three.Stamp(), Message: paxos.Init{}}
	if got := h.Envelope("p1", paxos.Init{}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAHeaderErrorNamesBothClusters(t *testing.T) {
	err := (&paxos.HeaderError{Field: "cluster", Got: "", Want: "0100"}).Error()
	if err != "this node belongs to cluster 0100, not (none yet)" {
		t.Error(err)
	}
}

func TestEveryQuorumHasOneWhoTellsTheValueAndNoMoreDoThanMust(t *testing.T) {
	for n := 1; n <= 7; n++ {
		c := paxos.Configuration{}
		for i := range n {
			c.Acceptors = append(c.Acceptors, paxos.NodeID(fmt.Sprint("a", (i*3)%n, "x", i))) // in no order
		}
		told := map[paxos.NodeID]int{}
		for slot := paxos.Slot(1); slot <= paxos.Slot(7*n); slot++ {
			tell := 0
			for _, id := range c.Acceptors {
				if c.Tells(id, slot) {
					tell++
					told[id]++
				}
			}
			if silent := n - tell; silent != c.Quorum()-1 {
				t.Fatalf("of %d acceptors, %d say nothing of the value of slot %d", n, silent, slot)
			}
		}
		for _, id := range c.Acceptors {
			if told[id] != told[c.Acceptors[0]] {
				t.Errorf("of %d acceptors, some tell more values than others: %v", n, told)
			}
		}
	}
}
