//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"paxos/paxos"
)

// nemesis breaks a running cluster on purpose and brings it back. Of each role
// at most one fault lasts at any time. It is on one node, which leaves a quorum,
// or one of two that is enough to go on; but the disks of all acceptors may be
// slow at once, and the power fails for many.
type nemesis struct {
	c      *cluster
	dice   *rand.Rand
	broken map[paxos.RoleName]broken
	counts map[string]int64 // of faults, by what was done and to whom
	phases int64
	failed error // the nemesis' own trouble: it cannot go on
}

// card is a fault that is to happen: what, and to whom.
type card struct{ how, whom string }

// broken is a node that a fault has hit, and when it is mended.
type broken struct {
	until time.Time
	mend  func() error
}

// Faults are the kinds of faults, each of which has a phase of its own.
var Faults = []string{"kill", "pause", "stop", "cut", "disk", "slow", "power"}

var (
	anybody = []string{"leader", "proposer", "acceptor", "learner", "client"}
	// ways are the faults of a kind, and whom they may hit.
	ways = map[string]struct{ how, whom []string }{
		"kill":  {[]string{"kill"}, anybody},
		"pause": {[]string{"pause"}, anybody},
		"stop":  {[]string{"stop"}, anybody},
		"cut":   {[]string{"cut off", "deaf", "mute"}, anybody},
		"disk":  {[]string{"failed write", "failed sync", "full disk", "short write"}, []string{"acceptor", "acceptor", "learner"}},
		"slow":  {[]string{"slow disk"}, []string{"acceptor", "learner", "acceptors"}},
	}
)

func newNemesis(c *cluster, dice *rand.Rand) *nemesis {
	return &nemesis{c: c, dice: dice, broken: map[paxos.RoleName]broken{}, counts: map[string]int64{}}
}

// deck is every fault of these kinds once on each whom it may hit, in an order
// in which all ways of breaking come first, so that even a short phase cannot but
// have them all.
func (n *nemesis) deck(kinds []string) (deck []card) {
	type way struct {
		how  string
		whom []string
	}
	var all []way
	most := 0
	for _, kind := range kinds {
		for _, how := range ways[kind].how {
			whom := slices.Clone(ways[kind].whom)
			n.dice.Shuffle(len(whom), func(i, j int) { whom[i], whom[j] = whom[j], whom[i] })
			all, most = append(all, way{how, whom}), max(most, len(whom))
		}
	}
	for i := range most {
		n.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, w := range all {
			if i < len(w.whom) {
				deck = append(deck, card{w.how, w.whom[i]})
			}
		}
	}
	return deck
}

// run goes through the phases of all kinds, in a drawn order, at least once and
// until enough is true.
func (n *nemesis) run(ctx context.Context, kinds []string, length time.Duration, enough func() bool) error {
	phases := slices.Clone(kinds)
	if len(kinds) > 2 {
		phases = append(phases, "all kinds")
	}
	for first := true; first || !enough(); first = false {
		n.dice.Shuffle(len(phases), func(i, j int) { phases[i], phases[j] = phases[j], phases[i] })
		for _, p := range phases {
			if !first && enough() {
				return nil
			}
			if err := n.phase(ctx, p, kinds, length); err != nil {
				return fmt.Errorf("in the phase of %q: %w", p, err)
			}
		}
	}
	return nil
}

// least is how many reads, and how many writes, must succeed in a phase: a store
// that answers nobody while something is broken is right, and of no use. On a
// machine that is slow a phase waits for them, up to patience times its length.
const (
	least    = 20
	patience = 5
)

// lasts gives what says whether a phase goes on.
func (n *nemesis) lasts(length time.Duration) func() bool {
	began, report := time.Now(), n.c.report
	reads, writes := report.reads.Load()+least, report.writes.Load()+least
	return func() bool {
		took := time.Since(began)
		return took < length || took < patience*length && (report.reads.Load() < reads || report.writes.Load() < writes)
	}
}

