package wal

import "fmt"

// scan is one pass over the segments of a journal, in order. It reports damage
// and a torn end, and changes nothing.
type scan struct {
	seed  uint32
	visit func(b *found) error // nil in a pass that only looks

	next  uint64 // the number of the next batch; 0 while any will do
	last  found  // the last whole batch; its number is 0 while there is none
	torn  *place // where a torn batch begins
	piece window
	body  []byte
}

// place is a position in a segment, in bytes.
type place struct {
	segment *segment
	offset  int64
}

// found is a whole batch and where it stands.
type found struct {
	place
	batchHeader
	body []byte // without the tags; valid until the next batch is read
}

// read goes through one segment, whose file must be open.
func (s *scan) read(seg *segment) error {
	s.piece.reset(seg)
	for offset := int64(SectorBytes); offset < seg.size; {
		sector, err := s.piece.sector(offset)
		if err != nil {
			return err
		}
		if isZero(sector) {
			return s.end(seg, offset)
		}
		if s.torn != nil {
			return s.behindTorn(seg, offset)
		}
		h, err := s.header(seg, offset, sector)
		if err != nil {
			return err
		}
		whole, err := s.gather(seg, offset, h)
		if err != nil {
			return err
		}
		if whole {
			err = s.accept(found{place{seg, offset}, h, s.body})
		} else {
			s.torn = &place{seg, offset}
		}
		if err != nil {
			return err
		}
		offset += h.extent()
	}
	return nil
}

// header decodes the header of the batch that should begin here.
func (s *scan) header(seg *segment, offset int64, sector []byte) (batchHeader, error) {
	h, ok := decodeBatchHeader(sector[tagBytes:], s.seed)
	want := s.next
	if want == 0 {
		want = h.number
	}
	switch {
	case !hasTag(sector, want):
		return h, damage(seg.name, offset, "a sector of batch %d should begin here, and its tag is another", want)
	case !ok:
		return h, damage(seg.name, offset, "the checksum of the header of batch %d does not match", want)
	case h.number != want:
		return h, damage(seg.name, offset, "batch %d stands where batch %d should", h.number, want)
	case s.next != 0 && h.previous != s.last.crc:
		return h, damage(seg.name, offset, "batch %d does not follow the batch before it", want)
	case h.extent() > seg.size-offset:
		return h, damage(seg.name, offset, "batch %d reaches beyond its segment", want)
	case h.oldest > seg.number || h.newest < seg.number:
		return h, damage(seg.name, offset, "batch %d does not know its own segment", want)
	}
	return h, nil
}

// gather puts the body of a batch together from its sectors and reports whether
// all were written.
func (s *scan) gather(seg *segment, offset int64, h batchHeader) (whole bool, err error) {
	s.body = s.body[:0]
	whole = true
	for at := offset; at < offset+h.extent(); at += SectorBytes {
		sector, err := s.piece.sector(at)
		switch {
		case err != nil:
			return false, err
		case isZero(sector):
			whole = false
		case !hasTag(sector, h.number):
			return false, damage(seg.name, at, "a sector of batch %d has the tag of none", h.number)
		}
		s.body = append(s.body, sector[tagBytes:]...)
	}
	return whole, nil
}

// accept checks a batch of which every sector was written. It can only be as
// it was written: a checksum that does not match is damage, in the last batch too.
func (s *scan) accept(b found) error {
	flaw, _ := checkRecords(b.batchHeader, b.body, s.seed, nil)
	if flaw != nil {
		return damage(b.segment.name, b.offset+placeOf(flaw.at), "batch %d: %s", b.number, flaw.reason)
	}
	s.last, s.next = b, b.number+1
	if s.visit == nil {
		return nil
	}
	return s.visit(&s.last)
}

// end looks at what follows the first sector that was never written. All of it
// must be unwritten too, unless a batch was torn whose first sector is the one
// that is missing: then its other sectors may stand anywhere behind.
func (s *scan) end(seg *segment, offset int64) error {
	for at := offset; at < seg.size; at += SectorBytes {
		sector, err := s.piece.sector(at)
		if err != nil {
			return err
		}
		if isZero(sector) {
			continue
		}
		if s.torn != nil && *s.torn != (place{seg, offset}) {
			return s.behindTorn(seg, at)
		}
		if s.next == 0 || !hasTag(sector, s.next) {
			return damage(seg.name, at, "there is something behind the end of the journal, which is at byte %d", offset)
		}
		if s.torn == nil {
			s.torn = &place{seg, offset}
		}
	}
	return nil
}

func (s *scan) behindTorn(seg *segment, at int64) error {
	return damage(seg.name, at, "there is something behind batch %d, of which a sector is missing (%s, byte %d)",
		s.next, s.torn.segment.name, s.torn.offset)
}

// replayTo hands the records of whole batches to the caller.
func replayTo(seed uint32, opts Options, to func(kind byte, payload []byte) error) func(*found) error {
	return func(b *found) error {
		if opts.AtBatch != nil {
			opts.AtBatch(Position{Segment: b.segment.number, Batch: b.number})
		}
		_, err := checkRecords(b.batchHeader, b.body, seed, func(at int, kind byte, payload []byte) error {
			if err := to(kind, payload); err != nil {
				return &ReplayError{File: b.segment.name, Offset: b.offset + placeOf(at), Err: err}
			}
			return nil
		})
		return err
	}
}

// window reads a segment in large pieces and hands out its sectors.
type window struct {
	seg  *segment
	buf  []byte
	from int64 // in seg: where buf begins
}

const windowBytes = 256 << 10

func (w *window) reset(seg *segment) {
	w.seg, w.buf = seg, w.buf[:0]
}

// sector gives the sector at an offset within the segment, valid until the next call.
func (w *window) sector(offset int64) ([]byte, error) {
	if offset < w.from || offset+SectorBytes > w.from+int64(len(w.buf)) {
		n := min(w.seg.size-offset, windowBytes)
		if int64(cap(w.buf)) < n {
			w.buf = make([]byte, n)
		}
		w.buf, w.from = w.buf[:n], offset
		if read, err := w.seg.file.ReadAt(w.buf, offset); read < len(w.buf) {
			w.buf = w.buf[:0]
			return nil, fmt.Errorf("reading %s at byte %d: %w", w.seg.name, offset, err)
		}
	}
	return w.buf[offset-w.from:][:SectorBytes], nil
}
