package session_test

import (
	"slices"
	"testing"

	"paxos/client/session"
	"paxos/paxos"
)

// TestFatesAreCounted: each command once, by what became of it.
func TestFatesAreCounted(t *testing.T) {
	d := newDesk(t)
	told := func(sequence paxos.Sequence, verdict paxos.Verdict) {
		o := outcome(sequence)
		o.Verdict = verdict
		d.from("l1", paxos.Notify{Applied: 9, Outcomes: []paxos.Outcome{o}})
		d.from("l2", paxos.Notify{Applied: 9, Outcomes: []paxos.Outcome{o}}) // both learners tell it
	}
	send := func() paxos.Sequence {
		d.submit("u", "x", 5)
		d.flush()
		return d.propose().Commands[0].Sequence
	}
	told(send(), paxos.Applied)
	told(send(), paxos.KeyReused)
	late := send()
	d.tick(5)
	told(late, paxos.Applied) // the user was told that it is unknown
	d.submit("u", "x", 5)
	d.flush()
	refused := d.propose()
	d.from("p1", paxos.Refused{Attempt: refused.Attempt, Commands: []paxos.CommandName{refused.Commands[0].Name()}, Reason: paxos.Overloaded})
	for range 5 {
		d.take(d.s.Tick())
	}
	for range maxPending + 2 { // and two for which there is no room
		d.submit("u", "x", 100)
	}
	if got, want := d.s.Fates(), (session.Fates{Applied: 1, NotApplied: 3, Unknown: 1, NoEffect: 1}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
}

func TestTheWordOfEachLearnerIsKept(t *testing.T) {
	d := newDesk(t)
	d.from("l2", paxos.Notify{Applied: 9})
	d.from("p1", paxos.Notify{Applied: 99})
	d.tick(3)
	d.from("l2", paxos.Notify{Applied: 8}) // it began anew
	want := []session.LearnerHeard{{Learner: "l1", Applied: 5, Silent: 3}, {Learner: "l2", Applied: 8}}
	if got := d.s.Learners(); !slices.Equal(got, want) {
		t.Errorf("%+v, not %+v", got, want)
	}
	if got := newStranger(t).s.Learners(); len(got) != 0 {
		t.Errorf("of nobody: %+v", got)
	}
}
