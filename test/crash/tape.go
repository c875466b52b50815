package crash

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

// tape is a disk that announces every change before it is done. Reads change
// nothing: a crash before one is a crash after the change before it.
type tape struct {
	disk    *memfs.Disk
	changes int
	next    string                   // the change that is announced
	hear    func(point, *memfs.Disk) // nil: nobody listens
	handles []*handle
	batch   extent // the last write into a segment of a journal
}

// point is a place between two changes of a disk, or within one.
type point struct {
	change  int    // so many changes are done
	sectors int    // and so many sectors of the next one, which is a write
	failed  bool   // the next one is a sync, which was tried and failed
	next    string // the next one, to a person; "" if it is not known or there is none
}

// is compares what names a point.
func (p point) is(q point) bool {
	return p.change == q.change && p.sectors == q.sectors && p.failed == q.failed
}

// extent is a part of a file, in bytes.
type extent struct {
	name     string
	from, to int64
}

var errSync = errors.New("a failed sync")

// before announces the next change.
func (t *tape) before(format string, args ...any) {
	if t.hear != nil {
		t.next = fmt.Sprintf(format, args...)
		t.hear(point{change: t.changes, next: t.next}, t.disk)
	}
	t.changes++
}

// Create implements wal.FS.
func (t *tape) Create(name string) (wal.File, error) {
	t.before("create %s", name)
	f, err := t.disk.Create(name)
	return t.handle(f, err, name)
}

// Open implements wal.FS.
func (t *tape) Open(name string) (wal.File, error) {
	f, err := t.disk.Open(name)
	return t.handle(f, err, name)
}

func (t *tape) handle(f wal.File, err error, name string) (wal.File, error) {
	if err != nil {
		return nil, err
	}
	h := &handle{File: f, tape: t, name: filepath.Clean(name)}
	t.handles = append(t.handles, h)
	return h, nil
}

// Rename implements wal.FS. Open files go by their new name from then on.
func (t *tape) Rename(from, to string) error {
	t.before("rename %s to %s", from, to)
	for _, h := range t.handles {
		if h.name == filepath.Clean(from) {
			h.name = filepath.Clean(to)
		}
	}
	return t.disk.Rename(from, to)
}

// Remove implements wal.FS.
func (t *tape) Remove(name string) error {
	t.before("remove %s", name)
	return t.disk.Remove(name)
}

// Mkdir implements wal.FS.
func (t *tape) Mkdir(name string) error {
	t.before("make directory %s", name)
	return t.disk.Mkdir(name)
}

// ReadDir implements wal.FS.
func (t *tape) ReadDir(dir string) ([]string, error) { return t.disk.ReadDir(dir) }

// SyncDir implements wal.FS.
func (t *tape) SyncDir(dir string) error {
	t.before("sync directory %s", dir)
	return t.disk.SyncDir(dir)
}

// handle is a file on a tape.
type handle struct {
	wal.File
	tape *tape
	name string
}

// WriteAt implements wal.File: the power may go behind each of its sectors.
func (h *handle) WriteAt(p []byte, offset int64) (int, error) {
	t := h.tape
	t.before("write %d bytes into %s from byte %d on", len(p), h.name, offset)
	end := offset + int64(len(p))
	for n, at := 1, offset-offset%wal.SectorBytes+wal.SectorBytes; at < end && t.hear != nil; n, at = n+1, at+wal.SectorBytes {
		part := t.disk.Clone()
		f, err := part.Open(h.name)
		if err != nil {
			return 0, fmt.Errorf("a write to a file without a name: %w", err)
		}
		if _, err := f.WriteAt(p[:at-offset], offset); err != nil {
			return 0, err
		}
		t.hear(point{change: t.changes - 1, sectors: n, next: t.next}, part)
	}
	if strings.HasSuffix(h.name, ".wal") {
		t.batch = extent{h.name, offset, end}
	}
	return h.File.WriteAt(p, offset)
}

// Sync implements wal.File.
func (h *handle) Sync() error {
	if err := h.sync("sync", (wal.File).Sync); err != nil {
		return err
	}
	return h.File.Sync()
}

// SyncData implements wal.File.
func (h *handle) SyncData() error {
	if err := h.sync("sync the data of", (wal.File).SyncData); err != nil {
		return err
	}
	return h.File.SyncData()
}

// sync announces a sync, and what the disk would be if it failed.
func (h *handle) sync(what string, do func(wal.File) error) error {
	t := h.tape
	t.before("%s %s", what, h.name)
	if t.hear == nil {
		return nil
	}
	failed := t.disk.Clone()
	f, err := failed.Open(h.name)
	if err != nil {
		return fmt.Errorf("a sync of a file without a name: %w", err)
	}
	failed.Inject(func(memfs.Op) *memfs.Fault { return &memfs.Fault{Err: errSync} })
	if err := do(f); !errors.Is(err, errSync) {
		return fmt.Errorf("a sync that was to fail gave %w", err)
	}
	failed.Inject(nil)
	t.hear(point{change: t.changes - 1, failed: true, next: t.next}, failed)
	return nil
}

// Close implements wal.File.
func (h *handle) Close() error {
	h.tape.handles = slices.DeleteFunc(h.tape.handles, func(o *handle) bool { return o == h })
	return h.File.Close()
}
