package partial

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"paxos/internal/figures"
	"paxos/sim/topology"
)

// figured is what a run adds to the file of sums that PAXOS_SUMS names: each
// topology's verdict, and what happened in all.
type figured struct {
	begun time.Time
	mu    sync.Mutex
	leg   figures.Leg
}

func newFigured() *figured {
	figures.Commit() // what is tested is what is there now
	return &figured{begun: time.Now(), leg: figures.Leg{Sums: map[string]int64{}, Notes: map[string]string{}}}
}

func (f *figured) add(name string, top topology.Topology, v verdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leg.Sums["topologies played"]++
	f.leg.Sums["links cut"] += int64(len(top.Cut()))
	f.leg.Sums["elections"] += int64(v.elections)
	f.leg.Sums["writes afterwards"] += int64(v.written)
	f.leg.Notes[name] = fmt.Sprintf("%s leads, the first write %.2f election timeouts after the cut (bound %d); %d elections",
		v.settled.Node, float64(v.wrote)/float64(electionTimeout), leadsWithin, v.elections)
}

// keep adds the leg, if a file is named and nothing failed.
func (f *figured) keep(t *testing.T) {
	path := os.Getenv("PAXOS_SUMS")
	if path == "" || t.Failed() {
		return
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join("..", "..", path) // as typed at the top of the repository
	}
	leg := figures.NewLeg(f.begun)
	leg.Command = "PAXOS_SUMS=docs/figures/partial.json go test -count=1 ./test/partial"
	leg.Sums, leg.Notes = f.leg.Sums, f.leg.Notes
	if _, err := figures.Add(path, "partial", leg); err != nil {
		t.Error(err)
	}
}
