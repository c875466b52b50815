package learner_test

import (
	"strings"
	"testing"

	"paxos/learner"
	"paxos/paxos"
)

func TestStatesAreCompared(t *testing.T) {
	own, other, third := paxos.Digest{1}, paxos.Digest{2}, paxos.Digest{3}
	two := []paxos.NodeID{"l1", "l2"}
	three := []paxos.NodeID{"l1", "l2", "l3"}
	for name, c := range map[string]struct {
		learners []paxos.NodeID
		says     map[paxos.NodeID]paxos.Digest
		ticks    int
		stops    string
	}{
		"two equal ones":                    {two, map[paxos.NodeID]paxos.Digest{"l2": own}, 5000, ""},
		"two different ones":                {two, map[paxos.NodeID]paxos.Digest{"l2": other}, 0, "none is most learners'"},
		"this one differs":                  {three, map[paxos.NodeID]paxos.Digest{"l2": other, "l3": other}, 0, "this one is wrong"},
		"another one differs":               {three, map[paxos.NodeID]paxos.Digest{"l2": own, "l3": other}, 5000, ""},
		"all differ":                        {three, map[paxos.NodeID]paxos.Digest{"l2": other, "l3": third}, 0, "none is most learners'"},
		"one differs, one has not spoken":   {three, map[paxos.NodeID]paxos.Digest{"l2": other}, 100, ""},
		"one differs, one is dead for long": {three, map[paxos.NodeID]paxos.Digest{"l2": other}, 3000, "none is most learners'"},
		"a stranger":                        {two, map[paxos.NodeID]paxos.Digest{"l9": other}, 5000, ""},
	} {
		for _, first := range []bool{true, false} {
			cfg := config
			cfg.Learners = c.learners
			d := newDeskWith(t, &machine{}, func(l *learner.Config) { withDisk(l); l.Configuration = cfg })
			if first {
				d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 2, Digest: own})
			}
			for _, id := range []paxos.NodeID{"l2", "l3", "l9"} {
				if digest, ok := c.says[id]; ok {
					d.from(id, paxos.StateIs{Slot: 2, Digest: digest})
					d.from(id, paxos.StateIs{Slot: 4, Digest: digest})
				}
			}
			if !first {
				d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 2, Digest: own})
			}
			d.tick(c.ticks)
			if (d.broken != nil) != (c.stops != "") || d.broken != nil && !strings.Contains(d.broken.Error(), c.stops) {
				t.Errorf("%s (own first: %v): %v", name, first, d.broken)
			}
		}
	}
}

func TestOnlyTheLastStatesAreRemembered(t *testing.T) {
	d := newDeskWith(t, &machine{}, withDisk)
	for slot := range paxos.Slot(100) {
		d.from("l2", paxos.StateIs{Slot: slot + 1, Digest: paxos.Digest{byte(slot)}})
	}
	d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 3, Digest: paxos.Digest{99}})
	if d.broken != nil {
		t.Error("slot 3 was forgotten: ", d.broken)
	}
	d.from(paxos.Keeper, paxos.SnapshotSaved{Slot: 99, Digest: paxos.Digest{99}})
	if d.broken == nil {
		t.Error("slot 99 is remembered")
	}
}
