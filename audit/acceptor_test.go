package audit

import (
	"testing"

	"paxos/paxos"
)

func TestAWrittenPromiseThatFalls(t *testing.T) {
	for _, r := range []paxos.Record{
		paxos.PromisedRecord{Ballot: b(1, 1)},
		paxos.AcceptedRecord{Ballot: b(1, 1), Chosen: 1},
	} {
		s := live(t)
		s.promises(b(2, 2), 1, 1)
		s.restart("acceptor1")
		s.wrote("acceptor1", r)
		s.wants(PromiseRegress)
	}
}

func TestASaidPromiseThatFalls(t *testing.T) {
	for _, m := range []paxos.Message{
		paxos.Promise{Ballot: b(1, 1), Store: storeOf("acceptor1"), First: 1, Next: 1, Floor: 1, Chosen: 1},
		paxos.Nack{Ballot: b(1, 1), Reason: paxos.Preempted, Promise: b(1, 1), Floor: 1},
		paxos.Surveyed{Standing: paxos.Member, Store: storeOf("acceptor1"), Stores: memberOf("acceptor1").Stores, Promise: b(1, 1), Floor: 1, Chosen: 1},
		paxos.Heard{Ballot: b(1, 1), Store: storeOf("acceptor1")},
	} {
		s := live(t)
		s.promises(b(1, 1), 1, 1)
		s.says("acceptor1", m)
		s.wants()
		s.promises(b(2, 2), 1, 1)
		s.wants()
		s.restart("acceptor1")
		s.says("acceptor1", m)
		s.wants(PromiseRegress)
	}
}

func TestPromisesOfOneTurnAreSaidInTheirOrder(t *testing.T) {
	promise := func(b paxos.Ballot) paxos.Message {
		return paxos.Promise{Ballot: b, Store: storeOf("acceptor1"), First: 1, Next: 1, Floor: 1, Chosen: 1}
	}
	records := []paxos.Record{paxos.PromisedRecord{Ballot: b(1, 1)}, paxos.PromisedRecord{Ballot: b(2, 2)}}
	s := live(t)
	s.turn("acceptor1", records, promise(b(1, 1)), promise(b(2, 2)))
	s.wants()
	s = live(t)
	s.turn("acceptor1", records, promise(b(2, 2)), promise(b(1, 1)))
	s.wants(PromiseRegress)
}

func TestWhatIsSaidBeforeItIsWritten(t *testing.T) {
	store := storeOf("acceptor1")
	for name, m := range map[string]paxos.Message{
		"a promise":         paxos.Promise{Ballot: b(2, 2), Store: store, First: 1, Next: 2, Floor: 1, Chosen: 1, Entries: []paxos.Entry{{Slot: 1, Ballot: b(1, 1), Value: named(1, 1)}}},
		"a vote":            paxos.Accepted{Ballot: b(1, 1), Store: store, Slots: []paxos.Slot{2}},
		"a vote to learn":   learn("acceptor1", b(1, 1), 2, named(1, 1)),
		"of another value":  learn("acceptor1", b(1, 1), 1, named(1, 2)),
		"a vote in a page":  paxos.Voted{Store: store, First: 2, Next: 3, Floor: 1, Votes: learn("acceptor1", b(1, 1), 2, named(1, 1)).Votes},
		"a floor":           paxos.Nack{Promise: b(1, 1), Floor: 2},
		"an unknown ballot": paxos.Nack{Promise: b(9, 1), Floor: 1},
	} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1))
		s.wants()
		s.says("acceptor1", m)
		t.Log(name)
		s.wants(WrittenBeforeSaid)
	}
}

