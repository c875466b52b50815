package proposer_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"paxos/paxos"
	"paxos/proposer"
)

// voter is an acceptor as the textbook has it, with no disk to lose.
type voter struct {
	promise  paxos.Ballot
	accepted map[paxos.Slot]paxos.Entry
	chosen   paxos.Slot
	silent   uint32
}

// duel is a few proposers, textbook acceptors, and a network that loses,
// repeats and reorders. It remembers every proposal and every vote.
type duel struct {
	t         *rapid.T
	luck      paxos.Dice // rapid prefers small numbers; here all are equal
	proposers map[paxos.NodeID]*proposer.Proposer
	voters    map[paxos.NodeID]*voter
	mail      []paxos.Envelope
	starts    int

	proposed map[paxos.Slot]map[paxos.Ballot]paxos.Digest
	votes    map[paxos.Slot]map[paxos.Ballot]map[paxos.NodeID]bool
	won      map[paxos.Slot]paxos.Digest
	top      paxos.Slot // above the highest slot that was ever proposed
}

func newDuel(t *rapid.T) *duel {
	d := &duel{t: t, luck: paxos.Dice(rapid.Uint64().Draw(t, "luck")), proposers: map[paxos.NodeID]*proposer.Proposer{}, voters: map[paxos.NodeID]*voter{},
		proposed: map[paxos.Slot]map[paxos.Ballot]paxos.Digest{}, votes: map[paxos.Slot]map[paxos.Ballot]map[paxos.NodeID]bool{},
		won: map[paxos.Slot]paxos.Digest{}}
	for _, id := range config.Acceptors {
		d.voters[id] = &voter{accepted: map[paxos.Slot]paxos.Entry{}, chosen: 1, silent: 100}
	}
	d.start("p1")
	d.start("p2")
	return d
}

// start starts a proposer, or another of the same name in its place.
func (d *duel) start(id paxos.NodeID) {
	d.starts++
	d.proposers[id] = proposer.New(configOf(id, paxos.StartID(d.starts)))
}

func (d *duel) say(from, to paxos.NodeID, m paxos.Message) {
	d.mail = append(d.mail, paxos.Envelope{From: from, To: to, Cluster: cluster, Config: config.Stamp(), Message: alive(m)})
}

func (d *duel) take(out paxos.Effects) {
	if out.Broken != nil {
		d.t.Fatal(out.Broken)
	}
	for _, e := range out.Send {
		if m, ok := e.Message.(paxos.Accept); ok {
			d.accepts(m)
		}
	}
	d.mail = append(d.mail, out.Send...)
}

// accepts checks what a leader proposes: one value in a slot and ballot, and
// where a value is chosen, that one.
func (d *duel) accepts(m paxos.Accept) {
	for _, p := range m.Proposals {
		digest := p.Value.Digest()
		if d.proposed[p.Slot] == nil {
			d.proposed[p.Slot] = map[paxos.Ballot]paxos.Digest{}
		}
		if old, ok := d.proposed[p.Slot][m.Ballot]; ok && old != digest {
			d.t.Fatalf("two values are proposed in slot %d under %+v", p.Slot, m.Ballot)
		}
		d.proposed[p.Slot][m.Ballot] = digest
		d.top = max(d.top, p.Slot+1)
	}
	for s := paxos.Slot(1); s < m.Chosen; s++ {
		if _, ok := d.won[s]; !ok {
			d.t.Fatalf("%v calls slot %d chosen, and it is not", m.Ballot, s)
		}
	}
}

