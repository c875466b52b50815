package memfs

import (
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
	// pending holds, by sector number, what was written since the sector was
	// last made durable, oldest first: a crash leaves one of these, or the old.
	pending map[int][][]byte
	// dirty sectors are those that the next sync writes. After a failed sync
	// a sector can be pending and not dirty.
	dirty map[int]bool
}

func (c *content) write(p []byte, offset int) {
	if grown := offset + len(p); grown > len(c.view) {
		c.view = append(c.view, make([]byte, grown-len(c.view))...)
	}
	copy(c.view[offset:], p)
	if c.pending == nil {
		c.pending, c.dirty = map[int][][]byte{}, map[int]bool{}
	}
	for n := offset / sector; n*sector < offset+len(p); n++ {
		c.pending[n] = append(c.pending[n], slices.Clone(part(c.view, n)))
		c.dirty[n] = true
	}
}

// part is a sector of a file, which may be the short last one.
func part(b []byte, n int) []byte { return b[min(n*sector, len(b)):min((n+1)*sector, len(b))] }

func (c *content) sync() {
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
func (c *content) crash(pick func(n int) int) {
	if grown := len(c.view) - len(c.durable); grown > 0 && pick(2) == 1 {
		c.durable = append(c.durable, make([]byte, grown)...)
	}
	for _, n := range slices.Sorted(maps.Keys(c.pending)) {
		versions := c.pending[n]
		if i := pick(len(versions) + 1); i > 0 {
			copy(part(c.durable, n), versions[i-1])
		}
	}
	*c = content{view: slices.Clone(c.durable), durable: c.durable}
}

func (c *content) clone() content {
	out := content{view: slices.Clone(c.view), durable: slices.Clone(c.durable), dirty: maps.Clone(c.dirty)}
	out.pending = maps.Clone(c.pending)
	for n, versions := range out.pending {
		out.pending[n] = slices.Clone(versions)
	}
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
