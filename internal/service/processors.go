package service

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// A node is one loop that waits for messages, and the goroutines that read and
// write them: hardly two of them have something to do at the same moment. On two
// processors the runtime lets them run side by side all the same, wakes a thread
// for each, and what would have been one turn becomes two. So a process begins
// with one processor for each of its nodes. When it uses nearly all it has, and
// the machine has more to give, it takes another; one that it hardly uses it gives
// back. A GOMAXPROCS of the operator's is left alone.
const (
	lookAtProcessors = 500 * time.Millisecond
	nearlyAll        = 80  // percent of what it has, above which it takes one more
	fewWouldDo       = 50  // percent of one fewer, below which it gives one back
	leastIdle        = 0.3 // of the machine's processors, that one more could use
)

// working is what a process and its machine have done up to a moment.
type working struct {
	at   time.Time
	used time.Duration // by this process
	idle time.Duration // of all processors
}

// processorsFor is how many processors a process that has some should have, by
// what happened between two looks.
func processorsFor(has, least, most int, before, now working) int {
	took := now.at.Sub(before.at).Seconds()
	busy, free := (now.used-before.used).Seconds()/took, (now.idle-before.idle).Seconds()/took // in processors
	switch {
	case took <= 0:
	case busy*100 > nearlyAll*float64(has) && free > leastIdle:
		has++
	case busy*100 < fewWouldDo*float64(has-1):
		has--
	}
	return max(least, min(has, most))
}

// sharing is of the process, which may have several nodes.
var sharing struct {
	sync.Mutex
	nodes, most int
	end         chan struct{}
}

// tuneProcessors adapts the number of processors until stop is called; then it is
// the runtime's own again, if this was the last node.
func tuneProcessors() (stop func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	if _, known := look(); !known {
		return func() {}
	}
	sharing.Lock()
	defer sharing.Unlock()
	if sharing.nodes++; sharing.nodes == 1 {
		sharing.most = runtime.GOMAXPROCS(0)
		sharing.end = make(chan struct{})
		go adaptProcessors(sharing.end)
	}
	least := min(sharing.nodes, sharing.most)
	if sharing.nodes > 1 {
		least = max(least, runtime.GOMAXPROCS(0))
	}
	setProcessors(least)
	return func() {
		sharing.Lock()
		defer sharing.Unlock()
		if sharing.nodes--; sharing.nodes == 0 {
			close(sharing.end)
			runtime.SetDefaultGOMAXPROCS()
		}
	}
}

func adaptProcessors(end chan struct{}) {
	ticker := time.NewTicker(lookAtProcessors)
	defer ticker.Stop()
	before, _ := look()
	for {
		select {
		case <-end:
			return
		case <-ticker.C:
		}
		now, known := look()
		if !known {
			continue
		}
		adaptTo(before, now)
		before = now
	}
}

func adaptTo(before, now working) {
	sharing.Lock()
	defer sharing.Unlock()
	if sharing.nodes > 0 {
		setProcessors(processorsFor(runtime.GOMAXPROCS(0), min(sharing.nodes, sharing.most), sharing.most, before, now))
	}
}

// setProcessors stops the world for a moment, and so only for a difference.
func setProcessors(n int) {
	if n != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(n)
	}
}
