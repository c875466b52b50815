package acceptor_test

import (
	"fmt"
	"testing"

	"paxos/acceptor"
	"paxos/paxos"
)

func surveyed(t testing.TB, a *acceptor.Acceptor, question paxos.Number) paxos.Surveyed {
	t.Helper()
	return answer(t, step(a, "p2", paxos.Survey{Question: question})).(paxos.Surveyed)
}

func TestALeaderWhosePortIsClosedIsSilentUntilItsBallotIsHeard(t *testing.T) {
	for name, word := range map[string]paxos.Message{
		"prepare":   paxos.Prepare{Ballot: ballot(1, "p1"), First: 1},
		"accept":    accept(ballot(1, "p1"), at(1, "x")),
		"heartbeat": paxos.Heartbeat{Ballot: ballot(1, "p1")},
	} {
		a := newMember("a1")
		step(a, "p1", word)
		if out := step(a, "a1", paxos.Gone{Node: "p1"}); len(out.Persist) > 0 {
			t.Errorf("%s: a hint is written to the disk: %+v", name, out.Persist)
		}
		a.Tick()
		if got := surveyed(t, a, 1); got.Silent != paxos.NobodyListens || got.Led != ballot(1, "p1") {
			t.Errorf("%s: nobody listens where the leader was, and it says %+v", name, got)
		}
		if got := a.Status().Silent; got != 1 {
			t.Errorf("%s: it heard the leader one tick ago, and tells people %d", name, got)
		}
		step(a, "p1", word)
		if got := surveyed(t, a, 2).Silent; got != 0 {
			t.Errorf("%s: the leader was heard again, and it says %d", name, got)
		}
	}
}

func TestOnlyThePortOfTheLeaderLastHeardCounts(t *testing.T) {
	a := newMember("a1")
	for _, heard := range []bool{false, true} {
		for _, id := range []paxos.NodeID{"p2", ""} {
			if out := step(a, "a1", paxos.Gone{Node: id}); len(out.Send) > 0 {
				t.Errorf("%s is gone, and it tells %+v", id, out.Send)
			}
			if got := surveyed(t, a, 1).Silent; got != 0 {
				t.Errorf("%q is gone, a leader heard: %v; it says %d", id, heard, got)
			}
		}
		step(a, "p1", paxos.Heartbeat{Ballot: ballot(1, "p1")})
	}
}

func TestWhoeverSurveyedIsToldAtOnceThatNobodyListens(t *testing.T) {
	a := newMember("a1")
	step(a, "p1", paxos.Heartbeat{Ballot: ballot(1, "p1")})
	step(a, "p2", paxos.Survey{Question: 3})
	step(a, "p3", paxos.Survey{Question: 7})
	step(a, paxos.LocalPrefix+"1", paxos.Survey{Question: 9})
	step(a, "p2", paxos.Survey{Question: 4})
	told := map[paxos.NodeID]paxos.Number{}
	for _, e := range step(a, "a1", paxos.Gone{Node: "p1"}).Send {
		m := e.Message.(paxos.Surveyed)
		if told[e.To] != 0 || m.Silent != paxos.NobodyListens {
			t.Errorf("%s is told %+v", e.To, m)
		}
		told[e.To] = m.Question
	}
	if len(told) != 2 || told["p2"] != 4 || told["p3"] != 7 {
		t.Errorf("told as the answers to %v; p2 last asked 4, p3 7", told)
	}
	if out := step(a, "a1", paxos.Gone{Node: "p1"}); len(out.Send) > 0 {
		t.Errorf("it is told again, and repeats itself: %+v", out.Send)
	}
}

func TestFewOfThoseWhoSurveyAreRemembered(t *testing.T) {
	a := newMember("a1")
	step(a, "p1", paxos.Heartbeat{Ballot: ballot(1, "p1")})
	for n := range 100 {
		step(a, paxos.NodeID(fmt.Sprint("p", n)), paxos.Survey{Question: 1})
	}
	out := step(a, "a1", paxos.Gone{Node: "p1"})
	if len(out.Send) != 8 || out.Send[7].To != "p99" {
		t.Errorf("100 surveyed, and %d are told: %+v", len(out.Send), out.Send)
	}
}
