package acceptor_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/acceptor"
	"paxos/paxos"
)

// truncated is a member that accepted slots 1 to 5 and then forgot those below
// floor.
func truncated(t testing.TB, cfg acceptor.Config, floor paxos.Slot) *acceptor.Acceptor {
	t.Helper()
	a := acceptor.New(cfg, identity(cfg.Node))
	for _, r := range []paxos.Record{
		paxos.AcceptedRecord{Ballot: ballot(1, "p1"), Proposals: []paxos.Proposal{at(1, "a"), at(2, "bb"), at(3, "ccc"), at(4, "dddd"), at(5, "eeeee")}},
		paxos.FloorRecord{Floor: floor, Time: 77, Promise: ballot(1, "p1"), Position: 2},
	} {
		if err := a.Restore(r); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestAnAcceptBelowTheFloorIsRefusedSayingIt(t *testing.T) {
	a := truncated(t, configOf("a1"), 4)
	out := step(a, "p1", accept(ballot(2, "p1"), at(3, "x"), at(4, "y")))
	if diff := cmp.Diff([]paxos.Envelope{
		a.Header().Envelope("p1", paxos.Nack{Ballot: ballot(2, "p1"), Slot: 3, Reason: paxos.BelowFloor, Promise: ballot(1, "p1"), Floor: 4}),
		a.Header().Envelope("p1", paxos.Accepted{Ballot: ballot(2, "p1"), Store: 11, Life: life(2, 3), Slots: []paxos.Slot{4}}),
	}, out.Send); diff != "" {
		t.Error(diff)
	}
	wantRecords(t, out, paxos.AcceptedRecord{Ballot: ballot(2, "p1"), Proposals: []paxos.Proposal{at(4, "y")}})
}

func TestEveryPageCarriesTheBallotAndTheFloor(t *testing.T) {
	cfg := configOf("a1")
	cfg.PageBytes = 1
	a := truncated(t, cfg, 3)
	first := paxos.Slot(1)
	for _, want := range []paxos.Promise{
		{First: 1, Next: 4, More: true, Entries: []paxos.Entry{{Slot: 3, Ballot: ballot(1, "p1"), Value: value("ccc")}}},
		{First: 4, Next: 5, More: true, Entries: []paxos.Entry{{Slot: 4, Ballot: ballot(1, "p1"), Value: value("dddd")}}},
		{First: 5, Next: 6, Entries: []paxos.Entry{{Slot: 5, Ballot: ballot(1, "p1"), Value: value("eeeee")}}},
	} {
		want.Ballot, want.Store, want.Life, want.Floor, want.Time = ballot(2, "p2"), 11, life(2, 3), 3, 77
		got := answer(t, step(a, "p2", paxos.Prepare{Ballot: ballot(2, "p2"), First: first})).(paxos.Promise)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		first = got.Next
	}
}

func TestAnAcceptorWithoutEntriesPromisesFromItsFloorOn(t *testing.T) {
	a := truncated(t, configOf("a1"), 9)
	got := answer(t, step(a, "p2", paxos.Prepare{Ballot: ballot(2, "p2"), First: 2})).(paxos.Promise)
	want := paxos.Promise{Ballot: ballot(2, "p2"), Store: 11, Life: life(2, 3), First: 2, Next: 9, Floor: 9, Time: 77}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheFloorIsNeverLowered(t *testing.T) {
	a := truncated(t, configOf("a1"), 4)
	for _, bad := range []paxos.FloorRecord{
		{Floor: 2, Promise: ballot(1, "p1"), Position: 3}, {Floor: 4, Promise: ballot(1, "p1"), Position: 3}, {Floor: 5, Position: 3}} {
		if err := a.Restore(bad); err == nil {
			t.Errorf("%+v was taken after floor 4", bad)
		}
	}
	kept(a, "l1", 3, 2)
	if out := kept(a, "l2", 3, 2); len(out.Persist) > 0 || a.Status().Floor != 4 {
		t.Errorf("the floor is %d", a.Status().Floor)
	}
}

func TestAQuorumReadIsToldTheHighestSlotAlsoAfterARestart(t *testing.T) {
	empty, afterRestart := newMember("a1"), newMember("a1")
	if err := afterRestart.Restore(paxos.FloorRecord{Floor: 9, Position: 40}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		a        *acceptor.Acceptor
		want     paxos.Slot
		position paxos.Number
	}{
		{"nothing was accepted", empty, 0, 0},
		{"slot 5 was accepted", truncated(t, configOf("a1"), 3), 5, 2},
		{"everything was truncated", truncated(t, configOf("a1"), 6), 5, 2},
		{"only the floor is left on disk", afterRestart, 8, 40},
	} {
		out := step(c.a, "l1", paxos.Highest{Question: 3})
		wantRecords(t, out)
		if diff := cmp.Diff(paxos.Message(paxos.HighestIs{Question: 3, Store: 11, Life: life(c.position, c.position), Slot: c.want}), answer(t, out)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// fetch asks for all pages from first on and gives what they say together.
func fetch(t *rapid.T, a *acceptor.Acceptor, first paxos.Slot) (promised, voted map[paxos.Slot]string) {
	promised, voted = map[paxos.Slot]string{}, map[paxos.Slot]string{}
	put := func(to map[paxos.Slot]string, from, next paxos.Slot, e paxos.Entry, d paxos.Digest) {
		if _, twice := to[e.Slot]; twice || e.Slot < from || e.Slot >= next {
			t.Fatalf("slot %d in the page from %d to %d, twice=%v", e.Slot, from, next, twice)
		}
		to[e.Slot] = fmt.Sprint(e.Ballot, d)
	}
	b := ballot(100, "p9") // above p1's
	for at, more := first, true; more; {
		m := step(a, "p9", paxos.Prepare{Ballot: b, First: at}).Send[0].Message.(paxos.Promise)
		if m.First != at || m.More && m.Next <= at || m.Next < at || m.Ballot != b {
			t.Fatalf("a page that leads nowhere: %+v", m)
		}
		for _, e := range m.Entries {
			put(promised, at, m.Next, e, e.Value.Digest())
		}
		at, more = m.Next, m.More
	}
	for at, more := first, true; more; {
		m := step(a, "l1", paxos.CatchUp{First: at}).Send[0].Message.(paxos.Voted)
		if m.First != at || m.More && m.Next <= at {
			t.Fatalf("a page that leads nowhere: %+v", m)
		}
		for _, v := range m.Votes {
			if v.Value == nil || v.Value.Digest() != v.Digest {
				t.Fatalf("a vote whose value is another: %+v", v)
			}
			put(voted, at, m.Next, paxos.Entry{Slot: v.Slot, Ballot: v.Ballot}, v.Digest)
		}
		at, more = m.Next, m.More
	}
	return promised, voted
}

func TestPagesOfAnySizeSayTheSameTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []paxos.Record
		want := map[paxos.Slot]string{}
		first := paxos.Slot(rapid.IntRange(0, 12).Draw(t, "first"))
		floor := paxos.Slot(rapid.IntRange(1, 8).Draw(t, "floor"))
		for n := range rapid.IntRange(0, 12).Draw(t, "accepts") {
			p := at(paxos.Slot(rapid.IntRange(1, 12).Draw(t, "slot")), rapid.StringN(0, 200, -1).Draw(t, "body"))
			b := ballot(paxos.Number(n/2+1), "p1")
			records = append(records, paxos.AcceptedRecord{Ballot: b, Proposals: []paxos.Proposal{p}})
			if p.Slot >= floor && p.Slot >= first {
				want[p.Slot] = fmt.Sprint(b, p.Value.Digest())
			}
		}
		if floor > 1 {
			records = append(records, paxos.FloorRecord{Floor: floor, Promise: ballot(100, "p1"), Position: paxos.Number(len(records) + 1)})
		}
		for _, size := range []int{0, 1, 150, rapid.IntRange(0, 2000).Draw(t, "page"), 1 << 30} {
			cfg := configOf("a1")
			cfg.PageBytes = size
			a := acceptor.New(cfg, identity("a1"))
			for _, r := range records {
				if err := a.Restore(r); err != nil {
					t.Fatal(err)
				}
			}
			promised, voted := fetch(t, a, first)
			if diff := cmp.Diff(want, promised); diff != "" {
				t.Fatalf("promises in pages of %d bytes: %s", size, diff)
			}
			if diff := cmp.Diff(want, voted); diff != "" {
				t.Fatalf("votes in pages of %d bytes: %s", size, diff)
			}
		}
	})
}

func TestTheVotesOfATurnLeaveTogetherToEveryLearner(t *testing.T) {
	a := newMember("a1")
	step(a, "p1", accept(ballot(1, "p1"), at(1, "x")))
	step(a, "p1", accept(ballot(1, "p1"), at(2, "y")))
	out := a.Flush()
	if len(out.Send) != 2 || out.Send[0].To != "l1" || out.Send[1].To != "l2" {
		t.Fatalf("%+v", out.Send)
	}
	x, y := value("x"), value("y")
	want := paxos.Learn{Store: 11, Life: life(0, 2), Votes: []paxos.Vote{
		{Slot: 1, Ballot: ballot(1, "p1"), Digest: x.Digest(), Value: &x}, {Slot: 2, Ballot: ballot(1, "p1"), Digest: y.Digest()}}} // a1 does not tell the values of slot 2
	for _, e := range out.Send {
		if diff := cmp.Diff(paxos.Message(want), e.Message); diff != "" {
			t.Error(diff)
		}
	}
	if len(a.Flush().Send) > 0 {
		t.Error("the votes leave twice")
	}
}
