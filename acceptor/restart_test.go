package acceptor_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/acceptor"
	"paxos/paxos"
)

// play is one acceptor in a world that says anything to it and may end it at
// any moment. Only what Effects.Persist asked for is on the disk.
type play struct {
	a    *acceptor.Acceptor
	disk disk
	cfg  acceptor.Config
	// high is the highest promise it ever spoke of, floor the highest floor.
	high  paxos.Ballot
	floor paxos.Slot
	// said keeps the value of every Accepted and vote, for slot and ballot.
	said map[paxos.Slot]map[paxos.Ballot]paxos.Digest
}

func newPlay() *play {
	p := &play{cfg: configOf("a1"), disk: disk{identity: identity("a1")}, said: map[paxos.Slot]map[paxos.Ballot]paxos.Digest{}}
	p.cfg.PageBytes, p.cfg.Snapshots, p.cfg.TruncateSlots = 300, 2, 1
	p.a, _ = p.disk.start(p.cfg)
	return p
}

// take makes the effects' records durable and checks what is said.
func (p *play) take(t *rapid.T, out paxos.Effects) {
	p.disk.write(out.Persist)
	for _, e := range out.Send {
		if err := p.disk.covers(e); err != nil {
			t.Fatal(err)
		}
		switch m := e.Message.(type) {
		case paxos.Promise:
			p.speaks(t, m.Ballot)
			if m.Floor < p.floor {
				t.Fatalf("the floor went from %d back to %d", p.floor, m.Floor)
			}
			p.floor = m.Floor
		case paxos.Accepted:
			p.speaks(t, m.Ballot)
		case paxos.Learn:
			for _, v := range m.Votes {
				if p.said[v.Slot] == nil {
					p.said[v.Slot] = map[paxos.Ballot]paxos.Digest{}
				}
				if d, ok := p.said[v.Slot][v.Ballot]; ok && d != v.Digest {
					t.Fatalf("two values are voted for in slot %d under %v", v.Slot, v.Ballot)
				}
				p.said[v.Slot][v.Ballot] = v.Digest
			}
		}
	}
	if p.a.Status().Promise.Less(p.high) {
		t.Fatalf("the promise fell from %v to %v", p.high, p.a.Status().Promise)
	}
}

// speaks: whatever is promised or accepted was never promised away.
func (p *play) speaks(t *rapid.T, b paxos.Ballot) {
	if b.Less(p.high) {
		t.Fatalf("%v was answered well after %v", b, p.high)
	}
	p.high = b
}

func (p *play) restart(t *rapid.T) {
	a, err := p.disk.start(p.cfg)
	if err != nil {
		t.Fatalf("what was written cannot be read back: %v", err)
	}
	p.a = a
}

// truncate lets learners report snapshots.
func (p *play) truncate(t *rapid.T) {
	for _, id := range []paxos.NodeID{"l1", "l2"} {
		p.take(t, kept(p.a, id, 9, paxos.Slot(rapid.IntRange(0, 8).Draw(t, "previous"))))
	}
}

func drawBallot(t *rapid.T) paxos.Ballot {
	return paxos.Ballot{
		Number:   paxos.Number(rapid.OneOf(rapid.Uint64Range(0, 4), rapid.Just[uint64](1<<40)).Draw(t, "number")),
		Proposer: rapid.SampledFrom([]paxos.NodeID{"p1", "p2"}).Draw(t, "proposer"),
		Start:    paxos.StartID(rapid.IntRange(1, 2).Draw(t, "start")),
	}
}

func drawMessage(t *rapid.T) paxos.Message {
	slot := func() paxos.Slot { return paxos.Slot(rapid.IntRange(0, 9).Draw(t, "slot")) }
	switch rapid.IntRange(0, 5).Draw(t, "message") {
	case 0:
		return paxos.Prepare{Ballot: drawBallot(t), First: slot()}
	case 1:
		return paxos.Heartbeat{Ballot: drawBallot(t), Chosen: slot()}
	case 2:
		return paxos.Survey{}
	default:
		m := paxos.Accept{Ballot: drawBallot(t), Chosen: slot()}
		for range rapid.IntRange(0, 3).Draw(t, "proposals") {
			m.Proposals = append(m.Proposals, at(slot(), rapid.SampledFrom([]string{"", "x", "y", strings.Repeat("z", 200)}).Draw(t, "body")))
		}
		return m
	}
}

func TestNothingIsSaidBeforeItIsOnDiskAndNoPromiseFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay()
		t.Repeat(map[string]func(*rapid.T){
			"step": func(t *rapid.T) { p.take(t, step(p.a, "p1", drawMessage(t))) },
			"flush": func(t *rapid.T) {
				p.take(t, p.a.Flush())
			},
			"restart": func(t *rapid.T) {
				p.restart(t)
			},
			"truncate": func(t *rapid.T) {
				p.truncate(t)
			},
		})
	})
}

