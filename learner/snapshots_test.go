package learner_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/learner"
	"paxos/paxos"
)

const reportTicks = 4

// noPulls keeps a learner from asking for what it misses.
func noPulls(c *learner.Config) { c.PullTicks, c.FinishTicks, c.BeatTicks = 1<<20, 1<<20, 1<<20 }

// withDisk gives it a disk, and nothing else to talk about.
func withDisk(c *learner.Config) {
	noPulls(c)
	c.Store, c.ReportTicks = 21, reportTicks
}

// newKeeper makes a learner with a disk for which a snapshot is due after every
// second slot.
func newKeeper(t tester) *desk { return newDeskWith(t, &machine{due: 2}, withDisk) }

func TestASnapshotIsTakenOfJustTheStateThatIsDue(t *testing.T) {
	d := newKeeper(t)
	d.chosen(2, 3, 1) // slots 1 to 3 are applied in one go
	saves := sentOf[paxos.SaveSnapshot](d)[paxos.Keeper]
	if len(saves) != 1 || saves[0].State.Applied() != 3 || saves[0].Cluster != cluster || saves[0].Config != config.Stamp() {
		t.Fatalf("%+v", saves)
	}
	d.chosen(4)
	if got := sentOf[paxos.SaveSnapshot](d); len(got) > 0 {
		t.Errorf("one is being saved already: %v", got)
	}
	d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 2})
	d.chosen(5, 6)
	if saves := sentOf[paxos.SaveSnapshot](d)[paxos.Keeper]; len(saves) != 1 || saves[0].State.Applied() != 7 {
		t.Errorf("%+v", saves)
	}
}

func TestASnapshotThatANewerOneOvertookEndsTheSaving(t *testing.T) {
	d := newKeeper(t)
	d.chosen(1, 2)
	d.sent = nil
	d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 50, Digest: paxos.Digest{1}}) // fetched meanwhile
	d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 50, Digest: paxos.Digest{1}}) // the answer of the save
	d.chosen(3, 4)
	if saves := sentOf[paxos.SaveSnapshot](d)[paxos.Keeper]; len(saves) != 1 || saves[0].State.Applied() != 5 {
		t.Errorf("%+v", saves)
	}
}

func TestWithoutADiskNothingIsKept(t *testing.T) {
	d := newDeskWith(t, &machine{due: 1}, noPulls)
	d.chosen(1, 2)
	d.take(d.l.Flush())
	if got := sentOf[paxos.SaveSnapshot](d); len(got) > 0 {
		t.Errorf("%v", got)
	}
	d.sent = nil
	d.from("l2", paxos.SnapshotAsk{})
	d.tick(3 * reportTicks)
	if len(d.sent) > 0 {
		t.Errorf("%+v", d.sent)
	}
}

func TestWhatIsOnDiskIsReported(t *testing.T) {
	d := newKeeper(t)
	d.tick(reportTicks)
	if diff := cmp.Diff([]paxos.Kept{{Store: 21}}, sentOf[paxos.Kept](d)["a3"]); diff != "" {
		t.Error("a disk without a snapshot says so, for the last one may have had some: ", diff)
	}
	d.chosen(1, 2)
	d.sent = nil
	digest := paxos.Digest{7}
	d.from("l2", paxos.SnapshotSaved{Slot: 2, Digest: digest})
	if len(d.sent) > 0 {
		t.Errorf("only the keeper knows: %+v", d.sent)
	}
	d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 2, Previous: 0, Digest: digest})
	if diff := cmp.Diff([]paxos.Kept{{Store: 21, Last: 2}}, sentOf[paxos.Kept](d)["a1"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[paxos.NodeID][]paxos.StateIs{"l2": {{Slot: 2, Digest: digest}}}, sentOf[paxos.StateIs](d)); diff != "" {
		t.Error(diff)
	}
	d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 4, Previous: 2, Digest: digest})
	d.sent = nil
	d.tick(reportTicks)
	if diff := cmp.Diff([]paxos.Kept{{Store: 21, Last: 4, Previous: 2}}, sentOf[paxos.Kept](d)["a2"]); diff != "" {
		t.Error("it is told again and again, for acceptors forget it: ", diff)
	}
}

func TestALearnerGoesOnFromItsSnapshot(t *testing.T) {
	d := newDeskWith(t, &machine{from: 5}, func(c *learner.Config) {
		withDisk(c)
		c.Kept = paxos.SnapshotSaved{Slot: 5, Previous: 3}
	})
	d.chosen(5, 6)
	d.mustApply("6:s6")
	if s := d.l.Status(); s.Floor != 6 || s.Snapshot != 5 || s.Previous != 3 {
		t.Errorf("%+v", s)
	}
	d.sent = nil
	d.from("l2", paxos.CatchUp{First: 2})
	if diff := cmp.Diff([]paxos.Chosen{{First: 2, Watermark: 7, Floor: 6}}, sentOf[paxos.Chosen](d)["l2"]); diff != "" {
		t.Error("a page must not begin with a gap: ", diff)
	}
}

