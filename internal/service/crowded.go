package service

import (
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"paxos/internal/sched"
)

// Where many ask at once and the processors are all in use, it is best not to be
// woken for each of them: meanwhile others finish what they do, more comes, and
// one turn, one write and one sync are for all of it. Where few ask, whoever is
// not woken at once only waits, longest beside programs that never rest. So a
// node works in batches (sched.Batch) while those that it deals with come in
// crowds.
const (
	lookAtCrowd  = 500 * time.Millisecond
	crowdedFrom  = 12 // commands or reads in one go, as each of them sees it
	crowdedUntil = 6
)

// inBatches tells whether a node should work in batches, by whether it does and
// by what came since the last look.
func inBatches(does bool, crowd float64) bool {
	if does {
		return crowd >= crowdedUntil
	}
	return crowd >= crowdedFrom
}

// crowded is of the process, which may have several nodes.
var crowded struct {
	sync.Mutex
	nodes int  // that have it so
	is    bool // the process works in batches
	never bool // the kernel does not let it
}

// tuneScheduling adapts how the process is scheduled until stop is called. One
// that was started with a policy of the operator's keeps that.
func tuneScheduling(crowd *sched.Crowd, log *logrus.Entry) (stop func()) {
	crowded.Lock()
	theirs := !crowded.is && !sched.Usual(os.Getpid())
	crowded.Unlock()
	if theirs {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(lookAtCrowd)
		defer ticker.Stop()
		does := 0
		for {
			select {
			case <-end:
				countCrowded(-does, log)
				return
			case <-ticker.C:
			}
			should := 0
			if inBatches(does > 0, crowd.Size()) {
				should = 1
			}
			countCrowded(should-does, log)
			does = should
		}
	}()
	return func() { close(end); <-ended }
}

// countCrowded counts a node in or out, and sees to it that the process does what
// it should: what failed is tried again at the next look.
func countCrowded(by int, log *logrus.Entry) {
	crowded.Lock()
	defer crowded.Unlock()
	crowded.nodes += by
	should := crowded.nodes > 0
	if should == crowded.is || crowded.never {
		return
	}
	err := sched.Batch(os.Getpid(), should)
	if err == nil {
		crowded.is = should
		return
	}
	// It is a saving, and no need: some containers may not ask for it.
	log.WithError(err).Debug("how this process is scheduled could not be changed")
	crowded.never = sched.Never(err)
	if should {
		_ = sched.Batch(os.Getpid(), false) // no half of it
	}
}

// worksInBatches is for a metric.
func worksInBatches() float64 {
	crowded.Lock()
	defer crowded.Unlock()
	return yes(crowded.is)
}
