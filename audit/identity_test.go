package audit

import (
	"testing"

	"paxos/paxos"
)

func voterMessages(id paxos.NodeID) map[string]paxos.Message {
	store := storeOf(id)
	return map[string]paxos.Message{
		"promise":   paxos.Promise{Ballot: b(1, 1), Store: store, First: 1, Next: 1, Floor: 1, Chosen: 1},
		"accepted":  paxos.Accepted{Ballot: b(1, 1), Store: store, Slots: []paxos.Slot{1}},
		"learn":     learn(id, b(1, 1), 1, named(1, 1)),
		"voted":     paxos.Voted{Store: store, First: 1, Next: 1, Floor: 1},
		"highest":   paxos.HighestIs{Store: store},
		"heartbeat": paxos.Heard{Ballot: b(1, 1), Store: store},
	}
}

func TestOnlyAMemberSpeaksAsAVoter(t *testing.T) {
	for name, m := range voterMessages("acceptor1") {
		s := blank(t, Options{Live: true})
		s.says("acceptor1", m)
		t.Log(name)
		s.wants(NoVote)

		s = blank(t, Options{Live: true})
		forming := memberOf("acceptor1")
		forming.Standing, forming.Stores = paxos.Forming, nil
		s.turn("acceptor1", []paxos.Record{paxos.IdentityRecord{Identity: forming}}, m)
		s.wants(NoVote)
	}
}

func TestAnAcceptorSpeaksWithItsOwnDisk(t *testing.T) {
	for name, m := range voterMessages("acceptor2") {
		s := live(t)
		s.says("acceptor1", m)
		t.Log(name)
		s.wants(NoVote)
	}
}

func TestWhoSaysThatItMayNotVoteDoesNot(t *testing.T) {
	for _, standing := range []paxos.Standing{paxos.Blank, paxos.Mute} {
		s := live(t)
		highest := paxos.HighestIs{Store: storeOf("acceptor1")}
		s.says("acceptor1", paxos.Surveyed{Standing: standing, Why: "lost"}, highest)
		s.wants() // in one turn an answer of before may leave after
		s.says("acceptor1", highest)
		s.wants(NoVote)
	}
}

func TestALostDiskDoesNotVote(t *testing.T) {
	for name, found := range map[string]func(*stage){
		"empty":     func(s *stage) { s.Found("acceptor1", 2, paxos.Identity{}, nil, "") },
		"damaged":   func(s *stage) { s.Found("acceptor1", 2, memberOf("acceptor1"), nil, "damaged at byte 7") },
		"another's": func(s *stage) { s.Found("acceptor1", 2, memberOf("acceptor2"), nil, "") },
	} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1))
		s.restart("acceptor1")
		found(s)
		s.says("acceptor1", paxos.Nack{Reason: paxos.NotMember, Floor: 1}, paxos.Surveyed{Standing: paxos.Mute, Floor: 1})
		s.wants()
		s.says("acceptor1", paxos.HighestIs{Store: storeOf("acceptor1"), Slot: 1})
		t.Log(name)
		s.wants(NoVote)
	}
}

func TestANodeThatIsNoAcceptorVotesNothing(t *testing.T) {
	s := live(t)
	s.says("learner1", paxos.HighestIs{Store: 1})
	s.wants(NoVote)
}

func TestAnIdentitySaysWhatIsWritten(t *testing.T) {
	member := memberOf("acceptor1")
	for name, c := range map[string]struct {
		m        paxos.Message
		checkers []string
	}{
		"what is written":      {paxos.Surveyed{Standing: paxos.Member, Store: member.Store, Stores: member.Stores, Floor: 1}, nil},
		"another disk":         {paxos.Surveyed{Standing: paxos.Member, Store: 1, Stores: member.Stores, Floor: 1}, []string{Identity}},
		"other disks":          {paxos.Surveyed{Standing: paxos.Member, Store: member.Store, Floor: 1}, []string{Identity}},
		"where it stood once":  {paxos.Formed{Standing: paxos.Forming, Current: cluster, Store: member.Store}, []string{Identity}},
		"where it stands":      {paxos.Formed{Standing: paxos.Member, Current: cluster, Store: member.Store}, nil},
		"another cluster":      {paxos.Formed{Standing: paxos.Member, Store: member.Store}, []string{Identity}},
		"that it may not vote": {paxos.Formed{Standing: paxos.Mute}, nil},
	} {
		s := live(t)
		s.says("acceptor1", c.m)
		t.Log(name)
		s.wants(c.checkers...)
	}
}

