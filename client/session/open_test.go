package session_test

import (
	"testing"

	"paxos/client/session"
	"paxos/paxos"
)

const touchTicks = 50

// newOpener is a desk whose session must be opened.
func newOpener(t tester) *desk {
	d := &desk{t: t, s: session.New(session.Config{Node: "c1", Configuration: config, Session: mine, Seed: 3, Open: []byte("open"), Touch: []byte("touch"),
		TouchTicks: touchTicks, SurveyTicks: 2, ResendTicks: resendTicks, RetryTicks: retryTicks, AbandonTicks: abandonTicks,
		MaxPending: maxPending, MaxBytes: maxBytes})}
	d.meet()
	d.from("l1", paxos.Notify{Applied: 5})
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1", "p2", "p3"}, Leader: "p1"})
	d.sent = nil
	return d
}

// notified tells the outcome of a command, applied unless said otherwise.
func (d *desk) notified(c paxos.Command, applied paxos.Slot, verdict paxos.Verdict) {
	d.from("l1", paxos.Notify{Applied: applied, Outcomes: []paxos.Outcome{{Session: c.Session, Sequence: c.Sequence, Verdict: verdict, Slot: applied - 1}}})
	d.flush()
}

// alone gives the only command that has left, which must have this body.
func (d *desk) alone(body string) paxos.Command {
	d.t.Helper()
	got := d.propose()
	if len(got.Commands) != 1 || string(got.Commands[0].Body) != body {
		d.t.Fatalf("want %q alone, got %+v", body, got.Commands)
	}
	return got.Commands[0]
}

func TestCommandsWaitUntilTheSessionIsOpen(t *testing.T) {
	d := newOpener(t)
	d.submit("u1", "a", 100)
	d.flush()
	opening := d.alone("open")
	d.submit("u2", "b", 100)
	d.tick(resendTicks) // it is sent again, and nothing with it
	if again := d.alone("open"); again.Name() != opening.Name() {
		t.Errorf("%+v after %+v", again, opening)
	}
	d.notified(opening, 7, paxos.Applied)
	got := d.propose()
	if len(got.Commands) != 2 || string(got.Commands[0].Body) != "a" || string(got.Commands[1].Body) != "b" || got.Commands[0].Session != mine {
		t.Errorf("%+v", got)
	}
	d.submit("u3", "c", 100)
	d.flush()
	d.alone("c")
}

func TestAnOpeningThatCameLateIsSentAgainUnderANewName(t *testing.T) {
	d := newOpener(t)
	d.submit("u1", "a", 100)
	d.flush()
	first := d.alone("open")
	d.notified(first, 900, paxos.Late)
	second := d.alone("open")
	if second.Sequence == first.Sequence || second.Admitted != 900 || second.Session != mine {
		t.Errorf("%+v after %+v", second, first)
	}
	d.notified(first, 901, paxos.Late) // a copy of the first one opens nothing
	if list := d.proposes(); len(list) > 0 {
		t.Errorf("%+v", list)
	}
	d.notified(second, 902, paxos.Applied)
	d.alone("a")
}

func TestWithoutAQuorumTheRefusalOfTheOpeningIsTold(t *testing.T) {
	d := newOpener(t)
	d.submit("u1", "a", 2*resendTicks)
	d.flush()
	opening := d.propose()
	d.from("p1", paxos.Refused{Attempt: opening.Attempt, Commands: []paxos.CommandName{opening.Commands[0].Name()}, Reason: paxos.NoQuorum, Answering: 1, Needed: 2})
	d.tick(2 * resendTicks)
	if got := d.told("u1"); got.Fate != paxos.FateNotApplied || got.Reason != paxos.NoQuorum || got.Answering != 1 {
		t.Errorf("%+v: nothing of it was ever sent", got)
	}
}

func TestWhoeverWaitsForAnOpeningThatNobodyTellsOfIsToldSo(t *testing.T) {
	d := newOpener(t)
	d.submit("u1", "a", 2*resendTicks)
	d.flush()
	d.alone("open") // taken by a proposer, and no learner says a word
	d.tick(2 * resendTicks)
	if got := d.told("u1"); got.Fate != paxos.FateNotApplied || got.Reason != paxos.NoLearner {
		t.Errorf("%+v", got)
	}
}

func TestAnExpiredSessionIsToldAndANewOneIsOpened(t *testing.T) {
	d := newOpener(t)
	d.submit("u1", "a", 1000)
	d.flush()
	d.notified(d.alone("open"), 7, paxos.Applied)
	old := d.alone("a")
	d.notified(old, 9, paxos.Expired)
	if got := d.told("u1"); got.Fate != paxos.FateKnown || got.Outcome.Verdict != paxos.Expired || got.Name != old.Name() {
		t.Errorf("%+v: whether a copy applied before is not known here, and it must not be sent anew", got)
	}
	d.submit("u2", "b", 100)
	d.flush()
	opening := d.alone("open")
	if opening.Session == mine || opening.Session == 0 {
		t.Errorf("%+v is in the old session", opening)
	}
	d.notified(opening, 11, paxos.Applied)
	if c := d.alone("b"); c.Session != opening.Session {
		t.Errorf("%+v", c)
	}
}

func TestAnIdleSessionIsKeptAlive(t *testing.T) {
	d := newOpener(t)
	d.tick(2 * touchTicks)
	if list := d.proposes(); len(list) > 0 {
		t.Errorf("a session nobody uses is not opened: %+v", list)
	}
	d.submit("u1", "a", 100)
	d.flush()
	d.notified(d.alone("open"), 7, paxos.Applied)
	d.notified(d.alone("a"), 8, paxos.Applied)
	d.tick(touchTicks - 1)
	if list := d.proposes(); len(list) > 0 {
		t.Errorf("%+v", list)
	}
	d.tick(1)
	d.notified(d.alone("touch"), 9, paxos.Applied)
	d.tick(touchTicks - 1)
	if list := d.proposes(); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}
