package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paxos/paxos"
)

// wholeLife writes what a cluster did right: an acceptor that started again, and
// voted again, a learner that was given a state, answers, floors, watermarks.
func wholeLife(t *testing.T) *recorder {
	r := records(t)
	r.choosesSlots(4)
	for _, id := range []paxos.NodeID{"learner1", "learner2"} {
		r.begin(id, 1)
		m := r.writers[id].Machine(&machine{applied: 1})
		first := 1
		if id == "learner1" {
			r.check(m.Restore(nil)) // has slots 1 and 2
			first = 3
		}
		for i := first; i <= 4; i++ {
			_, err := m.Apply(paxos.Entry{Slot: paxos.Slot(i), Ballot: b(1, 1), Value: named(1, i)})
			r.check(err)
		}
		r.tells(id, nil, paxos.Notify{Applied: 5, Outcomes: append(outcomes(1, named(1, 1)), outcomes(4, named(1, 4))...)})
	}
	r.tells(proposer(1), nil, paxos.Heartbeat{Ballot: b(1, 1), Chosen: 5}, paxos.Proposed{Placed: []paxos.Placed{{Session: 1, Sequence: 2, Slot: 2}}})
	r.tells("acceptor1", []paxos.Record{paxos.FloorRecord{Floor: 3, Promise: b(1, 1)}})
	r.begin("acceptor1", 2)
	r.check(r.writers["acceptor1"].Found(memberOf("acceptor1"), []paxos.Record{paxos.FloorRecord{Floor: 3, Promise: b(1, 1)},
		paxos.AcceptedRecord{Ballot: b(1, 1), Proposals: []paxos.Proposal{{Slot: 3, Value: named(1, 3)}, {Slot: 4, Value: named(1, 4)}}}}, ""))
	r.tells("acceptor1", nil, paxos.HighestIs{Store: storeOf("acceptor1"), Slot: 4})
	r.tells(proposer(2), nil, paxos.Prepare{Ballot: b(2, 2), First: 4}, accept(b(2, 2), 4, 4, named(1, 4)))
	for _, id := range []paxos.NodeID{"acceptor1", "acceptor3"} {
		r.tells(id, []paxos.Record{paxos.AcceptedRecord(accept(b(2, 2), 4, 4, named(1, 4)))}, paxos.Accepted{Ballot: b(2, 2), Store: storeOf(id), Slots: []paxos.Slot{4}})
	}
	r.begin("acceptor1", 3)
	r.check(r.writers["acceptor1"].Found(memberOf("acceptor1"), []paxos.Record{paxos.FloorRecord{Floor: 3, Promise: b(1, 1)},
		paxos.AcceptedRecord{Ballot: b(1, 1), Proposals: []paxos.Proposal{{Slot: 3, Value: named(1, 3)}}},
		paxos.AcceptedRecord{Ballot: b(2, 2), Proposals: []paxos.Proposal{{Slot: 4, Value: named(1, 4)}}}}, ""))
	return r
}

// TestWhatIsNotSeenIsNotHeldAgainstAnybody takes away every set of traces of a
// cluster that did nothing wrong, but an acceptor's last process: that there was
// one after those that are seen, nobody tells.
func TestWhatIsNotSeenIsNotHeldAgainstAnybody(t *testing.T) {
	r := wholeLife(t)
	r.reads()
	r.wants()
	paths, err := filepath.Glob(filepath.Join(r.dir, "*.trace"))
	r.check(err)
	last := filepath.Join(r.dir, "acceptor1-0000000000000003.trace")
	for set := 1; set < 1<<len(paths)-1; set++ {
		dir := t.TempDir()
		left, gone, lastSeen := map[string]bool{}, []string{}, false
		for i, path := range paths {
			node, _, _ := strings.Cut(filepath.Base(path), "-")
			if set&(1<<i) != 0 {
				gone = append(gone, filepath.Base(path))
				continue
			}
			left[node] = true
			lastSeen = lastSeen || path == last
			r.check(os.Link(path, filepath.Join(dir, filepath.Base(path))))
		}
		if left["acceptor1"] && !lastSeen {
			continue
		}
		got, err := ReadDir(dir)
		r.check(err)
		if list := got.Objections(); len(list) > 0 {
			t.Fatalf("without %v: %v", gone, list)
		}
		unseen := map[string]bool{}
		for _, u := range got.Unseen() {
			unseen[string(u.Node)] = true
		}
		for _, id := range []string{"acceptor1", "acceptor2", "acceptor3", "learner1", "learner2"} {
			if unseen[id] == left[id] {
				t.Errorf("without %v: %s is not seen: %v", gone, id, unseen[id])
			}
		}
		if told := left["acceptor2"] && !left["proposer1"]; told && !unseen["proposer1"] || left["proposer1"] && unseen["proposer1"] {
			t.Errorf("without %v: proposer1 is not seen: %v", gone, unseen["proposer1"])
		}
	}
}

