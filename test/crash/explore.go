package crash

import (
	"fmt"
	"math/rand/v2"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

// bounds say how much of what can be tried is tried.
type bounds struct {
	whole int // up to so many outcomes of a point, all of them are tried
	some  int // otherwise, so many
	again int // one in so many new states has its recovery taken down at every point
	kills int // at one in so many points the process dies and the power stays
	harms int // one in so many harms to a finished disk; 0 for none
}

// Sums count what was enumerated, recovered and judged.
type Sums map[string]int64

const (
	states   = "states"          // power lost once more, recovered, judged
	distinct = "distinct states" // those with different bytes on the disk
	damaged  = "damage states"
	lives    = "lives"
)

// explorer takes one life down everywhere.
type explorer struct {
	kind   string
	seed   uint64
	bounds bounds
	plant  func(wal.FS) wal.FS // what is wrong with the file system, nil for nothing
	add    func(Sums)          // is told what was counted, now and then

	life   life
	dice   *rand.Rand
	seen   map[uint64]struct{}
	counts Sums
	failed *Failure
}

// Failure is an objection to a crash state.
type Failure struct {
	Where string // as -at takes it
	While string // what was under way
	Harm  string // what was done to the disk besides, "" for nothing
	Why   error
}

// Error gives the place, and what is wrong there.
func (f *Failure) Error() string {
	text := fmt.Sprintf("%s (%s): ", f.Where, f.While)
	if f.Harm != "" {
		text += f.Harm + ": "
	}
	return text + f.Why.Error()
}

// run explores a life and gives the first failure, if any.
func (e *explorer) run(l life) *Failure {
	e.life = l
	e.dice = rand.New(rand.NewPCG(e.seed, 11))
	e.seen, e.counts = map[uint64]struct{}{}, Sums{}
	disk, err := newDisk()
	root := place{kind: e.kind, seed: e.seed}
	o := e.life.owner
	if err != nil {
		e.fail(root, o, "", err)
		return e.failed
	}
	t, err := e.start(disk, o, e.life.steps, e.mainPoint(root))
	if err != nil {
		e.fail(root, o, "", err)
	} else if e.bounds.harms > 0 {
		e.harm(root, disk, o, t.batch)
	}
	e.counts[lives]++
	e.tell()
	return e.failed
}

func (e *explorer) tell() {
	if e.add != nil {
		e.add(e.counts)
	}
	e.counts = Sums{}
}

func (e *explorer) fail(at place, o owner, harm string, err error) {
	if e.failed == nil {
		e.failed = &Failure{Where: at.String(), While: o.doing(), Harm: harm, Why: err}
	}
}

// start lives from a start to the end of some steps. Where is told every point,
// the end included.
func (e *explorer) start(disk *memfs.Disk, o owner, steps []step, where func(point, *memfs.Disk, owner)) (*tape, error) {
	t := &tape{disk: disk}
	if where != nil {
		t.hear = func(p point, d *memfs.Disk) { where(p, d, o) }
	}
	err := o.open(e.fs(t), disk)
	for i := 0; i < len(steps) && err == nil; i++ {
		err = o.do(steps[i])
	}
	if err == nil {
		err = o.close()
	}
	if err == nil && where != nil {
		where(point{change: t.changes}, disk, o)
	}
	return t, err
}

func (e *explorer) fs(t *tape) wal.FS {
	if e.plant == nil {
		return t
	}
	return e.plant(t)
}

// mainPoint is what happens at every point of a life: the power goes, in every
// way; or the process dies, is started again, and then the power goes.
func (e *explorer) mainPoint(root place) func(point, *memfs.Disk, owner) {
	return func(p point, d *memfs.Disk, o owner) {
		if e.failed != nil {
			return
		}
		if !p.failed {
			survivals(d, e.bounds.whole, e.bounds.some, e.dice, func(after *memfs.Disk, took []int) bool {
				e.state(root.then(end{at: p, took: took}), after, o.fork(), true)
				return e.failed == nil
			})
		}
		if p.failed || p.sectors == 0 && e.dice.IntN(e.bounds.kills) == 0 {
			e.killed(root.then(end{at: p, killed: true}), d.Clone(), o.fork())
		}
		if e.counts[states] > 5000 {
			e.tell()
		}
	}
}

// killed starts the node again on what the dead process left to be seen.
func (e *explorer) killed(at place, d *memfs.Disk, o owner) {
	d.Kill()
	if _, err := e.start(d, o, e.life.after, e.sparse(at)); err != nil {
		e.fail(at, o, "", err)
	}
}

// sparse loses the power at a point in one way, drawn.
func (e *explorer) sparse(at place) func(point, *memfs.Disk, owner) {
	return func(p point, d *memfs.Disk, o owner) {
		if e.failed != nil || p.failed {
			return
		}
		pick := []func(i, n int) int{lost, kept, func(_, n int) int { return e.dice.IntN(n) }}[e.dice.IntN(3)]
		after, took, _ := crashed(d, pick)
		e.state(at.then(end{at: p, took: took}), after, o.fork(), false)
	}
}

// state recovers a disk that lost its power, and judges it. On one that was not
// seen before, life goes on, the power goes twice more, and now and then the
// recovery itself is taken down.
func (e *explorer) state(at place, d *memfs.Disk, o owner, first bool) {
	fresh := e.count(o, d, first)
	if fresh && first && e.dice.IntN(e.bounds.again) == 0 {
		if _, err := e.start(d.Clone(), o.fork(), e.life.after, e.sparse(at)); err != nil {
			e.fail(at, o, "", err)
			return
		}
	}
	before := d.Clone()
	t := &tape{disk: d}
	if err := o.open(e.fs(t), d); err != nil {
		e.fail(at, o, "", err)
		return
	}
	if !fresh || !first {
		return
	}
	e.lose(at, t.changes, d.Clone(), o)
	for _, s := range e.life.after {
		if err := o.do(s); err != nil {
			e.fail(at, o, "", err)
			return
		}
	}
	e.lose(at, t.changes, d.Clone(), o)
	if e.bounds.harms > 0 && e.dice.IntN(e.bounds.harms) == 0 {
		e.stale(at, before, d, o, t.batch)
	}
}

// lose takes the power once more, with all that is not durable.
func (e *explorer) lose(at place, changes int, d *memfs.Disk, o owner) {
	d.Crash(memfs.Lose)
	next := o.fork()
	e.count(next, d, false)
	if err := next.open(e.fs(&tape{disk: d}), d); err != nil {
		e.fail(at.then(end{at: point{change: changes}, took: []int{0}}), next, "", err)
	}
}

// count counts a state and reports whether its bytes were not seen before.
func (e *explorer) count(o owner, d *memfs.Disk, first bool) bool {
	e.counts[states]++
	if first {
		e.counts[states+": "+o.doing()]++
	} else {
		e.counts[states+": a start after another crash"]++
	}
	sum := d.Fingerprint()
	if _, seen := e.seen[sum]; seen {
		return false
	}
	e.seen[sum] = struct{}{}
	e.counts[distinct]++
	return true
}

// harm does every harm to the disk of a finished life.
func (e *explorer) harm(at place, d *memfs.Disk, o owner, batch extent) {
	n := 0
	err := harms(d, batch, e.dice, func(h harm) bool {
		if n++; h.what != "flip" || n%e.bounds.harms == 0 {
			e.harmed(at, h, d, o)
		}
		return e.failed == nil
	})
	if err != nil {
		e.fail(at, o, "", err)
	}
}

func (e *explorer) stale(at place, before, d *memfs.Disk, o owner, batch extent) {
	list, err := stale(before, d, batch)
	if err != nil {
		e.fail(at, o, "", err)
	}
	for _, h := range list {
		e.harmed(at, h, d, o)
	}
}

func (e *explorer) harmed(at place, h harm, d *memfs.Disk, o owner) {
	disk, err := h.do(d)
	v := verdict("")
	if err == nil {
		v, err = o.fork().harmed(disk, h)
	}
	e.counts[damaged]++
	e.counts[damaged+": "+string(v)]++
	if err != nil {
		e.fail(at, o, fmt.Sprintf("%s: %v", h.what, h.files), err)
	}
}
