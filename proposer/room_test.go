package proposer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/paxos"
	"paxos/proposer"
)

// full leads, and is told by these acceptors that their disks are full. Even
// sequences free room.
func full(t *testing.T, ids ...paxos.NodeID) (*lab, paxos.Ballot) {
	cfg := configOf("p1", 7)
	cfg.Frees = func(c paxos.Command) bool { return c.Sequence%2 == 0 }
	l := &lab{t: t, p: proposer.New(cfg)}
	b := l.elect()
	for _, id := range ids {
		l.from(id, paxos.Heard{Ballot: b, Store: paxos.StoreIn(stores, id), Full: true})
	}
	l.sent = nil
	return l, b
}

func TestWithoutRoomOnADiskOnlyWhatFreesSomeIsTaken(t *testing.T) {
	for name, c := range map[string]struct {
		full    []paxos.NodeID
		refused []paxos.CommandName
	}{
		"all have room": {nil, nil},
		"two have room": {[]paxos.NodeID{"a1"}, names(1, 3)},
		"one has room":  {[]paxos.NodeID{"a1", "a3"}, names(1, 3)},
		"none has room": {[]paxos.NodeID{"a1", "a2", "a3"}, names(1, 3)},
	} {
		l, _ := full(t, c.full...)
		l.propose(1, 1, 2, 3, 4)
		l.flush()
		var refused []paxos.CommandName
		for _, m := range sentOf[paxos.Refused](l) {
			if m.Reason != paxos.DiskFull || m.Uncertain || m.Attempt != 1 {
				t.Errorf("%s: %+v", name, m)
			}
			refused = append(refused, m.Commands...)
		}
		if diff := cmp.Diff(c.refused, refused); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		taken := 0
		for _, p := range l.proposals("a1") {
			taken += len(p.Value.Commands)
		}
		if taken+len(refused) != 4 {
			t.Errorf("%s: %d taken, %d refused, of 4", name, taken, len(refused))
		}
	}
}

func TestRoomThatIsFreedIsUsedAgain(t *testing.T) {
	l, b := full(t, "a1", "a3")
	l.from("a1", paxos.Heard{Ballot: b, Store: paxos.StoreIn(stores, "a1")})
	l.from("a3", paxos.Heard{Ballot: b, Store: paxos.StoreIn(stores, "a3")})
	l.propose(1, 1)
	l.flush()
	if got := sentOf[paxos.Refused](l); len(got) > 0 || len(l.proposals("a1")) != 1 {
		t.Errorf("refused: %+v", got)
	}
}

func TestACopyOfWhatIsUnderWayIsNotRefused(t *testing.T) {
	l, b := full(t)
	l.propose(1, 1)
	l.flush()
	l.from("a1", paxos.Heard{Ballot: b, Store: paxos.StoreIn(stores, "a1"), Full: true})
	l.from("a2", paxos.Heard{Ballot: b, Store: paxos.StoreIn(stores, "a2"), Full: true})
	l.propose(2, 1)
	l.flush()
	if got := sentOf[paxos.Refused](l); len(got) > 0 {
		t.Errorf("it may still be chosen: %+v", got)
	}
}

func TestAFullDiskThatIsGoneIsNobodysConcern(t *testing.T) {
	l, _ := full(t, "a3")
	l.alive(configOf("p1", 7).ElectionTicks)
	l.sent = nil
	l.propose(1, 1)
	l.flush()
	if got := sentOf[paxos.Refused](l); len(got) > 0 || len(l.proposals("a1")) != 1 {
		t.Errorf("a3 does not answer any more; refused: %+v", got)
	}
}
