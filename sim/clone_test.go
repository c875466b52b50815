package sim

import (
	"testing"

	"paxos/paxos"
)

func TestAnOldDiskPutBackIsDetectedByAllWhoKnewTheNewer(t *testing.T) {
	for seed := uint64(1); seed <= 30; seed++ {
		s := calmScenario(seed)
		s.SnapshotSlots = 15
		w := newWorld(&s, nil)
		w.forgives = ofTheDisk("acceptor1")
		more := func(n int64) {
			t.Helper()
			want := w.counts.Writes + n
			if !w.pass(w.now+60*second, func() bool { return w.counts.Writes >= want }) || len(w.objects) > 0 {
				t.Fatalf("seed %d: %d of %d writes: %v", seed, w.counts.Writes, want, w.objects)
			}
		}
		more(20)
		h := w.byID["acceptor1"]
		old := h.disk.Clone()
		old.Kill()
		more(30)
		h.lost = true
		if seed%2 == 0 {
			w.kill(h) // rolled back; else a copy begins to run beside it
		}
		h.disk = old
		w.begin(h)
		more(30)
		w.pass(w.now+5*second, nil)
		for _, p := range w.processes {
			if p.ended {
				continue
			}
			if !p.refuses("acceptor1") {
				t.Errorf("seed %d: %s takes the old disk of acceptor1 for its own", seed, p.host.id)
			}
		}
		w.checkHistory()
		if len(w.objects) > 0 {
			t.Errorf("seed %d: %v", seed, w.objects[0])
		}
		if _, chosen := w.judge.Chosen(paxos.Slot(60)); !chosen {
			t.Errorf("seed %d: little happened", seed)
		}
	}
}
