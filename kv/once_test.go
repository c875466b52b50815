package kv_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/kv"
	"paxos/paxos"
)

// made is a command and when it was admitted.
type made struct {
	command paxos.Command
	time    paxos.LogTime
	life    int // how often its session was opened before
}

// memory is a reference that forgets nothing: by it one sees whether the table
// forgot too much.
type memory struct {
	t       *rapid.T
	luck    paxos.Dice
	calm    bool
	m       *kv.Machine
	log     []paxos.Entry
	results [][]paxos.Outcome

	made    []made
	time    paxos.LogTime
	effects map[paxos.CommandName]paxos.Outcome // the first, and only, effect
	floors  map[paxos.SessionID]paxos.Sequence
	keySlot map[string]paxos.Slot // of the last effect, or burning
	keyTime map[string]paxos.LogTime
	burnt   map[paxos.CommandName]bool
	tally   map[paxos.Verdict]int
	lives   map[paxos.SessionID]int
	open    map[paxos.SessionID]bool
	used    map[paxos.SessionID]paxos.LogTime // at least then, by the last new effect
	chores  [][]byte

	refusals int // because of too many keys
}

// create admits a new command; its copies all look like this.
func (r *memory) create() paxos.Command {
	session := paxos.SessionID(1 + r.luck.Below(3))
	sequence := paxos.Sequence(1)
	for _, old := range r.made {
		if old.command.Session == session {
			sequence = max(sequence, old.command.Sequence+1)
		}
	}
	c := paxos.Command{Session: session, Sequence: sequence, Admitted: r.m.Applied()}
	if !r.open[session] && r.luck.Below(2) == 0 || r.luck.Below(20) == 0 {
		c.Body = kv.Encode(kv.Open{})
		r.made = append(r.made, made{c, r.m.Time(), r.lives[session]})
		return c
	}
	c.Key = []string{"", "", "k1", "k2", "k3", "call-1", "call-2"}[r.luck.Below(7)]
	c.Body = kv.Append(fmt.Sprint("v", r.luck.Below(3)))
	if len(r.made) > 0 && r.luck.Below(8) == 0 {
		c.Key, c.Body = "", kv.Burn(r.made[r.luck.Below(len(r.made))].command.Name())
	} else if r.luck.Below(12) == 0 {
		c.Key, c.Body = "", kv.BurnKey([]string{"k1", "k2", "call-1"}[r.luck.Below(3)])
	}
	r.made = append(r.made, made{c, r.m.Time(), r.lives[session]})
	return c
}

// close applies what learners would propose, or proposed long ago: each in a
// slot of its own.
func (r *memory) close() {
	r.chores = append(r.chores, r.m.Chores(r.m.Time(), kv.History{})...)
	for range min(len(r.chores), r.luck.Below(4)) {
		body := r.chores[r.luck.Below(len(r.chores))]
		e := paxos.Entry{Slot: r.m.Applied(), Value: paxos.Value{Time: r.time, Commands: []paxos.Command{{Sequence: 1, Body: body}}}}
		before := r.m.Sizes().Sessions
		outcomes, err := r.m.Apply(e)
		if err != nil {
			r.t.Fatal(err)
		}
		r.log, r.results = append(r.log, e), append(r.results, outcomes)
		if r.m.Sizes().Sessions == before {
			continue
		}
		for id := paxos.SessionID(1); id <= 3; id++ {
			if bytes.HasPrefix(body, append(kv.Encode(kv.ExpireSession{})[:2], binary.BigEndian.AppendUint64(nil, uint64(id))...)) {
				if r.open[id] && r.m.Time()-r.used[id] < day {
					r.t.Fatalf("session %d was used %d ms ago and is closed", id, r.m.Time()-r.used[id])
				}
				r.open[id] = false
			}
		}
	}
}