func TestTheLogIsBounded(t *testing.T) {
	d := newDeskWith(t, &machine{}, func(c *learner.Config) { noPulls(c); c.LogBytes = 6000 })
	for slot := paxos.Slot(1); slot <= 200; slot++ {
		d.chosen(slot)
	}
	s := d.l.Status()
	if s.Floor < 180 || s.Floor > 195 {
		t.Errorf("%+v", s)
	}
	if got := d.l.Chosen(s.Floor, 1<<20); len(got) != int(201-s.Floor) || got[0].Slot != s.Floor {
		t.Errorf("%d entries from %d on", len(got), s.Floor)
	}
	d.learn("a1", vote(3, ballot(9), "y"))
	d.learn("a2", vote(3, ballot(9), "y"))
	if d.broken != nil {
		t.Errorf("what was forgotten cannot be judged: %v", d.broken)
	}
	d.learn("a1", vote(199, ballot(9), "y"))
	d.learn("a2", vote(199, ballot(9), "y"))
	if d.broken == nil {
		t.Error("two values in slot 199")
	}
}

// truncated makes the learner hear that what it misses was truncated.
func (d *desk) truncated(floor paxos.Slot) {
	d.t.Helper()
	d.tick(2 * pullTicks)
	d.from("a1", paxos.Voted{Store: 11, First: d.l.Applied(), Next: floor, Floor: floor})
}

// newFetcher makes a learner with a disk that pulls.
func newFetcher(t tester) *desk {
	return newDeskWith(t, &machine{}, func(c *learner.Config) { withDisk(c); c.PullTicks = pullTicks })
}

func (d *desk) askedPart(from paxos.NodeID, want paxos.SnapshotAsk) {
	d.t.Helper()
	got := sentOf[paxos.SnapshotAsk](d)
	if len(got) != 1 || len(got[from]) != 1 || got[from][0] != want {
		d.t.Fatalf("want %+v of %s, got %v", want, from, got)
	}
}

func TestWhatWasTruncatedIsFetchedInParts(t *testing.T) {
	d := newFetcher(t)
	d.chosen(1)
	d.truncated(50)
	d.askedPart("l2", paxos.SnapshotAsk{})
	part := paxos.SnapshotPart{Slot: 60, Size: 20, Digest: paxos.Digest{1}, Bytes: []byte("0123456789")}
	d.from("l9", part)
	d.from("l2", part)
	d.from("l2", part) // once is enough
	if got := sentOf[paxos.WritePart](d)[paxos.Keeper]; len(got) != 1 || got[0].From != "l2" || got[0].Part.Slot != 60 {
		t.Fatalf("%+v", got)
	}
	d.from(paxos.Keeper, paxos.PartWritten{From: "l2", Slot: 60, Next: 10})
	d.askedPart("l2", paxos.SnapshotAsk{Slot: 60, Offset: 10})
	part.Offset = 10
	d.from("l2", part)
	d.learn("a1", vote(61, ballot(1), "s61"))
	d.learn("a2", vote(61, ballot(1), "s61"))
	d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 60, Digest: part.Digest})
	d.from(paxos.Keeper, paxos.PartWritten{From: "l2", Slot: 60, State: frozen{61}})
	d.mustApply("61:s61")
	if s := d.l.Status(); s.Applied != 62 || s.Floor != 61 || s.Snapshot != 60 {
		t.Errorf("%+v", s)
	}
}

func TestALearnerKnowsThatItIsBehindTheTruncatedLog(t *testing.T) {
	d := newFetcher(t)
	d.chosen(1)
	if d.l.Behind() != 0 {
		t.Fatal("nothing is truncated")
	}
	d.truncated(50)
	if d.l.Behind() != 50 || d.l.Status().Behind != 50 {
		t.Errorf("behind %d", d.l.Behind())
	}
	d.from("l2", paxos.SnapshotPart{Slot: 60, Size: 1})
	d.from(paxos.Keeper, paxos.PartWritten{From: "l2", Slot: 60, State: frozen{61}})
	if d.l.Behind() != 0 {
		t.Errorf("behind %d with slot 60 applied", d.l.Behind())
	}
}

