package ctl

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/ports"
)

// hamlet is a cluster of made-up nodes, each of which says what the test wants.
type hamlet struct {
	t      *testing.T
	health map[paxos.NodeID]*client.Health // nil: the node does not answer
	state  map[paxos.NodeID]map[string]any
	order  []paxos.NodeID
}

var hamletRoles = map[string]paxos.RoleName{"p": paxos.ProposerRole, "a": paxos.AcceptorRole, "l": paxos.LearnerRole, "c": paxos.ClientRole}

// newHamlet is healthy: proposer2 leads with ballot 7.
func newHamlet(t *testing.T) *hamlet {
	h := &hamlet{t: t, health: map[paxos.NodeID]*client.Health{}, state: map[paxos.NodeID]map[string]any{}}
	h.order = []paxos.NodeID{"proposer1", "proposer2", "proposer3", "acceptor1", "acceptor2", "acceptor3", "learner1", "learner2", "client1", "client2"}
	for _, id := range h.order {
		role := hamletRoles[string(id[:1])]
		h.health[id] = &client.Health{Node: id, Role: role, Cluster: paxos.ClusterID{7}, Status: "ok"}
		ballot := map[string]any{"number": "7", "proposer": "proposer2", "start": "0000000000000001"}
		switch role {
		case paxos.ProposerRole:
			h.state[id] = map[string]any{"phase": "following", "leader": "proposer2", "acceptors_answering": 3, "acceptors_needed": 2, "acceptors": []any{}}
			for _, a := range []string{"acceptor1", "acceptor2", "acceptor3"} {
				h.sees(id, a, map[string]any{"answering": true, "heard": true, "standing": "member"})
			}
		case paxos.AcceptorRole:
			h.state[id] = map[string]any{"standing": "member", "promise": ballot}
		case paxos.LearnerRole:
			h.state[id] = map[string]any{"applied_watermark": "42"}
		default:
			h.state[id] = map[string]any{"leader": "proposer2", "pending": 1}
		}
	}
	h.state["proposer2"]["phase"], h.state["proposer2"]["leading"] = "leading", true
	h.state["proposer2"]["ballot"] = map[string]any{"number": "7", "proposer": "proposer2", "start": "0000000000000001"}
	return h
}

// sees sets how a proposer sees an acceptor.
func (h *hamlet) sees(proposer paxos.NodeID, acceptor string, how map[string]any) {
	how["node"] = acceptor
	list, _ := h.state[proposer]["acceptors"].([]any)
	for i, old := range list {
		if old.(map[string]any)["node"] == acceptor {
			list[i] = how
			return
		}
	}
	h.state[proposer]["acceptors"] = append(list, how)
}

func (h *hamlet) everyProposerSees(acceptor string, how map[string]any) {
	for _, id := range []paxos.NodeID{"proposer1", "proposer2", "proposer3"} {
		h.sees(id, acceptor, map[string]any{})
		one := map[string]any{}
		for name, value := range how {
			one[name] = value
		}
		h.sees(id, acceptor, one)
	}
}

func (h *hamlet) dies(ids ...paxos.NodeID) {
	for _, id := range ids {
		h.health[id] = nil
	}
}

// startedAnew are nodes that have not heard of a cluster yet.
func (h *hamlet) startedAnew(ids ...paxos.NodeID) {
	for _, id := range ids {
		h.health[id].Status, h.health[id].Cluster = "waiting", paxos.ClusterID{}
		h.health[id].Why = "no quorum of acceptors has said yet which cluster this is"
	}
}

// blank are acceptors whose disks are empty, and that know of no member.
func (h *hamlet) blank(ids ...paxos.NodeID) {
	h.startedAnew(ids...)
	for _, id := range ids {
		h.state[id] = map[string]any{"standing": "blank"}
		h.health[id].Why = "the disk is blank: waiting for the cluster to be initialised (paxosctl init)"
		h.everyProposerSees(string(id), map[string]any{"heard": true, "silent_ms": "200", "standing": "blank"})
	}
}

func (h *hamlet) nobodyLeads(answering int) {
	for _, id := range []paxos.NodeID{"proposer1", "proposer2", "proposer3"} {
		s := h.state[id]
		s["phase"], s["leading"], s["leader"], s["acceptors_answering"] = "following", false, "", answering
	}
	h.state["client1"]["leader"], h.state["client2"]["leader"] = "", ""
}