// TestATurnMayBeBlankAndBecomeAMember: what it said of before binds it no more.
func TestATurnMayBeBlankAndBecomeAMember(t *testing.T) {
	s := blank(t, Options{Live: true})
	s.turn("acceptor1", []paxos.Record{paxos.IdentityRecord{Identity: memberOf("acceptor1")}}, paxos.Formed{Standing: paxos.Blank})
	s.says("acceptor1", paxos.HighestIs{Store: storeOf("acceptor1")})
	s.wants()
}

// TestATurnMayBecomeAMember: what it said before it became one was true then.
func TestATurnMayBecomeAMember(t *testing.T) {
	s := blank(t, Options{Live: true})
	member := memberOf("acceptor1")
	forming := member
	forming.Standing, forming.Stores = paxos.Forming, nil
	s.wrote("acceptor1", paxos.IdentityRecord{Identity: forming})
	s.turn("acceptor1", []paxos.Record{paxos.IdentityRecord{Identity: member}},
		paxos.Formed{Standing: paxos.Forming, Current: cluster, Store: member.Store},
		paxos.Formed{Standing: paxos.Member, Current: cluster, Store: member.Store},
		paxos.HighestIs{Store: member.Store})
	s.wants()
	s.says("acceptor1", paxos.Formed{Standing: paxos.Forming, Current: cluster, Store: member.Store})
	s.wants(Identity)
}

func TestAnIdentityThatContradictsAnother(t *testing.T) {
	for name, change := range map[string]func(*paxos.Identity){
		"another cluster":           func(i *paxos.Identity) { i.Cluster[3]++ },
		"another node":              func(i *paxos.Identity) { i.Node = "acceptor3" },
		"a disk that is not listed": func(i *paxos.Identity) { i.Store++ },
		"no disk":                   func(i *paxos.Identity) { i.Store = 0 },
		"another list of disks":     func(i *paxos.Identity) { i.Stores = i.Stores[:2] },
		"other acceptors":           func(i *paxos.Identity) { i.Config.Acceptors = i.Config.Acceptors[:2] },
	} {
		s := blank(t, Options{Live: true})
		s.wrote("acceptor1", paxos.IdentityRecord{Identity: memberOf("acceptor1")})
		id := memberOf("acceptor2")
		change(&id)
		s.wants()
		s.wrote("acceptor2", paxos.IdentityRecord{Identity: id})
		t.Log(name)
		s.wants(Identity)
	}
}

func TestAMemberWritesNoSecondIdentity(t *testing.T) {
	s := live(t)
	s.wrote("acceptor1", paxos.IdentityRecord{Identity: memberOf("acceptor1")})
	s.wants(Identity)
}

func TestNobodySpeaksAsAnother(t *testing.T) {
	s := live(t)
	s.Said("learner1", 1, []paxos.Envelope{{From: "learner2", Message: paxos.Notify{Applied: 1}}})
	s.wants(Identity)
}

// strange is a record of a kind of later.
type strange struct{ paxos.Record }

func TestARecordOfAnUnknownKind(t *testing.T) {
	s := live(t)
	s.wrote("acceptor1", strange{paxos.PromisedRecord{}})
	s.wants(Identity)
}

func TestANodeThatIsNoAcceptorHasNoStanding(t *testing.T) {
	s := live(t)
	s.says("learner1", paxos.Formed{Standing: paxos.Forming})
	s.wants(Identity)
}

func TestARecordOfNoAcceptor(t *testing.T) {
	s := live(t)
	s.wrote("learner1", paxos.PromisedRecord{Ballot: b(1, 1)})
	s.wants(Identity)
}

