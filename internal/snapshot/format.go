package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"paxos/paxos"
)

const (
	formatVersion = 1
	headerBytes   = 64
	// The header's checksum stands at the same place in all versions.
	headerCRC      = headerBytes - 4
	chunkHeadBytes = 8
	// ChunkBytes is the payload of every chunk but the last.
	ChunkBytes = 1 << 20
	endBytes   = 48
	endMark    = 1<<32 - 1
	// MaxBytes bounds a snapshot from elsewhere.
	MaxBytes = 1 << 40
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	magic      = []byte("paxossnp")
)

// header says of what a file is the snapshot.
type header struct {
	cluster paxos.ClusterID
	config  paxos.Stamp
	slot    paxos.Slot
}

func (h header) encode() []byte {
	b := make([]byte, headerBytes)
	copy(b, magic)
	le.PutUint32(b[8:], formatVersion)
	copy(b[12:], h.cluster[:])
	le.PutUint64(b[28:], uint64(h.config.Number))
	le.PutUint64(b[36:], uint64(h.config.Acceptors))
	le.PutUint64(b[44:], uint64(h.slot))
	le.PutUint32(b[headerCRC:], crc32.Checksum(b[:headerCRC], castagnoli))
	return b
}

// decodeHeader gives the header or what is wrong with it; unknown is true when
// it is whole, and of a version that is not known here.
func decodeHeader(b []byte) (h header, reason string, unknown bool) {
	switch {
	case !bytes.Equal(b[:8], magic):
		return h, "this is no snapshot", false
	case le.Uint32(b[headerCRC:]) != crc32.Checksum(b[:headerCRC], castagnoli):
		return h, "the checksum of the header does not match", false
	case le.Uint32(b[8:]) != formatVersion:
		return h, fmt.Sprintf("format version %d is unknown here, which reads version %d", le.Uint32(b[8:]), formatVersion), true
	}
	copy(h.cluster[:], b[12:])
	h.config = paxos.Stamp{Number: paxos.Number(le.Uint64(b[28:])), Acceptors: paxos.StoreID(le.Uint64(b[36:]))}
	h.slot = paxos.Slot(le.Uint64(b[44:]))
	if !bytes.Equal(h.encode(), b[:headerBytes]) {
		return h, "the header says more than a header does", false
	}
	return h, "", false
}

// seal fills in the head of a chunk whose payload stands behind it.
func seal(chunk []byte, index uint64) {
	le.PutUint32(chunk, uint32(len(chunk)-chunkHeadBytes))
	le.PutUint32(chunk[4:], chunkSum(chunk[:4], chunk[chunkHeadBytes:], index))
}

func chunkSum(length, payload []byte, index uint64) uint32 {
	var b [8]byte
	le.PutUint64(b[:], index)
	sum := crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, length)
	return crc32.Update(sum, castagnoli, payload)
}

// encodeEnd gives the end of a file that has so many bytes before it.
func encodeEnd(before int64, digest paxos.Digest) []byte {
	b := make([]byte, endBytes)
	le.PutUint32(b, endMark)
	le.PutUint64(b[8:], uint64(before))
	copy(b[16:], digest[:])
	le.PutUint32(b[4:], endSum(b))
	return b
}

func endSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:4], castagnoli), castagnoli, b[8:endBytes])
}

const (
	wholeSuffix    = ".snapshot"
	asideSuffix    = wholeSuffix + ".tmp"
	damagedSuffix  = wholeSuffix + ".damaged"
	incomingSuffix = ".incoming"
)

func wholeName(slot paxos.Slot) string { return fmt.Sprintf("%016x%s", uint64(slot), wholeSuffix) }

// wholeSlot reads a whole snapshot's name; 0 means that it is none.
func wholeSlot(name string) paxos.Slot {
	n, err := strconv.ParseUint(strings.TrimSuffix(name, wholeSuffix), 16, 64)
	if err != nil || wholeName(paxos.Slot(n)) != name {
		return 0
	}
	return paxos.Slot(n)
}

// which tells snapshots apart: two with the same words have the same bytes.
type which struct {
	slot   paxos.Slot
	size   int64
	digest paxos.Digest
}

func (w which) incomingName() string {
	return fmt.Sprintf("%016x-%016x-%s%s", uint64(w.slot), uint64(w.size), hex.EncodeToString(w.digest[:]), incomingSuffix)
}

// whichIncoming reads the name of a transfer under way.
func whichIncoming(name string) (w which, ok bool) {
	parts := strings.Split(strings.TrimSuffix(name, incomingSuffix), "-")
	if len(parts) != 3 {
		return w, false
	}
	slot, err1 := strconv.ParseUint(parts[0], 16, 64)
	size, err2 := strconv.ParseInt(parts[1], 16, 64)
	digest, err3 := hex.DecodeString(parts[2])
	if err1 != nil || err2 != nil || err3 != nil || len(digest) != sha256.Size {
		return w, false
	}
	w = which{paxos.Slot(slot), size, paxos.Digest(digest)}
	return w, w.incomingName() == name
}

// smallest is the size of a snapshot of nothing.
const smallest = headerBytes + endBytes
