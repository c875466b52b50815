package sim

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

// alien is a message that nobody can read.
type alien struct{ paxos.Survey }

func (alien) Kind() paxos.Kind { return 250 }

// one gives the process of a node.
func (w *World) one(id paxos.NodeID) *process { return w.byID[id].processes[0] }

// leader gives a process that leads.
func (w *World) leader() *process { return w.one(w.leaders()[0]) }

// isTold lets a user who has called be told something.
func (w *World) isTold(c *call, m paxos.Settled) {
	u := w.users[0]
	c.kind, c.tries = put, 1
	u.call, u.by = c, w.one("client1")
	u.settled(m)
}

func known(o paxos.Outcome) paxos.Settled {
	o.Slot = 3
	return paxos.Settled{Fate: paxos.FateKnown, Outcome: o}
}

// spoilt ends a node, does something to its disk, and begins it again.
func (w *World) spoilt(id paxos.NodeID, how func(h *host)) {
	h := w.byID[id]
	w.kill(h)
	how(h)
	w.begin(h)
}

// anApplied gives a call of a user that took effect, and the entry it did so in.
func (w *World) anApplied() (*call, paxos.Entry) {
	for _, key := range slices.Sorted(maps.Keys(w.calls)) {
		if c := w.calls[key]; c.applied {
			value, _ := w.judge.Chosen(c.place.slot)
			return c, paxos.Entry{Slot: c.place.slot, Value: value}
		}
	}
	panic("no call took effect")
}

// plants do to a world of which nothing is wrong what a checker must see. Those
// before its end are played to the end then.
var plants = map[string]func(w *World){
	"acknowledged": func(w *World) {
		w.isTold(&call{}, known(paxos.Outcome{Verdict: paxos.Applied, Result: kv.EncodeResult(kv.Result{})}))
	},
	"idempotency": func(w *World) { w.isTold(&call{}, known(paxos.Outcome{Verdict: paxos.KeyReused})) },
	"result": func(w *World) {
		w.isTold(&call{applied: true}, known(paxos.Outcome{Verdict: paxos.Applied, Result: []byte("no result")}))
	},
	"not-applied": func(w *World) {
		c, _ := w.anApplied()
		w.isTold(c, paxos.Settled{Fate: paxos.FateNotApplied})
	},
	"linearizable": func(w *World) {
		for _, c := range w.history {
			if c.kind == read && c.fate == done {
				c.value = "that nobody wrote"
			}
		}
		w.checkHistory()
	},
	"stale-read": func(w *World) {
		w.acked = append(w.acked, acknowledged{w.now, 1 << 40})
		w.checkFresh(&call{begun: w.now + 1}, w.one("learner1"))
	},
	"once": func(w *World) {
		c, e := w.anApplied()
		c.place.position += 7
		e.Slot = w.one("learner1").machine.Applied()
		if _, err := w.one("learner1").machine.Apply(e); err != nil {
			panic(err)
		}
	},
	"lease": func(w *World) {
		w.leases.due[5] = []renewal{{from: 1, ttl: 1, due: 1 << 60}}
		w.leases.ended(w, w.one("learner1").machine, 5, 100, 7)
	},
	"log-time": func(w *World) {
		p := w.leader()
		w.leases.latest = 1 << 60
		w.checkProposals(p, paxos.Accept{Ballot: p.lead.under, Chosen: w.highest, Proposals: []paxos.Proposal{{Slot: w.highest + 1}}})
	},
	"session": func(w *World) {
		w.leases.confirms(w, w.one("learner1").machine, &paxos.Entry{Slot: w.leases.last + 1, Value: paxos.Value{Commands: []paxos.Command{{Session: 5, Sequence: 9}}}},
			[]paxos.Outcome{{Verdict: paxos.Confirmed}})
	},
	"counted": func(w *World) {
		p := w.leader()
		w.checkBallot(p, paxos.Ballot{Number: 1 << 20, Proposer: p.host.id}, 1)
	},
	"preempted": func(w *World) {
		p := w.leader()
		p.lead.lost = p.lead.under
		w.checkBallot(p, p.lead.under, 1)
	},
	"window": func(w *World) {
		p := w.leader()
		w.checkLead(p, paxos.Accept{Ballot: p.lead.under, Chosen: 1, Proposals: []paxos.Proposal{{Slot: w.highest + 1000, Value: paxos.Value{Time: 1 << 60}}}})
	},
	"turn": func(w *World) {
		p := w.leader()
		under := p.proposer.Status().Ballot
		p.wishes = []wished{{by: "learner1", under: under, first: 2}}
		for range 5 {
			p.Turned(w.clock(), 1, []paxos.Event{{Kind: paxos.EventFinish, Ballot: under, Slot: 9}})
		}
	},
	"codec": func(w *World) {
		w.overTheWire(w.leader(), w.leader().role.Header().Envelope("acceptor1", alien{}))
	},
	"broken": func(w *World) { w.failed(w.one("learner1"), errors.New("a broken invariant")) },
	"start": func(w *World) {
		w.spoilt("learner1", func(h *host) { put1(h, dir+"/identity", []byte("no identity")) })
	},
	"mute": func(w *World) { w.spoilt("acceptor1", func(h *host) { h.disk = newDisk() }) },
	"snapshot": func(w *World) {
		w.spoilt("learner1", func(h *host) {
			for _, name := range h.disk.Files() {
				if content, err := h.disk.Content(name); strings.HasSuffix(name, ".snapshot") && err == nil {
					content[len(content)/2] ^= 4
					put1(h, name, content)
				}
			}
		})
	},
	"panic": func(w *World) { w.plant = func(paxos.Envelope) bool { panic("planted") } },
	// No read is answered any more.
	"liveness": func(w *World) {
		w.plant = func(e paxos.Envelope) bool { _, is := e.Message.(paxos.ReadIs); return is && w.calm && !w.over }
	},
	"convergence": func(w *World) {
		w.plant = func(e paxos.Envelope) bool { return w.over && e.To == "learner2" }
	},
	// Where a slot's value is another one for a learner than was chosen.
	"state": func(w *World) {
		p := w.one("learner1")
		other := kv.New(kv.Options{SnapshotSlots: w.scenario.SnapshotSlots})
		for slot := paxos.Slot(1); slot < p.machine.Applied(); slot++ {
			value, _ := w.judge.Chosen(slot)
			if slot == 5 {
				value.Commands = nil
			}
			if _, err := other.Apply(paxos.Entry{Slot: slot, Value: value}); err != nil {
				panic(err)
			}
		}
		p.machine.Machine = other
		w.checkStates()
	},
	// Nobody hears the old disk, so nobody can refuse it.
	"clone": func(w *World) {
		h := w.byID["acceptor1"]
		w.image = &image{h, h.disk.Clone()}
		w.pass(w.now+10*second, nil)
		w.plant = func(e paxos.Envelope) bool { return h.lost && e.From == h.id }
		w.putBack()
	},
}

