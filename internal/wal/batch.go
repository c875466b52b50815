package wal

import (
	"hash/crc32"
	"slices"
)

// A buffer that grew beyond this is not kept for the next batch.
const keptBufferBytes = 4 << 20

// batch is what has been appended since the last Sync, already laid out in
// sectors. Its number is given, and its tags are written, by seal.
type batch struct {
	seed  uint32
	buf   []byte // whole sectors; zero where nothing has been put
	body  int    // bytes of body in use, the header's included
	sum   uint32
	count int // records
	small [recordHeadBytes]byte
}

func newBatch(seed uint32) *batch {
	b := &batch{seed: seed}
	b.reset()
	return b
}

func (b *batch) reset() {
	if cap(b.buf) > keptBufferBytes {
		b.buf = nil
	}
	b.buf = b.buf[:0]
	b.extend()
	b.body, b.sum, b.count = batchHeaderBytes, b.seed, 0
}

// extend adds a sector of zeros. Tags too start as zeros, so that a batch that
// was not sealed cannot pass for one that was.
func (b *batch) extend() {
	n := len(b.buf)
	b.buf = slices.Grow(b.buf, SectorBytes)[:n+SectorBytes]
	clear(b.buf[n:])
}

// fits reports whether a record of n bytes keeps the batch within its bound.
func (b *batch) fits(n int) bool {
	return n <= MaxBatchBytes && sectorsFor(int64(b.body+recordHeadBytes+n+recordTailBytes))*SectorBytes <= MaxBatchBytes
}

func (b *batch) append(kind byte, payload []byte) {
	le.PutUint32(b.small[:], uint32(len(payload)))
	b.small[4] = kind
	b.sum = crc32.Update(b.sum, castagnoli, b.small[:])
	b.sum = crc32.Update(b.sum, castagnoli, payload)
	b.put(b.small[:])
	b.put(payload)
	le.PutUint32(b.small[:], b.sum)
	b.put(b.small[:recordTailBytes])
	b.count++
}

func (b *batch) put(p []byte) {
	for len(p) > 0 {
		at := int(placeOf(b.body))
		if at >= len(b.buf) {
			b.extend()
		}
		n := copy(b.buf[at:at-at%SectorBytes+SectorBytes], p)
		b.body += n
		p = p[n:]
	}
}

// seal makes the batch ready for the disk. It may be called again with another
// number, as long as nothing of the batch was written.
func (b *batch) seal(h batchHeader) batchHeader {
	h.length = uint32(b.body - batchHeaderBytes)
	h.sum = b.sum
	h.encode(b.buf[tagBytes:], b.seed)
	for at := 0; at < len(b.buf); at += SectorBytes {
		putTag(b.buf[at:], h.number)
	}
	return h
}

// pageBytes is what systems cache a file in.
const pageBytes = 4096

// padded is the batch, to be written at offset of a segment of this size, with
// the zeros up to the end of its last page, which are there already: of a page
// that is written whole, the system need not read the rest first.
func (b *batch) padded(offset, size int64) []byte {
	end := offset + int64(len(b.buf))
	pad := min((end+pageBytes-1)/pageBytes*pageBytes, size) - end
	whole := append(b.buf, zeros[:pad]...)
	b.buf = whole[:len(b.buf)]
	return whole
}

// flaw is what is wrong within a batch's body, and at which byte of it.
type flaw struct {
	at     int
	reason string
}

// checkRecords walks over the records in a body (tags removed) and hands each
// one to visit, unless that is nil, once its checksum has been found right.
func checkRecords(h batchHeader, body []byte, seed uint32, visit func(at int, kind byte, payload []byte) error) (*flaw, error) {
	at, end, sum := batchHeaderBytes, batchHeaderBytes+int(h.length), seed
	for at < end {
		left := end - at - recordHeadBytes - recordTailBytes
		if left < 0 {
			return &flaw{at, "a record is cut short by the end of its batch"}, nil
		}
		n := le.Uint32(body[at:])
		if int64(n) > int64(left) {
			return &flaw{at, "a record's length reaches beyond its batch"}, nil
		}
		tail := at + recordHeadBytes + int(n)
		sum = crc32.Update(sum, castagnoli, body[at:tail])
		if sum != le.Uint32(body[tail:]) {
			return &flaw{at, "the checksum of a record does not match"}, nil
		}
		if visit != nil {
			if err := visit(at, body[at+4], body[at+recordHeadBytes:tail:tail]); err != nil {
				return nil, err
			}
		}
		at = tail + recordTailBytes
	}
	if sum != h.sum {
		return &flaw{0, "the records are not those that the batch was written with"}, nil
	}
	if !isZero(body[end:]) {
		return &flaw{end, "the padding behind the last record is not zero"}, nil
	}
	return nil, nil
}