// hear is the textbook's acceptor: Paxos Made Simple, section 2.2.
func (d *duel) hear(e paxos.Envelope) {
	v, store := d.voters[e.To], paxos.StoreIn(stores, e.To)
	switch m := e.Message.(type) {
	case paxos.Survey:
		d.say(e.To, e.From, paxos.Surveyed{Question: m.Question, Standing: paxos.Member, Store: store, Stores: stores,
			Promise: v.promise, Silent: v.silent, Chosen: v.chosen, Floor: 1})
	case paxos.Prepare:
		if m.Ballot.Less(v.promise) {
			d.say(e.To, e.From, paxos.Nack{Ballot: m.Ballot, Reason: paxos.Preempted, Promise: v.promise, Floor: 1})
			return
		}
		v.promise, v.silent = m.Ballot, 0
		page := paxos.Promise{Ballot: m.Ballot, Store: store, First: m.First, Next: m.First, Floor: 1, Chosen: v.chosen}
		for s := m.First; s < d.top; s++ {
			if entry, ok := v.accepted[s]; ok {
				if len(page.Entries) == 2 {
					page.More = true
					break
				}
				page.Entries, page.Next = append(page.Entries, entry), s+1
			}
		}
		d.say(e.To, e.From, page)
	case paxos.Accept:
		if m.Ballot.Less(v.promise) {
			d.say(e.To, e.From, paxos.Nack{Ballot: m.Ballot, Reason: paxos.Preempted, Promise: v.promise, Floor: 1})
			return
		}
		v.promise, v.silent, v.chosen = m.Ballot, 0, max(v.chosen, m.Chosen)
		for _, p := range m.Proposals {
			v.accepted[p.Slot] = paxos.Entry{Slot: p.Slot, Ballot: m.Ballot, Value: p.Value}
			d.vote(e.To, p.Slot, m.Ballot, p.Value.Digest())
			d.say(e.To, e.From, paxos.Accepted{Ballot: m.Ballot, Store: store, Slots: []paxos.Slot{p.Slot}})
		}
	}
}

func (d *duel) vote(id paxos.NodeID, slot paxos.Slot, b paxos.Ballot, digest paxos.Digest) {
	if d.votes[slot] == nil {
		d.votes[slot] = map[paxos.Ballot]map[paxos.NodeID]bool{}
	}
	if d.votes[slot][b] == nil {
		d.votes[slot][b] = map[paxos.NodeID]bool{}
	}
	d.votes[slot][b][id] = true
	if len(d.votes[slot][b]) >= config.Quorum() {
		if old, ok := d.won[slot]; ok && old != digest {
			d.t.Fatalf("two values are chosen in slot %d, the second under %+v", slot, b)
		}
		d.won[slot] = digest
	}
}

// move lets one thing happen.
func (d *duel) move(n int) {
	id := []paxos.NodeID{"p1", "p2"}[d.luck.Below(2)]
	p := d.proposers[id]
	switch what := d.luck.Below(60); {
	case what < 6:
		for _, v := range d.voters {
			v.silent++
		}
		d.take(p.Tick())
	case what == 6:
		for _, v := range d.voters {
			v.silent = 100
		}
	case what < 10:
		d.take(p.Step(paxos.Envelope{From: "c1", To: id, Message: paxos.Propose{Attempt: paxos.Number(n), Commands: []paxos.Command{command(n)}}}))
	case what < 15:
		d.take(p.Flush())
	case what == 15:
		d.take(p.Step(paxos.Envelope{From: "l1", To: id, Message: paxos.Finish{First: paxos.Slot(d.luck.Below(5)), Next: 9}}))
	case what == 16:
		d.take(p.Step(paxos.Envelope{From: "p9", To: id, Message: paxos.Handover{Ballot: d.voters["a1"].promise}}))
	case what == 17 && d.luck.Below(6) == 0:
		d.start(id)
	case len(d.mail) > 0:
		i := d.luck.Below(min(len(d.mail), 6))
		e := d.mail[i]
		if fate := d.luck.Below(25); fate > 0 { // at 0 it comes once more
			d.mail = slices.Delete(d.mail, i, i+1)
			if fate == 1 {
				return
			}
		}
		if to := d.proposers[e.To]; to != nil {
			d.take(to.Step(e))
		} else if d.voters[e.To] != nil {
			d.hear(e)
		}
	}
}

func TestWhateverTheNetworkDoesOneValueIsChosenInASlot(t *testing.T) {
	chosen, leads := 0, map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		d := newDuel(t)
		for n := range 1200 {
			d.move(n + 1)
			for id, p := range d.proposers {
				if p.Status().Leading {
					leads[fmt.Sprint(id)] = true
				}
				if s := p.Status(); s.Leading && s.InFlight > 256 {
					t.Fatalf("%+v", s)
				}
			}
		}
		chosen += len(d.won)
	})
	t.Logf("%d slots were chosen", chosen)
	if chosen < 50 || len(leads) < 2 {
		t.Errorf("in all that luck %d slots were chosen and %d proposers led: the test tests nothing", chosen, len(leads))
	}
}
