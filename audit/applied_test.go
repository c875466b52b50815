package audit

import (
	"fmt"
	"testing"

	"paxos/paxos"
)

func TestALearnerAppliesEachSlotOnceAndInOrder(t *testing.T) {
	for order, checkers := range map[[3]paxos.Slot][]string{{1, 2, 3}: nil, {1, 3, 2}: {AppliedChosen}, {1, 1, 2}: {AppliedChosen}, {2, 3, 3}: {AppliedChosen}} {
		for _, s := range []*stage{live(t), replayed(t)} {
			s.chooses(b(1, 1), named(1, 1), named(1, 2), named(1, 3))
			for _, slot := range order {
				s.applies("learner1", slot, b(1, 1), named(1, int(slot)))
			}
			t.Log(order)
			s.wants(checkers...)
		}
	}
}

func TestALearnerAppliesWhatIsChosen(t *testing.T) {
	for name, c := range map[string]struct {
		slot     paxos.Slot
		ballot   paxos.Ballot
		value    paxos.Value
		checkers []string
	}{
		"the chosen value":           {1, b(1, 1), named(1, 1), nil},
		"another value":              {1, b(1, 1), named(1, 2), []string{AppliedChosen}},
		"under a ballot of one vote": {1, b(2, 2), named(1, 1), []string{AppliedChosen}},
		"what is not chosen":         {2, b(2, 2), named(1, 2), []string{AppliedChosen}},
	} {
		for i, s := range []*stage{live(t), replayed(t), replayed(t)} {
			if i == 2 { // before it is seen to be chosen
				s.Installed("learner1", 1, c.slot)
				s.applies("learner1", c.slot, c.ballot, c.value)
			}
			s.chooses(b(1, 1), named(1, 1))
			s.leads(b(2, 2), 2, 2, 3)
			s.proposes(b(2, 2), 1, named(1, 1))
			s.votes(b(2, 2), 1, named(1, 1), 3)
			s.proposes(b(2, 2), 2, named(1, 2))
			s.votes(b(2, 2), 2, named(1, 2), 3)
			s.wants(map[bool][]string{true: c.checkers}[i == 2]...)
			if i < 2 {
				s.Installed("learner1", 1, c.slot)
				s.applies("learner1", c.slot, c.ballot, c.value)
			}
			t.Log(name, i)
			s.wants(c.checkers...)
		}
	}
}

func TestTwoLearnersThatDifferBeforeAnythingIsSeenToBeChosen(t *testing.T) {
	s := replayed(t)
	s.applies("learner1", 1, b(1, 1), named(1, 1))
	s.applies("learner2", 1, b(1, 1), named(1, 2))
	if list := s.Objections(); len(list) == 0 || list[0].Node != "learner2" || list[0].Checker != AppliedChosen {
		t.Errorf("objections %v", list)
	}
}

func TestALearnerGoesOnFromAStateAndNeverBack(t *testing.T) {
	s := live(t)
	s.chooses(b(1, 1), named(1, 1), named(1, 2), named(1, 3))
	s.Installed("learner1", 1, 3)
	s.applies("learner1", 3, b(1, 1), named(1, 3))
	s.wants()
	s.Installed("learner1", 1, 2)
	s.wants(AppliedChosen)

	s = live(t)
	s.chooses(b(1, 1), named(1, 1))
	s.Installed("learner1", 1, 3)
	s.wants(AppliedChosen)
}

func TestLearnersGiveOneOutcome(t *testing.T) {
	for name, change := range map[string]func(*paxos.Outcome){
		"":                func(*paxos.Outcome) {},
		"another verdict": func(o *paxos.Outcome) { o.Verdict = paxos.Late },
		"another result":  func(o *paxos.Outcome) { o.Result = []byte("no") },
		"another place":   func(o *paxos.Outcome) { o.Position++ },
	} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1))
		s.applies("learner1", 1, b(1, 1), named(1, 1))
		list := outcomes(1, named(1, 1))
		change(&list[0])
		s.Applied("learner2", 1, paxos.Entry{Slot: 1, Ballot: b(1, 1), Value: named(1, 1)}, list)
		t.Log(name)
		if name == "" {
			s.wants()
		} else {
			s.wants(SameOutcome)
		}
	}
}

func TestAnOutcomeForEachCommand(t *testing.T) {
	s := live(t)
	s.chooses(b(1, 1), named(1, 1))
	s.Applied("learner1", 1, paxos.Entry{Slot: 1, Ballot: b(1, 1), Value: named(1, 1)}, nil)
	s.wants(SameOutcome)
}

