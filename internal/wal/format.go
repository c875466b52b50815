package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"paxos/paxos"
)

const (
	// SectorBytes is the unit in which a disk writes wholly or not at all.
	SectorBytes = 512
	// MaxBatchBytes bounds what may be appended between two Syncs, framing included.
	MaxBatchBytes = 1 << 30

	formatVersion    = 1
	tagBytes         = 8
	bodyBytes        = SectorBytes - tagBytes
	batchHeaderBytes = 40
	recordHeadBytes  = 5
	recordTailBytes  = 4
	// minSegmentBytes holds a header, a batch, a second one, and the link.
	minSegmentBytes = 4 * SectorBytes
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	magic      = []byte("paxoswal")
	zeros      [1 << 18]byte
)

const (
	segmentSuffix = ".wal"
	tempSuffix    = ".tmp"
)

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, segmentSuffix) }

// segmentNumber reads a segment's name; 0 means that it is none.
func segmentNumber(name string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSuffix(name, segmentSuffix), 16, 64)
	if err != nil || segmentName(n) != name {
		return 0
	}
	return n
}

// seed makes every checksum of a store differ from those of another.
func (b Binding) seed() uint32 {
	sum := crc32.Update(0, castagnoli, b.Cluster[:])
	return crc32.Update(sum, castagnoli, le.AppendUint64(nil, uint64(b.Store)))
}

// segmentHeader is the first sector of a segment. It says nothing of batches:
// it is written before anyone knows which batch will be the segment's first.
type segmentHeader struct {
	binding Binding
	number  uint64
	size    int64
}

// The header's checksum stands at the same place in all versions of the format.
const segmentCRC = SectorBytes - 4

func (h segmentHeader) encode() []byte {
	b := make([]byte, SectorBytes)
	copy(b, magic)
	le.PutUint32(b[8:], formatVersion)
	copy(b[16:], h.binding.Cluster[:])
	le.PutUint64(b[32:], uint64(h.binding.Store))
	le.PutUint64(b[40:], h.number)
	le.PutUint64(b[48:], uint64(h.size))
	le.PutUint32(b[segmentCRC:], crc32.Checksum(b[:segmentCRC], castagnoli))
	return b
}

// decodeSegmentHeader gives the header, or what is wrong with it.
func decodeSegmentHeader(b []byte) (h segmentHeader, reason string) {
	switch {
	case !bytes.Equal(b[:8], magic):
		return h, "this is no segment of a journal"
	case le.Uint32(b[segmentCRC:]) != crc32.Checksum(b[:segmentCRC], castagnoli):
		return h, "the checksum of the segment's header does not match"
	case le.Uint32(b[8:]) != formatVersion:
		return h, fmt.Sprintf("format version %d is unknown here, which reads version %d", le.Uint32(b[8:]), formatVersion)
	}
	copy(h.binding.Cluster[:], b[16:])
	h.binding.Store = paxos.StoreID(le.Uint64(b[32:]))
	h.number = le.Uint64(b[40:])
	h.size = int64(le.Uint64(b[48:]))
	return h, ""
}

// A tag is the low half of the batch's number followed by its complement. Of
// each byte and its complement at most one is zero: four bytes of a tag differ
// from zero, so no flipped byte makes a written sector look unwritten. And two
// tags that differ do so in at least two bytes: none turns one into another.
func putTag(sector []byte, number uint64) {
	le.PutUint32(sector, uint32(number))
	le.PutUint32(sector[4:], ^uint32(number))
}

func hasTag(sector []byte, number uint64) bool {
	return le.Uint32(sector) == uint32(number) && le.Uint32(sector[4:]) == ^uint32(number)
}

func isZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !isZero(b[:len(zeros)]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// batchHeader opens the body of a batch.
type batchHeader struct {
	number   uint64 // 1 for the first batch of a journal, then without gaps
	oldest   uint64 // the segments from oldest to newest exist,
	newest   uint64 // durably, at the time of writing
	length   uint32 // of the records, in bytes of body
	sum      uint32 // the checksum of the last record, or the seed
	previous uint32 // crc of the batch before, 0 for the first
	crc      uint32
}

func (h *batchHeader) encode(b []byte, seed uint32) {
	le.PutUint64(b, h.number)
	le.PutUint64(b[8:], h.oldest)
	le.PutUint64(b[16:], h.newest)
	le.PutUint32(b[24:], h.length)
	le.PutUint32(b[28:], h.sum)
	le.PutUint32(b[32:], h.previous)
	h.crc = crc32.Update(seed, castagnoli, b[:36])
	le.PutUint32(b[36:], h.crc)
}

// decodeBatchHeader reports whether the header's own checksum matches.
func decodeBatchHeader(b []byte, seed uint32) (h batchHeader, ok bool) {
	h = batchHeader{
		number: le.Uint64(b), oldest: le.Uint64(b[8:]), newest: le.Uint64(b[16:]),
		length: le.Uint32(b[24:]), sum: le.Uint32(b[28:]), previous: le.Uint32(b[32:]), crc: le.Uint32(b[36:]),
	}
	return h, h.crc == crc32.Update(seed, castagnoli, b[:36])
}

// extent is the batch's size on disk in bytes: whole sectors.
func (h *batchHeader) extent() int64 {
	return sectorsFor(batchHeaderBytes+int64(h.length)) * SectorBytes
}

func sectorsFor(body int64) int64 { return (body + bodyBytes - 1) / bodyBytes }

// placeOf gives the distance from a batch's beginning to a byte of its body.
func placeOf(at int) int64 {
	return int64(at/bodyBytes)*SectorBytes + tagBytes + int64(at%bodyBytes)
}