func TestAVoteThatIsNotTold(t *testing.T) {
	store := storeOf("acceptor1")
	one, two := learn("acceptor1", b(1, 1), 1, named(1, 1)).Votes[0], learn("acceptor1", b(1, 1), 2, named(1, 2)).Votes[0]
	entry := func(v paxos.Vote) paxos.Entry { return paxos.Entry{Slot: v.Slot, Ballot: v.Ballot, Value: *v.Value} }
	promise := func(next paxos.Slot, more bool, votes ...paxos.Vote) paxos.Message {
		m := paxos.Promise{Ballot: b(2, 2), Store: store, First: 1, Next: next, More: more, Floor: 1, Chosen: 1}
		for _, v := range votes {
			m.Entries = append(m.Entries, entry(v))
		}
		return m
	}
	for name, c := range map[string]struct {
		m    paxos.Message
		lost bool
	}{
		"a whole page":             {promise(3, false, one, two), false},
		"the first of two pages":   {promise(2, true, one), false},
		"an end that is none":      {promise(2, false, one), true},
		"a page with a hole":       {promise(3, true, two), true},
		"an empty page":            {promise(1, false), true},
		"a vote beyond its page":   {promise(2, true, one, two), true},
		"a whole page for learner": {paxos.Voted{Store: store, First: 1, Next: 3, Floor: 1, Votes: []paxos.Vote{one, two}}, false},
		"a hole for a learner":     {paxos.Voted{Store: store, First: 1, Next: 3, Floor: 1, Votes: []paxos.Vote{one}}, true},
	} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1), named(1, 2))
		s.restart("acceptor1")
		s.turn("acceptor1", []paxos.Record{paxos.PromisedRecord{Ballot: b(2, 2)}}, c.m)
		t.Log(name)
		if c.lost {
			s.wants(VoteLost)
		} else {
			s.wants()
		}
	}
}

func TestAVoteUnderALowerBallotIsToldForAHigherOne(t *testing.T) {
	s := live(t)
	s.chooses(b(1, 1), named(1, 1))
	s.leads(b(2, 2), 2, 1, 2)
	s.proposes(b(2, 2), 1, named(1, 1))
	s.votes(b(2, 2), 1, named(1, 1), 1)
	old := paxos.Voted{Store: storeOf("acceptor1"), First: 1, Next: 2, Floor: 1, Votes: learn("acceptor1", b(1, 1), 1, named(1, 1)).Votes}
	s.wants()
	s.says("acceptor1", old)
	s.wants(VoteLost)
}

// TestATurnMayPromiseAndThenVote: the page of its promise is of the moment
// between, but holds every vote under a lower ballot.
func TestATurnMayPromiseAndThenVote(t *testing.T) {
	for lower, checkers := range map[bool][]string{false: nil, true: {VoteLost}} {
		s := live(t)
		s.leads(b(1, 1), 1, 1, 2, 3)
		s.proposes(b(1, 1), 1, named(1, 1))
		s.says(proposer(2), paxos.Prepare{Ballot: b(2, 2), First: 1})
		s.wrote("acceptor2", paxos.PromisedRecord{Ballot: b(2, 2)})
		s.wrote("acceptor3", paxos.PromisedRecord{Ballot: b(2, 2)})
		s.proposes(b(2, 2), 1, named(1, 1))
		under := b(2, 2)
		if lower {
			under = b(1, 1)
		}
		records := []paxos.Record{paxos.AcceptedRecord(accept(under, 1, 1, named(1, 1)))}
		if lower {
			records = append(records, paxos.PromisedRecord{Ballot: b(2, 2)})
		} else {
			records = append([]paxos.Record{paxos.PromisedRecord{Ballot: b(2, 2)}}, records...)
		}
		s.turn("acceptor1", records, paxos.Promise{Ballot: b(2, 2), Store: storeOf("acceptor1"), First: 1, Next: 1, Floor: 1, Chosen: 1})
		s.wants(checkers...)
	}
}