// phase is some seconds of faults of one kind, or of all.
func (n *nemesis) phase(ctx context.Context, name string, kinds []string, length time.Duration) error {
	report := n.c.report
	reads, writes, faults := report.reads.Load(), report.writes.Load(), n.counts["faults"]
	var err error
	switch name {
	case "power":
		err = n.powerPhase(ctx, length)
	case "all kinds":
		err = n.strikes(ctx, kinds, length)
	default:
		err = n.strikes(ctx, []string{name}, length)
	}
	if err == nil {
		err = n.failed
	}
	reads, writes, faults = report.reads.Load()-reads, report.writes.Load()-writes, n.counts["faults"]-faults
	n.phases++
	report.Logf("phase %q: %d faults, %d reads and %d writes succeeded", name, faults, reads, writes)
	if err == nil && (reads < least || writes < least) {
		report.Errorf("too little succeeded in the phase of %q: %d reads, %d writes", name, reads, writes)
	}
	return err
}

// strikes plays cards for a while, and then mends everything.
func (n *nemesis) strikes(ctx context.Context, kinds []string, length time.Duration) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	lasts, next := n.lasts(length), time.Now()
	var deck []card
	for now := next; lasts() && n.failed == nil && ctx.Err() == nil; now = <-ticker.C {
		n.mend(now)
		if len(deck) == 0 {
			deck = n.deck(kinds)
		}
		if now.After(next) {
			deck = n.strike(ctx, deck)
			next = now.Add(n.between(100*time.Millisecond, 400*time.Millisecond))
		}
	}
	n.mend(time.Now().Add(time.Hour))
	return context.Cause(ctx)
}

func (n *nemesis) between(least, most time.Duration) time.Duration {
	return least + time.Duration(n.dice.Int64N(int64(most-least)))
}

func (n *nemesis) mend(now time.Time) {
	for role, b := range n.broken {
		if now.After(b.until) {
			n.must(b.mend())
			delete(n.broken, role)
		}
	}
}

func (n *nemesis) must(err error) {
	if err != nil && n.failed == nil {
		n.failed = err
	}
}

// strike plays the first card of the deck that may be played now, and gives the
// others.
func (n *nemesis) strike(ctx context.Context, deck []card) []card {
	for i, k := range deck {
		role := roleOf(k.whom)
		if _, busy := n.broken[role]; !busy {
			n.hit(ctx, k, role)
			return append(deck[:i:i], deck[i+1:]...)
		}
	}
	return deck
}

func roleOf(whom string) paxos.RoleName {
	switch whom {
	case "leader":
		return paxos.ProposerRole
	case "acceptors":
		return paxos.AcceptorRole
	}
	return paxos.RoleName(whom)
}

// hit does what the card says.
func (n *nemesis) hit(ctx context.Context, k card, role paxos.RoleName) {
	ids := n.c.ids(role)
	victim := n.c.node(ids[n.dice.IntN(len(ids))])
	if k.whom == "leader" {
		if leader, known := n.c.leads(ctx); known {
			victim = n.c.node(leader.Node)
		} else {
			k.whom = "proposer" // nobody leads at the moment; hit somebody
		}
	}
	b := broken{until: time.Now().Add(n.between(200*time.Millisecond, 1200*time.Millisecond))}
	b.mend = func() error { return n.c.start(victim.id) }
	switch k.how {
	case "kill":
		n.must(victim.kill())
	case "stop":
		n.must(victim.stop())
	case "pause":
		n.pause(victim, &b)
	case "cut off", "deaf", "mute":
		n.cut(victim, k.how, &b)
	case "slow disk":
		n.slow(victim, k.whom, &b)
	default:
		n.spoil(victim, k.how, &b)
	}
	n.broken[role] = b
	n.count(k.how, k.whom)
}

func (n *nemesis) count(how, whom string) {
	n.counts["faults"]++
	n.counts["fault: "+how]++
	n.counts["hit: "+whom]++
}

// judge says which faults there were too few of: each way of breaking must have
// happened once at least, to whomever.
func (n *nemesis) judge(kinds []string) {
	for _, kind := range kinds {
		for _, how := range ways[kind].how {
			if n.counts["fault: "+how] == 0 {
				n.c.report.Errorf("too little happened: no fault of the kind %q", how)
			}
		}
	}
	if !slices.Contains(kinds, "power") {
		return
	}
	for _, what := range []string{"fault: power failure", "unsynced changes lost", "unsynced changes kept"} {
		if n.counts[what] == 0 {
			n.c.report.Errorf("too little happened: no %s", what)
		}
	}
}
