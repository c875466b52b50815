package memfs

import (
	"hash/maphash"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Doubt is one thing that was not durable when the power went.
type Doubt struct {
	Kind DoubtKind
	N    int    // of so many outcomes one survives: 0 is the oldest
	Dir  string // where the name is
	Name string // of the file; of a change of names the new one, "" if there is none
	From string // of a change of names, the one that is no more, "" if there is none
	At   int    // the number of the sector, or the size to which the file has grown
}

// DoubtKind is what a Doubt is about.
type DoubtKind string

// The kinds of doubt: a change of a name, the growth of a file, what is in a sector.
const (
	NameDoubt   DoubtKind = "name"
	GrowthDoubt DoubtKind = "growth"
	SectorDoubt DoubtKind = "sector"
)

// Crash takes the power away. For everything that was not durable, pick says
// what survives: called with n it answers with a number from 0 to n-1, where 0
// is the state before all changes that were not durable, and n-1 the last. The
// questions come in an order that depends on the disk alone. All open files are
// dead afterwards, and no fault is injected any more.
func (d *Disk) Crash(pick func(n int) int) { d.CrashAt(func(x Doubt) int { return pick(x.N) }) }

// CrashAt is Crash with questions that say what they are about.
func (d *Disk) CrashAt(pick func(Doubt) int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.root.crash("/", "", pick, map[*node]bool{})
	d.boot++
	d.fault = nil
}

// Lose is a choice for Crash: nothing survives that was not durable.
func Lose(int) int { return 0 }

// Keep is a choice for Crash: everything survives.
func Keep(n int) int { return n - 1 }

// Kill ends the process: its open files are dead and no fault is injected any
// more, but all that was written is still seen.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.boot++
	d.fault = nil
}

// crash is told the directory that the node is in, and its name there.
func (n *node) crash(dir, name string, pick func(Doubt) int, done map[*node]bool) {
	if done[n] {
		return
	}
	done[n] = true
	if !n.dir {
		n.content.crash(dir, name, pick)
		return
	}
	dir = path.Join(dir, name)
	for _, c := range n.changes {
		if pick(Doubt{Kind: NameDoubt, N: 2, Dir: dir, Name: c.to, From: c.from}) == 1 {
			c.on(n.durable)
		}
	}
	n.changes = nil
	n.view = maps.Clone(n.durable)
	for _, name := range slices.Sorted(maps.Keys(n.view)) {
		n.view[name].crash(dir, name, pick, done)
	}
}

// Clone gives a second disk in the same state, what is not durable included,
// without faults. It costs no copy of what files hold until one of both writes.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Disk{root: d.root.clone(map[*node]*node{}), ops: d.ops}
}

func (n *node) clone(done map[*node]*node) *node {
	if n == nil || done[n] != nil {
		return done[n]
	}
	out := &node{dir: n.dir, content: n.content.clone()}
	done[n] = out
	if !n.dir {
		return out
	}
	names := func(from map[string]*node) map[string]*node {
		to := make(map[string]*node, len(from))
		for name, child := range from {
			to[name] = child.clone(done)
		}
		return to
	}
	out.view, out.durable = names(n.view), names(n.durable)
	for _, c := range n.changes {
		out.changes = append(out.changes, change{c.to, c.from, c.file.clone(done)})
	}
	return out
}

var seed = maphash.MakeSeed()

// Fingerprint is the same for disks on which programs see the same names and
// bytes, and otherwise most likely another. It is of no use in another process.
func (d *Disk) Fingerprint() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var sum maphash.Hash
	sum.SetSeed(seed)
	d.root.fingerprint(&sum)
	return sum.Sum64()
}

func (n *node) fingerprint(sum *maphash.Hash) {
	for _, name := range slices.Sorted(maps.Keys(n.view)) {
		child := n.view[name]
		maphash.WriteComparable(sum, name)
		maphash.WriteComparable(sum, len(child.content.view))
		_, _ = sum.Write(child.content.view)
		child.fingerprint(sum)
	}
	maphash.WriteComparable(sum, len(n.view))
}

// Files gives the names of all files as programs see them, sorted.
func (d *Disk) Files() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	var walk func(n *node, at string)
	walk = func(n *node, at string) {
		for name, child := range n.view {
			if child.dir {
				walk(child, path.Join(at, name))
			} else {
				all = append(all, path.Join(at, name))
			}
		}
	}
	walk(d.root, "/")
	slices.Sort(all)
	return all
}

// Content gives a copy of what programs see in a file.
func (d *Disk) Content(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, base, err := d.find(name)
	if err != nil {
		return nil, err
	}
	n := dir.view[base]
	if n == nil || n.dir {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(n.content.view), nil
}

// Put makes a file with this content, replacing what has that name; both are
// durable. It counts as no operation and cannot fail but for a missing directory.
func (d *Disk) Put(name string, content []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, base, err := d.find(name)
	if err != nil {
		return err
	}
	n := &node{}
	n.content.view, n.content.durable = slices.Clone(content), slices.Clone(content)
	dir.view[base], dir.durable[base] = n, n
	return nil
}
