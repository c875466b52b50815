package learner_test

import (
	"slices"
	"strings"
	"testing"

	"paxos/paxos"
)

// The lives of one disk, of an image of it that was put back, and of a process
// that has ended.
var (
	lived = paxos.Life{Starts: 3, Run: 7, Began: 5, Position: 9}
	image = paxos.Life{Starts: 4, Run: 8, Began: 6, Position: 30}
	ended = paxos.Life{Starts: 2, Run: 6, Began: 1, Position: 5}
)

// mustRefuse demands whose words were refused as those of clones since it was
// asked last.
func (d *desk) mustRefuse(want ...paxos.NodeID) {
	d.t.Helper()
	var got []paxos.NodeID
	for _, e := range d.events {
		if e.Kind == paxos.EventRejected && e.Reason == paxos.Cloned {
			got = append(got, e.Peer)
		}
	}
	if d.events = nil; !slices.Equal(got, want) {
		d.t.Fatalf("refused as clones are %v, want %v", got, want)
	}
}

func (d *desk) learnFrom(life paxos.Life, votes ...paxos.Vote) {
	d.from("a2", paxos.Learn{Store: 12, Life: life, Votes: votes})
}

func TestAClonesVotesAreNotCounted(t *testing.T) {
	d := newDesk(t)
	v := vote(1, ballot(1), "x")
	d.learn("a1", v)
	d.learnFrom(lived)
	d.learnFrom(ended, v)
	d.mustRefuse() // late is no crime
	d.learnFrom(image, v)
	d.learnFrom(lived, v)
	d.mustRefuse("a2", "a2") // which of them is right is not known
	d.mustApply()
	list := d.l.Status().Clones
	if len(list) != 1 || list[0].Node != "a2" || !strings.Contains(list[0].Why, "it had 9 records before, and 6 when start 4 began") {
		t.Errorf("%+v", list)
	}
	d.learn("a3", v)
	d.mustApply("1:x")
}

// A vote that was counted before stays: it was on the disk when it was told.
func TestWhatADiskSaidBeforeItsImageWasPutBackStands(t *testing.T) {
	d := newDesk(t)
	d.learnFrom(lived, vote(1, ballot(1), "x"))
	d.learnFrom(image, vote(1, ballot(2), "y"))
	d.learn("a3", vote(1, ballot(2), "y"))
	d.mustApply()
	d.learn("a1", vote(1, ballot(1), "x"))
	d.mustApply("1:x")
}

func TestAClonesPagesAreNotTaken(t *testing.T) {
	for _, life := range []paxos.Life{image, ended} {
		d := newDesk(t)
		d.learnFrom(lived)
		d.learn("a1", vote(1, ballot(1), "x"))
		d.tick(2 * pullTicks)
		d.sent = nil
		page := paxos.Voted{Store: 12, Life: life, First: 1, Next: 2, Floor: 9, More: true, Votes: []paxos.Vote{vote(1, ballot(1), "x")}}
		d.from("a2", page)
		d.mustApply()
		if d.l.Behind() != 0 || len(d.sent) > 0 {
			t.Errorf("it believes the floor of %+v, and sends %+v", life, d.sent)
		}
		// The page that was asked for may still come.
		if life == ended {
			page.Life, page.Floor, page.More = lived, 1, false
			d.from("a2", page)
			d.mustApply("1:x")
		}
	}
}

func TestAClonesHighestSlotIsNoAnswer(t *testing.T) {
	for _, life := range []paxos.Life{image, ended} {
		d := newDesk(t)
		d.chosen(1)
		d.learnFrom(lived)
		d.read("r1", paxos.AskRead{At: 500})
		d.flush()
		q := d.asks()
		d.highest("a1", q, 1)
		d.from("a2", paxos.HighestIs{Question: q, Store: 12, Life: life, Slot: 1})
		if got := d.told("r1"); len(got) > 0 {
			t.Fatalf("%+v made a quorum: %+v", life, got)
		}
		d.highest("a3", q, 1)
		if got := d.told("r1"); len(got) != 1 || !got[0].Ready {
			t.Fatalf("the others are a quorum: %+v", got)
		}
	}
}
