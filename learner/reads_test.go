package learner_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/learner"
	"paxos/paxos"
)

// asks gives the number of the question that has left, to all acceptors.
func (d *desk) asks() paxos.Number {
	d.t.Helper()
	sent := sentOf[paxos.Highest](d)
	if len(sent) != 3 || len(sent["a1"]) != 1 {
		d.t.Fatalf("want one question to each acceptor, got %v", sent)
	}
	return sent["a1"][0].Question
}

func (d *desk) highest(id paxos.NodeID, question paxos.Number, slot paxos.Slot) {
	d.from(id, paxos.HighestIs{Question: question, Store: paxos.StoreIn(stores, id), Slot: slot})
}

func (d *desk) read(id paxos.NodeID, m paxos.AskRead) {
	if m.Ticks == 0 {
		m.Ticks = 1000
	}
	d.from(id, m)
}

func (d *desk) flush() { d.take(d.l.Flush()) }

// told gives, and forgets, what a reader was told.
func (d *desk) told(id paxos.NodeID) []paxos.ReadIs { return sentOf[paxos.ReadIs](d)[id] }

func TestAReadWaitsForTheHighestSlotOfAQuorum(t *testing.T) {
	d := newDesk(t)
	d.chosen(1, 2)
	d.read("r1", paxos.AskRead{At: 500})
	d.flush()
	q := d.asks()
	d.highest("a1", q, 2)
	if got := d.told("r1"); len(got) > 0 {
		t.Fatalf("one acceptor is no quorum: %+v", got)
	}
	d.highest("a1", q, 2)
	d.from("a2", paxos.HighestIs{Question: q, Store: 99, Slot: 2})
	d.highest("a9", q, 2)
	d.highest("a2", q-1, 2)
	if got := d.told("r1"); len(got) > 0 {
		t.Fatalf("twice the same, another disk, a stranger, another question: %+v", got)
	}
	d.highest("a3", q, 4)
	d.chosen(4)
	if got := d.told("r1"); len(got) > 0 {
		t.Fatalf("slot 3 is not applied: %+v", got)
	}
	d.chosen(3)
	if diff := cmp.Diff([]paxos.ReadIs{{Ready: true, Since: 500}}, d.told("r1")); diff != "" {
		t.Error(diff)
	}
}

func TestAReadUsesOnlyAQuestionSentAfterItCame(t *testing.T) {
	d := newDesk(t)
	d.read("r1", paxos.AskRead{At: 100})
	d.flush()
	first := d.asks()
	d.read("r2", paxos.AskRead{At: 200}) // the question may be older than what r2 must see
	d.read("r3", paxos.AskRead{At: 300})
	d.flush()
	d.highest("a1", first, 0)
	d.highest("a2", first, 0)
	if len(d.told("r1")) != 1 {
		t.Fatal("r1 is not answered")
	}
	if got := append(d.told("r2"), d.told("r3")...); len(got) > 0 {
		t.Fatalf("%+v", got)
	}
	d.flush()
	second := d.asks() // one for both
	d.highest("a3", second, 0)
	d.highest("a2", second, 0)
	for _, id := range []paxos.NodeID{"r2", "r3"} {
		found := 0
		for _, e := range d.sent {
			if m, ok := e.Message.(paxos.ReadIs); ok && e.To == id && m == (paxos.ReadIs{Ready: true, Since: 300}) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s is answered %d times: %+v", id, found, d.sent)
		}
	}
}

func TestASlotThatStaysOpenIsFinishedForAReadSoon(t *testing.T) {
	d := newDeskWith(t, &machine{}, noPulls)
	d.read("r1", paxos.AskRead{At: 1})
	d.flush()
	q := d.asks()
	d.highest("a1", q, 1)
	d.highest("a3", q, 1)
	d.tick(10)
	if got := sentOf[paxos.Finish](d)["p1"]; len(got) != 1 || got[0] != (paxos.Finish{First: 1, Next: 2}) {
		t.Errorf("%+v", got)
	}
	d.chosen(1)
	if len(d.told("r1")) != 1 {
		t.Error("it is not answered")
	}
}

