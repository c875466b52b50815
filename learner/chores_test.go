package learner_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/learner"
	"paxos/paxos"
)

func TestChoresAreProposedAtTheLogsTimeAndOnce(t *testing.T) {
	var asked []paxos.LogTime
	m := &machine{}
	d := newDeskWith(t, m, func(c *learner.Config) {
		noPulls(c)
		c.ChoreTicks, c.TickMillis = 10, 10
		c.Chores = func(now paxos.LogTime) [][]byte {
			asked = append(asked, now)
			if now < 700 {
				return nil
			}
			return [][]byte{[]byte("expire")}
		}
	})
	v := value("x")
	v.Time = 500
	d.learn("a1", paxos.Vote{Slot: 1, Ballot: ballot(1), Digest: v.Digest(), Value: &v})
	d.learn("a2", paxos.Vote{Slot: 1, Ballot: ballot(1), Digest: v.Digest(), Value: &v})
	d.tick(40)
	if diff := cmp.Diff("[590 690 790 890]", fmt.Sprint(asked)); diff != "" {
		t.Error("it counts on from the last stamp: ", diff)
	}
	for _, id := range []paxos.NodeID{"p1", "p2"} {
		found := 0
		for _, e := range d.sent {
			if p, ok := e.Message.(paxos.Propose); ok && e.To == id {
				found++
				if c := p.Commands[0]; c.Session != 0 || c.Sequence == 0 || c.Client != "" || c.Admitted != 2 || string(c.Body) != "expire" {
					t.Errorf("%+v", c)
				}
			}
		}
		if found != 1 {
			t.Errorf("%s is asked %d times", id, found)
		}
	}
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1", "p2"}, Leader: "p2"})
	d.sent = nil
	d.tick(20) // it did not come back
	if got := sentOf[paxos.Propose](d); len(got["p1"]) != 1 || len(got["p2"]) != 1 {
		t.Errorf("%v", got)
	}
}
