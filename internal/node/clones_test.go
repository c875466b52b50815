package node_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"paxos/acceptor"
	"paxos/internal/node"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// living is an acceptor with a disk of its own, start after start. What it says
// in a turn leaves when what it wrote in that turn is synced, and else never.
type living struct {
	t    *testing.T
	dice *rand.Rand
	disk *memfs.Disk
	a    *acceptor.Acceptor
	d    *node.Disk
	slot paxos.Slot
	said []word // of this start
}

// word is what Lives looks at in what a voter says.
type word struct {
	store paxos.StoreID
	life  paxos.Life
}

func hear(l *paxos.Lives, w word) bool { return l.Hear("a1", w.store, w.life) }

// start makes a process, if the power lasts so long.
func (v *living) start() bool {
	d, found, err := node.OpenDisk(v.disk, dir, "a1", small)
	if err != nil {
		return false
	}
	if found.Mute != "" {
		v.t.Fatalf("an ordinary disk does not vote: %s", found.Mute)
	}
	cfg := memberConfig
	cfg.Starts, cfg.Run = paxos.Number(d.Starts()), paxos.StartID(v.dice.Uint64())
	cfg.FreshStore = paxos.StoreID(v.dice.Uint64())
	cfg.Snapshots, cfg.TruncateSlots = 1, 1
	v.a, v.d, v.said = acceptor.Recover(cfg, found.Identity, found.Records), d, nil
	if why := v.a.Why(); found.Identity.Standing == paxos.Member && why != "" {
		v.t.Fatalf("an ordinary acceptor does not vote: %s", why)
	}
	return true
}

// message is what somebody may say to an acceptor. Ballots rise with the slots.
func (v *living) message() (from paxos.NodeID, m paxos.Message) {
	b := paxos.Ballot{Number: paxos.Number(v.slot) + paxos.Number(v.dice.IntN(2)), Proposer: "p1", Start: 1}
	switch v.dice.IntN(8) {
	case 0:
		return "p1", paxos.Prepare{Ballot: b, First: 1}
	case 1:
		return "p1", paxos.Survey{}
	case 2:
		return "l1", paxos.Highest{}
	case 3:
		return "l1", paxos.CatchUp{First: 1}
	case 4:
		return "p1", paxos.Heartbeat{Ballot: b}
	case 5:
		last := v.slot - min(v.slot, paxos.Slot(v.dice.IntN(4)))
		return "l1", paxos.Kept{Store: 21, Last: last, Previous: last}
	}
	v.slot++
	value := paxos.Value{Time: 1, Commands: []paxos.Command{{Session: 1, Sequence: 1, Body: make([]byte, v.dice.IntN(900))}}}
	return "p1", paxos.Accept{Ballot: b, Proposals: []paxos.Proposal{{Slot: v.slot, Value: value}}}
}

// turn is one of the loop's; it reports whether the process lives on.
func (v *living) turn() bool {
	var persist []paxos.Record
	var send []paxos.Envelope
	take := func(out paxos.Effects) {
		persist, send = append(persist, out.Persist...), append(send, out.Send...)
	}
	if v.a.Status().Standing != paxos.Member {
		take(v.a.Step(paxos.Envelope{From: "user", To: "a1", Config: config.Stamp(), Message: paxos.Init{}}))
	}
	for range 1 + v.dice.IntN(3) {
		from, m := v.message()
		take(v.a.Step(paxos.Envelope{From: from, To: "a1", Cluster: v.a.Header().Cluster, Config: config.Stamp(), Message: m}))
	}
	take(v.a.Flush())
	if v.d.Keep(persist) != nil {
		return false
	}
	for _, e := range send {
		m := reflect.ValueOf(e.Message)
		if life := m.FieldByName("Life"); life.IsValid() {
			v.said = append(v.said, word{m.FieldByName("Store").Interface().(paxos.StoreID), life.Interface().(paxos.Life)})
		}
	}
	return true
}

// end is the end of a process: of itself, by a signal, or with the power.
func (v *living) end() {
	switch v.dice.IntN(3) {
	case 0:
		must(v.t, v.d.Close())
	case 1:
		v.disk.Kill()
	default:
		v.disk.Crash(v.dice.IntN)
	}
}

