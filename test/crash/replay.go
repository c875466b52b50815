package crash

import (
	"fmt"
	"math/rand/v2"

	"paxos/internal/wal/memfs"
)

// replay takes a life to a place and judges the state that is left there, and
// what comes after it. The error says that there is no such place.
func (e *explorer) replay(p place) (*Failure, error) {
	e.kind, e.seed = p.kind, p.seed
	if len(p.ends) == 0 {
		return e.run(), nil
	}
	e.life = birth(p.kind, p.seed)
	e.dice = rand.New(rand.NewPCG(p.seed, 11))
	e.seen, e.counts = map[uint64]struct{}{}, Sums{}
	disk, err := newDisk()
	if err != nil {
		return nil, err
	}
	o, steps, so := e.life.owner, e.life.steps, place{kind: p.kind, seed: p.seed}
	for i, where := range p.ends {
		at, left, knows, err := e.reach(disk, o, steps, where.at)
		if at == nil {
			return nil, fmt.Errorf("%v has no point %d of its start %d (%v)", p, where.at.change, i+1, err)
		}
		so, o, steps = so.then(where), knows, e.life.after
		if where.killed {
			left.Kill()
			disk = left
		} else {
			disk, _, _ = crashed(left, given(where.took))
		}
	}
	if p.ends[len(p.ends)-1].killed {
		e.killed(so, disk, o)
	} else {
		e.state(so, disk, o, true)
	}
	return e.failed, nil
}

// reach lives until a point, and gives the disk and what is known there.
func (e *explorer) reach(disk *memfs.Disk, o owner, steps []step, to point) (at *point, left *memfs.Disk, knows owner, err error) {
	_, err = e.start(disk, o, steps, func(p point, d *memfs.Disk, o owner) {
		if at == nil && p == to {
			at, left, knows = &p, d.Clone(), o.fork()
		}
	})
	return at, left, knows, err
}
