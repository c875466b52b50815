package session_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/paxos"
)

// world is all that lies beyond a session: a network that loses, delays and
// reorders, and repeats answers, and proposers of any mood. It knows of every
// copy whether it may still take effect.
type world struct {
	*desk
	t    *rapid.T
	luck paxos.Dice
	now  int

	mail    []asked          // copies under way
	replies []paxos.Envelope // answers under way
	left    map[paxos.Sequence]bool
	first   map[paxos.Sequence]paxos.Command
	bodies  map[paxos.Sequence]string
	fate    map[paxos.Sequence]paxos.Fate
	until   map[paxos.Sequence]int // unknown: how long it must keep the floor
	last    paxos.Sequence
	tally   map[paxos.Fate]int
}

// gather takes what the session has said and checks it.
func (w *world) gather() {
	for _, a := range w.proposes() {
		for _, c := range a.Commands {
			name, whole := c.Sequence, c
			whole.Confirmed = 0
			if first, ok := w.first[name]; ok && !cmp.Equal(first, whole) {
				w.t.Fatalf("copies differ: %+v and %+v", first, whole)
			}
			w.first[name] = whole
			if string(c.Body) != w.bodies[name] || c.Session != mine || c.Admitted == 0 {
				w.t.Fatalf("%+v", c)
			}
			for s := paxos.Sequence(1); s < c.Confirmed; s++ {
				fate, settled := w.fate[s]
				if !settled || fate == paxos.FateUnknown && w.now < w.until[s] {
					w.t.Fatalf("the floor %d passed %d, which is not settled", c.Confirmed, s)
				}
			}
			if _, over := w.fate[name]; over {
				w.t.Fatalf("%d is settled, and sent", name)
			}
		}
		w.mail = append(w.mail, a)
	}
	for n := range w.last {
		for _, m := range w.settled(user(n + 1)) {
			w.settles(n+1, m)
		}
	}
}

func user(sequence paxos.Sequence) paxos.NodeID { return paxos.NodeID(fmt.Sprint("u", sequence)) }

func (w *world) settles(sequence paxos.Sequence, m paxos.Settled) {
	if _, twice := w.fate[sequence]; twice || m.Name.Sequence != sequence {
		w.t.Fatalf("%d is told %+v, and was told before: %v", sequence, m, twice)
	}
	w.fate[sequence] = m.Fate
	w.until[sequence] = w.now + abandonTicks
	w.tally[m.Fate]++
	if m.Fate != paxos.FateNotApplied {
		return
	}
	if w.left[sequence] {
		w.t.Fatalf("%d is told not to be applied, and an Accept left for it", sequence)
	}
	for _, a := range w.mail {
		if slices.ContainsFunc(a.Commands, func(c paxos.Command) bool { return c.Sequence == sequence }) {
			w.t.Fatalf("%d is told not to be applied, and a copy of it is under way to %s", sequence, a.to)
		}
	}
}

// arrive brings a copy to its proposer, which pursues it or refuses it.
func (w *world) arrive(a asked) {
	refused := paxos.Refused{Attempt: a.Attempt, Reason: paxos.NotLeading, Needed: 2, Leader: []paxos.NodeID{"", "p1", "p2", "p3"}[w.luck.Below(4)]}
	for _, c := range a.Commands {
		refused.Commands = append(refused.Commands, c.Name())
	}
	switch w.luck.Below(4) {
	case 0: // it is proposed, and then the leader fails
		refused.Uncertain, refused.Reason = true, paxos.SteppedDown
		fallthrough
	case 1:
		for _, c := range a.Commands {
			w.left[c.Sequence] = true
		}
		if !refused.Uncertain {
			return // without a word
		}
	}
	w.replies = append(w.replies, paxos.Envelope{From: a.to, Message: refused})
}

func (w *world) move() {
	switch w.luck.Below(9) {
	case 0:
		if w.last < 40 {
			w.last++
			w.bodies[w.last] = fmt.Sprint("body ", w.last)
			w.submit(user(w.last), w.bodies[w.last], 1+w.luck.Below(25))
		}
	case 1, 2:
		w.now++
		w.take(w.s.Tick())
	case 3:
		w.flush()
	case 4, 5:
		if len(w.mail) > 0 {
			i := w.luck.Below(len(w.mail))
			a := w.mail[i]
			w.mail = slices.Delete(w.mail, i, i+1)
			if w.luck.Below(8) > 0 {
				w.arrive(a)
			}
		}
	case 6, 7:
		if len(w.replies) > 0 {
			i := w.luck.Below(len(w.replies))
			e := w.replies[i]
			if w.luck.Below(3) > 0 { // else it comes once more
				w.replies = slices.Delete(w.replies, i, i+1)
			}
			w.from(e.From, e.Message)
		}
	default:
		for _, s := range slices.Sorted(maps.Keys(w.left)) {
			if w.luck.Below(10) == 0 {
				w.from("l1", paxos.Notify{Applied: 6, Outcomes: []paxos.Outcome{outcome(s)}})
				break
			}
		}
	}
	w.gather()
}

func TestNotAppliedIsSaidOnlyWhenNoCopyCanTakeEffect(t *testing.T) {
	tally := map[paxos.Fate]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := &world{desk: newDesk(t), t: t, luck: paxos.Dice(rapid.Uint64().Draw(t, "luck")), left: map[paxos.Sequence]bool{},
			first: map[paxos.Sequence]paxos.Command{}, bodies: map[paxos.Sequence]string{}, fate: map[paxos.Sequence]paxos.Fate{},
			until: map[paxos.Sequence]int{}, tally: tally}
		for range 500 {
			w.move()
		}
	})
	for _, fate := range []paxos.Fate{paxos.FateKnown, paxos.FateNotApplied, paxos.FateUnknown} {
		if tally[fate] < 100 {
			t.Errorf("in all that luck fate %d was told %d times: the test tests nothing", fate, tally[fate])
		}
	}
}
