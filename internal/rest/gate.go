package rest

import (
	"sync"
	"sync/atomic"
	"time"
)

// gate bounds how many commands wait here, by what the cluster can settle soon:
// as many as it settled of late, in that time (Little's law). So those who are
// let in have their answer in time, and the others theirs at once, however many
// come. It learns only while it is well used: how many can be settled, a cluster
// with little to do does not tell.
type gate struct {
	soon   time.Duration // half of what a request waits
	inside atomic.Int64
	bound  atomic.Int64

	mu      sync.Mutex
	since   time.Time // when this while began
	settled int
	peak    int64   // of inside
	best    float64 // settled in a second, the best of late
}

// Bounds of the bound, how long a while is, how long the best is remembered, and
// what one stream may have inside at most.
const (
	gateMost   = 1 << 16
	gateFirst  = 4096 // as long as nothing is known of the cluster
	gateLeast  = 256
	gateWhile  = 100 * time.Millisecond
	gateMemory = 2 * time.Second
	streamMost = 512
)

func newGate(patience time.Duration) *gate {
	g := &gate{soon: patience / 2, since: time.Now()}
	g.bound.Store(gateFirst)
	return g
}

// enter lets a command in, who must leave again.
func (g *gate) enter() bool {
	switch inside := g.inside.Add(1); {
	case inside == 1:
		g.begin() // a lull says nothing of what can be settled
	case inside > g.bound.Load():
		g.inside.Add(-1)
		return false
	}
	return true
}

func (g *gate) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since, g.settled, g.peak = time.Now(), 0, 0
}

// share is how many commands one stream may have inside: as many as others find
// room for, so that nobody takes all of it.
func (g *gate) share() int {
	return int(max(1, min(streamMost, g.bound.Load()-g.inside.Load())))
}

// leave lets one out, settled or not.
func (g *gate) leave(settled bool) {
	inside := g.inside.Add(-1) + 1
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.peak = max(g.peak, inside)
	if settled {
		g.settled++
	}
	took := now.Sub(g.since)
	if took < gateWhile {
		return
	}
	if g.peak > g.bound.Load()/2 {
		// A cluster that chooses a new leader settles nothing for a while.
		kept := g.best * max(0, 1-float64(took)/float64(gateMemory))
		g.best = max(kept, float64(g.settled)/took.Seconds())
		g.bound.Store(min(gateMost, max(gateLeast, int64(g.best*g.soon.Seconds()))))
	}
	g.since, g.settled, g.peak = now, 0, 0
}
