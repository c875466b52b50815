//go:build linux

package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// workload is one kind of users, and how what they were told is judged.
type workload struct {
	name    string
	r       *recorder
	model   porcupine.Model
	ways    []forgery // in which answers are forged, to see that the checker sees
	workers []worker

	// end brings the history to its end, when all faults are over and the users
	// have gone.
	end func(ctx context.Context) error
	// judge says what else is wrong, beside the search.
	judge func(ctx context.Context) error
	// least is what must have happened in each ten seconds of a run.
	least map[string]int
}

// worker is a user who goes on until ctx ends.
type worker func(ctx context.Context, dice *rand.Rand)

// workloads are all kinds of users.
func (c *cluster) workloads(ctx context.Context) ([]*workload, error) {
	locks, err := c.lockUsers(ctx)
	return []*workload{c.registerUsers(), c.listUsers(), c.counterUsers(), locks}, err
}

// work lets all users work until ctx ends, and waits until they are gone.
func work(ctx context.Context, seed uint64, all []*workload) (wait func()) {
	var users sync.WaitGroup
	n := uint64(0)
	for _, w := range all {
		for _, user := range w.workers {
			n++
			dice := rand.New(rand.NewPCG(seed, n))
			users.Go(func() { user(ctx, dice) })
		}
	}
	return users.Wait
}

// verdict judges a kind of users, and gives how many operations and keys the
// checker has seen.
func (w *workload) verdict(ctx context.Context, took time.Duration, into string) (operations, keys int, err error) {
	checked := w.r.judge(w.name, w.model, into)
	w.r.forge(w.model, checked, w.ways...)
	least := map[string]int{}
	for what, n := range w.least {
		least[what] = int(float64(n) * took.Seconds() / 10)
	}
	w.r.atLeast(least)
	if w.judge != nil {
		err = w.judge(ctx)
	}
	return len(checked), len(byKey(checked)), err
}
