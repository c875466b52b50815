package snapshot

import (
	"bytes"
	"crypto/sha256"
	"hash/crc32"
)

// WithVersion is the file with another version in a sound header.
func WithVersion(content []byte, version uint32) []byte {
	b := bytes.Clone(content)
	le.PutUint32(b[8:], version)
	le.PutUint32(b[headerCRC:], crc32.Checksum(b[:headerCRC], castagnoli))
	return b
}

// Sealed is the content with sound checksums wherever there is something that
// has one: of a container with them, random changes find nothing but the checksums.
func Sealed(content []byte) []byte {
	b := bytes.Clone(content)
	if len(b) < headerBytes {
		return b
	}
	le.PutUint32(b[headerCRC:], crc32.Checksum(b[:headerCRC], castagnoli))
	at := headerBytes
	for index := uint64(0); at+chunkHeadBytes <= len(b) && le.Uint32(b[at:]) != endMark; index++ {
		length := uint64(le.Uint32(b[at:]))
		if length > uint64(len(b)-at-chunkHeadBytes) {
			return b
		}
		next := at + chunkHeadBytes + int(length)
		le.PutUint32(b[at+4:], chunkSum(b[at:at+4], b[at+chunkHeadBytes:next], index))
		at = next
	}
	if at+endBytes <= len(b) {
		digest := sha256.Sum256(b[:at])
		copy(b[at+16:], digest[:])
		le.PutUint32(b[at+4:], endSum(b[at:at+endBytes]))
	}
	return b
}
