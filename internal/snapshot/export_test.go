package snapshot

import (
	"bytes"
	"hash/crc32"
)

// WithVersion is the file with another version in a sound header.
func WithVersion(content []byte, version uint32) []byte {
	b := bytes.Clone(content)
	le.PutUint32(b[8:], version)
	le.PutUint32(b[headerCRC:], crc32.Checksum(b[:headerCRC], castagnoli))
	return b
}