// A disk may be cut off at any operation, of a recovery too, and what it says
// may come late, twice and in any order: nobody ever takes it for a clone.
func TestAnOrdinaryLifeIsNeverTakenForAClone(t *testing.T) {
	words, starts, cuts, dropped := 0, 0, 0, 0
	for seed := range uint64(300) {
		dice := rand.New(rand.NewPCG(seed, 21))
		v := &living{t: t, dice: dice, disk: newDisk(t)}
		var all []word
		var punctual paxos.Lives
		for range 12 {
			if dice.IntN(4) > 0 {
				cut(v.disk, 1+dice.IntN(120))
			}
			alive := v.start()
			for n := dice.IntN(12); alive && n > 0; n-- {
				before := len(v.said)
				alive = v.turn()
				for _, w := range v.said[before:] {
					if w.store != 0 && !hear(&punctual, w) {
						t.Fatalf("seed %d: %+v does not count at once: %s", seed, w, punctual.Why("a1", w.store))
					}
				}
				all = append(all, v.said[before:]...)
			}
			if starts++; alive {
				v.end()
			} else {
				cuts++
				v.disk.Crash(dice.IntN)
			}
			for range 2 {
				judgeWords(t, dice, all, seed)
			}
		}
		words += len(all)
		if !strings.Contains(strings.Join(v.disk.Files(), " "), "/data/0000000000000001.wal") {
			dropped++
		}
	}
	if words < 10_000 || cuts < 500 || starts-cuts < 500 || dropped < 50 {
		t.Fatalf("%d words of %d starts, %d of them cut off, and %d disks dropped a segment: the test tests little", words, starts, cuts, dropped)
	}
}

// judgeWords tells an observer words in any order, some of them twice.
func judgeWords(t *testing.T, dice *rand.Rand, all []word, seed uint64) {
	t.Helper()
	var l paxos.Lives
	for range len(all) {
		w := all[dice.IntN(len(all))]
		if hear(&l, w); l.Why("a1", w.store) != "" {
			t.Fatalf("seed %d: an ordinary disk is refused: %s", seed, l.Why("a1", w.store))
		}
	}
}

// grow lets an acceptor live until its journal has records that its image lacks.
func (v *living) grow(above paxos.Number) {
	for n := 0; ; n++ {
		if n > 1000 {
			v.t.Fatalf("nothing is written and said in %d turns", n)
		}
		if !v.turn() {
			v.t.Fatal("a turn failed, and nothing is broken")
		}
		if k := len(v.said); k > 0 && v.said[k-1].life.Position > above {
			return
		}
	}
}

// An image of a disk is taken, life goes on, and the image is put back, or
// started beside the disk: no observer that heard the one lets the other count.
func TestAnImageThatIsPutBackOrCopiedNeverCountsBesideTheDisk(t *testing.T) {
	for seed := range uint64(300) {
		dice := rand.New(rand.NewPCG(seed, 22))
		v := &living{t: t, dice: dice, disk: newDisk(t)}
		v.start()
		for v.grow(0); dice.IntN(2) == 0; v.grow(0) {
			v.end()
			v.start()
		}
		other := &living{t: t, dice: dice, disk: v.disk.Clone(), slot: v.slot}
		common := v.a.Status().Life.Position
		restarts := dice.IntN(3)
		for range restarts {
			v.grow(common)
			v.end()
			v.start()
		}
		v.grow(common)
		if restarts > 0 {
			v.grow(v.said[0].life.Began)
		}
		hears := func(l *paxos.Lives, words []word, from paxos.Number) (counted int) {
			for _, w := range words {
				if hear(l, w) && w.life.Position > from {
					counted++
				}
			}
			return counted
		}
		var first, second paxos.Lives
		if hears(&first, v.said, common) == 0 {
			t.Fatalf("seed %d: nothing of the disk itself counts", seed)
		}
		// The image gets as many starts as it takes to speak with the latest.
		for range restarts + 1 {
			other.start()
			other.grow(common)
			if hears(&first, other.said, 0) > 0 {
				t.Fatalf("seed %d: the image counts where the disk was heard: %+v and %+v", seed, v.said, other.said)
			}
			if restarts == 0 && (hears(&second, other.said, common) == 0 || hears(&second, v.said, common) > 0) {
				t.Fatalf("seed %d: the disk counts where its image was heard: %+v and %+v", seed, v.said, other.said)
			}
			other.end()
		}
		if why := first.Why("a1", v.said[0].store); why == "" {
			t.Fatalf("seed %d: the disk is not refused, after %+v and %+v", seed, v.said, other.said)
		}
	}
}
