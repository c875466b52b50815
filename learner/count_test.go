package learner_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/learner"
	"paxos/paxos"
)

func TestAQuorumSharesSlotBallotAndDigest(t *testing.T) {
	higher := paxos.Ballot{Number: 1, Proposer: "p1", Start: 2}
	for name, second := range map[string]func(d *desk){
		"the same vote again":              func(d *desk) { d.learn("a1", vote(1, ballot(1), "x")) },
		"an equal value, another ballot":   func(d *desk) { d.learn("a2", vote(1, ballot(2), "x")) },
		"an equal value, another start":    func(d *desk) { d.learn("a2", vote(1, higher, "x")) },
		"another value in the same ballot": func(d *desk) { d.learn("a2", vote(1, ballot(1), "y")) },
		"another slot":                     func(d *desk) { d.learn("a2", vote(2, ballot(1), "x")) },
		"slot 0":                           func(d *desk) { d.learn("a2", vote(0, ballot(1), "x")) },
		"a stranger":                       func(d *desk) { d.from("a9", paxos.Learn{Store: 12, Votes: []paxos.Vote{vote(1, ballot(1), "x")}}) },
		"no disk":                          func(d *desk) { d.from("a9", paxos.Learn{Votes: []paxos.Vote{vote(1, ballot(1), "x")}}) },
		"another disk of a2":               func(d *desk) { d.from("a2", paxos.Learn{Store: 99, Votes: []paxos.Vote{vote(1, ballot(1), "x")}}) },
		"a1's disk through a2's way":       func(d *desk) { d.from("a2", paxos.Learn{Store: 11, Votes: []paxos.Vote{vote(1, ballot(1), "x")}}) },
		"a forged digest": func(d *desk) {
			v := vote(1, ballot(1), "forged")
			v.Digest = value("x").Digest()
			d.learn("a2", v)
		},
	} {
		d := newDesk(t)
		first := vote(1, ballot(1), "x")
		if name == "a forged digest" {
			first = bare(first) // so that the forged value would be taken for x
		}
		d.learn("a1", first)
		second(d)
		if len(d.m.applied) > 0 || d.broken != nil {
			t.Errorf("%s made a quorum: %v %v", name, d.m.bodies(), d.broken)
		}
		d.learn("a3", vote(1, ballot(1), "x"))
		d.mustApply("1:x")
	}
}

func TestNobodyVotesBeforeTheClusterIsKnown(t *testing.T) {
	m := &machine{}
	l := learner.New(learner.Config{Node: "l1", Configuration: config, PullTicks: 3, FinishTicks: 7, BeatTicks: 5}, m)
	for _, id := range config.Acceptors {
		l.Step(paxos.Envelope{From: id, To: "l1", Message: paxos.Learn{Store: paxos.StoreIn(stores, id), Votes: []paxos.Vote{vote(1, ballot(1), "x")}}})
		l.Step(paxos.Envelope{From: id, To: "l1", Message: paxos.Learn{Votes: []paxos.Vote{vote(1, ballot(1), "x")}}})
	}
	if len(m.applied) > 0 {
		t.Error("votes of nobody's disk were counted")
	}
	surveys := 0
	for range 9 {
		surveys += len(l.Tick().Send)
	}
	if surveys != 9 {
		t.Errorf("in 9 ticks %d surveys left to 3 acceptors, each third tick", surveys)
	}
}

func TestSlotsAreAppliedInOrderAndOnce(t *testing.T) {
	d := newDesk(t)
	d.chosen(3, 2)
	d.mustApply()
	d.chosen(1)
	d.mustApply("1:s1", "2:s2", "3:s3")
	d.learn("a3", vote(1, ballot(1), "s1"), vote(3, ballot(4), "s3"))
	d.chosen(1, 2, 3, 4)
	d.mustApply("1:s1", "2:s2", "3:s3", "4:s4")
	if d.l.Applied() != 5 {
		t.Errorf("the watermark is %d", d.l.Applied())
	}
}

func TestAVoteWithoutItsValueCountsAndTheValueMayComeLater(t *testing.T) {
	d := newDesk(t)
	d.learn("a1", bare(vote(1, ballot(1), "x")))
	d.learn("a2", bare(vote(1, ballot(1), "x")))
	d.mustApply()
	d.tick(2 * pullTicks) // first another learner is asked, then the acceptors
	asked := sentOf[paxos.CatchUp](d)
	if diff := cmp.Diff([]paxos.CatchUp{{First: 1}}, asked["a3"]); diff != "" || len(asked["l2"]) != 1 {
		t.Fatalf("asked %v: %s", asked, diff)
	}
	d.from("a3", paxos.Voted{Store: 13, First: 1, Next: 2, Votes: []paxos.Vote{vote(1, ballot(7), "x")}})
	d.mustApply("1:x") // the vote is another ballot's; the value is the same
}