// slot applies a slot of new commands and of copies, old ones too, after a
// leap of log time.
func (r *memory) slot() {
	leaps := []paxos.LogTime{0, 0, 0, 1, minute, hour, 5 * hour, 23 * hour, day, day + 2*minute, 3 * day}
	if r.calm { // nobody is forgotten, but keys are
		leaps = leaps[:7]
	}
	r.time += leaps[r.luck.Below(len(leaps))]
	e := paxos.Entry{Slot: r.m.Applied(), Value: paxos.Value{Time: r.time - min(r.time, paxos.LogTime(r.luck.Below(2)*hour))}}
	var copies []made
	if r.luck.Below(3) == 0 {
		r.create() // it is admitted now, and comes when it comes
	}
	for range r.luck.Below(4) {
		if len(r.made) == 0 || r.luck.Below(3) == 0 {
			r.create()
			copies = append(copies, r.made[len(r.made)-1])
		} else {
			copies = append(copies, r.made[r.luck.Below(len(r.made))])
		}
		c := copies[len(copies)-1].command
		if r.luck.Below(20) == 0 { // a client confirms nothing from here on
			c.Confirmed = paxos.Sequence(r.luck.Below(int(c.Sequence) + 1))
		}
		e.Value.Commands = append(e.Value.Commands, c)
	}
	count := r.m.Count()
	outcomes, err := r.m.Apply(e)
	if err != nil {
		r.t.Fatal(err)
	}
	r.log, r.results = append(r.log, e), append(r.results, outcomes)
	fresh, _ := r.m.Values(e.Slot, 0, 100)
	if count+len(fresh) != r.m.Count() {
		r.t.Fatalf("%d values became %d", count, r.m.Count())
	}
	effect := map[uint32]bool{}
	for _, v := range fresh {
		effect[v.Position] = true
	}
	for i, o := range outcomes {
		r.check(e.Slot, uint32(i), e.Value.Commands[i], copies[i], effect[uint32(i)], o)
	}
}

// check compares what became of one copy with what is remembered for ever.
func (r *memory) check(slot paxos.Slot, position uint32, c paxos.Command, made made, effect bool, o paxos.Outcome) {
	name, now, at := c.Name(), r.m.Time(), made.time
	r.tally[o.Verdict]++
	here := o.Verdict == paxos.Applied && o.Slot == slot && o.Position == position
	if effect && !here {
		r.t.Fatalf("%v took effect at %d.%d and is told %+v", name, slot, position, o)
	}
	first, had := r.effects[name]
	if had && here {
		r.t.Fatalf("%v took effect twice: %+v and at %d.%d", name, first, slot, position)
	}
	if had && o.Verdict == paxos.Applied && !cmp.Equal(first, o) {
		r.t.Fatalf("a copy of %v is told %+v, the first was told %+v", name, o, first)
	}
	if here {
		r.effects[name] = o
		if r.burnt[name] {
			r.t.Fatalf("%v was burnt and took effect", name)
		}
	}
	if effect && c.Key != "" {
		// A drawn key may be forgotten early, but then no older copy applies.
		last, ok := r.keySlot[c.Key]
		if ok && (!isDrawn(c.Key) && now-r.keyTime[c.Key] <= day || c.Admitted <= last) {
			r.t.Fatalf("key %q took effect at slot %d and again at %d, %d ms later, admitted at %d", c.Key, last, slot, now-r.keyTime[c.Key], c.Admitted)
		}
		r.keySlot[c.Key], r.keyTime[c.Key] = slot, now
	}
	r.floors[c.Session] = max(r.floors[c.Session], c.Confirmed)
	if o.Verdict == paxos.Confirmed && c.Sequence >= r.floors[c.Session] {
		r.t.Fatalf("%v is told to be confirmed, the floor is %d", name, r.floors[c.Session])
	}
	if o.Verdict == paxos.Expired && r.open[c.Session] && made.life == r.lives[c.Session] {
		r.t.Fatalf("%v is of a session that is open, and is told that it is expired", name)
	}
	opens := bytes.Equal(c.Body, kv.Encode(kv.Open{}))
	if o.Verdict == paxos.Late {
		if had && !opens {
			r.t.Fatalf("%v took effect and a copy is told that it came too late", name)
		}
		if now-at < day && !isDrawn(c.Key) || c.Key == "" && !opens {
			r.t.Fatalf("%v is %d ms old, and is told that it comes late", name, now-at)
		}
	}
	if here && !effect && c.Key != "" && !r.crowded(o) {
		r.t.Fatalf("%v is told %+v, and had no effect", name, o)
	}
	if effect && !r.open[c.Session] {
		r.t.Fatalf("%v took effect and its session is not open", name)
	}
	if here {
		r.used[c.Session] = now
		if opens && !r.open[c.Session] {
			r.open[c.Session] = true
			r.lives[c.Session]++
		}
		if !opens && c.Body[1] != kv.Append("")[1] {
			r.burns(slot, c, o, now)
		}
	}
}

