package proposer_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/paxos"
	"paxos/proposer"
)

func TestAnElectionNeedsAQuorumsSilence(t *testing.T) {
	const e = electionTicks
	for _, c := range []struct {
		name   string
		silent map[paxos.NodeID]uint32
		stands bool
	}{
		{"all are silent", allSilent, true},
		{"a quorum is silent", map[paxos.NodeID]uint32{"a1": e, "a2": 0, "a3": e}, true},
		{"a quorum is silent, the rest is away", map[paxos.NodeID]uint32{"a1": e, "a3": e + 50}, true},
		{"one is silent", map[paxos.NodeID]uint32{"a1": e, "a2": 0, "a3": e - 1}, false},
		{"one is silent, the rest is away", map[paxos.NodeID]uint32{"a2": e}, false},
		{"nobody answers", nil, false},
	} {
		l := newLab(t)
		l.calm(3, map[paxos.NodeID]uint32{"a1": 0, "a2": 0, "a3": 0}) // so that it knows the cluster
		for range 200 {
			l.calm(1, c.silent)
			if l.p.Status().Phase != proposer.Following {
				break
			}
		}
		if stands := len(sentOf[paxos.Prepare](l)) > 0; stands != c.stands {
			t.Errorf("%s: stands for election: %v", c.name, stands)
		}
	}
}

func TestSilenceIsBelievedOnlyOfMembersAndOnlyIfItIsNew(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(l *lab, m *paxos.Surveyed)
	}{
		{"another disk", func(_ *lab, m *paxos.Surveyed) { m.Store = 99 }},
		{"a disk that does not vote", func(_ *lab, m *paxos.Surveyed) { m.Standing = paxos.Mute }},
		{"an answer to a question of long ago", func(l *lab, m *paxos.Surveyed) { m.Question = l.question - min(l.question, 3) }},
		{"an answer to a question of a former start", func(_ *lab, m *paxos.Surveyed) { m.Question = 5000 }},
	} {
		l := newLab(t)
		l.calm(10, map[paxos.NodeID]uint32{"a1": 0, "a2": 0, "a3": 0})
		for range 200 {
			for _, id := range config.Acceptors {
				m := l.surveyed(id, electionTicks)
				c.change(l, &m)
				l.from(id, m)
			}
			l.tick(1)
		}
		if n := len(sentOf[paxos.Prepare](l)); n > 0 {
			t.Errorf("%s made it stand for election", c.name)
		}
	}
}

func TestWhoWaitedAsksOnceMoreBeforeItStands(t *testing.T) {
	for _, silent := range []uint32{0, electionTicks} {
		l := newLab(t)
		asked := false
		for n := 1; n <= 100 && !asked; n++ {
			before := l.question
			l.tick(1)
			asked = l.question-before > paxos.Number(n%surveyTicks) // more than is asked every other tick
			if !asked {
				l.answer(electionTicks)
			}
			if l.p.Status().Phase != proposer.Following {
				t.Fatal("it stands by what it heard before it waited")
			}
		}
		l.answer(silent)
		if stands := len(sentOf[paxos.Prepare](l)) > 0; !asked || stands != (silent > 0) {
			t.Errorf("asked: %v; when the leader was last heard %d ticks ago it stands: %v", asked, silent, stands)
		}
	}
}

