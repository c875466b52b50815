package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
)

// segment is an open segment.
type segment struct {
	file   File
	name   string
	number uint64
	size   int64
}

// room is what a batch may take of an empty segment of this size in bytes. The
// last sector stays free for the link, see Journal.roll.
func room(size, offset int64) int64 { return size - SectorBytes - offset }

var errStopped = errors.New("the preparation was stopped")

// createSegment makes a segment that is durable, name included, replacing an
// empty one of the same number. Whatever happens, the name never stands for
// less than a whole segment. A true stop ends it early, with errStopped.
func createSegment(fsys FS, dir string, h segmentHeader, stop *atomic.Bool) (*segment, error) {
	s := &segment{name: filepath.Join(dir, segmentName(h.number)), number: h.number, size: h.size}
	temp := s.name + tempSuffix
	file, err := fsys.Create(temp)
	if err != nil {
		return nil, fmt.Errorf("making segment %s: %w", s.name, err)
	}
	s.file = file
	err = fill(file, h, stop)
	if err == nil {
		err = fsys.Rename(temp, s.name)
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("making segment %s: %w", s.name, err)
	}
	return s, nil
}

// fill writes all of a segment. The zeros are written, not reserved: an extent
// that is only reserved would make the file system change its own records, and
// so make two writes of one, at the first use of every block.
func fill(file File, h segmentHeader, stop *atomic.Bool) error {
	if _, err := file.WriteAt(h.encode(), 0); err != nil {
		return err
	}
	if err := zero(file, SectorBytes, h.size, stop); err != nil {
		return err
	}
	if stop.Load() {
		return errStopped
	}
	if err := file.Sync(); err != nil {
		return err
	}
	// Linux keeps what was written at once as one large folio, and writes all of
	// it again for each sector that changes in it: 256 KiB for a batch of 512 B.
	return Forget(file)
}

func zero(file File, from, to int64, stop *atomic.Bool) error {
	for from < to {
		if stop.Load() {
			return errStopped
		}
		n := min(to-from, int64(len(zeros)))
		if _, err := file.WriteAt(zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// openSegment opens a segment of a known number and checks all that its header
// and its size say.
func openSegment(fsys FS, dir string, number uint64, bind Binding) (*segment, error) {
	s := &segment{name: filepath.Join(dir, segmentName(number)), number: number}
	file, err := fsys.Open(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damage(s.name, 0, "the segment is missing")
	}
	if err != nil {
		return nil, err
	}
	s.file = file
	if err := s.check(bind); err != nil {
		_ = file.Close()
		return nil, err
	}
	return s, nil
}

func (s *segment) check(bind Binding) error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	if size < SectorBytes {
		return damage(s.name, size, "the segment has been cut within its header")
	}
	sector := make([]byte, SectorBytes)
	if _, err := s.file.ReadAt(sector, 0); err != nil {
		return err
	}
	h, reason := decodeSegmentHeader(sector)
	switch {
	case reason != "":
		return damage(s.name, 0, "%s", reason)
	case h.binding != bind:
		return &ForeignError{File: s.name, Want: bind, Have: h.binding}
	case h.number != s.number:
		return damage(s.name, 0, "the header is that of segment %d", h.number)
	case size != h.size:
		return damage(s.name, min(size, h.size), "the segment has %d bytes and was born with %d", size, h.size)
	case size < minSegmentBytes || size%SectorBytes != 0:
		return damage(s.name, 0, "no segment has %d bytes", size)
	}
	s.size = size
	return nil
}

// preparation is a segment on its way: made ahead, so that a roll need not
// wait for the zeros to reach the disk.
type preparation struct {
	done chan prepared
	stop atomic.Bool
}

type prepared struct {
	segment *segment
	err     error
}

func prepare(fsys FS, dir string, h segmentHeader, inline bool) *preparation {
	p := &preparation{done: make(chan prepared, 1)}
	run := func() {
		s, err := createSegment(fsys, dir, h, &p.stop)
		p.done <- prepared{s, err}
	}
	if inline {
		run()
	} else {
		go run()
	}
	return p
}