func TestACommandTakesEffectOnce(t *testing.T) {
	keyed := named(2, 1)
	keyed.Commands[0].Key = "k"
	copied := named(2, 2)
	copied.Commands[0].Key = "k"
	for name, c := range map[string]struct {
		second   paxos.Value
		verdict  paxos.Verdict
		at       paxos.Slot
		checkers []string
	}{
		"a copy gets the first one's answer": {keyed, paxos.Applied, 1, nil},
		"a copy takes effect again":          {keyed, paxos.Applied, 2, []string{SameOutcome}},
		"a copy is refused":                  {keyed, paxos.Confirmed, 2, nil},
		"another name with the same key":     {copied, paxos.Applied, 1, nil},
		"another command where it was not":   {named(2, 2), paxos.Applied, 1, []string{SameOutcome}},
		"another command in its own place":   {named(2, 2), paxos.Applied, 2, nil},
		"another command later than it was":  {named(2, 2), paxos.Applied, 3, []string{SameOutcome}},
		"a chore, as often as it comes":      {named(0, 1), paxos.Applied, 2, nil},
		"another one's outcome":              {keyed, 99, 1, []string{SameOutcome}},
	} {
		s := live(t)
		s.chooses(b(1, 1), keyed, c.second, c.second)
		s.applies("learner1", 1, b(1, 1), keyed)
		list := outcomes(c.at, c.second)
		if list[0].Verdict = c.verdict; c.verdict == 99 {
			list[0].Verdict, list[0].Sequence = paxos.Applied, 77
		}
		s.Applied("learner1", 1, paxos.Entry{Slot: 2, Ballot: b(1, 1), Value: c.second}, list)
		t.Log(name)
		s.wants(c.checkers...)
	}
}

func TestALeaderAcknowledgesWhatIsChosen(t *testing.T) {
	for name, c := range map[string]struct {
		placed   paxos.Placed
		checkers []string
	}{
		"where it is":               {paxos.Placed{Session: 1, Sequence: 2, Slot: 2}, nil},
		"in another slot":           {paxos.Placed{Session: 1, Sequence: 2, Slot: 1}, []string{Acknowledged}},
		"at another position":       {paxos.Placed{Session: 1, Sequence: 2, Slot: 2, Position: 1}, []string{Acknowledged}},
		"where nothing is chosen":   {paxos.Placed{Session: 1, Sequence: 3, Slot: 3}, []string{Acknowledged}},
		"where nothing is proposed": {paxos.Placed{Session: 1, Sequence: 3, Slot: 900}, []string{Acknowledged}},
	} {
		for i, s := range []*stage{live(t), replayed(t)} {
			if i == 1 {
				s.says(proposer(1), paxos.Proposed{Placed: []paxos.Placed{c.placed}})
			}
			s.chooses(b(1, 1), named(1, 1), named(1, 2))
			s.proposes(b(1, 1), 3, named(1, 3))
			s.votes(b(1, 1), 3, named(1, 3), 1)
			if i == 0 {
				s.says(proposer(1), paxos.Proposed{Placed: []paxos.Placed{c.placed}})
			}
			t.Log(name)
			s.wants(c.checkers...)
		}
	}
}

func TestALearnerTellsWhatItsMachineGave(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*paxos.Outcome)
		checkers []string
	}{
		"the outcome":    {func(*paxos.Outcome) {}, nil},
		"another place":  {func(o *paxos.Outcome) { o.Slot = 2 }, []string{Acknowledged}},
		"another result": {func(o *paxos.Outcome) { o.Result = []byte("no") }, []string{Acknowledged}},
		"of nobody":      {func(o *paxos.Outcome) { o.Sequence = 9 }, []string{Acknowledged}},
		"a refusal":      {func(o *paxos.Outcome) { o.Verdict = paxos.Expired }, nil},
	} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1))
		s.applies("learner1", 1, b(1, 1), named(1, 1))
		list := outcomes(1, named(1, 1))
		c.change(&list[0])
		s.says("learner1", paxos.Notify{Applied: 2, Outcomes: list})
		t.Log(name)
		s.wants(c.checkers...)
	}
}

