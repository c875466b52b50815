package session_test

import (
	"slices"
	"testing"

	"paxos/paxos"
)

func TestACommandUnderANewNameIsGivenUpAtItsDeadline(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "pay", 5)
	d.flush()
	late := outcome(d.propose().Commands[0].Sequence)
	late.Verdict = paxos.Late
	d.from("l1", paxos.Notify{Applied: 900, Outcomes: []paxos.Outcome{late}})
	d.flush()
	again := d.propose().Commands[0]
	d.tick(4)
	if list := d.settled("u1"); len(list) > 0 {
		t.Fatalf("told before the deadline: %+v", list)
	}
	d.tick(1)
	if got := d.told("u1"); got.Fate != paxos.FateUnknown || got.Name != again.Name() {
		t.Errorf("%+v", got)
	}
}

// TestACommandIsSentAgainOnce, though it was sent twice in the tick before its
// answers got lost.
func TestACommandIsSentAgainOnce(t *testing.T) {
	d := newDesk(t)
	d.tick(1)
	d.submit("u1", "pay", 100)
	d.submit("u2", "pay too", 100)
	d.flush()
	d.refuse(d.propose(), paxos.NotLeading, false, "p2")
	d.flush()
	if a := d.propose(); a.to != "p2" || len(a.Commands) != 2 {
		t.Fatalf("after a redirect %+v", a)
	}
	d.tick(resendTicks)
	if got := sequences(d.propose()); !slices.Equal(got, []paxos.Sequence{1, 2}) {
		t.Errorf("sent again: %v", got)
	}
}

// TestCommandsOfOneTickAreSentAgainInTheirOrder, whenever it was fixed.
func TestCommandsOfOneTickAreSentAgainInTheirOrder(t *testing.T) {
	crossed := false
	for wait := range resendTicks { // for one of them, the dice say the same tick
		d := newDesk(t)
		d.submit("u1", "first", 100)
		d.flush()
		first := d.propose()
		d.submit("u2", "second", 100)
		d.flush()
		d.proposes()
		d.tick(wait)
		d.refuse(first, paxos.NoQuorum, false, "")
		for range 2 * resendTicks {
			d.tick(1)
			for _, a := range d.proposes() {
				got := sequences(a)
				crossed = crossed || len(got) == 2
				if !slices.IsSorted(got) {
					t.Fatalf("sent again: %v", got)
				}
			}
		}
	}
	if !crossed {
		t.Error("they were never due at one tick")
	}
}

func sequences(a asked) (list []paxos.Sequence) {
	for _, c := range a.Commands {
		list = append(list, c.Sequence)
	}
	return list
}
