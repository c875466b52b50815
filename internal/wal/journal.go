package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Journal is an open journal. It belongs to one goroutine, but for Stats.
type Journal struct {
	fs   FS
	dir  string
	bind Binding
	opts Options

	current *segment
	offset  int64 // in current: where the next batch goes
	last    batchHeader
	synced  Position
	oldest  uint64 // the first segment that is kept
	pending *batch
	link    *batch // always empty, see roll

	coming    *preparation // nil until the segment after current is asked for
	ready     *segment     // what came of it
	comingErr error        // or why it did not

	err   error // the first failure; nothing is done after it
	stats struct{ diskBytes, segments, writtenBytes, records, syncs, lastSync atomic.Int64 }
}

// Append adds a record to the batch that the next Sync makes durable. It does
// no I/O and copies the payload. A record that takes the batch beyond
// MaxBatchBytes fails the journal, as Sync will say.
func (j *Journal) Append(kind byte, payload []byte) {
	if j.err != nil {
		return
	}
	if !j.pending.fits(len(payload)) {
		_ = j.fail(fmt.Errorf("more than %d bytes were appended between two syncs", MaxBatchBytes))
		return
	}
	j.pending.append(kind, payload)
}

// Sync makes everything appended since the last Sync durable, as one batch:
// after a crash either all of it is there or nothing. The first error is final:
// nothing is known of what reached the disk, so the disk is never touched
// again and every later call returns that error. The caller must end, having
// told nobody what the lost batch says.
func (j *Journal) Sync() error {
	if j.err != nil || j.pending.count == 0 {
		return j.err
	}
	if err := j.flush(); err != nil {
		return j.fail(err)
	}
	return nil
}

// Position is where the last synced batch is kept; zero when there is none.
func (j *Journal) Position() Position { return j.synced }

// DropBefore removes all segments before the given one, which must not lie
// behind the Position. It syncs whatever has been appended, together with the
// word that these segments are gone: a crash at any moment leaves a journal
// that replays either from the old beginning or from the new one. Errors are
// final, as those of Sync.
func (j *Journal) DropBefore(number uint64) error {
	if j.err != nil || number <= j.oldest {
		return j.err
	}
	if number > j.Position().Segment {
		return fmt.Errorf("journal %s: nothing is kept in segment %d yet: segments before %d can be dropped", j.dir, number, j.Position().Segment)
	}
	from := j.oldest
	j.oldest = number
	if err := j.flush(); err != nil {
		return j.fail(err)
	}
	if err := j.remove(from, number); err != nil {
		return j.fail(err)
	}
	return nil
}

func (j *Journal) remove(from, to uint64) error {
	for ; from < to; from++ {
		name := filepath.Join(j.dir, segmentName(from))
		size, err := sizeOf(j.fs, name)
		if err == nil {
			err = j.fs.Remove(name)
		}
		if err != nil {
			return err
		}
		j.count(-1, -size)
	}
	return j.fs.SyncDir(j.dir)
}

// Close lets go of the files and waits for the journal's goroutine. It does
// not sync: what was appended since the last Sync is forgotten.
func (j *Journal) Close() error {
	_ = j.fail(ErrClosed)
	if j.coming != nil && j.ready == nil && j.comingErr == nil {
		j.receive(<-j.coming.done)
	}
	return j.closeFiles()
}

func (j *Journal) closeFiles() error {
	var errs [2]error
	for i, s := range []*segment{j.current, j.ready} {
		if s != nil {
			errs[i] = s.file.Close()
		}
	}
	j.current, j.ready, j.coming = nil, nil, nil
	return errors.Join(errs[:]...)
}

// Stats may be called from any goroutine.
func (j *Journal) Stats() Stats {
	s := &j.stats
	return Stats{
		DiskBytes: s.diskBytes.Load(), Segments: s.segments.Load(), WrittenBytes: s.writtenBytes.Load(),
		Records: s.records.Load(), Syncs: s.syncs.Load(), LastSync: time.Duration(s.lastSync.Load()),
	}
}

func (j *Journal) count(segments, bytes int64) {
	j.stats.segments.Add(segments)
	j.stats.diskBytes.Add(bytes)
}

// fail makes err the answer to every later call, unless there is one already.
// A preparation under way stops at its next step; nobody will use what it made.
func (j *Journal) fail(err error) error {
	if j.err == nil {
		j.err = fmt.Errorf("journal %s: %w", j.dir, err)
	}
	if j.coming != nil {
		j.coming.stop.Store(true)
	}
	return j.err
}

