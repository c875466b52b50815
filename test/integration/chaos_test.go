package integration

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"paxos/paxos"
	"paxos/test/history"
)

func (c *cluster) stop(id paxos.NodeID) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c.must(c.Stop(ctx, id))
}

// Issue point 6: concurrent senders, with random kills and restarts of any
// minority of each role; a checker over the acknowledged values.
func TestRandomKillsAndRestarts(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	length := 8 * time.Second
	if long() {
		length = 30 * time.Second
	}
	stop := make(chan struct{})
	wg := c.senders(h, 8, stop)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	faults := c.breakThings(rand.New(rand.NewPCG(seed, 1)), length)
	close(stop)
	wg.Wait()
	c.must(c.Start(c.ids("")...))
	c.leader()
	t.Logf("%d faults", faults)
	if faults < int(length/time.Second) || h.Count(acknowledged) < 200 {
		t.Errorf("too little happened: %d faults, %d acknowledged", faults, h.Count(acknowledged))
	}
	c.settleAndJudge(h)
	c.sameSlots()
}

// breakThings kills a random node, lets it lie for a while, and starts it
// again; at any time at most a minority of each role is down (for a role of
// two that is one node, since one is enough to go on).
func (c *cluster) breakThings(dice *rand.Rand, length time.Duration) (faults int) {
	c.t.Helper()
	down := map[paxos.RoleName]paxos.NodeID{}
	roles := []paxos.RoleName{paxos.AcceptorRole, paxos.ProposerRole, paxos.LearnerRole, paxos.ClientRole}
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); <-ticker.C {
		role := roles[dice.IntN(len(roles))]
		if id, ok := down[role]; ok {
			c.must(c.Start(id))
			delete(down, role)
			continue
		}
		ids := c.ids(role)
		id := ids[dice.IntN(len(ids))]
		c.must(c.Kill(id))
		down[role] = id
		faults++
	}
	return faults
}