// Of all that is in an acceptor, only hints are lost in a restart: what it
// heard of the chosen watermark and of the leader.
func TestARestoredAcceptorAnswersLikeTheOneThatEnded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay()
		for range rapid.IntRange(0, 12).Draw(t, "messages") {
			p.take(t, step(p.a, "p1", drawMessage(t)))
			if rapid.IntRange(0, 9).Draw(t, "truncate") == 0 {
				p.truncate(t)
			}
		}
		old := p.a
		p.restart(t)
		if old.Status().Chosen < p.a.Status().Chosen {
			t.Fatalf("a restart invented the watermark %d", p.a.Status().Chosen)
		}
		for _, m := range []paxos.Message{
			paxos.Highest{}, paxos.CatchUp{First: 1}, drawMessage(t), paxos.Prepare{Ballot: drawBallot(t), First: 1},
			paxos.Prepare{Ballot: paxos.Ballot{Number: 1 << 31, Proposer: "p9", Start: 9}, First: 1}, drawMessage(t),
		} {
			was, is := step(old, "p9", m), step(p.a, "p9", m)
			if diff := cmp.Diff(was.Persist, is.Persist); diff != "" {
				t.Fatalf("%T is written otherwise after a restart: %s", m, diff)
			}
			if diff := cmp.Diff(withoutHints(was.Send), withoutHints(is.Send)); diff != "" {
				t.Fatalf("%T is answered otherwise after a restart: %s", m, diff)
			}
		}
	})
}

// withoutBeginning leaves out what differs between two starts by intention.
func withoutBeginning(m paxos.Message) paxos.Message {
	v := reflect.New(reflect.TypeOf(m)).Elem()
	v.Set(reflect.ValueOf(m))
	if life := v.FieldByName("Life"); life.IsValid() {
		life.FieldByName("Began").SetUint(0)
	}
	return v.Interface().(paxos.Message)
}

func withoutHints(sent []paxos.Envelope) (rest []paxos.Envelope) {
	for _, e := range sent {
		e.Message = withoutBeginning(e.Message)
		switch m := e.Message.(type) {
		case paxos.Promise:
			m.Chosen = 0
			e.Message = m
		case paxos.Surveyed:
			m.Chosen, m.Led, m.Silent = 0, paxos.Ballot{}, 0
			e.Message = m
		}
		rest = append(rest, e)
	}
	return rest
}

func TestAJournalThatNoAcceptorWritesIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		records []paxos.Record
		want    string
	}{
		"a promise that falls":            {[]paxos.Record{paxos.PromisedRecord{Ballot: ballot(5, "p1")}, paxos.PromisedRecord{Ballot: ballot(4, "p1")}}, "promise 4.p1 follows promise 5.p1"},
		"a promise twice":                 {[]paxos.Record{paxos.PromisedRecord{Ballot: ballot(5, "p1")}, paxos.PromisedRecord{Ballot: ballot(5, "p1")}}, "promise 5.p1 follows promise 5.p1"},
		"accepted below the promise":      {[]paxos.Record{paxos.PromisedRecord{Ballot: ballot(5, "p1")}, paxos.AcceptedRecord{Ballot: ballot(4, "p9")}}, "accepted under 4.p9 after promise 5.p1"},
		"a floor that falls":              {[]paxos.Record{paxos.FloorRecord{Floor: 7, Position: 1}, paxos.FloorRecord{Floor: 6, Position: 2}}, "floor 6 with promise none follows floor 7"},
		"a floor that lowers the promise": {[]paxos.Record{paxos.PromisedRecord{Ballot: ballot(5, "p1")}, paxos.FloorRecord{Floor: 7, Promise: ballot(4, "p1"), Position: 2}}, "promise 4.p1 follows floor 1 with promise 5.p1"},
		"a record too many before a floor": {[]paxos.Record{paxos.PromisedRecord{Ballot: ballot(5, "p1")}, paxos.FloorRecord{Floor: 7, Promise: ballot(5, "p1"), Position: 1}},
			"floor 7 calls itself record 1, and 1 come before it"},
		"an identity": {[]paxos.Record{paxos.IdentityRecord{}}, "kind 4 does not belong"},
	} {
		a, last := newMember("a1"), error(nil)
		for _, r := range c.records {
			last = a.Restore(r)
		}
		if last == nil || !strings.Contains(last.Error(), c.want) {
			t.Errorf("%s: %v", name, last)
		}
	}
}
