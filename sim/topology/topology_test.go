package topology

import (
	"slices"
	"strings"
	"testing"

	"paxos/paxos"
)

// connected says who may lead in the end, topology by topology: what the list
// of links must come to, found by hand.
var connected = map[string]string{
	"quorum-loss":          "proposer2",
	"constrained-election": "proposer2",
	"chain":                "proposer2 proposer3 proposer4",
	"triangle":             "proposer1 proposer2 proposer3",
	"duels":                "proposer2 proposer3 proposer4 proposer5",
	"deaf-leader":          "proposer2 proposer3",
	"mute-leader":          "proposer2 proposer3",
	"half-deaf-leader":     "proposer2 proposer3",
	"bridge":               "proposer3",
	"deaf-and-mute":        "proposer1",
}

func join(ids []paxos.NodeID) string {
	var words []string
	for _, id := range ids {
		words = append(words, string(id))
	}
	return strings.Join(words, " ")
}

func TestEveryTopologyLeavesThoseAQuorumWhoShouldHaveOne(t *testing.T) {
	for _, topology := range All() {
		want, known := connected[topology.Name]
		if got := join(topology.QuorumConnected()); !known || got != want {
			t.Errorf("%s: %q are quorum-connected, want %q", topology.Name, got, want)
		}
		delete(connected, topology.Name)
	}
	if len(connected) > 0 {
		t.Errorf("not in the list: %v", connected)
	}
}

func TestTheLeaderHasAQuorumUntilTheLastStep(t *testing.T) {
	for _, topology := range All() {
		topology.Steps = topology.Steps[:len(topology.Steps)-1]
		if !topology.LeaderStays() {
			t.Errorf("%s: it is deposed before the last step", topology.Name)
		}
	}
}

func TestEveryLinkIsCutOnceAndBetweenNodesThatAreThere(t *testing.T) {
	for _, topology := range All() {
		var all []paxos.NodeID
		for k := 1; k <= topology.Proposers; k++ {
			all = append(all, proposer(k))
		}
		for k := 1; k <= topology.Acceptors; k++ {
			all = append(all, acceptor(k))
		}
		seen := map[Link]bool{}
		for _, l := range topology.Cut() {
			if seen[l] || l.From == l.To || !slices.Contains(all, l.From) || !slices.Contains(all, l.To) {
				t.Errorf("%s: %v", topology.Name, l)
			}
			seen[l] = true
		}
		if topology.About == "" || len(seen) == 0 {
			t.Errorf("%s: %d links are cut, %q", topology.Name, len(seen), topology.About)
		}
	}
}

func TestATopologyIsTheSameWhoeverLeads(t *testing.T) {
	for _, topology := range All() {
		for k := 1; k <= topology.Proposers; k++ {
			led := topology.LedBy(proposer(k))
			if slices.Contains(led.QuorumConnected(), proposer(k)) != topology.LeaderStays() || len(led.QuorumConnected()) != len(topology.QuorumConnected()) {
				t.Errorf("%s led by %s: %v", topology.Name, proposer(k), led.QuorumConnected())
			}
			if back := led.LedBy(proposer(k)); !slices.EqualFunc(back.Steps, topology.Steps, slices.Equal) {
				t.Errorf("%s led by %s and back is another one", topology.Name, proposer(k))
			}
		}
	}
}
