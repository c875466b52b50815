package integration

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/paxos"
)

// How long a fault lasts while reads are judged.
func faultLength() time.Duration {
	if long() {
		return 30 * time.Second
	}
	return 5 * time.Second
}

// readsThrough judges every read before, during and after a fault of the
// leader. Reads need no leader, so most are to be answered meanwhile; none may
// be older than what was acknowledged before it began.
func (c *cluster) readsThrough(what string, fault, heal func(leader paxos.NodeID)) {
	c.t.Helper()
	r := c.ladders(4, 2)
	r.during(time.Second, "before")
	leader := c.leader()
	fault(leader)
	got := r.during(faultLength(), what)
	heal(leader)
	after := r.during(2*time.Second, "after")
	r.end()
	if got.reads < 400 || got.refusals > got.reads {
		c.t.Errorf("%s: %d reads were answered and %d refused; reads do not need a leader", what, got.reads, got.refusals)
	}
	if got.writes < 20 || after.writes < 10 || after.reads < 100 {
		c.t.Errorf("%s: too little happened: %+v, then %+v", what, got, after)
	}
	c.equalStores()
}

// Linearizable reads at learners, with the leader paused, killed, or (where
// networks can be cut, see the next file) cut off: right or refused.
func TestReadsWithTheLeaderPaused(t *testing.T) {
	c := start(t)
	c.readsThrough("leader paused", func(id paxos.NodeID) { c.must(c.Pause(id)) }, func(id paxos.NodeID) { c.must(c.Resume(id)) })
}

func TestReadsWithTheLeaderKilled(t *testing.T) {
	c := start(t)
	c.readsThrough("leader killed", func(id paxos.NodeID) { c.must(c.Kill(id)) }, func(id paxos.NodeID) { c.must(c.Start(id)) })
}

// With no proposer at all nothing new can be chosen, and what was accepted and
// not chosen cannot be finished: then reads are refused, and never stale.
func TestReadsWithoutAnyProposer(t *testing.T) {
	c := start(t)
	r := c.ladders(4, 2)
	r.during(time.Second, "before")
	c.must(c.Pause(c.ids(paxos.ProposerRole)...))
	got := r.during(3*time.Second, "all proposers paused")
	c.must(c.Resume(c.ids(paxos.ProposerRole)...))
	after := r.during(2*time.Second, "after")
	r.end()
	if got.reads+got.refusals < 16 || after.reads < 100 || after.writes < 10 {
		t.Errorf("too little happened: %+v, then %+v", got, after)
	}
	c.equalStores()
}

// With a quorum of acceptors gone, a learner cannot know what was acknowledged.
func TestReadsWithoutAQuorum(t *testing.T) {
	c := start(t)
	r := c.ladders(4, 2)
	r.during(time.Second, "before")
	c.must(c.Pause("acceptor1", "acceptor2"))
	// A question may be on its way back.
	r.during(time.Second, "two acceptors paused")
	got := r.during(2*time.Second, "two acceptors paused")
	c.must(c.Resume("acceptor1", "acceptor2"))
	after := r.during(2*time.Second, "after")
	r.end()
	if got.reads != 0 || got.refusals < 8 {
		t.Errorf("without a quorum %d reads were answered and %d refused", got.reads, got.refusals)
	}
	if after.reads < 100 || after.writes < 10 {
		t.Errorf("too little happened afterwards: %+v", after)
	}
	c.equalStores()
}

// equalStores waits until both learners have the same state at the same slot.
func (c *cluster) equalStores() {
	c.t.Helper()
	learners := c.ids(paxos.LearnerRole)
	c.within(5*time.Second, "the learners' states are equal, byte for byte", func() bool {
		states := map[string]bool{}
		for _, id := range learners {
			state, _, ok := c.snapshotOf(id)
			if !ok {
				return false
			}
			states[state] = true
		}
		return len(states) == 1
	})
}

// usage is the processor time of the nodes of a cluster over a while.
type usage struct{ leader, proposers, acceptors, learners time.Duration }

func (c *cluster) usage(leader paxos.NodeID) usage {
	return usage{c.cpu(leader), c.cpuOf(c.ids(paxos.ProposerRole)...), c.cpuOf(c.ids(paxos.AcceptorRole)...), c.cpuOf(c.ids(paxos.LearnerRole)...)}
}

func (u usage) since(old usage) usage {
	return usage{u.leader - old.leader, u.proposers - old.proposers, u.acceptors - old.acceptors, u.learners - old.learners}
}

// over measures the usage of an interval.
func (c *cluster) usageOver(leader paxos.NodeID, length time.Duration) usage {
	c.t.Helper()
	before := c.usage(leader)
	for began := time.Now(); time.Since(began) < length; time.Sleep(20 * time.Millisecond) {
	}
	return c.usage(leader).since(before)
}

// With both learners serving, the leader's CPU does not grow with reads.
func TestReadsCostTheLeaderNothing(t *testing.T) {
	needProc(t)
	c := start(t)
	to := c.store()
	if _, err := to.Put(soon(t), "x", "teste123"); err != nil {
		t.Fatal(err)
	}
	leader := c.leader()
	length := 4 * time.Second
	idle := c.usageOver(leader, length)
	count, stop := c.readAlways("x", 8)
	busy := c.usageOver(leader, length)
	reads := count.Load()
	stop()
	extra := busy.since(idle)
	t.Logf("%d linearizable reads in %v at both learners (%d a second)", reads, length, reads*int64(time.Second)/int64(length))
	t.Logf("CPU over %v, idle: leader %v, acceptors %v, learners %v", length, idle.leader, idle.acceptors, idle.learners)
	t.Logf("CPU over %v, reading: leader %v, acceptors %v, learners %v", length, busy.leader, busy.acceptors, busy.learners)
	t.Logf("growth: leader %v, acceptors %v, learners %v; the leader's is %.3f of the learners'; the leader uses %.2f of what it used idle",
		extra.leader, extra.acceptors, extra.learners, float64(extra.leader)/float64(extra.learners), float64(busy.leader)/float64(max(idle.leader, clockTick)))
	if reads < 1000 {
		t.Errorf("only %d reads: nothing is measured", reads)
	}
	// A leader through which reads went would grow like the learners do; one
	// that idles wanders by some ticks.
	if extra.leader > 100*time.Millisecond && extra.leader > extra.learners/10 {
		t.Errorf("the leader's CPU grows with reads: %v more, the learners %v more", extra.leader, extra.learners)
	}
}

// readAlways reads a key at both learners until stop is called.
func (c *cluster) readAlways(key string, perLearner int) (count *atomic.Int64, stop func()) {
	count = new(atomic.Int64)
	quit := make(chan struct{})
	var wg sync.WaitGroup
	for _, id := range c.ids(paxos.LearnerRole) {
		url := c.url(id, "/kv/"+key)
		for range perLearner {
			wg.Go(func() {
				for ended := false; !ended; {
					response, err := web.Get(url)
					if err != nil {
						c.t.Error(err)
						return
					}
					_, err = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
					if err != nil || response.StatusCode != http.StatusOK {
						c.t.Errorf("%s: status %d %v", url, response.StatusCode, err)
						return
					}
					count.Add(1)
					select {
					case <-quit:
						ended = true
					default:
					}
				}
			})
		}
	}
	return count, func() { close(quit); wg.Wait() }
}