// start gives the nodes' addresses; who is there, and at which address by gossip,
// is told by one more, which is none of the nodes.
func (h *hamlet) start(gossip func(i int, address string) string) (addresses map[paxos.NodeID]string, entry string) {
	h.t.Helper()
	addresses = map[paxos.NodeID]string{}
	members := client.Members{Node: "client1"}
	for i, id := range h.order {
		addresses[id] = ports.Closed(h.t)
		if health := h.health[id]; health != nil {
			health.State = h.state[id]
			addresses[id] = answers(h.t, http.StatusOK, health)
		}
		members.Members = append(members.Members, client.Member{ID: id, Role: hamletRoles[string(id[:1])], REST: gossip(i, addresses[id]), State: "alive"})
	}
	return addresses, answers(h.t, http.StatusOK, members)
}

var mute = map[string]any{"heard": true, "silent_ms": "1200", "standing": "mute"}

// scenes are what may be wrong with a cluster, one thing at a time.
var explainScenes = map[string]struct {
	happen func(*hamlet)
	code   int
}{
	"healthy": {func(*hamlet) {}, ExitOK},
	"one-acceptor-down": {func(h *hamlet) {
		h.dies("acceptor1")
		h.everyProposerSees("acceptor1", map[string]any{"heard": true, "silent_ms": "125000"})
		h.state["proposer2"]["acceptors_answering"] = 2
	}, ExitOK},
	"two-acceptors-down": {func(h *hamlet) {
		h.dies("acceptor1", "acceptor2")
		h.nobodyLeads(1)
		h.everyProposerSees("acceptor1", map[string]any{"heard": true, "silent_ms": "3240"})
		h.everyProposerSees("acceptor2", map[string]any{})
	}, ExitUnavailable},
	"all-down": {func(h *hamlet) { h.dies(h.order...) }, ExitUnavailable},
	"not-initialised": {func(h *hamlet) {
		h.nobodyLeads(0)
		h.startedAnew(h.order...)
		h.blank("acceptor1", "acceptor2", "acceptor3")
	}, ExitUnavailable},
	"lost-disk": {func(h *hamlet) {
		const why = "this disk is blank, and acceptor2 is a member of cluster 07: a lost disk never votes"
		h.health["acceptor1"].Status, h.health["acceptor1"].Why = "mute", why
		h.state["acceptor1"] = map[string]any{"standing": "blank"}
		h.everyProposerSees("acceptor1", map[string]any{"heard": true, "silent_ms": "200", "standing": "blank", "why": why})
		h.sees("proposer3", "acceptor1", map[string]any{"heard": true, "silent_ms": "200", "standing": "member", "stranger": true})
		h.state["proposer2"]["acceptors_answering"] = 2
	}, ExitOK},
	"damaged-disks": {func(h *hamlet) {
		h.nobodyLeads(1)
		for _, id := range []paxos.NodeID{"acceptor2", "acceptor3"} {
			h.health[id].Status, h.health[id].Why = "mute", "segment 3 is damaged at byte 4096"
			h.state[id]["standing"] = "mute"
			h.everyProposerSees(string(id), mute)
		}
	}, ExitUnavailable},
	"disk-full": {func(h *hamlet) {
		h.sees("proposer2", "acceptor3", map[string]any{"answering": true, "heard": true, "disk_full": true})
	}, ExitUnavailable},
	"clone": {func(h *hamlet) { // it does not know it; of those that ask it only one proposer and one learner heard of it before
		why := "it went back: it had 9000 records before, and 8000 when start 7 began"
		h.sees("proposer2", "acceptor3", map[string]any{"heard": true, "silent_ms": "200", "standing": "member", "cloned": why})
		h.state["proposer2"]["acceptors_answering"] = 2
		h.state["learner1"]["clones"] = []any{map[string]any{"node": "acceptor3", "why": why}}
	}, ExitOK},
	"clone-that-only-a-learner-saw": {func(h *hamlet) {
		h.nobodyLeads(1)
		h.dies("acceptor1", "proposer2", "proposer3")
		h.state["learner2"]["clones"] = []any{map[string]any{"node": "acceptor3", "why": "two processes began with one state of it: start 7 is both run 1 and run 2"}}
	}, ExitUnavailable},
	"no-learner": {func(h *hamlet) {
		h.dies("learner1")
		h.health["learner2"].Status, h.health["learner2"].Why = "waiting", "the log is truncated below slot 90, and the state is older"
		h.state["learner2"]["behind_truncated_log"] = "90"
	}, ExitUnavailable},
	"no-proposer": {func(h *hamlet) { h.dies("proposer1", "proposer2", "proposer3") }, ExitUnavailable},
	"no-client":   {func(h *hamlet) { h.dies("client1", "client2") }, ExitUnavailable},
	"cut-off": {func(h *hamlet) { // from the proposers, not from here
		h.nobodyLeads(1)
		h.everyProposerSees("acceptor1", map[string]any{"heard": true, "silent_ms": "9000"})
		h.everyProposerSees("acceptor2", map[string]any{"heard": true, "silent_ms": "9000"})
	}, ExitUnavailable},
	"leader-left-alone": {func(h *hamlet) { // and it has not stepped down yet
		h.state["proposer2"]["acceptors_answering"] = 1
	}, ExitUnavailable},
	"election": {func(h *hamlet) { h.nobodyLeads(3) }, ExitUnavailable},
	"after-a-start": {func(h *hamlet) { // nobody has been asked yet, or for long enough
		h.nobodyLeads(0)
		for _, id := range []paxos.NodeID{"proposer1", "proposer2", "proposer3"} {
			h.state[id]["fresh"] = true
		}
		h.everyProposerSees("acceptor2", map[string]any{})
		h.everyProposerSees("acceptor3", map[string]any{})
	}, ExitUnavailable},
	"election-after-a-start": {func(h *hamlet) { // what they say of themselves is older than what they hear
		h.nobodyLeads(0)
		h.state["proposer1"]["fresh"] = true
	}, ExitUnavailable},
	"disk-was-full": {func(h *hamlet) { // as an earlier leader says; who leads now does not
		h.sees("proposer1", "acceptor3", map[string]any{"answering": true, "heard": true, "standing": "member", "disk_full": true})
	}, ExitOK},
	"all-disks-lost": {func(h *hamlet) {
		h.nobodyLeads(0)
		h.startedAnew("proposer1", "proposer2", "proposer3")
		h.blank("acceptor1", "acceptor2", "acceptor3")
	}, ExitUnavailable},
	"two-disks-lost": {func(h *hamlet) { // and the third acceptor may still have its own
		h.nobodyLeads(0)
		h.startedAnew("proposer1", "proposer2", "proposer3", "learner1")
		h.blank("acceptor1", "acceptor2")
		h.dies("acceptor3")
	}, ExitUnavailable},
	"one-blank-the-others-silent": {func(h *hamlet) {
		h.nobodyLeads(0)
		h.startedAnew("proposer1", "proposer2", "proposer3", "learner1", "learner2", "client1", "client2")
		h.blank("acceptor1")
		h.dies("acceptor2", "acceptor3")
	}, ExitUnavailable},
	"blank-and-no-proposer": {func(h *hamlet) {
		h.dies("proposer1", "proposer2", "proposer3")
		h.startedAnew("learner1", "learner2", "client1", "client2")
		h.blank("acceptor1", "acceptor2", "acceptor3")
	}, ExitUnavailable},
	"being-formed": {func(h *hamlet) {
		h.nobodyLeads(0)
		h.startedAnew("proposer1", "proposer2", "proposer3", "learner1", "learner2", "client1", "client2")
		h.blank("acceptor1", "acceptor2")
		h.state["acceptor1"]["standing"], h.health["acceptor1"].Cluster = "forming", paxos.ClusterID{9}
		h.dies("acceptor3")
	}, ExitUnavailable},
	"gossip-forgot": {func(h *hamlet) { // four of five acceptors, and nobody tells that there are five
		h.dies("proposer1", "proposer2", "proposer3")
		h.order = []paxos.NodeID{"proposer1", "acceptor1", "learner1", "client1"}
	}, ExitUnavailable},
}