func TestAnotherLearnerGoesOnWithTheTransfer(t *testing.T) {
	three := config
	three.Learners = []paxos.NodeID{"l1", "l2", "l3"}
	d := newDeskWith(t, &machine{}, func(c *learner.Config) { withDisk(c); c.PullTicks = pullTicks; c.Configuration = three })
	d.truncated(50)
	first := ""
	for id := range sentOf[paxos.SnapshotAsk](d) {
		first = string(id)
	}
	d.from(paxos.NodeID(first), paxos.SnapshotPart{Slot: 60, Size: 20, Bytes: []byte("x")})
	d.from(paxos.Keeper, paxos.PartWritten{From: paxos.NodeID(first), Slot: 60, Next: 1})
	d.sent = nil
	d.tick(210) // it has died
	other := paxos.NodeID(map[string]string{"l2": "l3", "l3": "l2"}[first])
	d.askedPart(other, paxos.SnapshotAsk{Slot: 60, Offset: 1})
}

func TestADamagedTransferBeginsAnewElsewhere(t *testing.T) {
	three := config
	three.Learners = []paxos.NodeID{"l1", "l2", "l3"}
	d := newDeskWith(t, &machine{}, func(c *learner.Config) { withDisk(c); c.PullTicks = pullTicks; c.Configuration = three })
	d.truncated(50)
	var asked []paxos.NodeID
	for range 2 {
		for id := range sentOf[paxos.SnapshotAsk](d) {
			asked = append(asked, id)
			d.from(id, paxos.SnapshotPart{Slot: 60, Size: 20, Bytes: []byte("x")})
			d.from(paxos.Keeper, paxos.PartWritten{From: id, Slot: 60, Damaged: "chunk 3"})
		}
	}
	if len(asked) != 2 || asked[0] == asked[1] {
		t.Errorf("asked %v", asked)
	}
	d.tick(100)
	if got := sentOf[paxos.SnapshotAsk](d); len(got) > 0 {
		t.Errorf("nobody's was any good, and %v is asked at once", got)
	}
	d.tick(101)
	if got := sentOf[paxos.SnapshotAsk](d); len(got) != 1 {
		t.Errorf("asked again %v", got)
	}
}

func TestASnapshotThatLeadsNowhereIsNotFetched(t *testing.T) {
	for _, slot := range []paxos.Slot{0, 1} {
		d := newFetcher(t)
		d.chosen(1, 2)
		d.truncated(50)
		d.sent = nil
		d.from("l2", paxos.SnapshotPart{Slot: slot})
		if got := sentOf[paxos.WritePart](d); len(got) > 0 {
			t.Errorf("%v", got)
		}
		d.truncated(50) // who has one by now is asked again
		d.askedPart("l2", paxos.SnapshotAsk{})
	}
}

func TestAnOlderStateIsNotTaken(t *testing.T) {
	d := newFetcher(t)
	d.truncated(50)
	d.from("l2", paxos.SnapshotPart{Slot: 2, Size: 1})
	d.chosen(1, 2, 3)
	d.from(paxos.Keeper, paxos.PartWritten{From: "l2", Slot: 2, State: frozen{3}})
	d.mustApply("1:s1", "2:s2", "3:s3")
}

func TestAStateThatCannotBeTakenStopsTheLearner(t *testing.T) {
	d := newFetcher(t)
	d.m.bad = errors.New("of a newer version")
	d.truncated(50)
	d.from("l2", paxos.SnapshotPart{Slot: 60, Size: 1})
	d.from(paxos.Keeper, paxos.PartWritten{From: "l2", Slot: 60, State: frozen{61}})
	if d.broken == nil || !strings.Contains(d.broken.Error(), "of a newer version") {
		t.Error(d.broken)
	}
}

func TestPartsAreServedToLearnersOnly(t *testing.T) {
	d := newKeeper(t)
	for _, id := range []paxos.NodeID{"l2", "l9", "c1", "a1"} {
		d.from(id, paxos.SnapshotAsk{Slot: 4, Offset: 9})
	}
	if diff := cmp.Diff([]paxos.ReadPart{{To: "l2", Ask: paxos.SnapshotAsk{Slot: 4, Offset: 9}}}, sentOf[paxos.ReadPart](d)[paxos.Keeper]); diff != "" {
		t.Error(diff)
	}
	part := paxos.SnapshotPart{Slot: 4, Bytes: []byte("x")}
	d.from("l2", paxos.PartRead{To: "l2", Part: part})
	d.from(paxos.Keeper, paxos.PartRead{To: "l2", Part: part})
	if diff := cmp.Diff([]paxos.SnapshotPart{part}, sentOf[paxos.SnapshotPart](d)["l2"]); diff != "" {
		t.Error(diff)
	}
}