func put1(h *host, name string, content []byte) {
	if err := h.disk.Put(name, content); err != nil {
		panic(err)
	}
}

func TestEveryCheckerObjectsToWhatIsPlantedForIt(t *testing.T) {
	for checker, plant := range plants {
		t.Run(checker, func(t *testing.T) {
			s := calmScenario(3)
			s.SnapshotSlots, s.Safety = 15, 12*second
			w := newWorld(&s, nil)
			if w.pass(8*second, nil); len(w.objects) > 0 || w.counts.Writes < 50 || w.counts.Reads < 20 {
				t.Fatalf("before anything is planted: %v, %d writes, %d reads", w.objects, w.counts.Writes, w.counts.Reads)
			}
			if plant(w); len(w.objects) == 0 {
				w.run()
			}
			if len(w.objects) == 0 || w.objects[0].Checker != checker {
				t.Errorf("what is said is %v", w.objects)
			}
		})
	}
}

// TestEveryCheckerHasAPlant: of one to which nothing was ever shown nobody knows
// whether it can object.
func TestEveryCheckerHasAPlant(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	checkers := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`w\.object\(([^,]*),`).FindAllStringSubmatch(string(text), -1) {
			if name, ok := strings.CutPrefix(m[1], `"`); ok && !strings.HasSuffix(file, "_test.go") {
				checkers[strings.TrimSuffix(name, `"`)] = true
			} else if m[1] != "o.Checker" {
				t.Errorf("%s: the checker %s is no plain name", file, m[1])
			}
		}
	}
	want := slices.Sorted(maps.Keys(checkers))
	if got := slices.Sorted(maps.Keys(plants)); !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("there are plants for %v, and checkers %v", got, want)
	}
}