func TestExplainSaysWhy(t *testing.T) {
	golden, err := filepath.Abs(filepath.Join("testdata", "explain"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir()) // where there is no local cluster
	for name, scene := range explainScenes {
		t.Run(name, func(t *testing.T) {
			h := newHamlet(t)
			scene.happen(h)
			addresses, entry := h.start(func(_ int, address string) string { return address })
			got := run(t.Context(), nil, "explain", "--endpoints", entry)
			text := got.out + "---\n" + got.err
			for id, address := range addresses {
				text = strings.ReplaceAll(text, address, "ADDRESS-OF-"+string(id))
			}
			if got.code != scene.code {
				t.Errorf("want exit code %d: %v", scene.code, got)
			}
			file := filepath.Join(golden, name+".txt")
			if *update {
				if err := os.MkdirAll(golden, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || string(want) != text {
				t.Errorf("%s (go test ./internal/ctl -run TestExplain -update writes it): %v\n%s", file, err, text)
			}
			asJSON := run(t.Context(), nil, "explain", "-o", "json", "--endpoints", entry)
			var e explanation
			if err := json.Unmarshal([]byte(asJSON.out), &e); err != nil || asJSON.code != scene.code || e.Writes.Possible != (scene.code == ExitOK) || !strings.HasPrefix(got.out, "writes: "+e.Writes.Sentence+"\n") {
				t.Errorf("%v: %v", err, asJSON)
			}
		})
	}
}
