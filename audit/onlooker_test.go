package audit

import (
	"slices"
	"testing"

	"paxos/paxos"
)

func TestAnOnlookerSeesWhatFalls(t *testing.T) {
	before := Shown{Store: 7, Promise: b(5, 1), Floor: 10, Highest: 20}
	for name, c := range map[string]struct {
		change   func(*Shown)
		checkers []string
	}{
		"nothing":                    {func(*Shown) {}, nil},
		"all rise":                   {func(s *Shown) { s.Promise, s.Floor, s.Highest = b(6, 1), 11, 21 }, nil},
		"a promise":                  {func(s *Shown) { s.Promise = b(4, 1) }, []string{PromiseRegress}},
		"a promise's proposer":       {func(s *Shown) { s.Promise.Proposer = "a" }, []string{PromiseRegress}},
		"a floor":                    {func(s *Shown) { s.Floor = 9 }, []string{BelowFloor}},
		"the highest slot":           {func(s *Shown) { s.Highest = 19 }, []string{Highest}},
		"what is truncated is voted": {func(s *Shown) { s.Floor, s.Highest = 21, 0 }, nil},
		"another disk may be lower":  {func(s *Shown) { *s = Shown{Store: 8} }, nil},
	} {
		o := NewOnlooker()
		o.Acceptor("acceptor1", before)
		o.Acceptor("acceptor2", Shown{Store: 7})
		now := before
		c.change(&now)
		o.Acceptor("acceptor1", now)
		saw(t, name, o, c.checkers...)
	}
}

func saw(t *testing.T, name string, o *Onlooker, checkers ...string) {
	t.Helper()
	var got []string
	for _, x := range o.Objections() {
		got = append(got, x.Checker)
	}
	if !slices.Equal(got, checkers) {
		t.Errorf("%s: %v, want %v", name, o.Objections(), checkers)
	}
}

func TestAnOnlookerReadsEventsInTheirOrder(t *testing.T) {
	for name, c := range map[string]struct {
		events   []ShownEvent
		checkers []string
	}{
		"promises and votes that rise": {[]ShownEvent{{1, "promise", "9.proposer1", 1}, {2, "accepted", "9.proposer1", 1}, {3, "promise", "10.proposer1", 1}, {4, "promise", "10.proposer2", 1}}, nil},
		"a vote below a promise":       {[]ShownEvent{{1, "promise", "10.proposer1", 1}, {2, "accepted", "9.proposer3", 1}}, []string{PromiseRegress}},
		"a promise below a promise":    {[]ShownEvent{{1, "promise", "9.proposer2", 1}, {2, "promise", "9.proposer1", 1}}, []string{PromiseRegress}},
		"what was seen before":         {[]ShownEvent{{1, "promise", "9.proposer1", 1}, {2, "promise", "10.proposer1", 1}, {1, "promise", "9.proposer1", 1}}, nil},
		"a refusal of a lower ballot":  {[]ShownEvent{{1, "promise", "9.proposer1", 1}, {2, "nack", "2.proposer1", 0}}, nil},
		"slots upwards":                {[]ShownEvent{{1, "applied", "", 1}, {2, "applied", "", 2}, {3, "catch-up", "", 9}, {4, "applied", "", 10}}, nil},
		"a slot again":                 {[]ShownEvent{{1, "applied", "", 2}, {2, "applied", "", 2}}, []string{AppliedChosen}},
		"no ballot":                    {[]ShownEvent{{1, "promise", "nine", 1}}, []string{Identity}},
	} {
		o := NewOnlooker()
		for _, e := range c.events {
			o.Event("node", "start", e)
		}
		saw(t, name, o, c.checkers...)
	}
	o := NewOnlooker()
	o.Event("acceptor1", "first", ShownEvent{5, "promise", "9.proposer1", 1})
	o.Event("acceptor1", "second", ShownEvent{1, "promise", "8.proposer1", 1})
	o.Event("acceptor2", "first", ShownEvent{6, "promise", "7.proposer1", 1})
	saw(t, "other processes", o)
	if got := o.Counts(); got.Events != 3 || got.Promises != 3 {
		t.Errorf("counts %+v", got)
	}
}

func TestAnOnlookerComparesLearners(t *testing.T) {
	o := NewOnlooker()
	for _, id := range []paxos.NodeID{"learner1", "learner2", "learner1"} {
		for slot := 1; slot < 4; slot++ {
			o.Chosen(id, paxos.Entry{Slot: paxos.Slot(slot), Ballot: b(len(id), 1), Value: named(1, slot)})
		}
	}
	o.Chosen("learner1", paxos.Entry{Slot: 4, Value: named(1, 4)})
	saw(t, "equal logs", o)
	if got := o.Counts(); got.Slots != 4 || got.Compared != 3 {
		t.Errorf("counts %+v", got)
	}
	o.Chosen("learner2", paxos.Entry{Slot: 4, Value: named(1, 5)})
	saw(t, "two values", o, OneValuePerSlot)
	o.Chosen("learner1", paxos.Entry{Slot: 1, Value: paxos.Value{}})
	saw(t, "another value later", o, OneValuePerSlot, OneValuePerSlot)
}
