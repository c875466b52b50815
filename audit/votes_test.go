package audit

import (
	"testing"

	"paxos/paxos"
)

func TestAnHonestClusterMeetsNoObjection(t *testing.T) {
	for _, s := range []*stage{live(t), replayed(t)} {
		s.chooses(b(1, 1), named(1, 1), named(1, 2), paxos.Value{})
		// A second leader meets the votes, and puts a no-op into slot 5.
		s.says(proposer(2), paxos.Prepare{Ballot: b(2, 2), First: 1})
		for _, n := range []int{2, 3} {
			p := paxos.Promise{Ballot: b(2, 2), Store: storeOf(acceptorN(n)), First: 1, Next: 1, Floor: 1, Chosen: 1}
			if n == 2 {
				p.Next = 4
				p.Entries = []paxos.Entry{{Slot: 1, Ballot: b(1, 1), Value: named(1, 1)}, {Slot: 2, Ballot: b(1, 1), Value: named(1, 2)}, {Slot: 3, Ballot: b(1, 1)}}
			}
			s.turn(acceptorN(n), []paxos.Record{paxos.PromisedRecord{Ballot: b(2, 2)}}, p)
		}
		for slot, v := range []paxos.Value{named(1, 1), named(1, 2), {}, named(1, 4)} {
			s.proposes(b(2, 2), paxos.Slot(slot+1), v)
			s.votes(b(2, 2), paxos.Slot(slot+1), v, 2, 3)
		}
		for _, id := range []paxos.NodeID{"learner1", "learner2"} {
			s.applies(id, 1, b(1, 1), named(1, 1))
			s.applies(id, 2, b(2, 2), named(1, 2))
			s.says(id, paxos.Notify{Applied: 3, Outcomes: outcomes(1, named(1, 1))}, paxos.StateIs{Slot: 2, Digest: paxos.Digest{9}})
		}
		s.says(proposer(2), paxos.Proposed{Placed: []paxos.Placed{{Session: 1, Sequence: 4, Slot: 4}}}, paxos.Heartbeat{Ballot: b(2, 2), Chosen: 5})
		s.wants()
		if got, ok := s.Chosen(4); !ok || got.Commands[0].Sequence != 4 || s.ChosenBelow() != 5 {
			t.Errorf("slot 4 has %v, chosen below %d", got, s.ChosenBelow())
		}
		want := Counts{Processes: 7, Records: 22, Envelopes: s.Counts().Envelopes, Promises: 5, Votes: 14, Proposals: 7, Elections: 2, Ballots: 2, Chosen: 4, Noops: 1,
			Commands: 3, Pages: 5, Applied: 4, Outcomes: 2, Placements: 3, States: 2}
		if s.Counts() != want {
			t.Errorf("counts are %+v, want %+v", s.Counts(), want)
		}
	}
}

func TestOneSlotWithTwoChosenValues(t *testing.T) {
	for _, s := range []*stage{live(t), replayed(t)} {
		s.leads(b(1, 1), 1, 1, 2, 3)
		s.proposes(b(1, 1), 1, named(1, 1))
		s.votes(b(1, 1), 1, named(1, 1), 1)
		s.leads(b(2, 2), 1, 2, 3)
		s.proposes(b(2, 2), 1, named(1, 2))
		s.votes(b(2, 2), 1, named(1, 2), 2, 3)
		s.wants()
		// acceptor2 votes under a ballot lower than its promise.
		s.votes(b(1, 1), 1, named(1, 1), 2)
		s.wants(OneValuePerSlot, PromiseRegress, SafeProposal)
	}
}

func TestEqualVotesUnderTwoBallotsChooseNothing(t *testing.T) {
	s := live(t)
	s.leads(b(1, 1), 1, 1, 2, 3)
	s.proposes(b(1, 1), 1, named(1, 1))
	s.votes(b(1, 1), 1, named(1, 1), 1)
	s.leads(b(2, 2), 1, 2, 3)
	s.proposes(b(2, 2), 1, named(1, 1))
	s.votes(b(2, 2), 1, named(1, 1), 2)
	s.votes(b(2, 2), 1, named(1, 1), 2)
	if _, ok := s.Chosen(1); ok || s.ChosenBelow() != 1 {
		t.Error("one vote each under two ballots made a value chosen")
	}
}

func TestOneBallotWithTwoValues(t *testing.T) {
	s := live(t)
	s.leads(b(1, 1), 1, 1, 2, 3)
	s.proposes(b(1, 1), 1, named(1, 1))
	s.proposes(b(1, 1), 1, named(1, 2))
	s.wants(OneValuePerBallot)

	s = replayed(t)
	s.votes(b(1, 1), 1, named(1, 1), 1)
	s.votes(b(1, 1), 1, named(1, 2), 3)
	s.wants(OneValuePerBallot)
}

