package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// Open reads the journal in dir and hands every record that was ever synced and
// not dropped, in order, to replay; the payload is valid during the call only.
//
// The whole journal is found sound before replay is called at all, and replay
// has seen all of it before anything on disk is changed: an Open that fails
// leaves the directory as it was. What Open has replayed is durable when it
// returns, and not before.
//
// Errors are a *DamageError, a *ForeignError, a *ReplayError with what replay
// said, an *UnsafeFileSystemError, or those of the file system.
func Open(fsys FS, dir string, bind Binding, opts Options, replay func(kind byte, payload []byte) error) (*Journal, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	if bind.Cluster.IsZero() || bind.Store == 0 {
		return nil, fmt.Errorf("journal %s: it needs a cluster id and a store id to be bound to", dir)
	}
	if opts.Create {
		if err := ensureDir(fsys, dir); err != nil {
			return nil, err
		}
	}
	if c, ok := fsys.(interface{ CheckFileSystem(dir string) error }); ok && !opts.AllowUnsafeFS {
		if err := c.CheckFileSystem(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	r := &recovery{fs: fsys, dir: dir, bind: bind, opts: opts}
	if err := r.list(); err != nil {
		return nil, err
	}
	j := &Journal{fs: fsys, dir: dir, bind: bind, opts: opts, pending: newBatch(bind.seed()), link: newBatch(bind.seed())}
	if len(r.segments) == 0 {
		err = r.create(j)
	} else if err = r.recover(replay); err == nil {
		err = r.settle(j)
	}
	if err != nil {
		_ = j.closeFiles()
		return nil, err
	}
	return j, nil
}

// Exists reports whether dir holds any segment of a journal: an acceptor that
// finds one, but no identity beside it, has lost its identity.
func Exists(fsys FS, dir string) (bool, error) {
	r := &recovery{fs: fsys, dir: dir, opts: Options{Create: true}}
	err := r.list()
	return len(r.segments) > 0, err
}

// recovery is what Open knows before there is a Journal.
type recovery struct {
	fs   FS
	dir  string
	bind Binding
	opts Options

	segments []uint64 // all that exist, ascending
	temps    []string // what a crash left of segments in the making
	run      []uint64 // the last of segments, without gaps
	last     found    // its number is 0 when there is no batch
	torn     *place
	oldest   uint64
}

func (r *recovery) list() error {
	names, err := r.fs.ReadDir(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range names {
		number := segmentNumber(name)
		switch {
		case number != 0:
			r.segments = append(r.segments, number)
		case segmentNumber(strings.TrimSuffix(name, tempSuffix)) != 0:
			r.temps = append(r.temps, name)
		case strings.HasSuffix(name, segmentSuffix):
			return damage(filepath.Join(r.dir, name), 0, "no segment has this name")
		}
	}
	if len(r.segments) == 0 && !r.opts.Create {
		return damage(r.dir, 0, "there is no journal in this directory, and there was one")
	}
	return nil
}

// create makes the first segment. A crash before it is durable leaves a
// directory without segments, as before.
func (r *recovery) create(j *Journal) error {
	if err := r.clean(0); err != nil {
		return err
	}
	var never atomic.Bool
	s, err := createSegment(r.fs, r.dir, j.header(1, r.opts.SegmentBytes), &never)
	if err != nil {
		return err
	}
	j.current, j.offset, j.oldest = s, SectorBytes, 1
	j.count(1, s.size)
	return nil
}

// recover reads everything twice: to know that it is sound and where it
// begins and ends, and to replay it.
func (r *recovery) recover(to func(kind byte, payload []byte) error) error {
	first := len(r.segments) - 1
	for first > 0 && r.segments[first-1] == r.segments[first]-1 {
		first--
	}
	r.run = r.segments[first:]
	look, err := r.pass(r.run, nil)
	if err != nil {
		return err
	}
	r.last, r.torn, r.oldest = look.last, look.torn, 1
	if r.last.number != 0 {
		r.oldest = r.last.oldest
	}
	if err := r.complete(); err != nil {
		return err
	}
	_, err = r.pass(r.run[r.oldest-r.run[0]:], replayTo(r.bind.seed(), r.opts, to))
	return err
}

func (r *recovery) pass(run []uint64, visit func(*found) error) (*scan, error) {
	s := &scan{seed: r.bind.seed(), visit: visit}
	if run[0] == 1 {
		s.next = 1
	}
	for _, number := range run {
		seg, err := openSegment(r.fs, r.dir, number, r.bind)
		if err != nil {
			return nil, err
		}
		err = s.read(seg)
		_ = seg.file.Close()
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// complete checks that no segment is missing: the last batch says from which
// to which they must be there. One more may have been prepared since, and
// older ones may be what a crash left of a DropBefore.
func (r *recovery) complete() error {
	current, newest := uint64(1), uint64(1)
	if r.last.number != 0 {
		current, newest = r.last.segment.number, r.last.newest
	}
	first, end := r.run[0], r.run[len(r.run)-1]
	switch {
	case first > r.oldest:
		return damage(filepath.Join(r.dir, segmentName(first-1)), 0, "the segment is missing: the journal begins with segment %d", r.oldest)
	case end < newest:
		return damage(filepath.Join(r.dir, segmentName(end+1)), 0, "the segment is missing: the last batch knew segment %d", newest)
	case end > current+1:
		return damage(filepath.Join(r.dir, segmentName(current+1)), SectorBytes, "the segment is empty, and there is one after it")
	}
	return nil
}

// settle makes true on disk what was read, and j ready to append.
func (r *recovery) settle(j *Journal) error {
	// A name that a dead process made may not be durable yet.
	if err := r.fs.SyncDir(r.dir); err != nil {
		return err
	}
	current := uint64(1)
	j.offset, j.oldest = SectorBytes, r.oldest
	if r.last.number != 0 {
		current = r.last.segment.number
		j.last, j.offset = r.last.batchHeader, r.last.offset+r.last.extent()
		j.synced = Position{Segment: current, Batch: j.last.number}
	}
	for number := r.oldest; number <= r.run[len(r.run)-1]; number++ {
		s, err := openSegment(r.fs, r.dir, number, r.bind)
		if err != nil {
			return err
		}
		j.count(1, s.size)
		switch number {
		case current:
			j.current = s
		case current + 1:
			j.ready, j.coming = s, &preparation{done: make(chan prepared)}
		default:
			_ = s.file.Close() // It was synced before there was a current one.
			continue
		}
		if err := r.settleSegment(s); err != nil {
			return err
		}
	}
	// Not earlier: the batch that announced the end of the oldest segments may
	// have stood in memory only, left by a process that died before its sync.
	return r.clean(r.oldest)
}

// settleSegment syncs what was read from one of the last two segments: its last
// batch, its empty end, and a torn batch's place, which is zero again before
// anything is appended. The next batch has the torn one's number: a sector left
// of the old one would count as its own.
func (r *recovery) settleSegment(s *segment) error {
	if r.torn != nil && r.torn.segment.number == s.number {
		var never atomic.Bool
		if err := zero(s.file, r.torn.offset, s.size, &never); err != nil {
			return err
		}
	}
	if r.last.number != 0 && r.last.segment.number == s.number {
		if err := rewrite(s, r.last.offset, r.last.offset+r.last.extent()); err != nil {
			return err
		}
	}
	if err := s.file.SyncData(); err != nil {
		return err
	}
	return Forget(s.file) // as fill does
}

// clean removes what crashes have left: segments in the making, and those
// before the oldest, whose end a batch had announced.
func (r *recovery) clean(oldest uint64) error {
	names := r.temps
	for _, number := range r.segments {
		if number < oldest {
			names = append(names, segmentName(number))
		}
	}
	for _, name := range names {
		if err := r.fs.Remove(filepath.Join(r.dir, name)); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		return nil
	}
	return r.fs.SyncDir(r.dir)
}

// rewrite writes the last batch once more, as it is. The process that wrote it
// may have died of a failed sync, after which the operating system takes the
// pages for clean: what was read here may stand in memory only, and another
// sync would not write it (Rebello et al., Can Applications Recover from fsync
// Failures?, ATC'20).
func rewrite(s *segment, from, to int64) error {
	buf := make([]byte, min(to-from, int64(windowBytes)))
	for from < to {
		n := min(to-from, int64(len(buf)))
		if read, err := s.file.ReadAt(buf[:n], from); int64(read) < n {
			return fmt.Errorf("reading %s at byte %d: %w", s.name, from, err)
		}
		if _, err := s.file.WriteAt(buf[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}

func ensureDir(fsys FS, dir string) error {
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(filepath.Dir(filepath.Clean(dir)))
}
