package acceptor_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"paxos/acceptor"
	"paxos/paxos"
)

func last(t testing.TB, w *town) paxos.Initialised {
	t.Helper()
	if len(w.answers) == 0 {
		t.Fatal("nobody answered")
	}
	return w.answers[len(w.answers)-1]
}

func TestNothingIsMadeUntilSomebodyAsks(t *testing.T) {
	w := newTown("a1", "a2", "a3")
	w.pass(300)
	if slices.ContainsFunc(w.standings(), func(s paxos.Standing) bool { return s != paxos.Blank }) || w.writes > 0 {
		t.Errorf("%v after %d writes", w.standings(), w.writes)
	}
}

func TestInitMakesEveryConfiguredAcceptorAMemberOfOneCluster(t *testing.T) {
	for _, ids := range [][]paxos.NodeID{{"a1"}, {"a1", "a2", "a3"}, {"a3", "a2", "a1"}, {"a5", "a2", "a1", "a3", "a4"}} {
		for _, asked := range ids {
			w := newTown(ids...)
			w.ask(asked)
			w.settle()
			if err := w.complete(); err != nil {
				t.Errorf("asked at %s of %v: %v", asked, ids, err)
				continue
			}
			if m := last(t, w); m.Progress != paxos.InitDone || m.Cluster != w.member || len(w.answers) != 1 {
				t.Errorf("asked at %s of %v: %+v", asked, ids, w.answers)
			}
			// a1, the lowest id, started first or later; its id was drawn.
			drawn := slices.Index(ids, "a1") + 1
			if w.member != (paxos.ClusterID{byte(drawn), 7}) {
				t.Errorf("the cluster id %v was not drawn by a1", w.member)
			}
		}
	}
}

func TestASecondInitChangesNothing(t *testing.T) {
	w := newTown("a1", "a2", "a3")
	w.ask("a1")
	w.settle()
	made, writes := w.member, w.writes
	for _, id := range w.config.Acceptors {
		w.ask(id)
		w.settle()
		if m := last(t, w); m.Progress != paxos.InitAlready || m.Cluster != made || w.writes != writes {
			t.Errorf("asked again at %s: %+v, %d writes", id, m, w.writes-writes)
		}
	}
}

func TestTwoWhoAskAtOnceGetOneCluster(t *testing.T) {
	w := newTown("a1", "a2", "a3")
	w.ask("a2")
	w.ask("a1")
	w.ask("a3")
	w.ask("a1")
	w.settle()
	if err := w.complete(); err != nil {
		t.Fatal(err)
	}
	for _, m := range w.answers {
		if m.Cluster != w.member {
			t.Errorf("%+v", m)
		}
	}
	if len(w.answers) != 4 {
		t.Errorf("%d of 4 were answered", len(w.answers))
	}
}

// Whichever acceptor's power fails at whichever write, before or after it is
// durable, the cluster is made in the end, and it is one.
func TestACrashAtAnyPointOfTheInitialisationResumes(t *testing.T) {
	whole := newTown("a1", "a2", "a3")
	whole.ask("a1")
	whole.settle()
	for _, halfWay := range []bool{false, true} {
		for at := 1; at <= whole.writes; at++ {
			w := newTown("a1", "a2", "a3")
			w.crashAt, w.halfWay = at, halfWay
			w.ask("a1")
			w.pass(60)
			if err := w.complete(); err != nil {
				// Nothing was on any disk yet: it must be asked for again.
				if at > 1 || halfWay {
					t.Errorf("crash at write %d (durable: %v): not resumed: %v", at, halfWay, err)
				}
				w.ask("a1")
				w.pass(60)
			}
			if err := w.complete(); err != nil {
				t.Errorf("crash at write %d (durable: %v): %v", at, halfWay, err)
			}
		}
	}
}