func TestTwoChosenValuesAreTheEnd(t *testing.T) {
	for name, play := range map[string]func(d *desk){
		"before it is applied": func(d *desk) {
			d.learn("a1", vote(2, ballot(1), "x"))
			d.learn("a2", vote(2, ballot(1), "x"))
			d.learn("a2", vote(2, ballot(2), "y"))
			d.learn("a3", vote(2, ballot(2), "y"))
		},
		"under one ballot": func(d *desk) {
			d.learn("a1", vote(2, ballot(1), "x"), vote(2, ballot(1), "y"))
			d.learn("a2", vote(2, ballot(1), "x"), vote(2, ballot(1), "y"))
		},
		"after it is applied": func(d *desk) {
			d.chosen(1)
			d.learn("a2", vote(1, ballot(2), "y"))
			d.learn("a3", bare(vote(1, ballot(2), "y")))
		},
		"one vote before and one after": func(d *desk) {
			d.learn("a3", vote(1, ballot(2), "y"))
			d.chosen(1)
			d.learn("a2", vote(1, ballot(2), "y"))
		},
		"by what another learner says": func(d *desk) {
			d.chosen(1)
			d.tick(pullTicks)
			d.from("l2", paxos.Chosen{First: 2, Watermark: 3, Entries: []paxos.Entry{{Slot: 1, Ballot: ballot(2), Value: value("y")}}})
		},
		"by what another learner says of an open slot": func(d *desk) {
			d.chosen(2)
			d.tick(pullTicks)
			d.from("l2", paxos.Chosen{First: 1, Watermark: 3, Entries: []paxos.Entry{{Slot: 2, Ballot: ballot(2), Value: value("y")}}})
		},
	} {
		d := newDesk(t)
		play(d)
		if d.broken == nil || !strings.Contains(d.broken.Error(), "two different values are chosen in slot") {
			t.Errorf("%s: %v", name, d.broken)
		}
		for _, e := range d.m.applied {
			if string(e.Value.Commands[0].Body) == "y" {
				t.Errorf("%s: the second value was applied too", name)
			}
		}
	}
}

func TestOneLateVoteForAnotherValueIsTheTraceOfALostBallot(t *testing.T) {
	d := newDesk(t)
	d.learn("a3", vote(1, ballot(2), "y"))
	d.chosen(1)
	d.learn("a3", vote(1, ballot(2), "y"), vote(1, ballot(3), "z"))
	d.learn("a2", vote(1, ballot(4), "y"), vote(1, ballot(2), "z"))
	d.mustApply("1:s1")
}

func TestACommandNobodyKnowsStopsTheLearner(t *testing.T) {
	d := newDesk(t)
	d.learn("a1", vote(1, ballot(1), "unknown"), vote(2, ballot(1), "x"))
	d.learn("a2", vote(1, ballot(1), "unknown"), vote(2, ballot(1), "x"))
	if d.broken == nil || !strings.Contains(d.broken.Error(), "slot 1 cannot be applied") || len(d.m.applied) > 0 || d.l.Applied() != 1 {
		t.Errorf("applied %v: %v", d.m.bodies(), d.broken)
	}
}

// Votes of an honest history, in any order, with copies and losses: every
// learner's log is a prefix of that history, and with all votes it is all of it.
func TestLogsArePrefixesOfOneAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type said struct {
			from paxos.NodeID
			vote paxos.Vote
		}
		var all []said
		slots := rapid.IntRange(1, 6).Draw(t, "slots")
		for s := 1; s <= slots; s++ {
			lost := rapid.SampledFrom(config.Acceptors).Draw(t, "lost") // a ballot that lost
			all = append(all, said{lost, vote(paxos.Slot(s), ballot(1), "lost")})
			body := fmt.Sprint("v", s)
			for _, b := range []paxos.Ballot{ballot(2), ballot(3)} { // chosen, and proposed again
				for _, id := range config.Acceptors {
					v := vote(paxos.Slot(s), b, body)
					if rapid.Bool().Draw(t, "bare") {
						v = bare(v)
					}
					all = append(all, said{id, v})
				}
			}
		}
		d := newDesk(t)
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(all)-1), 0, 60).Draw(t, "votes") {
			d.learn(all[i].from, all[i].vote)
		}
		check := func() {
			if d.broken != nil {
				t.Fatal(d.broken)
			}
			for i, got := range d.m.bodies() {
				if want := fmt.Sprintf("%d:v%d", i+1, i+1); got != want {
					t.Fatalf("slot %d is %q, want %q", i+1, got, want)
				}
			}
		}
		check()
		for _, s := range all {
			v := s.vote
			whole := value("lost")
			if v.Ballot != ballot(1) {
				whole = value(fmt.Sprint("v", v.Slot))
			}
			v.Value = &whole
			d.learn(s.from, v)
		}
		if check(); len(d.m.applied) != slots {
			t.Fatalf("of %d slots %d are applied", slots, len(d.m.applied))
		}
	})
}
