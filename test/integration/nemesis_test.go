package integration

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"paxos/client"
	"paxos/internal/local"
	"paxos/paxos"
)

// nemesis breaks a running cluster on purpose: it kills, pauses and stops nodes
// and brings them back, at any time at most a minority of each role (of a role
// of two that is one, since one is enough to go on).
type nemesis struct {
	c      *cluster
	dice   *rand.Rand
	deck   []card
	broken map[paxos.RoleName]broken
	counts map[string]int // of faults, by what was done and to whom
}

// card is a fault that is to happen: what, and to whom.
type card struct{ how, whom string }

// broken is a node that a fault has hit, and when it is mended.
type broken struct {
	id    paxos.NodeID
	until time.Time
	mend  func(...paxos.NodeID) error
}

func newNemesis(c *cluster, dice *rand.Rand) *nemesis {
	return &nemesis{c: c, dice: dice, broken: map[paxos.RoleName]broken{}, counts: map[string]int{}}
}

// run strikes for a while, and then mends everything.
func (n *nemesis) run(length time.Duration) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(length)
	next := time.Now()
	for now := next; now.Before(end); now = <-ticker.C {
		n.mend(now)
		if now.After(next) && n.strike() {
			next = now.Add(n.between(100*time.Millisecond, 400*time.Millisecond))
		}
	}
	for _, b := range n.broken {
		n.c.must(b.mend(b.id))
	}
	n.c.leader()
	n.c.within(2*time.Second, "all ten nodes answer", func() bool {
		for _, id := range n.c.ids("") {
			var h client.Health
			if !n.c.get(id, "/health", &h) {
				return false
			}
		}
		return true
	})
}

func (n *nemesis) between(least, most time.Duration) time.Duration {
	return least + time.Duration(n.dice.Int64N(int64(most-least)))
}

func (n *nemesis) mend(now time.Time) {
	for role, b := range n.broken {
		if now.After(b.until) {
			n.c.must(b.mend(b.id))
			delete(n.broken, role)
		}
	}
}

// strike plays the first card of the deck that may be played; it reports
// whether there was one.
func (n *nemesis) strike() bool {
	if len(n.deck) == 0 {
		n.deck = n.shuffled()
	}
	for i, k := range n.deck {
		id, role := n.target(k.whom)
		if _, busy := n.broken[role]; busy {
			continue
		}
		n.deck = append(n.deck[:i:i], n.deck[i+1:]...)
		n.hit(k, id, role)
		return true
	}
	return false
}

// shuffled is a deck in which every fault of every role is once, so that a run
// of some length cannot but have them all.
func (n *nemesis) shuffled() []card {
	var deck []card
	for _, how := range []string{"kill", "pause", "stop"} {
		for _, whom := range []string{"leader", "proposer", "acceptor", "learner", "client"} {
			deck = append(deck, card{how, whom})
		}
	}
	n.dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// target draws the node.
func (n *nemesis) target(whom string) (paxos.NodeID, paxos.RoleName) {
	role := paxos.RoleName(whom)
	if whom == "leader" {
		role = paxos.ProposerRole
	}
	ids := n.c.ids(role)
	return ids[n.dice.IntN(len(ids))], role
}

// hit does what the card says. Whoever ended without it has found something
// wrong, which a restart must not hide.
func (n *nemesis) hit(k card, id paxos.NodeID, role paxos.RoleName) {
	if k.whom == "leader" {
		leader, known := n.c.leads()
		if !known {
			k.whom = "proposer" // nobody leads at the moment; hit somebody
		} else {
			id = leader
		}
	}
	if s := n.c.State(id); s.Status != local.Running {
		n.c.t.Errorf("%s is %s, and nobody stopped it: %s", id, s.Status, s.Hint)
	}
	b := broken{id: id, mend: n.c.Start, until: time.Now().Add(n.between(200*time.Millisecond, 1200*time.Millisecond))}
	switch k.how {
	case "kill":
		n.c.must(n.c.Kill(id))
	case "pause":
		n.c.must(n.c.Pause(id))
		b.mend, b.until = n.c.Resume, time.Now().Add(n.between(200*time.Millisecond, 3*time.Second))
	case "stop":
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		n.c.must(n.c.Stop(ctx, id))
	}
	n.broken[role] = b
	n.counts["faults"]++
	n.counts[k.how]++
	n.counts[k.whom]++
}

// leads asks the proposers which of them leads.
func (c *cluster) leads() (paxos.NodeID, bool) {
	var mu sync.Mutex
	var group sync.WaitGroup
	var best client.Leader
	for _, id := range c.ids(paxos.ProposerRole) {
		group.Go(func() {
			var l client.Leader
			if c.get(id, "/leader", &l) && l.Leading {
				mu.Lock()
				defer mu.Unlock()
				if !best.Leading || best.Ballot.Less(l.Ballot) {
					best = l
				}
			}
		})
	}
	group.Wait()
	return best.Node, best.Leading
}

// atLeast fails if too few faults of any kind happened in a run of that length.
func (n *nemesis) atLeast(length time.Duration) {
	n.c.t.Helper()
	decks := int(length / (10 * time.Second))
	least := map[string]int{"faults": 8 * decks, "kill": 2 * decks, "pause": 2 * decks, "stop": 2 * decks,
		"leader": decks, "acceptor": decks, "learner": decks, "client": decks}
	for what, want := range least {
		if n.counts[what] < want {
			n.c.t.Errorf("too few faults: %d of %q, at least %d are needed", n.counts[what], what, want)
		}
	}
	n.c.t.Logf("faults: %s", counted(n.counts))
}
