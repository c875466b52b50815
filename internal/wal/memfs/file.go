package memfs

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"slices"

	"paxos/internal/wal"
)

const sector = wal.SectorBytes

// content is a file's bytes: as programs see them, and as they would be after
// a crash that lost every write since the last sync.
type content struct {
	view, durable []byte
	// Of bytes that are shared, with another disk or with one another, none may
	// be changed in place: a copy of a disk costs no bytes until it is written.
	viewShared, durableShared bool
	// pending holds, by sector number, what was written since the sector was
	// last made durable, oldest first: a crash leaves one of these, or the old.
	// No list of versions is changed in place: copies of a disk share it.
	pending map[int][][]byte
	// dirty sectors are those that the next sync writes. After a failed sync
	// a sector can be pending and not dirty.
	dirty map[int]bool
}

// own makes bytes that are shared this content's alone.
func own(b *[]byte, shared *bool) {
	if *shared {
		*b, *shared = slices.Clone(*b), false
	}
}

func (c *content) write(p []byte, offset int) {
	own(&c.view, &c.viewShared)
	if grown := offset + len(p); grown > len(c.view) {
		c.view = append(c.view, make([]byte, grown-len(c.view))...)
	}
	copy(c.view[offset:], p)
	if c.pending == nil {
		c.pending, c.dirty = map[int][][]byte{}, map[int]bool{}
	}
	for n := offset / sector; n*sector < offset+len(p); n++ {
		// Only what differs is another outcome of a crash. It is dirty all the
		// same: after a failed sync, that is what makes the next one write it.
		if versions := c.pending[n]; !equal(part(c.view, n), last(versions, part(c.durable, n))) {
			c.pending[n] = append(versions[:len(versions):len(versions)], slices.Clone(part(c.view, n)))
		}
		c.dirty[n] = true
	}
}

func last(versions [][]byte, old []byte) []byte {
	if len(versions) == 0 {
		return old
	}
	return versions[len(versions)-1]
}

// equal compares what was written with an older version. Where that ended a
// file that has grown since, it goes on with zeros.
func equal(written, old []byte) bool {
	n := min(len(old), len(written))
	return bytes.Equal(written[:n], old[:n]) && bytes.Equal(written[n:], zeros[:len(written)-n])
}

var zeros [sector]byte

// part is a sector of a file, which may be the short last one.
func part(b []byte, n int) []byte { return b[min(n*sector, len(b)):min((n+1)*sector, len(b))] }

func (c *content) sync() {
	own(&c.durable, &c.durableShared)
	if len(c.durable) < len(c.view) {
		c.durable = append(c.durable, make([]byte, len(c.view)-len(c.durable))...)
	}
	for n := range c.dirty {
		copy(part(c.durable, n), part(c.view, n))
		delete(c.pending, n)
	}
	clear(c.dirty)
}

// crash leaves of each pending sector the version that pick chooses.
func (c *content) crash(dir, name string, pick func(Doubt) int) {
	grown := len(c.view) - len(c.durable)
	if grown > 0 && pick(Doubt{Kind: GrowthDoubt, N: 2, Dir: dir, Name: name, At: len(c.view)}) == 1 {
		own(&c.durable, &c.durableShared)
		c.durable = append(c.durable, make([]byte, grown)...)
	}
	for _, n := range slices.Sorted(maps.Keys(c.pending)) {
		versions := c.pending[n]
		if i := pick(Doubt{Kind: SectorDoubt, N: len(versions) + 1, Dir: dir, Name: name, At: n}); i > 0 {
			own(&c.durable, &c.durableShared)
			copy(part(c.durable, n), versions[i-1])
		}
	}
	*c = content{view: c.durable, durable: c.durable, viewShared: true, durableShared: true}
}

func (c *content) clone() content {
	c.viewShared, c.durableShared = true, true
	out := content{view: c.view, durable: c.durable, viewShared: true, durableShared: true, dirty: maps.Clone(c.dirty)}
	out.pending = maps.Clone(c.pending)
	return out
}

// file is a handle.
type file struct {
	disk   *Disk
	node   *node
	name   string
	boot   int
	closed bool
}

// begin asks whether the operation is made to fail. The disk must be locked.
func (f *file) begin(kind Kind, size int) (short int, err error) {
	if f.closed || f.boot != f.disk.boot {
		return 0, pathError(string(kind), f.name, fs.ErrClosed)
	}
	if fault := f.disk.step(kind, f.name, size); fault != nil {
		return fault.Short, pathError(string(kind), f.name, fault.Err)
	}
	return size, nil
}

// ReadAt implements wal.File.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if _, err := f.begin(ReadOp, len(p)); err != nil {
		return 0, err
	}
	view := f.node.content.view
	n := copy(p, view[min(offset, int64(len(view))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements wal.File.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n, err := f.begin(WriteOp, len(p))
	n = min(n, len(p))
	if n > 0 {
		f.node.content.write(p[:n], int(offset))
	}
	return n, err
}

// Size implements wal.File.
func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed || f.boot != f.disk.boot {
		return 0, pathError("size", f.name, fs.ErrClosed)
	}
	return int64(len(f.node.content.view)), nil
}

// Sync implements wal.File.
func (f *file) Sync() error { return f.sync(SyncOp) }

// SyncData implements wal.File.
func (f *file) SyncData() error { return f.sync(SyncDataOp) }

func (f *file) sync(kind Kind) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	_, err := f.begin(kind, 0)
	switch {
	case err == nil:
		f.node.content.sync()
	case !f.closed && f.boot == f.disk.boot:
		clear(f.node.content.dirty)
	}
	return err
}

// Close implements wal.File.
func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
