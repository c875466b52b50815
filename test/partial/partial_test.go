package partial

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/sim/topology"
	"paxos/test/history"
	"paxos/test/netns"
)

const (
	// atOnce is how many clusters run side by side: they mostly wait.
	atOnce = 4
	// writers send through the client service, one value after the other.
	writers    = 4
	writeEvery = 40 * time.Millisecond
	// between is how many writes are chosen before each step.
	between = 20
)

func TestAQuorumConnectedProposerLeadsAndGoesOnToLead(t *testing.T) {
	if impossible != nil {
		t.Skipf("!!! %v: partial connectivity is NOT tested with real processes", impossible)
	}
	sums := newFigured()
	// Not t.Parallel, which lets no more than GOMAXPROCS run: these wait.
	places := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	var acts []func()
	enact := func(name string, top topology.Topology, acks bool) {
		acts = append(acts, func() {
			t.Run(name, func(t *testing.T) { sums.add(name, top, play(t, top, acks)) })
		})
	}
	for _, top := range topology.All() {
		enact(top.Name, top, false)
		// Where only the answers are lost, those who do not answer hear on for as
		// long as confirmations pass.
		if slices.Contains(oneWay, top.Name) {
			enact(top.Name+"-to-words", top, true)
		}
	}
	rand.New(rand.NewPCG(seed(t), 0)).Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
	for _, act := range acts {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			act()
		})
	}
	running.Wait()
	sums.keep(t)
}

// seed says which topologies are played side by side; it is drawn for every run,
// and printed, and PAXOS_SEED gives one again.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("PAXOS_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("PAXOS_SEED: %v", err)
		}
	}
	t.Logf("PAXOS_SEED=%d", n)
	return n
}

var oneWay = []string{"deaf-leader", "half-deaf-leader"}

// play cuts a cluster's network along a topology and judges what comes of it.
func play(t *testing.T, top topology.Topology, acks bool) (v verdict) {
	c := boot(t, top)
	ctx, stop := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	for _, id := range c.of(paxos.ProposerRole) {
		busy.Go(func() { c.watch(ctx, id) })
	}
	for range writers {
		busy.Go(func() { c.write(ctx) })
	}
	defer busy.Wait()
	defer stop()
	leader := c.leader()
	top = top.LedBy(leader)
	var begun, cut time.Time
	for _, step := range top.Steps {
		c.moreWrites(between)
		if now := c.leader(); now != leader {
			t.Fatalf("before the last step %s leads, it was %s, which has a quorum", now, leader)
		}
		begun = time.Now()
		if err := c.world.CutAll(links(step, acks)...); err != nil {
			t.Fatal(err)
		}
		cut = time.Now()
	}
	// Until the claim's time is over, or long past it.
	connected := top.QuorumConnected()
	over := cut.Add((leadsWithin + staysFor) * electionTimeout)
	c.within((leadsWithin+staysFor+2)*electionTimeout, "the time of the claim", func() bool {
		v = judge(c.told(), begun, cut, connected, leader, electionTimeout)
		stayed := cut.Add(v.led + staysFor*electionTimeout)
		return time.Now().After(over) || len(v.wrong) == 0 && time.Now().After(stayed)
	})
	if err := c.world.HealAll(); err != nil {
		t.Fatal(err)
	}
	healed := c.within(20*time.Second, "after the healing all proposers hear all acceptors", c.allHear)
	c.moreWrites(between)
	stop()
	busy.Wait()
	v = judge(c.told(), begun, cut, connected, leader, electionTimeout)
	for _, w := range v.wrong {
		t.Error(w)
	}
	t.Logf("led by %s, cut in %v (%d links); %s leads after %v, the first write after %v (bound %v); %d elections; then %d writes, the longest gap %v; whole again after %v",
		leader, cut.Sub(begun).Round(time.Millisecond), len(top.Cut()), v.settled.Node, v.led.Round(time.Millisecond), v.wrote.Round(time.Millisecond), leadsWithin*electionTimeout,
		v.elections, v.written, v.gap.Round(time.Millisecond), healed)
	c.settle()
	return v
}

func links(step []topology.Link, acks bool) (list []netns.Link) {
	for _, l := range step {
		list = append(list, netns.Link{From: string(l.From), To: string(l.To), KeepsAcks: acks})
	}
	return list
}

// write sends values until ctx ends.
func (c *cluster) write(ctx context.Context) {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		c.send()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// told gives a copy of the tale so far.
func (c *cluster) told() tale {
	c.mu.Lock()
	defer c.mu.Unlock()
	return tale{slices.Clone(c.tale.events), slices.Clone(c.tale.writes)}
}

func (c *cluster) moreWrites(n int) {
	c.t.Helper()
	had := c.history.Count(history.Acknowledged)
	c.within(10*electionTimeout, "writes are acknowledged", func() bool { return c.history.Count(history.Acknowledged) >= had+n })
}

// allHear reports whether each proposer is answered by every acceptor.
func (c *cluster) allHear() bool {
	for _, id := range c.of(paxos.ProposerRole) {
		var l client.Leader
		if !c.get(id, "/leader", &l) || l.Answering != len(c.of(paxos.AcceptorRole)) {
			return false
		}
	}
	return true
}

// settle waits until both learners have all that was acknowledged and the same
// log, and judges it.
func (c *cluster) settle() {
	c.t.Helper()
	var logs [][]client.Value
	c.within(20*time.Second, "both learners have the same log, everything acknowledged in it", func() bool {
		logs = nil
		for _, id := range c.of(paxos.LearnerRole) {
			var page client.Page
			if !c.get(id, "/get-values?from=1&limit=10000", &page) || page.More {
				return false
			}
			logs = append(logs, page.Values)
		}
		return len(logs[0]) >= c.history.Count(history.Acknowledged) && slices.Equal(logs[0], logs[1])
	})
	for _, w := range c.history.Judge(logs[0]) {
		c.t.Error(w)
	}
	c.t.Logf("judged: %d acknowledged, %d refused, %d unknown, %d in the log", c.history.Count(history.Acknowledged),
		c.history.Count(history.Refused), c.history.Count(history.Unknown), len(logs[0]))
}
