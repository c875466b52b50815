package crash

import (
	"testing"

	"paxos/internal/snapshot"
	"paxos/paxos"
)

// nearlyWhole is a learner that was offered all of a snapshot, and took up none of
// that: after a start the keeper asks for more than the first part it is given.
func nearlyWhole() life {
	return life{
		owner: &learnerOwner{cluster: clusterOf(1), fresh: 1 << 10, sizes: snapshot.Sizes{Chunk: 600, Sync: 1500}},
		steps: []step{{"part", []int{500}, 240}, {"restart", nil, 0}, {"part", nil, 1 << 20}},
		after: []step{{"save", []int{200}, 0}, {"rest", nil, 700}},
	}
}

func TestASnapshotSavedBesideATransferIsJudgedForItself(t *testing.T) {
	l := nearlyWhole()
	l.steps = append(l.steps, step{"save", []int{300}, 1}, step{"restart", nil, 0}, step{"rest", nil, 700})
	e := &explorer{kind: "learner", seed: 1, bounds: few}
	e.bounds.again, e.bounds.kills = 1, 1
	if sums, failed := exploreLife(e, l); failed != nil || sums[states+": snapshot"] == 0 || sums[states+": transfer"] == 0 {
		t.Errorf("%v, %v", failed, sums)
	}
}

func TestATransferThatNobodyEndedIsNotTakenForASnapshot(t *testing.T) {
	l := nearlyWhole()
	disk, err := newDisk()
	if err != nil {
		t.Fatal(err)
	}
	o := l.owner.(*learnerOwner)
	if err := o.open(disk, disk); err != nil {
		t.Fatal(err)
	}
	for _, s := range l.steps {
		if err := o.do(s); err != nil {
			t.Fatal(err)
		}
	}
	if o.coming.next <= 0 {
		t.Fatalf("the keeper asks for byte %d", o.coming.next)
	}
	part := o.coming.whole
	part.Offset, part.Bytes = paxos.Number(o.coming.next), part.Bytes[o.coming.next:]
	if answers, err := o.disk.Keeper.Do(paxos.WritePart{From: "l2", Part: part}); err != nil || len(answers) != 2 {
		t.Fatal(answers, err)
	}
	if err := o.do(step{what: "restart"}); err == nil {
		t.Error("a snapshot is there that nobody brought, and nobody objects")
	}
}