func TestStatesAreEqualAtEqualSlots(t *testing.T) {
	for _, m := range []paxos.Message{paxos.StateIs{Slot: 1, Digest: paxos.Digest{2}}, paxos.SnapshotPart{Slot: 1, Digest: paxos.Digest{2}, Size: 5}} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1), named(1, 2))
		s.says("learner1", paxos.StateIs{Slot: 1, Digest: paxos.Digest{1}}, paxos.SnapshotPart{})
		s.says("learner2", paxos.StateIs{Slot: 2, Digest: paxos.Digest{3}}, paxos.StateIs{Slot: 1, Digest: paxos.Digest{1}})
		s.wants()
		s.says("learner2", m)
		s.wants(StateDigests)
	}
}

func TestAWatermarkAboveWhatIsChosen(t *testing.T) {
	for by, message := range map[paxos.NodeID]func(paxos.Slot) paxos.Message{
		"proposer1": func(w paxos.Slot) paxos.Message { return accept(b(1, 1), w, 2, named(1, 2)) },
		"proposer2": func(w paxos.Slot) paxos.Message { return paxos.Heartbeat{Ballot: b(2, 2), Chosen: w} },
		"learner1":  func(w paxos.Slot) paxos.Message { return paxos.Notify{Applied: w} },
		"learner2":  func(w paxos.Slot) paxos.Message { return paxos.Chosen{First: 1, Watermark: w} },
		"learner3":  func(w paxos.Slot) paxos.Message { return paxos.StateIs{Slot: w - 1, Digest: paxos.Digest{1}} },
		"learner4":  func(w paxos.Slot) paxos.Message { return paxos.Kept{Store: 1, Last: w - 1} },
		"acceptor1": func(w paxos.Slot) paxos.Message {
			return paxos.Surveyed{Standing: paxos.Member, Store: storeOf("acceptor1"), Stores: memberOf("acceptor1").Stores, Promise: b(1, 1), Chosen: w, Floor: 1}
		},
	} {
		for _, s := range []*stage{live(t), replayed(t)} {
			s.chooses(b(1, 1), named(1, 1))
			s.says(by, message(2))
			s.wants()
			s.says(by, message(3))
			t.Log(by)
			s.wants(Watermark)
		}
	}
}

func TestAPageOfChosenEntries(t *testing.T) {
	one, two := paxos.Entry{Slot: 1, Ballot: b(1, 1), Value: named(1, 1)}, paxos.Entry{Slot: 2, Ballot: b(1, 1), Value: named(1, 2)}
	other := one
	other.Value = named(1, 2)
	for name, c := range map[string]struct {
		entries  []paxos.Entry
		checkers []string
	}{
		"in order":      {[]paxos.Entry{one, two}, nil},
		"with a gap":    {[]paxos.Entry{two}, []string{AppliedChosen}},
		"of no quorum":  {[]paxos.Entry{other}, []string{AppliedChosen}},
		"nothing in it": {nil, nil},
	} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1), named(1, 2))
		s.says("learner1", paxos.Chosen{First: 1, Watermark: 3, Floor: 1, Entries: c.entries})
		t.Log(name)
		s.wants(c.checkers...)
	}
}

func TestAPageOfWhatIsNotChosen(t *testing.T) {
	page := paxos.Chosen{First: 1, Watermark: 2, Floor: 1, Entries: []paxos.Entry{{Slot: 1, Ballot: b(1, 1), Value: named(1, 1)}}}
	s := live(t)
	s.says("learner1", page)
	s.wants(Watermark, AppliedChosen)

	s = replayed(t)
	s.says("learner1", page)
	s.chooses(b(1, 1), named(1, 1))
	s.wants()

	s = replayed(t)
	s.applies("learner2", 1, b(1, 1), named(1, 1))
	page.Entries[0].Value = named(1, 2)
	s.says("learner1", page)
	s.chooses(b(1, 1), named(1, 1))
	s.wants(AppliedChosen)
}

func TestAHundredObjectionsAreKept(t *testing.T) {
	s := live(t)
	for range 250 {
		s.says("learner1", paxos.HighestIs{Store: 1})
	}
	if got := s.Objections(); len(got) != keptObjections || s.Counts().Objections != 250 {
		t.Errorf("%d objections are kept of %d", len(got), s.Counts().Objections)
	}
}

func TestAnObjectionReadsAsASentence(t *testing.T) {
	s := live(t)
	s.chooses(b(1, 1), named(1, 1))
	s.applies("learner1", 1, b(1, 1), named(1, 2))
	want := fmt.Sprintf("applied-chosen: slot 1: learner1 has %v as chosen, and %v is", named(1, 2).Digest(), named(1, 1).Digest())
	if got := s.Objections()[0].String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
