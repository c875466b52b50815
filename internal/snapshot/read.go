package snapshot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"paxos/internal/wal"
	"paxos/paxos"
)

// source reads a file from its beginning, chunk by chunk, and finds out whether
// it is whole. It holds one chunk in memory.
type source struct {
	file   wal.File
	name   string
	size   int64
	at     int64 // everything before it was found sound
	index  uint64
	head   header
	sum    hash.Hash // over everything before at
	digest paxos.Digest
	ended  bool
	buf    []byte
	rest   []byte // of the chunk that Read is giving
}

// newSource reads the header. Its errors, and those of next, are io.EOF behind
// the last chunk of a sound file, a *DamageError, an *UnknownError, or the
// disk's.
func newSource(file wal.File, name string) (*source, error) {
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	s := &source{file: file, name: name, size: size, sum: sha256.New()}
	b, err := s.take(headerBytes)
	if err != nil {
		return nil, err
	}
	h, reason, unknown := decodeHeader(b)
	switch {
	case unknown:
		return nil, &UnknownError{name, reason}
	case reason != "":
		return nil, s.damage("%s", reason)
	}
	s.head = h
	s.pass(b)
	return s, nil
}

func (s *source) damage(format string, args ...any) error {
	return &DamageError{s.name, s.at, fmt.Sprintf(format, args...)}
}

// take reads the next n bytes, without going on.
func (s *source) take(n int) ([]byte, error) {
	if int64(n) > s.size-s.at {
		return nil, s.damage("the file ends at byte %d", s.size)
	}
	if cap(s.buf) < n {
		s.buf = make([]byte, n, max(n, min(int(s.size), chunkHeadBytes+ChunkBytes)))
	}
	b := s.buf[:n]
	if got, err := s.file.ReadAt(b, s.at); got < n {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, s.damage("the file ends at byte %d", s.at+int64(got))
		}
		return nil, err
	}
	return b, nil
}

func (s *source) pass(b []byte) {
	s.sum.Write(b)
	s.at += int64(len(b))
}

// next gives the next chunk's payload, which is valid until the next call.
func (s *source) next() ([]byte, error) {
	if s.ended {
		return nil, io.EOF
	}
	b, err := s.take(chunkHeadBytes)
	if err != nil {
		return nil, err
	}
	length := le.Uint32(b)
	if length == endMark {
		return nil, s.end()
	}
	if length == 0 || length > ChunkBytes {
		return nil, s.damage("a chunk of %d bytes", length)
	}
	if b, err = s.take(chunkHeadBytes + int(length)); err != nil {
		return nil, err
	}
	payload := b[chunkHeadBytes:]
	if le.Uint32(b[4:]) != chunkSum(b[:4], payload, s.index) {
		return nil, s.damage("the checksum of a chunk does not match")
	}
	s.index++
	s.pass(b)
	return payload, nil
}

// end checks the end of the file; io.EOF says that all is sound.
func (s *source) end() error {
	b, err := s.take(endBytes)
	switch {
	case err != nil:
		return err
	case le.Uint32(b[4:]) != endSum(b):
		return s.damage("the checksum of the end does not match")
	case le.Uint64(b[8:]) != uint64(s.at):
		return s.damage("the end counts %d bytes before it", le.Uint64(b[8:]))
	case !bytes.Equal(b[16:], s.sum.Sum(nil)):
		return s.damage("the content is not what its digest says")
	case s.at+endBytes != s.size:
		s.at += endBytes
		return s.damage("there is something behind the end")
	}
	copy(s.digest[:], b[16:])
	s.at += endBytes
	s.ended = true
	return io.EOF
}

// Read implements io.Reader over the payloads.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(s.rest) == 0 {
		payload, err := s.next()
		if err != nil {
			return 0, err
		}
		s.rest = payload
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// verify reads all of a file that is synced, from the disk where that can be
// had, and tells what it is; breathe is called after every chunk.
func verify(file wal.File, name string, breathe func() error) (header, which, error) {
	if err := wal.Forget(file); err != nil {
		return header{}, which{}, err
	}
	s, err := newSource(file, name)
	if err != nil {
		return header{}, which{}, err
	}
	for {
		if _, err = s.next(); err != nil {
			break
		}
		if err = breathe(); err != nil {
			break
		}
	}
	if !errors.Is(err, io.EOF) {
		return header{}, which{}, err
	}
	return s.head, which{s.head.slot, s.size, s.digest}, nil
}

// load reads the state out of a file that was verified.
func load(file wal.File, name string, decode func(io.Reader) (paxos.State, error)) (paxos.State, error) {
	s, err := newSource(file, name)
	if err != nil {
		return nil, err
	}
	failed := &remembering{from: s}
	state, err := decode(failed)
	switch {
	case failed.err != nil:
		return nil, failed.err // the disk's word, and not what the decoder made of it
	case err != nil:
		return nil, &UnknownError{name, err.Error()}
	case state.Applied() != s.head.slot+1:
		return nil, &UnknownError{name, fmt.Sprintf("it is of slot %d, and its state has applied all slots below %d", s.head.slot, state.Applied())}
	}
	var one [1]byte
	if _, err := io.ReadFull(s, one[:]); err == nil {
		return nil, &UnknownError{name, "the state ends before the file does"}
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return state, nil
}

// remembering keeps the first error of a reader that is not its end.
type remembering struct {
	from io.Reader
	err  error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && r.err == nil {
		r.err = err
	}
	return n, err
}