func TestAnAcceptorThatIsAwayIsWaitedForAndNamed(t *testing.T) {
	w := newTown("a1", "a2", "a3")
	away := w.nodes["a3"]
	delete(w.nodes, "a3")
	w.ask("a2")
	for range 120 {
		w.take("a1", w.nodes["a1"].Tick())
		w.take("a2", w.nodes["a2"].Tick())
		w.settle()
	}
	if m := last(t, w); m.Progress != paxos.InitForming || len(m.Waiting) != 1 {
		t.Errorf("%+v", m)
	}
	w.ask("a1")
	for range 120 {
		w.take("a1", w.nodes["a1"].Tick())
		w.settle()
	}
	if m := last(t, w); m.Progress != paxos.InitForming || !slices.Equal(m.Waiting, []paxos.NodeID{"a3"}) {
		t.Errorf("%+v", m)
	}
	w.nodes["a3"] = away
	w.pass(60)
	if err := w.complete(); err != nil {
		t.Error("it came back, and: ", err)
	}
}

func TestALostDiskIsNeverMadeAMemberAgain(t *testing.T) {
	for _, lost := range []paxos.NodeID{"a1", "a2", "a3"} {
		w := newTown("a1", "a2", "a3")
		w.ask("a1")
		w.settle()
		w.loseDisk(lost)
		for _, asked := range []paxos.NodeID{lost, "a1", "a2", "a3"} {
			w.ask(asked)
			w.pass(130)
		}
		if s := w.nodes[lost].Status(); s.Standing == paxos.Member || !strings.Contains(s.Why, "lost disk never votes") {
			t.Errorf("%s lost its disk: %+v", lost, s)
		}
		if len(w.failures) > 0 {
			t.Errorf("%s lost its disk: %v", lost, errors.Join(w.failures...))
		}
		w.start(lost)
		w.pass(60)
		if w.nodes[lost].Status().Standing == paxos.Member {
			t.Errorf("%s lost its disk, and a restart made it a member", lost)
		}
	}
}

