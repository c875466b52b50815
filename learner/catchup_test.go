package learner_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/paxos"
)

// askings are when, in ticks, the learner asks whom for slot 1.
func (d *desk) askings(ticks int) (asked []string) {
	for n := range ticks {
		d.tick(1)
		for to, list := range sentOf[paxos.CatchUp](d) {
			asked = append(asked, fmt.Sprintf("%02d %s %d", n+1, to, list[0].First))
		}
	}
	slices.Sort(asked)
	return asked
}

func TestALearnerThatStandsStillAsksALearnerThenTheAcceptors(t *testing.T) {
	d := newDesk(t)
	d.tick(pullTicks)
	d.from("l2", paxos.Chosen{First: 1, Watermark: 1})
	d.sent = nil
	want := []string{"03 a1 1", "03 a2 1", "03 a3 1", "06 l2 1", "09 a1 1", "09 a2 1", "09 a3 1", "12 l2 1"}
	if diff := cmp.Diff(want, d.askings(4*pullTicks)); diff != "" {
		t.Error(diff)
	}
}

func TestALearnerThatNobodyAnswersAsksLessAndLessOften(t *testing.T) {
	d := newDesk(t)
	want := []string{"03 l2 1", "06 a1 1", "06 a2 1", "06 a3 1", "12 l2 1", "24 a1 1", "24 a2 1", "24 a3 1", "48 l2 1", "72 a1 1", "72 a2 1", "72 a3 1"}
	if diff := cmp.Diff(want, d.askings(25*pullTicks)); diff != "" {
		t.Error(diff)
	}
}

func TestPagesOfAnotherLearnerAreFollowedToTheEnd(t *testing.T) {
	d := newDesk(t)
	d.tick(pullTicks)
	d.sent = nil
	for first := paxos.Slot(1); first < 5; first += 2 {
		d.from("l2", paxos.Chosen{First: first, Watermark: 5, Entries: []paxos.Entry{
			{Slot: first, Ballot: ballot(1), Value: value(fmt.Sprint("s", first))},
			{Slot: first + 1, Ballot: ballot(1), Value: value(fmt.Sprint("s", first+1))}}})
		want := map[paxos.NodeID][]paxos.CatchUp{"l2": {{First: first + 2}}}
		if first == 3 {
			want = map[paxos.NodeID][]paxos.CatchUp{}
		}
		if diff := cmp.Diff(want, sentOf[paxos.CatchUp](d)); diff != "" {
			t.Error(diff)
		}
	}
	d.mustApply("1:s1", "2:s2", "3:s3", "4:s4")
}

func TestOnlyAnAnswerToTheLastQuestionOfALearnerOfTheConfigurationIsTaken(t *testing.T) {
	page := func(first paxos.Slot) paxos.Chosen {
		return paxos.Chosen{First: first, Watermark: 9, Entries: []paxos.Entry{{Slot: 1, Ballot: ballot(1), Value: value("x")}}}
	}
	for name, play := range map[string]func(d *desk){
		"not asked at all": func(d *desk) { d.from("l2", page(1)) },
		"by a stranger":    func(d *desk) { d.tick(pullTicks); d.from("l9", page(1)) },
		"by an acceptor":   func(d *desk) { d.tick(2 * pullTicks); d.from("a1", page(1)) },
		"another page":     func(d *desk) { d.tick(pullTicks); d.from("l2", page(2)) },
	} {
		d := newDesk(t)
		play(d)
		if len(d.m.applied) > 0 {
			t.Errorf("%s: it was taken", name)
		}
	}
	d := newDesk(t)
	d.tick(pullTicks)
	d.sent = nil
	for range 3 { // copies of one page start one chain of pages, not three
		d.from("l2", page(1))
	}
	if got := sentOf[paxos.CatchUp](d)["l2"]; len(got) != 1 {
		t.Errorf("asked for the next page %d times", len(got))
	}
}

func TestOneAcceptorsPagesAreItsVotesAndNoMore(t *testing.T) {
	d := newDesk(t)
	d.tick(2 * pullTicks)
	d.sent = nil
	page := func(id paxos.NodeID, first, next paxos.Slot, more bool) {
		d.from(id, paxos.Voted{Store: paxos.StoreIn(stores, id), First: first, Next: next, More: more,
			Votes: []paxos.Vote{vote(first, ballot(1), fmt.Sprint("s", first))}})
	}
	page("a1", 1, 2, true)
	d.mustApply()
	if diff := cmp.Diff(map[paxos.NodeID][]paxos.CatchUp{"a1": {{First: 2}}}, sentOf[paxos.CatchUp](d)); diff != "" {
		t.Error(diff)
	}
	page("a1", 2, 3, false)
	d.mustApply()
	page("a3", 1, 2, true)
	d.mustApply("1:s1")
	page("a3", 2, 3, false)
	d.mustApply("1:s1", "2:s2")
	d.sent = nil
	page("a2", 1, 1, true) // a page that leads nowhere
	if got := sentOf[paxos.CatchUp](d); len(got) > 0 {
		t.Errorf("it is followed: %v", got)
	}
}