func TestAReadIsRefusedAtItsDeadlineAndNeverAnsweredOld(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[paxos.NodeID]paxos.Slot
		want    paxos.ReadIs
	}{
		"nobody answers":        {nil, paxos.ReadIs{Needed: 2}},
		"one answers":           {map[paxos.NodeID]paxos.Slot{"a2": 9}, paxos.ReadIs{Answering: 1, Needed: 2}},
		"a slot is not applied": {map[paxos.NodeID]paxos.Slot{"a2": 2, "a1": 1}, paxos.ReadIs{Answering: 2, Needed: 2, Missing: 2}},
	} {
		d := newDeskWith(t, &machine{}, noPulls)
		d.chosen(1)
		d.read("r1", paxos.AskRead{At: 7, Ticks: 30})
		d.flush()
		q := d.asks()
		for id, slot := range c.answers {
			d.highest(id, q, slot)
		}
		d.tick(29)
		if got := d.told("r1"); len(got) > 0 {
			t.Errorf("%s: before the deadline: %+v", name, got)
		}
		d.tick(1)
		if diff := cmp.Diff([]paxos.ReadIs{c.want}, d.told("r1")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		d.highest("a3", q, 0)
		d.chosen(2)
		if got := d.told("r1"); len(got) > 0 {
			t.Errorf("%s: answered twice: %+v", name, got)
		}
	}
}

func TestALostQuestionIsAskedAgain(t *testing.T) {
	d := newDeskWith(t, &machine{}, noPulls)
	d.read("r1", paxos.AskRead{At: 7})
	d.flush()
	q := d.asks()
	d.highest("a1", q, 0)
	d.tick(20)
	sent := sentOf[paxos.Highest](d)
	if len(sent["a1"]) != 0 || len(sent["a2"]) != 1 || sent["a3"][0].Question != q {
		t.Errorf("%v", sent)
	}
}

func TestABoundedReadKnowsTheAgeOfTheLastAnswer(t *testing.T) {
	d := newDesk(t)
	d.read("r1", paxos.AskRead{At: 1000})
	d.flush()
	q := d.asks()
	d.highest("a1", q, 0)
	d.highest("a2", q, 0)
	d.sent = nil
	d.read("r2", paxos.AskRead{At: 1400, MaxAge: 400})
	if diff := cmp.Diff([]paxos.ReadIs{{Ready: true, Since: 1000}}, d.told("r2")); diff != "" {
		t.Error(diff)
	}
	d.read("r3", paxos.AskRead{At: 1401, MaxAge: 400})
	if got := d.told("r3"); len(got) > 0 {
		t.Errorf("401 old, 400 allowed: %+v", got)
	}
	d.flush()
	d.asks()
	d.read("r4", paxos.AskRead{At: 5000, MaxAge: math.MaxInt64})
	if diff := cmp.Diff([]paxos.ReadIs{{Ready: true, Since: 1000}}, d.told("r4")); diff != "" {
		t.Error(diff)
	}
}

func TestTheAgeIsOfAQuestionWhoseSlotIsApplied(t *testing.T) {
	d := newDesk(t)
	d.read("r1", paxos.AskRead{At: 1000})
	d.flush()
	q := d.asks()
	d.highest("a1", q, 1)
	d.highest("a2", q, 1)
	d.read("r2", paxos.AskRead{At: 1001, MaxAge: 500})
	if got := d.told("r2"); len(got) > 0 {
		t.Errorf("slot 1 is not applied: %+v", got)
	}
}

func TestALaterReadIsToldHowManyAcceptorsAnswer(t *testing.T) {
	d := newDeskWith(t, &machine{}, noPulls)
	d.read("r1", paxos.AskRead{At: 1, Ticks: 50})
	d.flush()
	d.highest("a2", d.asks(), 0)
	d.read("r2", paxos.AskRead{At: 2, Ticks: 45})
	d.tick(20)
	q := d.asks() // one for both
	d.highest("a2", q, 0)
	d.tick(40)
	for _, id := range []paxos.NodeID{"r1", "r2"} {
		found := 0
		for _, e := range d.sent {
			if m, ok := e.Message.(paxos.ReadIs); ok && e.To == id {
				found++
				if m.Ready || m.Answering != 1 || m.Needed != 2 {
					t.Errorf("%s: %+v", id, m)
				}
			}
		}
		if found != 1 {
			t.Errorf("%s is answered %d times", id, found)
		}
	}
}