// flush writes and syncs the pending batch, also when it is empty.
func (j *Journal) flush() error {
	j.poll()
	if j.comingErr != nil {
		// The first failed write or sync is the last, this one's too.
		return j.comingErr
	}
	begin := j.opts.Now()
	need := int64(len(j.pending.buf))
	if need > room(j.current.size, j.offset) {
		if err := j.roll(need); err != nil {
			return err
		}
	}
	if err := j.write(j.pending); err != nil {
		return err
	}
	took := j.opts.Now().Sub(begin)
	j.stats.records.Add(int64(j.pending.count))
	j.stats.lastSync.Store(int64(took))
	if j.opts.Synced != nil {
		j.opts.Synced(int(j.pending.count), took)
	}
	j.pending.reset()
	// Not earlier: with a segment prepared only behind one that holds a
	// batch, at most one empty segment is ever found at the end.
	if j.coming == nil {
		j.coming = prepare(j.fs, j.dir, j.header(j.current.number+1, j.opts.SegmentBytes), j.opts.Inline)
	}
	return nil
}

// write puts a batch at the end of the journal and makes it durable.
func (j *Journal) write(b *batch) error {
	newest := j.current.number
	if j.ready != nil {
		newest = j.ready.number
	}
	h := b.seal(batchHeader{number: j.last.number + 1, oldest: j.oldest, newest: newest, previous: j.last.crc})
	if _, err := j.current.file.WriteAt(b.padded(j.offset, j.current.size), j.offset); err != nil {
		return fmt.Errorf("writing batch %d to %s: %w", h.number, j.current.name, err)
	}
	if err := j.current.file.SyncData(); err != nil {
		return fmt.Errorf("syncing batch %d in %s: %w", h.number, j.current.name, err)
	}
	j.last = h
	j.synced = Position{Segment: j.current.number, Batch: h.number}
	j.offset += int64(len(b.buf))
	j.stats.writtenBytes.Add(int64(len(b.buf)))
	j.stats.syncs.Add(1)
	return nil
}

// roll goes on to the next segment, which will have room for need bytes.
//
// It leaves behind a batch that announces that segment. Mostly that is the
// last one, written when the preparation had long ended; otherwise an empty
// batch is written for it, the link, for which every segment keeps a sector
// free. Without it, nobody would miss a last segment that was lost.
func (j *Journal) roll(need int64) error {
	next, err := j.await(need)
	if err != nil {
		return err
	}
	if j.last.newest < next.number {
		j.link.reset()
		if err := j.write(j.link); err != nil {
			return err
		}
	}
	_ = j.current.file.Close() // All it holds is synced.
	j.current, j.offset = next, SectorBytes
	j.coming, j.ready = nil, nil
	return nil
}

// await gives the next segment, with room for need bytes.
func (j *Journal) await(need int64) (*segment, error) {
	if j.coming != nil && j.ready == nil && j.comingErr == nil {
		j.receive(<-j.coming.done)
	}
	if j.comingErr != nil {
		return nil, j.comingErr
	}
	if j.ready != nil && need <= room(j.ready.size, SectorBytes) {
		return j.ready, nil
	}
	// None was asked for yet, or the batch is larger than any plain segment.
	size := max(j.opts.SegmentBytes, SectorBytes+need+SectorBytes)
	var never atomic.Bool
	s, err := createSegment(j.fs, j.dir, j.header(j.current.number+1, size), &never)
	if err != nil {
		return nil, err
	}
	if j.ready != nil {
		_ = j.ready.file.Close() // Nothing was ever written to it.
		j.count(-1, -j.ready.size)
	}
	j.count(1, s.size)
	j.ready = s
	return s, nil
}

// poll looks whether the preparation has ended, without waiting for it.
func (j *Journal) poll() {
	if j.coming == nil {
		return
	}
	select {
	case p := <-j.coming.done:
		j.receive(p)
	default:
	}
}

// receive takes over what a preparation came to.
func (j *Journal) receive(p prepared) {
	j.ready, j.comingErr = p.segment, p.err
	if p.segment != nil {
		j.count(1, p.segment.size)
	}
}

func (j *Journal) header(number uint64, size int64) segmentHeader {
	return segmentHeader{binding: j.bind, number: number, size: size}
}

func sizeOf(fsys FS, name string) (int64, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return 0, err
	}
	size, err := f.Size()
	return size, errors.Join(err, f.Close())
}
