package acceptor_test

import (
	"testing"

	"paxos/acceptor"
	"paxos/paxos"
)

// upTo is a member that accepted slots 1 to n.
func upTo(t *testing.T, cfg acceptor.Config, n paxos.Slot) *acceptor.Acceptor {
	t.Helper()
	a := acceptor.New(cfg, identity(cfg.Node))
	for slot := paxos.Slot(1); slot <= n; slot++ {
		step(a, "p1", accept(ballot(1, "p1"), at(slot, "x")))
	}
	return a
}

func TestWhatEnoughLearnersKeepIsTruncatedAndNothingElse(t *testing.T) {
	type report struct {
		id             paxos.NodeID
		last, previous paxos.Slot
	}
	for name, c := range map[string]struct {
		snapshots int
		reports   []report
		floor     paxos.Slot
	}{
		"one of two learners":          {2, []report{{"l1", 9, 7}}, 1},
		"both: the lower one's":        {2, []report{{"l1", 9, 7}, {"l2", 6, 4}}, 5},
		"the last does not count":      {2, []report{{"l1", 9, 0}, {"l2", 9, 0}}, 1},
		"one is enough if it is to be": {1, []report{{"l1", 9, 7}}, 8},
		"the better one of them":       {1, []report{{"l1", 5, 3}, {"l2", 9, 6}}, 7},
		"more than there are learners": {5, []report{{"l1", 9, 7}, {"l2", 9, 6}}, 7},
		"no truncation":                {0, []report{{"l1", 9, 7}, {"l2", 9, 7}}, 1},
		"a stranger":                   {2, []report{{"l1", 9, 7}, {"l9", 9, 7}}, 1},
		"an acceptor":                  {2, []report{{"l1", 9, 7}, {"a2", 9, 7}}, 1},
		"twice the same learner":       {2, []report{{"l1", 9, 7}, {"l1", 9, 8}}, 1},
		"a new disk takes it back":     {2, []report{{"l1", 9, 7}, {"l1", 0, 0}, {"l2", 9, 7}}, 1},
		"beyond what was accepted":     {2, []report{{"l1", 99, 90}, {"l2", 99, 90}}, 11},
		"previous above last":          {2, []report{{"l1", 3, 9}, {"l2", 9, 7}}, 4},
	} {
		cfg := configOf("a1")
		cfg.Snapshots, cfg.TruncateSlots = c.snapshots, 1
		a := upTo(t, cfg, 10)
		for _, r := range c.reports {
			for _, rec := range kept(a, r.id, r.last, r.previous).Persist {
				if floor, ok := rec.(paxos.FloorRecord); !ok || floor.Floor != a.Status().Floor || floor.Promise != ballot(1, "p1") || floor.Time == 0 {
					t.Errorf("%s: %+v is written", name, rec)
				}
			}
		}
		if s := a.Status(); s.Floor != c.floor || s.Accepted != int(11-c.floor) {
			t.Errorf("%s: the floor is %d with %d entries, want %d", name, s.Floor, s.Accepted, c.floor)
		}
	}
}

func TestALateReportOfALostDiskDoesNotCount(t *testing.T) {
	cfg := configOf("a1")
	cfg.Snapshots, cfg.TruncateSlots = 2, 1
	a := upTo(t, cfg, 10)
	report := func(id paxos.NodeID, store paxos.StoreID, last, previous paxos.Slot) {
		step(a, id, paxos.Kept{Store: store, Last: last, Previous: previous})
	}
	report("l1", 31, 4, 2)
	report("l1", 32, 0, 0) // the disk was lost
	report("l1", 31, 9, 7) // late
	report("l2", 41, 9, 7)
	if s := a.Status(); s.Floor != 1 {
		t.Errorf("the floor is %d, and what is below is on one disk only", s.Floor)
	}
	report("l1", 32, 9, 6)
	if s := a.Status(); s.Floor != 7 {
		t.Errorf("the floor is %d, want 7", s.Floor)
	}
}

func TestATruncationIsWorthItsRecord(t *testing.T) {
	cfg := configOf("a1")
	cfg.Snapshots, cfg.TruncateSlots = 1, 5
	a := upTo(t, cfg, 20)
	if kept(a, "l1", 20, 4); a.Status().Floor != 1 {
		t.Errorf("floor %d for four slots", a.Status().Floor)
	}
	if kept(a, "l1", 20, 5); a.Status().Floor != 6 {
		t.Errorf("floor %d, want 6", a.Status().Floor)
	}
}

func TestWhoMayNotVoteTruncatesNothing(t *testing.T) {
	cfg := configOf("a1")
	cfg.Snapshots, cfg.Mute = 1, "damaged"
	a := acceptor.New(cfg, identity("a1"))
	if out := kept(a, "l1", 9, 7); len(out.Persist) > 0 || a.Status().Floor != 1 {
		t.Errorf("%+v", out)
	}
}

func TestAFullDiskIsToldToTheLeader(t *testing.T) {
	a := newMember("a1")
	for _, full := range []bool{true, false} {
		step(a, "a1", paxos.DiskSpace{Full: full})
		got := answer(t, step(a, "p1", paxos.Heartbeat{Ballot: ballot(1, "p1")})).(paxos.Heard)
		if got.Full != full {
			t.Errorf("%+v", got)
		}
	}
}