func TestARecordBeforeMembership(t *testing.T) {
	s := blank(t, Options{Live: true})
	s.wrote("acceptor1", paxos.PromisedRecord{Ballot: b(1, 1)})
	s.wants(NoVote)
}

// TestFoundHoldsWhatWasWritten plants what a disk may lose.
func TestFoundHoldsWhatWasWritten(t *testing.T) {
	promised := paxos.PromisedRecord{Ballot: b(1, 1)}
	one, two := paxos.AcceptedRecord(accept(b(1, 1), 1, 1, named(1, 1))), paxos.AcceptedRecord(accept(b(1, 1), 1, 2, named(1, 2)))
	other := paxos.AcceptedRecord(accept(b(1, 1), 1, 2, named(1, 3)))
	floor := paxos.FloorRecord{Floor: 2, Promise: b(1, 1)}
	for name, c := range map[string]struct {
		records  []paxos.Record
		checkers []string
	}{
		"all":                    {[]paxos.Record{promised, one, two, floor}, nil},
		"without the truncated":  {[]paxos.Record{two, floor}, nil},
		"more than was told":     {[]paxos.Record{two, floor, paxos.PromisedRecord{Ballot: b(2, 2)}}, nil},
		"without a vote":         {[]paxos.Record{promised, one, floor}, []string{VoteLost}},
		"without the floor":      {[]paxos.Record{promised, one, two}, []string{BelowFloor}},
		"with another vote":      {[]paxos.Record{promised, one, other, floor}, []string{OneValuePerBallot}},
		"without any record":     {nil, []string{PromiseRegress, BelowFloor, VoteLost}},
		"with a lower promise":   {[]paxos.Record{floor, paxos.AcceptedRecord(accept(b(0, 1), 1, 2, named(1, 2)))}, []string{PromiseRegress, VoteLost}},
		"what its last turn did": {[]paxos.Record{two, floor, paxos.AcceptedRecord(accept(b(1, 1), 1, 3, named(1, 3)))}, nil},
	} {
		s := live(t)
		s.chooses(b(1, 1), named(1, 1), named(1, 2))
		s.proposes(b(1, 1), 3, named(1, 3))
		s.wrote("acceptor1", floor)
		s.restart("acceptor1")
		s.Found("acceptor1", 2, memberOf("acceptor1"), c.records, "")
		t.Log(name)
		s.wants(c.checkers...)
	}
}

func TestWhatIsFoundMayBeSaid(t *testing.T) {
	s := live(t)
	s.leads(b(1, 1), 1, 1, 2, 3)
	s.proposes(b(1, 1), 1, named(1, 1))
	s.votes(b(1, 1), 1, named(1, 1), 2)
	s.restart("acceptor1")
	s.Found("acceptor1", 2, memberOf("acceptor1"), []paxos.Record{paxos.AcceptedRecord(accept(b(1, 1), 1, 1, named(1, 1)))}, "")
	s.says("acceptor1", learn("acceptor1", b(1, 1), 1, named(1, 1)))
	s.applies("learner1", 1, b(1, 1), named(1, 1))
	s.wants()
}

// TestATraceMayBeginInTheMiddle: what was truncated before is taken as chosen.
func TestATraceMayBeginInTheMiddle(t *testing.T) {
	s := blank(t, Options{})
	for _, id := range configuration().Acceptors {
		s.Found(id, 1, memberOf(id), []paxos.Record{paxos.AcceptedRecord(accept(b(1, 1), 1, 1000, named(1, 3))), paxos.FloorRecord{Floor: 1000, Promise: b(1, 1)}}, "")
	}
	s.Installed("learner1", 1, 900)
	for at := paxos.Slot(900); at < 1000; at++ {
		s.applies("learner1", at, b(1, 1), named(1, 1))
	}
	s.applies("learner1", 1000, b(1, 1), named(1, 3))
	s.says(proposer(1), paxos.Heartbeat{Ballot: b(1, 1), Chosen: 1001})
	s.wants()
	s.says(proposer(1), paxos.Heartbeat{Ballot: b(1, 1), Chosen: 1002})
	s.wants(Watermark)
}
