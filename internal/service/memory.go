package service

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// Go's collector works whenever the heap has grown by a share of what lives in
// it, 100 % unless told otherwise. A busy node of which little lives would so
// collect many times a second, for the sake of a few megabytes; and one that
// holds a large state would hold its size in garbage too. A node may have
// spareBytes of garbage whatever lives, and more only as far as leastShare of
// what lives is more. A GOGC of the operator's is left alone, with all of this,
// and GOMEMLIMIT goes before it.
const (
	spareBytes  = 64 << 20
	leastShare  = 50 // percent, as all shares
	usualShare  = 100
	mostShare   = 1600
	lookAtHeap  = time.Second
	worthChange = 20 // percent by which the share must differ to be set anew
)

// A node at rest keeps what its last load had made of its heap, since nothing
// makes the collector look again. So it collects once more and gives the rest
// back to the machine, if that is worth it.
const (
	restBytes  = 1 << 20 // that may be allocated between two looks at rest
	restLooks  = 4       // in a row, before it counts as rest
	worthBack  = 16 << 20
	worthPart  = 8 // of what lives
	backAgain  = 10 * time.Second
	liveAt     = "/gc/heap/live:bytes"
	allocsAt   = "/gc/heap/allocs:bytes"
	objectsAt  = "/memory/classes/heap/objects:bytes"
	freeHeapAt = "/memory/classes/heap/free:bytes"
)

// collecting is of the process, which may have several nodes.
var collecting struct {
	sync.Mutex
	nodes    int
	share    int // that was set last, 0 for none
	gaveBack time.Time
}

// heap is what the runtime says of it, in bytes. Held is what lives, what does
// not any more, and what is free and not given back.
type heap struct{ live, allocated, held uint64 }

func lookHeap() heap {
	s := []metrics.Sample{{Name: liveAt}, {Name: allocsAt}, {Name: objectsAt}, {Name: freeHeapAt}}
	metrics.Read(s)
	n := func(i int) uint64 { return s[i].Value.Uint64() }
	return heap{live: n(0), allocated: n(1), held: n(2) + n(3)}
}

// quiet counts the looks at a heap between which nothing happened.
type quiet struct {
	allocated uint64
	looks     int
}

// over reports whether the node rests, and holds so much that lives no more
// that giving it back is worth a collection.
func (q *quiet) over(h heap) bool {
	if h.allocated-q.allocated > restBytes {
		q.looks = 0
	} else {
		q.looks++
	}
	q.allocated = h.allocated
	return q.looks >= restLooks && h.held > h.live+max(worthBack, h.live/worthPart)
}

// shareFor is by how many percent of live bytes the heap may grow.
func shareFor(live uint64, nodes int) int {
	return int(min(max(uint64(nodes)*spareBytes*100/max(live, 1), leastShare), mostShare))
}

// tuneCollector adapts the share until stop is called; then it is the usual one
// again, if this was the last node.
func tuneCollector() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	countNodes(1)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(lookAtHeap)
		defer ticker.Stop()
		var idle quiet
		for {
			h := lookHeap()
			if idle.over(h) && giveBack(time.Now(), h.live) {
				h = lookHeap()
			}
			setShare(h.live)
			select {
			case <-end:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(end); <-ended; countNodes(-1) }
}

// giveBack collects and gives back; not twice within backAgain, and as long again
// for each spareBytes that live: a load that comes and goes pays for it each time,
// and the more the more lives.
func giveBack(now time.Time, live uint64) bool {
	collecting.Lock()
	defer collecting.Unlock()
	if now.Sub(collecting.gaveBack) < backAgain*time.Duration(1+live/spareBytes) {
		return false
	}
	collecting.gaveBack = now
	debug.FreeOSMemory()
	return true
}

func countNodes(n int) {
	collecting.Lock()
	defer collecting.Unlock()
	if collecting.nodes += n; collecting.nodes == 0 {
		collecting.share, collecting.gaveBack = 0, time.Time{}
		debug.SetGCPercent(usualShare)
	}
}

// setShare stops the world for a moment, and so not for every small difference.
func setShare(live uint64) {
	collecting.Lock()
	defer collecting.Unlock()
	share := shareFor(live, collecting.nodes)
	if differs := share - collecting.share; max(differs, -differs)*100 > worthChange*collecting.share {
		collecting.share = share
		debug.SetGCPercent(share)
	}
}
