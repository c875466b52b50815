package snapshot

import (
	"crypto/sha256"
	"hash"

	"paxos/internal/failpoint"
	"paxos/internal/wal"
	"paxos/paxos"
)

// syncBytes is how much is written between two syncs. One sync at the end of
// everything would hold up all others of the same disk until it is done.
const syncBytes = 4 << 20

// sink cuts what a state writes into chunks. It holds one chunk in memory.
type sink struct {
	file     wal.File
	at       int64
	unsynced int64
	index    uint64
	sum      hash.Hash
	chunk    []byte // room for its head, then the payload so far
	sync     int64  // how much may be unsynced
	breathe  func() error
}

func newSink(file wal.File, h header, sizes Sizes, breathe func() error) (*sink, error) {
	s := &sink{file: file, sum: sha256.New(), chunk: make([]byte, chunkHeadBytes, chunkHeadBytes+sizes.Chunk), sync: int64(sizes.Sync), breathe: breathe}
	return s, s.put(h.encode())
}

// put writes b, and syncs if much was written since the last time.
func (s *sink) put(b []byte) error {
	if _, err := s.file.WriteAt(b, s.at); err != nil {
		return err
	}
	s.sum.Write(b)
	s.at += int64(len(b))
	if s.unsynced += int64(len(b)); s.unsynced < s.sync {
		return nil
	}
	s.unsynced = 0
	return s.file.Sync()
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		n := min(len(p), cap(s.chunk)-len(s.chunk))
		s.chunk = append(s.chunk, p[:n]...)
		p, written = p[n:], written+n
		if err := s.breathe(); err != nil {
			return written, err
		}
		if len(s.chunk) == cap(s.chunk) {
			if err := s.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

func (s *sink) flush() error {
	if len(s.chunk) == chunkHeadBytes {
		return nil
	}
	seal(s.chunk, s.index)
	failpoint.Hit("snapshot-before-chunk")
	if err := s.put(s.chunk); err != nil {
		return err
	}
	failpoint.Hit("snapshot-after-chunk")
	s.index++
	s.chunk = s.chunk[:chunkHeadBytes]
	return s.breathe()
}

// finish writes what is left, and the end, and syncs.
func (s *sink) finish() (paxos.Digest, error) {
	if err := s.flush(); err != nil {
		return paxos.Digest{}, err
	}
	digest := paxos.Digest(s.sum.Sum(nil))
	if err := s.put(encodeEnd(s.at, digest)); err != nil {
		return paxos.Digest{}, err
	}
	failpoint.Hit("snapshot-before-sync")
	err := s.file.Sync()
	failpoint.Hit("snapshot-after-sync")
	return digest, err
}