func TestAFloor(t *testing.T) {
	floor := func(f paxos.Slot) paxos.Record { return paxos.FloorRecord{Floor: f, Promise: b(1, 1)} }
	for name, c := range map[string]struct {
		do       func(*stage)
		checkers []string
	}{
		"above what is chosen": {func(s *stage) { s.wrote("acceptor1", floor(4)) }, []string{BelowFloor}},
		"of what is chosen": {func(s *stage) {
			s.wrote("acceptor1", floor(3))
			s.says("acceptor1", paxos.Nack{Promise: b(1, 1), Floor: 3})
		}, nil},
		"that falls on disk": {func(s *stage) { s.wrote("acceptor1", floor(3)); s.wrote("acceptor1", floor(2)) }, []string{BelowFloor}},
		"that falls in words": {func(s *stage) {
			s.wrote("acceptor1", floor(3))
			s.says("acceptor1", paxos.Nack{Promise: b(1, 1), Floor: 2})
		}, []string{BelowFloor}},
		"a vote said below it": {func(s *stage) {
			s.wrote("acceptor1", floor(3))
			s.says("acceptor1", learn("acceptor1", b(1, 1), 2, named(1, 2)))
		}, []string{BelowFloor}},
		"a vote of its turn": {func(s *stage) {
			s.turn("acceptor1", []paxos.Record{floor(3)}, learn("acceptor1", b(1, 1), 2, named(1, 2)))
		}, nil},
		"a vote taken below it": {func(s *stage) { s.wrote("acceptor3", floor(3)); s.votes(b(1, 1), 2, named(1, 2), 3) }, []string{BelowFloor}},
		"a vote written below it": {func(s *stage) {
			s.wrote("acceptor3", floor(3), paxos.AcceptedRecord(accept(b(1, 1), 1, 2, named(1, 2))))
		}, []string{BelowFloor}},
		"a vote in a page below it": {func(s *stage) {
			s.wrote("acceptor1", floor(3))
			s.says("acceptor1", paxos.Voted{Store: storeOf("acceptor1"), First: 1, Next: 3, Floor: 3, Votes: learn("acceptor1", b(1, 1), 2, named(1, 2)).Votes})
		}, []string{BelowFloor}},
		"with a lower promise": {func(s *stage) { s.wrote("acceptor1", paxos.FloorRecord{Floor: 2}) }, []string{PromiseRegress}},
	} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1), named(1, 2))
		c.do(s)
		t.Log(name)
		s.wants(c.checkers...)
	}
}

func TestAFloorIsJudgedLaterWhereOrderIsUnknown(t *testing.T) {
	s := replayed(t)
	s.wrote("acceptor1", paxos.FloorRecord{Floor: 3, Promise: b(1, 1)})
	s.wants(BelowFloor)
	s.votes(b(1, 1), 1, named(1, 1), 2, 3)
	s.votes(b(1, 1), 2, named(1, 2), 2, 3)
	s.wants()
}

func TestATruncationThatTooFewLearnersCanMakeUpFor(t *testing.T) {
	for previous, checkers := range map[paxos.Slot][]string{1: {BelowFloor}, 2: nil} {
		s := blank(t, Options{Live: true, Snapshots: 2})
		s.enroll()
		s.chooses(b(1, 1), named(1, 1), named(1, 2), named(1, 3))
		s.says("learner1", paxos.Kept{Store: 1, Last: 3, Previous: 2})
		s.says("learner2", paxos.Kept{Store: 2, Last: 3, Previous: previous})
		s.wants()
		s.wrote("acceptor1", paxos.FloorRecord{Floor: 3, Promise: b(1, 1)})
		s.wants(checkers...)
	}
}

func TestAHighestSlotBelowAVote(t *testing.T) {
	for highest, checkers := range map[paxos.Slot][]string{2: nil, 1: {Highest}} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1), named(1, 2))
		s.wrote("acceptor1", paxos.FloorRecord{Floor: 3, Promise: b(1, 1)})
		s.restart("acceptor1")
		s.says("acceptor1", paxos.HighestIs{Store: storeOf("acceptor1"), Slot: highest})
		s.wants(checkers...)
	}
}
