package session_test

import (
	"testing"

	"paxos/client/session"
	"paxos/paxos"
)

// confirmedAfter sends n more commands, each settled, and gives what the last
// one confirms.
func (d *desk) confirmedAfter(n int) paxos.Sequence {
	d.t.Helper()
	var last paxos.Command
	for range n {
		d.submit("u", "more", 100)
		d.flush()
		last = d.propose().Commands[0]
		d.from("l1", paxos.Notify{Applied: 9, Outcomes: []paxos.Outcome{outcome(last.Sequence)}})
	}
	return last.Confirmed
}

func TestWhoDidNotWaitCanAskLater(t *testing.T) {
	d := newDesk(t)
	d.from("u1", paxos.Submit{Body: []byte("later"), Ticks: 100, NoWait: true})
	d.flush()
	sequence := d.propose().Commands[0].Sequence
	d.from("l1", paxos.Notify{Applied: 9, Outcomes: []paxos.Outcome{outcome(sequence)}})
	if got := d.confirmedAfter(3); got > sequence {
		t.Errorf("%d is confirmed, and %d, for which nobody waited, cannot be asked for any more", got, sequence)
	}
	d.tick(abandonTicks + 1)
	if got := d.confirmedAfter(1); got <= sequence {
		t.Errorf("%d is kept for ever", sequence)
	}
}

func TestTheLastOutcomesStayAskable(t *testing.T) {
	d := newDesk(t)
	d.s = session.New(session.Config{Node: "c1", Configuration: config, Session: mine, SurveyTicks: 2, ResendTicks: resendTicks,
		RetryTicks: retryTicks, AbandonTicks: abandonTicks, KeptOutcomes: 10, MaxPending: maxPending, MaxBytes: maxBytes})
	d.meet()
	d.from("l1", paxos.Notify{Applied: 5})
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1"}, Leader: "p1"})
	d.sent = nil
	if got := d.confirmedAfter(30); got < 15 || got > 21 {
		t.Errorf("the 30th command confirms all below %d; the last ten must stay askable, and not many more", got)
	}
}

// A learner that has just begun reports a low watermark. A command admitted
// with it is expired when it comes, without an effect; the user does not hear
// of that.
func TestACommandThatCameLateIsSentUnderANewName(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "pay", 100)
	d.flush()
	first := d.propose().Commands[0]
	expired := outcome(first.Sequence)
	expired.Verdict = paxos.Late
	d.from("l1", paxos.Notify{Applied: 900, Outcomes: []paxos.Outcome{expired}})
	d.flush()
	again := d.propose().Commands[0]
	if again.Sequence == first.Sequence || again.Admitted != 900 || string(again.Body) != "pay" {
		t.Errorf("%+v follows %+v", again, first)
	}
	d.from("l1", paxos.Notify{Applied: 901, Outcomes: []paxos.Outcome{outcome(again.Sequence)}})
	if got := d.told("u1"); got.Fate != paxos.FateKnown || got.Name != again.Name() {
		t.Errorf("%+v", got)
	}
}

// Somebody burns a name that the session has not drawn yet. Whoever gets that
// name is innocent, gave no key, and gets another one; a burnt key stays burnt.
func TestANameBurntBeforeItWasDrawnHarmsNobody(t *testing.T) {
	d := newDesk(t)
	d.submit("u1", "pay", 100)
	d.flush()
	first := d.propose().Commands[0]
	burnt := outcome(first.Sequence)
	burnt.Verdict = paxos.Burnt
	d.from("l1", paxos.Notify{Applied: 9, Outcomes: []paxos.Outcome{burnt}})
	d.flush()
	again := d.propose().Commands[0]
	d.from("l1", paxos.Notify{Applied: 10, Outcomes: []paxos.Outcome{outcome(again.Sequence)}})
	if got := d.told("u1"); again.Sequence == first.Sequence || got.Outcome.Verdict != paxos.Applied {
		t.Errorf("%+v after %+v: %+v", again, first, got)
	}
	d.from("u2", paxos.Submit{Body: []byte("keyed"), Key: "k", Ticks: 100})
	d.flush()
	burnt.Sequence = d.propose().Commands[0].Sequence
	d.from("l1", paxos.Notify{Applied: 11, Outcomes: []paxos.Outcome{burnt}})
	if got := d.told("u2"); got.Outcome.Verdict != paxos.Burnt {
		t.Errorf("%+v", got)
	}
}

func TestWithoutALearnerTheRefusalSaysSo(t *testing.T) {
	d := newStranger(t)
	d.meet()
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1"}})
	d.submit("u1", "pay", 5)
	d.tick(6)
	if got := d.told("u1"); got.Fate != paxos.FateNotApplied || got.Reason != paxos.NoLearner {
		t.Errorf("%+v", got)
	}
}

func TestPendingBodiesAreBounded(t *testing.T) {
	d := newDesk(t)
	d.s = session.New(session.Config{Node: "c1", Configuration: config, Session: mine, SurveyTicks: 2, ResendTicks: resendTicks,
		RetryTicks: retryTicks, AbandonTicks: abandonTicks, MaxPending: maxPending, MaxBytes: maxBytes, PendingBytes: 10})
	d.meet()
	d.from("l1", paxos.Notify{Applied: 5})
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1"}, Leader: "p1"})
	d.submit("u1", "one larger than all", 5) // alone it may
	d.submit("u2", "x", 5)
	if got := d.told("u2"); got.Fate != paxos.FateNotApplied || got.Reason != paxos.Overloaded {
		t.Errorf("%+v", got)
	}
	d.tick(6)
	d.told("u1")
	for _, id := range []paxos.NodeID{"u3", "u4"} {
		d.submit(id, "12345", 100)
	}
	if list := d.settled("u4"); len(list) > 0 {
		t.Errorf("ten bytes fit: %+v", list)
	}
}