func TestWithoutAMinorityWhatIsProvenIsObjectedTo(t *testing.T) {
	for name, c := range map[string]struct {
		do       func(*recorder)
		checkers []string
		left     NotJudged
	}{
		"nothing wrong": {func(*recorder) {}, nil, NotJudged{Slots: 2, Watermark: 1}},
		"a value for which nobody voted who was seen": {func(r *recorder) {
			r.begin("learner2", 2)
			m := r.writers["learner2"].Machine(&machine{applied: 3})
			_, err := m.Apply(paxos.Entry{Slot: 3, Ballot: b(1, 1), Value: named(1, 9)})
			r.check(err)
			r.tells("learner2", nil)
		}, []string{AppliedChosen}, NotJudged{Slots: 2, Watermark: 1}},
		"a watermark above the log": {func(r *recorder) { r.tells(proposer(1), nil, paxos.Heartbeat{Ballot: b(1, 1), Chosen: 90}) }, []string{Watermark}, NotJudged{Slots: 2}},
	} {
		r := records(t)
		r.choosesSlots(2)
		r.begin("learner1", 1)
		m := r.writers["learner1"].Machine(&machine{applied: 1})
		for i := 1; i <= 2; i++ {
			_, err := m.Apply(paxos.Entry{Slot: paxos.Slot(i), Ballot: b(1, 1), Value: named(1, i)})
			r.check(err)
		}
		r.tells("learner1", nil)
		r.tells(proposer(1), nil, paxos.Heartbeat{Ballot: b(1, 1), Chosen: 3})
		c.do(r)
		r.check(os.Remove(filepath.Join(r.dir, "acceptor1-0000000000000001.trace")))
		got := r.reads()
		t.Log(name)
		r.wants(c.checkers...)
		if left := got.NotJudged(); left != c.left {
			t.Errorf("%s: not judged is %+v, want %+v", name, left, c.left)
		}
	}
}

func TestAProposersProcessWithoutATraceIsNamedByItsBallots(t *testing.T) {
	r := records(t)
	r.choosesSlots(1)
	r.tells("acceptor1", []paxos.Record{paxos.PromisedRecord{Ballot: b(2, 1, 7)}})
	r.tells("acceptor2", []paxos.Record{paxos.PromisedRecord{Ballot: b(3, 2)}})
	want := []Unseen{{Node: proposer(1), Role: paxos.ProposerRole, Ballots: []paxos.Ballot{b(2, 1, 7)}}, {Node: proposer(2), Role: paxos.ProposerRole, Ballots: []paxos.Ballot{b(3, 2)}},
		{Node: "learner1", Role: paxos.LearnerRole}, {Node: "learner2", Role: paxos.LearnerRole}}
	if got := r.reads().Unseen(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("not seen are %v, want %v", got, want)
	}
}

func TestAMembersLostDiskIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		id   paxos.Identity
		mute string
		lost int64
	}{
		"its own":   {memberOf("acceptor1"), "", 0},
		"blank":     {paxos.Identity{}, "", 1},
		"mute":      {memberOf("acceptor1"), "damaged at byte 7", 1},
		"another's": {memberOf("acceptor2"), "", 1},
	} {
		s := replayed(t)
		if got := s.Counts().Lost; got != 0 {
			t.Fatalf("%d disks are lost before any is", got)
		}
		s.restart("acceptor1")
		s.Found("acceptor1", 2, c.id, nil, c.mute)
		if got := s.Counts().Lost; got != c.lost || len(s.Objections()) > 0 {
			t.Errorf("%s: %d disks are lost, want %d: %v", name, got, c.lost, s.Objections())
		}
	}
}

// TestWhatAnAcceptorTruncatedUnseenIsNotHeldAgainstAnybody: its second process
// voted in slot 1 and truncated it, and its trace is away.
func TestWhatAnAcceptorTruncatedUnseenIsNotHeldAgainstAnybody(t *testing.T) {
	for floor, checkers := range map[paxos.Slot][]string{2: nil, 1: {AppliedChosen}} {
		r := records(t)
		a := accept(b(1, 1), 1, 1, named(1, 1))
		r.tells(proposer(1), nil, paxos.Prepare{Ballot: b(1, 1), First: 1}, a)
		r.tells("acceptor2", []paxos.Record{paxos.AcceptedRecord(a)}, paxos.Accepted{Ballot: b(1, 1), Store: storeOf("acceptor2"), Slots: []paxos.Slot{1}})
		r.begin("acceptor1", 3)
		r.check(r.writers["acceptor1"].Found(memberOf("acceptor1"), []paxos.Record{paxos.FloorRecord{Floor: floor, Promise: b(1, 1)}}, ""))
		r.begin("learner1", 1)
		_, err := r.writers["learner1"].Machine(&machine{applied: 1}).Apply(paxos.Entry{Slot: 1, Ballot: b(1, 1), Value: named(1, 1)})
		r.check(err)
		r.tells("learner1", nil)
		r.reads()
		r.wants(checkers...)
	}
}

func TestAnEffectInASlotThatWasNotSeenIsTaken(t *testing.T) {
	two := configuration().Acceptors[:2]
	for _, c := range []struct {
		absent   []paxos.NodeID
		checkers []string
	}{{two, nil}, {nil, []string{SameOutcome, AppliedChosen, Watermark}}} {
		s := blank(t, Options{Absent: c.absent})
		v := named(1, 1)
		s.Installed("learner1", 1, 5)
		s.Applied("learner1", 1, paxos.Entry{Slot: 5, Ballot: b(1, 1), Value: v}, outcomes(2, v))
		// Far above all that can be looked at one by one.
		s.says(proposer(1), paxos.Heartbeat{Ballot: b(1, 1), Chosen: 1 << 60})
		s.wants(c.checkers...)
		if left := s.NotJudged(); (left == NotJudged{Slots: 1, Watermark: 1}) != (c.absent != nil) {
			t.Errorf("without %v, not judged is %+v", c.absent, left)
		}
	}
}