func isDrawn(key string) bool { return strings.HasPrefix(key, paxos.CallKeyPrefix) }

// crowded reports whether a command was refused because there are too many
// keys, of which there must be a reason.
func (r *memory) crowded(o paxos.Outcome) bool {
	res, err := kv.DecodeResult(o.Result)
	if err != nil || res.Failure == nil {
		return false
	}
	living := 0
	for key, time := range r.keyTime {
		if !isDrawn(key) && r.m.Time()-time <= day {
			living++
		}
	}
	if res.Failure.Code != kv.FailKeys || living < 2 {
		r.t.Fatalf("%+v with %d keys", res.Failure, living)
	}
	r.refusals++
	return true
}

func (r *memory) burns(slot paxos.Slot, c paxos.Command, o paxos.Outcome, now paxos.LogTime) {
	if r.crowded(o) {
		return
	}
	stands, err := paxos.DecodeOutcome(o.Result)
	if err != nil {
		r.t.Fatal(err)
	}
	if stands.Verdict != paxos.Burnt && stands.Verdict != paxos.Expired || stands.Slot != slot {
		return // it came too late, or not first
	}
	for _, old := range r.made {
		if bytes.Equal(c.Body, kv.Burn(old.command.Name())) {
			_, had := r.effects[old.command.Name()]
			if open := r.open[old.command.Session]; had && open && now-old.time <= day || open == (stands.Verdict == paxos.Expired) {
				r.t.Fatalf("%v took effect: %v; its session is open: %v; burnt, it is %v", old.command.Name(), had, open, stands.Verdict)
			}
			r.burnt[old.command.Name()] = true
		}
	}
	for _, key := range []string{"k1", "k2", "call-1"} {
		if bytes.Equal(c.Body, kv.BurnKey(key)) {
			r.keySlot[key], r.keyTime[key] = slot, now
		}
	}
}

func TestWhateverCopiesComeInWhateverOrderAnEffectHappensOnce(t *testing.T) {
	tally, refusals := map[paxos.Verdict]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		r := &memory{t: t, m: kv.New(), luck: paxos.Dice(rapid.Uint64().Draw(t, "luck")), effects: map[paxos.CommandName]paxos.Outcome{},
			lives: map[paxos.SessionID]int{}, open: map[paxos.SessionID]bool{}, used: map[paxos.SessionID]paxos.LogTime{}, keySlot: map[string]paxos.Slot{}, keyTime: map[string]paxos.LogTime{},
			burnt: map[paxos.CommandName]bool{}, floors: map[paxos.SessionID]paxos.Sequence{}, tally: tally}
		r.calm = r.luck.Below(2) == 0
		r.m.RememberKeys(2, 1, 1<<20)
		for range 80 {
			r.slot()
			r.close()
		}
		refusals += r.refusals
		again := kv.New()
		again.RememberKeys(2, 1, 1<<20)
		for i, e := range r.log {
			outcomes, err := again.Apply(e)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r.results[i], outcomes); diff != "" {
				t.Fatalf("the same log gave other outcomes in slot %d: %s", e.Slot, diff)
			}
		}
		if !bytes.Equal(stateOf(r.t, r.m), stateOf(r.t, again)) {
			t.Fatal("the same log gave another state")
		}
	})
	for _, v := range []paxos.Verdict{paxos.Applied, paxos.Confirmed, paxos.KeyReused, paxos.Expired, paxos.Burnt, paxos.Late} {
		if tally[v] < 50 {
			t.Errorf("in all that luck %v was told %d times: the test tests nothing", v, tally[v])
		}
	}
	if refusals < 50 {
		t.Errorf("%d commands were refused because of too many keys: the test tests nothing", refusals)
	}
}