func TestWhatIsTooFarAheadIsPulledLater(t *testing.T) {
	const ahead = 1 << 16
	d := newDesk(t)
	d.chosen(1 + ahead + 1)
	if s := d.l.Status(); s.Open != 0 || s.Horizon != ahead+2 {
		t.Fatalf("%+v", s)
	}
	d.chosen(1 + ahead)
	if s := d.l.Status(); s.Open != 1 {
		t.Fatalf("%+v", s)
	}
	d.chosen(1)
	d.tick(2 * pullTicks)
	if got := sentOf[paxos.CatchUp](d)["a1"]; len(got) != 1 || got[0].First != 2 {
		t.Errorf("asked for %+v", got)
	}
}

func TestASlotThatStaysOpenIsGivenToTheProposersToFinish(t *testing.T) {
	d := newDesk(t)
	d.learn("a1", vote(1, ballot(1), "x"), vote(4, ballot(1), "y"))
	d.tick(finishTicks)
	want := []paxos.Finish{{First: 1, Next: 5}}
	got := sentOf[paxos.Finish](d)
	if diff := cmp.Diff(map[paxos.NodeID][]paxos.Finish{"p1": want, "p2": want}, got); diff != "" {
		t.Error(diff)
	}
	quiet := newDesk(t)
	quiet.chosen(1)
	quiet.tick(5 * finishTicks)
	if got := sentOf[paxos.Finish](quiet); len(got) > 0 {
		t.Errorf("nothing is open, and it asks %v", got)
	}
}

func TestALearnerGivesWhatItAppliedInPages(t *testing.T) {
	d := newDesk(t)
	d.chosen(1, 2, 3, 4, 5, 7)
	d.sent = nil
	var got []string
	first := paxos.Slot(0)
	for first < 6 {
		d.from("l2", paxos.CatchUp{First: first})
		page := sentOf[paxos.Chosen](d)["l2"][0]
		if page.First != first || page.Watermark != 6 || len(page.Entries) == 0 || len(page.Entries) == 5 {
			t.Fatalf("from %d: %+v", first, page)
		}
		for _, e := range page.Entries {
			got = append(got, fmt.Sprintf("%d:%s", e.Slot, e.Value.Commands[0].Body))
			first = e.Slot + 1
		}
	}
	if diff := cmp.Diff([]string{"1:s1", "2:s2", "3:s3", "4:s4", "5:s5"}, got); diff != "" {
		t.Error(diff)
	}
	d.from("l2", paxos.CatchUp{First: 6})
	if page := sentOf[paxos.Chosen](d)["l2"][0]; len(page.Entries) > 0 || page.Watermark != 6 {
		t.Errorf("beyond the end: %+v", page)
	}
}

func TestClientsAreToldOfWhatIsAppliedOncePerTurn(t *testing.T) {
	d := newDesk(t)
	d.chosen(2, 1)
	d.take(d.l.Flush())
	want := map[paxos.NodeID][]paxos.Notify{"c1": {{Applied: 3, Outcomes: []paxos.Outcome{
		{Session: 5, Sequence: 1, Slot: 1}, {Session: 5, Sequence: 1, Slot: 2}}}}}
	if diff := cmp.Diff(want, sentOf[paxos.Notify](d)); diff != "" {
		t.Error(diff)
	}
	d.take(d.l.Flush())
	if got := sentOf[paxos.Notify](d); len(got) > 0 {
		t.Errorf("told twice: %v", got)
	}
	d.tick(beatTicks)
	if diff := cmp.Diff([]paxos.Notify{{Applied: 3}}, sentOf[paxos.Notify](d)["c1"]); diff != "" {
		t.Error(diff)
	}
}

func TestLargeResultsAreToldInAFewMessages(t *testing.T) {
	d := newDesk(t)
	d.m.result = make([]byte, 120) // of 300 bytes in a page
	d.chosen(1, 2, 3, 4, 5)
	d.take(d.l.Flush())
	var slots []paxos.Slot
	for _, m := range sentOf[paxos.Notify](d)["c1"] {
		if len(m.Outcomes) > 2 {
			t.Errorf("%d outcomes in one message", len(m.Outcomes))
		}
		for _, o := range m.Outcomes {
			slots = append(slots, o.Slot)
		}
	}
	if diff := cmp.Diff([]paxos.Slot{1, 2, 3, 4, 5}, slots); diff != "" {
		t.Error(diff)
	}
}
