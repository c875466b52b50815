package memfs

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"

	"paxos/internal/wal"
)

// Disk is a disk and its file system. It starts with the directory "/" alone.
// It may be used from several goroutines.
type Disk struct {
	mu    sync.Mutex
	root  *node
	boot  int // handles from before the last Crash or Kill are dead
	ops   int
	fault func(Op) *Fault
}

// New gives an empty disk.
func New() *Disk { return &Disk{root: newDir()} }

// node is a file or a directory. What a directory holds is in view, as
// programs see it; durable is what it would hold after a crash that lost
// every change of names.
type node struct {
	dir           bool
	view, durable map[string]*node
	changes       []change // from durable to view, in order

	content content
}

// change is a change of names that is not durable yet. To is the name that
// now stands for file, from the one that no longer does; either may be empty.
type change struct {
	to, from string
	file     *node
}

func newDir() *node {
	return &node{dir: true, view: map[string]*node{}, durable: map[string]*node{}}
}

func (n *node) apply(c change) {
	c.on(n.view)
	n.changes = append(n.changes, c)
}

// on applies a change to a set of names. When the changes before it were lost
// it does what it still can: what is not there cannot be renamed.
func (c change) on(names map[string]*node) {
	if c.from != "" {
		if names[c.from] != c.file {
			return
		}
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.file
	}
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// find gives the directory that a name is in, and the last part of the name.
func (d *Disk) find(name string) (dir *node, base string, err error) {
	name = path.Clean("/" + name)
	if name == "/" {
		return nil, "", fs.ErrInvalid
	}
	parent, base := path.Split(name)
	dir, err = d.walk(parent)
	return dir, base, err
}

func (d *Disk) walk(name string) (*node, error) {
	name = path.Clean("/" + name)
	if name == "/" {
		return d.root, nil
	}
	dir, base, err := d.find(name)
	if err != nil {
		return nil, err
	}
	n := dir.view[base]
	if n == nil || !n.dir {
		return nil, fs.ErrNotExist
	}
	return n, nil
}

// Create implements wal.FS.
func (d *Disk) Create(name string) (wal.File, error) {
	return d.open(CreateOp, name, func(dir *node, base string) error {
		if dir.view[base] != nil {
			return fs.ErrExist
		}
		dir.apply(change{to: base, file: &node{}})
		return nil
	})
}

// Open implements wal.FS.
func (d *Disk) Open(name string) (wal.File, error) {
	return d.open(OpenOp, name, func(dir *node, base string) error {
		if n := dir.view[base]; n == nil || n.dir {
			return fs.ErrNotExist
		}
		return nil
	})
}

func (d *Disk) open(kind Kind, name string, do func(dir *node, base string) error) (wal.File, error) {
	var f *file
	err := d.named(kind, name, func(dir *node, base string) error {
		if err := do(dir, base); err != nil {
			return err
		}
		f = &file{disk: d, node: dir.view[base], name: name, boot: d.boot}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// named does an operation on one name, unless it is made to fail.
func (d *Disk) named(kind Kind, name string, do func(dir *node, base string) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.step(kind, name, 0); f != nil {
		return pathError(string(kind), name, f.Err)
	}
	dir, base, err := d.find(name)
	if err == nil {
		err = do(dir, base)
	}
	if err != nil {
		return pathError(string(kind), name, err)
	}
	return nil
}

// Rename implements wal.FS.
func (d *Disk) Rename(from, to string) error {
	return d.named(RenameOp, from, func(dir *node, base string) error {
		other, target, err := d.find(to)
		if err != nil {
			return err
		}
		file := dir.view[base]
		if file == nil {
			return fs.ErrNotExist
		}
		if other != dir || file.dir {
			return fs.ErrInvalid
		}
		dir.apply(change{from: base, to: target, file: file})
		return nil
	})
}

// Remove implements wal.FS. It removes files only.
func (d *Disk) Remove(name string) error {
	return d.named(RemoveOp, name, func(dir *node, base string) error {
		n := dir.view[base]
		if n == nil {
			return fs.ErrNotExist
		}
		if n.dir {
			return fs.ErrInvalid
		}
		dir.apply(change{from: base, file: n})
		return nil
	})
}

// Mkdir implements wal.FS.
func (d *Disk) Mkdir(name string) error {
	return d.named(MkdirOp, name, func(dir *node, base string) error {
		if dir.view[base] != nil {
			return fs.ErrExist
		}
		dir.apply(change{to: base, file: newDir()})
		return nil
	})
}

// ReadDir implements wal.FS.
func (d *Disk) ReadDir(name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.step(ReadDirOp, name, 0); f != nil {
		return nil, pathError(string(ReadDirOp), name, f.Err)
	}
	dir, err := d.walk(name)
	if err != nil {
		return nil, pathError(string(ReadDirOp), name, err)
	}
	return slices.Sorted(maps.Keys(dir.view)), nil
}

// SyncDir implements wal.FS.
func (d *Disk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.step(SyncDirOp, name, 0); f != nil {
		return pathError(string(SyncDirOp), name, f.Err)
	}
	dir, err := d.walk(name)
	if err != nil {
		return pathError(string(SyncDirOp), name, err)
	}
	dir.durable = maps.Clone(dir.view)
	dir.changes = nil
	return nil
}