func TestABallotIsAboveAllThatWereHeardOf(t *testing.T) {
	l := newLab(t)
	m := l.surveyed("a1", 0)
	m.Promise = paxos.Ballot{Number: 41, Proposer: "p3", Start: 1}
	l.from("a2", l.surveyed("a2", 0))
	l.from("a1", l.surveyed("a1", 0))
	l.from("a1", m)
	want := paxos.Ballot{Number: 42, Proposer: "p1", Start: 7}
	if got := l.campaign(); got != want {
		t.Errorf("it stands with %+v, want %+v", got, want)
	}
	l.from("a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: 60, Proposer: "p2"}})
	if got := l.campaign(); got.Number != 61 {
		t.Errorf("after 60 was promised it stands with %v", got)
	}
}

func TestNothingIsProposedBeforeAQuorumsReportsAreComplete(t *testing.T) {
	l := newLab(t)
	l.campaign()
	b0 := paxos.Ballot{Number: 0, Proposer: "p0", Start: 1}
	l.sent = nil
	still := func(what string) {
		t.Helper()
		l.flush()
		if l.p.Status().Leading || len(sentOf[paxos.Accept](l)) > 0 {
			t.Fatalf("leads after %s", what)
		}
	}
	l.promise("a1", paxos.Promise{Next: 3, Entries: []paxos.Entry{entry(2, b0, "x")}})
	still("one report")
	l.promise("a1", paxos.Promise{Next: 3, Entries: []paxos.Entry{entry(2, b0, "x")}})
	still("one report twice")
	l.promise("a2", paxos.Promise{Ballot: paxos.Ballot{Number: l.ballot.Number, Proposer: "p1", Start: 6}})
	still("a promise of a former start's ballot")
	l.promise("a2", paxos.Promise{Store: 13})
	still("a promise of another disk")
	l.promise("p2", paxos.Promise{Store: 12})
	still("a promise of a stranger")
	l.promise("a2", paxos.Promise{First: 2, Next: 9})
	still("a page that was not asked for")
	l.promise("a2", paxos.Promise{Next: 1, More: true})
	still("a page that leads nowhere")
	l.promise("a2", paxos.Promise{Next: 3, More: true, Entries: []paxos.Entry{entry(1, b0, "y")}})
	still("one report and a page")
	if next := sentOf[paxos.Prepare](l); !slices.Equal(next, []paxos.Prepare{{Ballot: l.ballot, First: 3}}) {
		t.Errorf("the next page was asked for by %+v", next)
	}
	l.promise("a2", paxos.Promise{Next: 3, More: true, Entries: []paxos.Entry{entry(1, b0, "z")}})
	still("the same page again")
	l.promise("a2", paxos.Promise{First: 4, Next: 9})
	still("a page beyond a gap")
	l.promise("a2", paxos.Promise{First: 3, Next: 6, Entries: []paxos.Entry{entry(5, b0, "w")}})
	l.mustLead()
	l.flush()
	if diff := cmp.Diff([]string{"1:y", "2:x", "3:-", "4:-", "5:w"}, shown(l.proposals("a3"))); diff != "" {
		t.Error(diff)
	}
}

func TestOfWhatWasAcceptedInASlotTheHighestBallotIsProposedAgain(t *testing.T) {
	low := paxos.Ballot{Number: 1, Proposer: "p1", Start: 9}
	mid := paxos.Ballot{Number: 1, Proposer: "p2", Start: 1}
	high := paxos.Ballot{Number: 1, Proposer: "p2", Start: 2}
	for _, reports := range [][]paxos.NodeID{{"a1", "a2"}, {"a2", "a1"}, {"a3", "a2"}, {"a2", "a3"}} {
		l := newLab(t)
		l.campaign()
		l.promise(reports[0], paxos.Promise{Next: 7, Entries: []paxos.Entry{entry(2, mid, "m"), entry(4, low, "l"), entry(6, high, "")}})
		l.promise(reports[1], paxos.Promise{Next: 6, Entries: []paxos.Entry{entry(2, high, "h"), entry(4, mid, "m"), entry(5, low, "only")}})
		l.mustLead()
		l.propose(1, 1)
		l.flush()
		want := []string{"1:-", "2:h", "3:-", "4:m", "5:only", "6:-", "7:body 1"}
		if got := shown(l.proposals("a1")); !slices.Equal(got, want) && !slices.Equal(got, want[:6]) {
			t.Errorf("reports of %v: proposed %v, want %v", reports, got, want)
		}
	}
}

func TestNothingIsProposedBelowTheHighestFloorOrWatermark(t *testing.T) {
	b := paxos.Ballot{Number: 0, Proposer: "p0", Start: 1}
	for name, m := range map[string]paxos.Promise{
		"floor": {Floor: 4, Next: 4}, "watermark": {Chosen: 4},
	} {
		l := newLab(t)
		l.campaign()
		l.promise("a1", paxos.Promise{Next: 7, Entries: []paxos.Entry{entry(1, b, "a"), entry(2, b, "b"), entry(6, b, "f")}})
		l.promise("a2", m)
		l.mustLead()
		l.flush()
		if diff := cmp.Diff([]string{"4:-", "5:-", "6:f"}, shown(l.proposals("a1"))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAFloorIsBelievedAlsoOfAReportThatIsNotComplete(t *testing.T) {
	l := newLab(t)
	l.campaign()
	l.promise("a3", paxos.Promise{Floor: 5, Next: 6, More: true})
	l.promise("a1", paxos.Promise{})
	l.promise("a2", paxos.Promise{})
	l.mustLead()
	l.propose(1, 1)
	l.flush()
	if diff := cmp.Diff([]string{"5:body 1"}, shown(l.proposals("a1"))); diff != "" {
		t.Error(diff)
	}
}

func TestACandidateAsksAgainAndGivesUpInTheEnd(t *testing.T) {
	l := newLab(t)
	b := l.campaign()
	l.promise("a1", paxos.Promise{Next: 3, More: true})
	l.sent = nil
	l.tick(resendTicks)
	want := []paxos.Prepare{{Ballot: b, First: 3}, {Ballot: b, First: 1}, {Ballot: b, First: 1}}
	if diff := cmp.Diff(want, sentOf[paxos.Prepare](l)); diff != "" {
		t.Error(diff)
	}
	l.tick(electionTicks)
	if s := l.p.Status(); s.Phase != proposer.Following {
		t.Errorf("it still stands: %+v", s)
	}
	l.promise("a2", paxos.Promise{Ballot: b})
	l.promise("a3", paxos.Promise{Ballot: b})
	if l.p.Status().Leading {
		t.Error("it leads by an attempt that it gave up")
	}
	if again := l.campaign(); !b.Less(again) {
		t.Errorf("the next attempt is %v after %v", again, b)
	}
}

func TestACandidateThatIsPreemptedGivesUpAtOnce(t *testing.T) {
	l := newLab(t)
	l.campaign()
	l.from("a1", paxos.Nack{Ballot: l.ballot, Reason: paxos.Preempted, Promise: paxos.Ballot{Number: l.ballot.Number, Proposer: "p2"}})
	if l.p.Status().Phase != proposer.Following {
		t.Error("it goes on")
	}
}

func TestAHandoverSkipsTheWaitAndNothingElse(t *testing.T) {
	b := paxos.Ballot{Number: 30, Proposer: "p2", Start: 1}
	ready := func() *lab {
		l := newLab(t)
		for range 4 {
			for _, id := range config.Acceptors {
				m := l.surveyed(id, 0)
				m.Promise, m.Led = b, b
				l.from(id, m)
			}
			l.tick(1)
		}
		l.sent = nil
		return l
	}
	l := ready()
	l.from("p2", paxos.Handover{Ballot: b})
	if got := sentOf[paxos.Prepare](l); len(got) != 3 || got[0].Ballot.Number != 31 || l.p.Status().Leading {
		t.Errorf("asked to stand at once, it sent %+v", got)
	}
	for name, stale := range map[string]paxos.Ballot{
		"of a leader of long ago": {Number: 29, Proposer: "p2", Start: 1}, "that leaps": {Number: 32, Proposer: "p2", Start: 1},
	} {
		l := ready()
		l.from("p2", paxos.Handover{Ballot: stale})
		if len(sentOf[paxos.Prepare](l)) > 0 {
			t.Errorf("a handover %s disturbed the one who leads", name)
		}
	}
	ignorant := newLab(t)
	ignorant.from("p2", paxos.Handover{Ballot: paxos.Ballot{Number: 1, Proposer: "p2"}})
	if len(sentOf[paxos.Prepare](ignorant)) > 0 {
		t.Error("it stands in a cluster that it does not know")
	}
}
