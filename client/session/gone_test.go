package session_test

import (
	"testing"

	"paxos/paxos"
)

func TestWhatWasSentToALeaderThatIsGoneIsSentAgainSoonUnderItsName(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "x", 100)
	d.flush()
	first := d.propose()
	if first.to != "p1" {
		t.Fatalf("it asks %s, and p1 leads", first.to)
	}
	d.from("c1", paxos.Gone{Node: "p1"})
	n := 0
	for len(d.sent) == 0 && n < resendTicks-1 {
		d.tick(1)
		n++
	}
	again := d.propose()
	if again.to == "p1" || again.Attempt == first.Attempt || again.Commands[0].Name() != first.Commands[0].Name() || n > 2*retryTicks {
		t.Errorf("after %d ticks %+v is sent again as %+v", n, first, again)
	}
	// The copy at p1 may be chosen all the same.
	d.refuse(again, paxos.NotLeading, false, "")
	for range 100 {
		d.tick(1)
		for _, a := range d.proposes() {
			d.refuse(a, paxos.NotLeading, false, "")
		}
	}
	if got := d.told("u1"); got.Fate != paxos.FateUnknown {
		t.Errorf("p1 had a copy, and the user is told %+v", got)
	}
}

func TestWhatOthersHaveIsNotSentAgain(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "x", 100)
	d.flush()
	d.propose()
	d.from("c1", paxos.Gone{Node: "p2"})
	d.tick(resendTicks - 1)
	if list := d.proposes(); len(list) > 0 {
		t.Errorf("p2 is gone, and what p1 has is sent again: %+v", list)
	}
	d.submit("u2", "y", 100)
	d.flush()
	if a := d.propose(); a.to != "p1" {
		t.Errorf("p1 leads, p2 is gone, and %s is asked", a.to)
	}
}

// Who refuses answers. Of two, one of which gave no answer, only that one is to
// be avoided, or the next copy goes there again.
func TestOneThatRefusedIsNotTakenForOneThatGaveNoAnswer(t *testing.T) {
	for seed := range 20 {
		d := newDesk(t)
		d.submit("u1", "x", 1000)
		d.flush()
		d.propose()
		for range seed {
			d.submit("u2", "y", 1) // other dice
			d.flush()
		}
		d.proposes()
		d.tick(resendTicks)
		for n := resendTicks; n < 2*resendTicks-1; n++ {
			for _, a := range d.proposes() {
				if a.to == "p1" {
					t.Fatalf("after %d ticks p1 is asked again, which gave no answer %d ticks ago", n, n-resendTicks)
				}
				d.refuse(a, paxos.NotLeading, false, "p1")
			}
			d.tick(1)
		}
	}
}