// Every disk is lost at every point of an initialisation: nobody who voted is
// replaced, and there is one cluster at most.
func TestADiskLostDuringTheInitialisationIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTown("a1", "a2", "a3")
		id := func() paxos.NodeID { return rapid.SampledFrom(w.config.Acceptors).Draw(t, "acceptor") }
		lose, crash := rapid.Bool().Draw(t, "disks are lost"), rapid.Bool().Draw(t, "acceptors crash")
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			switch n := rapid.IntRange(0, 19).Draw(t, "what"); {
			case n == 0 && lose:
				w.loseDisk(id())
			case n == 1 && crash:
				w.start(id())
			case n == 2 || len(w.mail) == 0:
				w.ask(id())
			case n == 3:
				for range 21 {
					who := id()
					w.take(who, w.nodes[who].Tick())
				}
			default:
				i := rapid.IntRange(0, min(len(w.mail)-1, 9)).Draw(t, "which")
				e := w.mail[i]
				if fate := rapid.IntRange(0, 9).Draw(t, "fate"); fate > 0 { // at 0 it comes once more
					w.mail = slices.Delete(w.mail, i, i+1)
				} else if fate == 1 {
					continue // lost
				}
				w.deliver(e)
			}
			if err := errors.Join(w.failures...); err != nil {
				t.Fatal(err)
			}
		}
		if !lose {
			w.settle()
			w.ask("a1")
			w.pass(130)
			if err := w.complete(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestABlankFirstAcceptorBesideOneThatIsFormingLostItsDisk(t *testing.T) {
	w := newTown("a1", "a2", "a3")
	w.ask("a1")
	for w.disks["a2"].identity.Standing != paxos.Forming {
		e := w.mail[0]
		w.mail = w.mail[1:]
		w.deliver(e)
	}
	w.mail = nil
	w.loseDisk("a1")
	w.ask("a1")
	w.pass(60)
	if s := w.nodes["a1"].Status(); s.Standing != paxos.Blank || !strings.Contains(s.Why, "only this acceptor can have drawn") {
		t.Errorf("%+v", s)
	}
	if m := last(t, w); m.Progress != paxos.InitRefused || m.Why == "" {
		t.Errorf("%+v", m)
	}
}

func TestNoClusterIsMadeWithADiskThatMayNotVote(t *testing.T) {
	w := newTown("a1", "a2", "a3")
	w.mute["a2"] = "the disk is damaged"
	w.start("a2")
	w.ask("a1")
	w.pass(60)
	if m := last(t, w); m.Progress != paxos.InitRefused || !strings.Contains(m.Why, "a2") {
		t.Errorf("%+v", m)
	}
	if w.writes > 0 {
		t.Errorf("%d writes", w.writes)
	}
	w.ask("a2")
	w.pass(60)
	if m := last(t, w); m.Progress != paxos.InitRefused || m.Why != "the disk is damaged" {
		t.Errorf("%+v", m)
	}
}

func TestABlankAcceptorFormsOnlyForTheFirstOfItsConfiguration(t *testing.T) {
	other := config
	other.Acceptors = []paxos.NodeID{"a1", "a2", "a3", "a4", "a5"}
	x := paxos.ClusterID{5}
	for _, c := range []struct {
		name string
		from paxos.NodeID
		m    paxos.Form
		want paxos.Standing
	}{
		{"the first", "a1", paxos.Form{NewCluster: x, NewConfig: config}, paxos.Forming},
		{"another", "a3", paxos.Form{NewCluster: x, NewConfig: config}, paxos.Blank},
		{"a stranger", "p1", paxos.Form{NewCluster: x, NewConfig: config}, paxos.Blank},
		{"another configuration", "a1", paxos.Form{NewCluster: x, NewConfig: other}, paxos.Blank},
		{"only a question", "a1", paxos.Form{NewConfig: config}, paxos.Blank},
	} {
		a := acceptor.New(configOf("a2"), paxos.Identity{})
		out := step(a, c.from, c.m)
		got := answer(t, out).(paxos.Formed)
		if got.Standing != c.want || (len(out.Persist) == 1) != (c.want == paxos.Forming) {
			t.Errorf("%s: %+v, written: %+v", c.name, got, out.Persist)
		}
	}
}

func TestAFormingAcceptorIsEnrolledOnlyWithItsOwnDiskAndCluster(t *testing.T) {
	forming := paxos.Identity{Standing: paxos.Forming, Cluster: cluster, Node: "a2", Store: 12, Config: config}
	replaced := slices.Clone(stores)
	replaced[1].Store = 77
	for _, c := range []struct {
		name string
		from paxos.NodeID
		m    paxos.Enroll
		want paxos.Standing
	}{
		{"as it should be", "a1", paxos.Enroll{NewCluster: cluster, Stores: stores}, paxos.Member},
		{"by another", "a3", paxos.Enroll{NewCluster: cluster, Stores: stores}, paxos.Forming},
		{"another cluster", "a1", paxos.Enroll{NewCluster: paxos.ClusterID{8}, Stores: stores}, paxos.Forming},
		{"another disk", "a1", paxos.Enroll{NewCluster: cluster, Stores: replaced}, paxos.Forming},
		{"no disk", "a1", paxos.Enroll{NewCluster: cluster}, paxos.Forming},
	} {
		a := acceptor.New(configOf("a2"), forming)
		out := step(a, c.from, c.m)
		if got := a.Status().Standing; got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.want == paxos.Member {
			want := forming
			want.Standing, want.Stores = paxos.Member, stores
			wantRecords(t, out, paxos.IdentityRecord{Identity: want})
		}
	}
}

func TestABlankAcceptorThatHearsOfAMemberFormsForNobody(t *testing.T) {
	a := acceptor.New(configOf("a2"), paxos.Identity{})
	step(a, "a3", paxos.Formed{Standing: paxos.Member, Current: cluster, Store: 13})
	if why := a.Why(); !strings.Contains(why, "a lost disk never votes") {
		t.Errorf("it says: %s", why)
	}
	out := step(a, "a1", paxos.Form{NewCluster: cluster, NewConfig: config})
	if m := answer(t, out).(paxos.Formed); m.Standing != paxos.Blank || len(out.Persist) > 0 {
		t.Errorf("an old Form made it %v", m.Standing)
	}
}