func TestAnAnswerToAFormerProcessIsNotTaken(t *testing.T) {
	d := newDeskWith(t, &machine{}, func(c *learner.Config) { noPulls(c); c.Question = 1 << 40 })
	d.read("r1", paxos.AskRead{At: 1})
	d.flush()
	q := d.asks()
	if q != 1<<40+1 {
		t.Fatalf("question %d", q)
	}
	d.highest("a1", 1, 0)
	d.highest("a2", 1, 0)
	if got := d.told("r1"); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestAQuietLearnerAsksNowAndThen(t *testing.T) {
	d := newDeskWith(t, &machine{}, noPulls)
	d.tick(300)
	if got := sentOf[paxos.Highest](d); len(got) > 0 {
		t.Errorf("without a clock it cannot tell an age: %v", got)
	}
	d.from("l1", paxos.Clock{At: 77})
	d.flush()
	q := d.asks()
	d.highest("a1", q, 0)
	d.highest("a2", q, 0)
	d.tick(50)
	if got := sentOf[paxos.Highest](d); len(got) > 0 {
		t.Errorf("too soon: %v", got)
	}
	d.read("r1", paxos.AskRead{At: 90, MaxAge: 13})
	if diff := cmp.Diff([]paxos.ReadIs{{Ready: true, Since: 77}}, d.told("r1")); diff != "" {
		t.Error(diff)
	}
}

// readers is a learner, three acceptors that accept slot after slot, and those
// who read while mail is lost, delayed and repeated.
type readers struct {
	*desk
	t        *rapid.T
	luck     paxos.Dice
	accepted map[paxos.NodeID]paxos.Slot // of each acceptor: all slots up to it
	must     map[paxos.NodeID]paxos.Slot // by who waits: what was on a quorum when it asked
	mail     []paxos.Envelope
	now      int64
	answered int
}

// acknowledged is the highest slot on a quorum.
func (r *readers) acknowledged() (best paxos.Slot) {
	for _, a := range r.accepted {
		n := 0
		for _, b := range r.accepted {
			if b >= a {
				n++
			}
		}
		if n >= config.Quorum() {
			best = max(best, a)
		}
	}
	return best
}

func (r *readers) move() {
	switch r.luck.Below(8) {
	case 0:
		id := config.Acceptors[r.luck.Below(3)]
		r.accepted[id]++
		r.mail = append(r.mail, paxos.Envelope{From: id, Message: paxos.Learn{Store: paxos.StoreIn(stores, id),
			Votes: []paxos.Vote{vote(r.accepted[id], ballot(1), "v")}}})
	case 1:
		r.now++
		id := []paxos.NodeID{"r1", "r2", "r3", "r4"}[r.luck.Below(4)]
		if _, waits := r.must[id]; !waits {
			r.must[id] = r.acknowledged()
			r.read(id, paxos.AskRead{At: r.now})
		}
	case 2:
		r.tick(1)
	case 3:
		r.flush()
	default:
		if len(r.mail) > 0 {
			e := r.mail[r.luck.Below(len(r.mail))] // perhaps again, perhaps late
			if m, ok := e.Message.(paxos.Highest); ok {
				r.highest(e.To, m.Question, r.accepted[e.To])
			} else {
				r.from(e.From, e.Message)
			}
		}
	}
}

// look takes what the learner said.
func (r *readers) look() {
	for _, e := range r.sent {
		switch m := e.Message.(type) {
		case paxos.Highest:
			if r.luck.Below(3) > 0 {
				r.mail = append(r.mail, e)
			}
			if r.luck.Below(3) == 0 { // answered now, delivered whenever
				r.mail = append(r.mail, paxos.Envelope{From: e.To, Message: paxos.HighestIs{Question: m.Question,
					Store: paxos.StoreIn(stores, e.To), Slot: r.accepted[e.To]}})
			}
		case paxos.ReadIs:
			if m.Ready && r.l.Applied() <= r.must[e.To] {
				r.t.Fatalf("%s reads with slots below %d applied; slot %d was on a quorum before", e.To, r.l.Applied(), r.must[e.To])
			}
			if m.Ready {
				r.answered++
			}
			delete(r.must, e.To)
		}
	}
	r.sent = nil
}

// Whoever is told that he may read, finds everything that was on a quorum
// before he asked.
func TestNoReadMissesWhatWasAcknowledgedBefore(t *testing.T) {
	answered := 0
	rapid.Check(t, func(t *rapid.T) {
		r := &readers{desk: newDeskWith(t, &machine{}, noPulls), t: t, luck: paxos.Dice(rapid.Uint64().Draw(t, "luck")),
			accepted: map[paxos.NodeID]paxos.Slot{"a1": 0, "a2": 0, "a3": 0}, must: map[paxos.NodeID]paxos.Slot{}}
		for range 400 {
			r.move()
			r.look()
		}
		answered += r.answered
	})
	if answered < 300 {
		t.Errorf("only %d reads were answered: the test tests nothing", answered)
	}
}