func TestABallotOfTwoProcesses(t *testing.T) {
	s := live(t)
	s.says(proposer(1), paxos.Prepare{Ballot: b(1, 1), First: 1})
	s.restart(proposer(1))
	s.wants()
	s.says(proposer(1), paxos.Heartbeat{Ballot: b(1, 1), Chosen: 1})
	s.wants(OneStartPerBallot)
}

func TestABallotOfAnotherProposer(t *testing.T) {
	s := live(t)
	s.says(proposer(1), paxos.Prepare{Ballot: b(1, 2), First: 1})
	s.wants(OneStartPerBallot)
}

func TestABallotBelowAnEarlierOneOfItsProcess(t *testing.T) {
	s := live(t)
	s.says(proposer(1), paxos.Prepare{Ballot: b(2, 1), First: 1}, paxos.Prepare{Ballot: b(2, 1), First: 3})
	s.wants()
	s.says(proposer(1), paxos.Prepare{Ballot: b(1, 1), First: 1})
	s.wants(OneStartPerBallot)
}

func TestAProposalAgainstTheValueRule(t *testing.T) {
	for name, c := range map[string]struct {
		promised []int
		value    paxos.Value
		safe     bool
	}{
		"the reported value":               {[]int{1, 2}, named(1, 1), true},
		"another than the reported one":    {[]int{1, 2}, named(1, 2), false},
		"free where nobody reports a vote": {[]int{2, 3}, named(1, 2), true},
		"the value of a vote, if one asks": {[]int{1, 2, 3}, named(1, 1), true},
		"any, if a quorum is free of it":   {[]int{1, 2, 3}, named(1, 2), true},
		"nothing is safe without a quorum": {[]int{3}, named(1, 2), false},
	} {
		s := live(t)
		s.leads(b(1, 1), 1, 1, 2, 3)
		s.proposes(b(1, 1), 1, named(1, 1))
		s.votes(b(1, 1), 1, named(1, 1), 1)
		s.says(proposer(2), paxos.Prepare{Ballot: b(2, 2), First: 1})
		for _, n := range c.promised {
			s.wrote(acceptorN(n), paxos.PromisedRecord{Ballot: b(2, 2)})
		}
		s.proposes(b(2, 2), 1, c.value)
		if got := len(s.Objections()) == 0; got != c.safe {
			t.Errorf("%s: %v", name, s.Objections())
		}
		if !c.safe {
			s.wants(SafeProposal)
		}
	}
}

// TestTheHighestBallotsValueIsTheSafeOne: with five acceptors, red under ballot
// 1 twice and blue under ballot 2 once (docs/protocol.md, The value rule).
func TestTheHighestBallotsValueIsTheSafeOne(t *testing.T) {
	for color, safe := range map[int]bool{1: false, 2: true} {
		c := paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a3", "a4", "a5"}}
		j := NewLive(c)
		vote := func(n int, ballot paxos.Ballot, v paxos.Value) {
			a := j.acceptors[n-1]
			a.standing = paxos.Member
			j.Turned(a.id, 1, []paxos.Record{paxos.AcceptedRecord(accept(ballot, 1, 1, v))}, nil)
		}
		say := func(ballot paxos.Ballot, v paxos.Value) {
			j.Said(ballot.Proposer, 1, []paxos.Envelope{{From: ballot.Proposer, Message: accept(ballot, 1, 1, v)}})
		}
		promise := func(ballot paxos.Ballot, ns ...int) {
			for _, n := range ns {
				j.acceptors[n-1].standing = paxos.Member
				j.Wrote(j.acceptors[n-1].id, 1, []paxos.Record{paxos.PromisedRecord{Ballot: ballot}})
			}
		}
		promise(b(1, 1), 1, 2, 3)
		say(b(1, 1), named(1, 1))
		vote(1, b(1, 1), named(1, 1))
		vote(2, b(1, 1), named(1, 1))
		promise(b(2, 2), 3, 4, 5)
		say(b(2, 2), named(1, 2))
		vote(3, b(2, 2), named(1, 2))
		promise(b(3, 3), 1, 2, 3)
		say(b(3, 3), named(1, color))
		if got := len(j.Objections()) == 0; got != safe {
			t.Errorf("value %d: %v", color, j.Objections())
		}
	}
}

func TestAProposalAboveAChosenValueHasIt(t *testing.T) {
	s := replayed(t)
	s.votes(b(3, 3), 1, named(1, 3), 1, 2)
	s.proposes(b(2, 2), 1, named(1, 2))
	s.wants() // a lower ballot may have had anything
	s.proposes(b(4, 4), 1, named(1, 2))
	s.wants(SafeProposal)

	s = replayed(t)
	s.proposes(b(4, 4), 1, named(1, 2))
	s.votes(b(3, 3), 1, named(1, 3), 1, 2)
	s.wants(SafeProposal)
}

func TestAVoteForWhatNobodyProposed(t *testing.T) {
	s := live(t)
	s.leads(b(1, 1), 1, 1, 2, 3)
	s.votes(b(1, 1), 1, named(1, 1), 1)
	s.wants(SafeProposal)
}
