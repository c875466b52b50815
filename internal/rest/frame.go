package rest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"paxos/paxos"
)

// A stream is a sequence of frames: length and CRC32C of a message's binary
// form, big-endian, then the form. A frame of length 0 only says that the
// sender lives.

const frameHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errFrame = errors.New("malformed frame")

// appendFrame appends e as a frame. Body is the form of its message, nil if
// nobody has made it yet.
func appendFrame(b []byte, e *paxos.Envelope, body []byte) []byte {
	start := len(b)
	b = paxos.AppendHead(append(b, make([]byte, frameHeader)...), *e)
	if body == nil {
		b = paxos.AppendBody(b, e.Message)
	} else {
		b = append(b, body...)
	}
	message := b[start+frameHeader:]
	binary.BigEndian.PutUint32(b[start:], uint32(len(message)))
	binary.BigEndian.PutUint32(b[start+4:], crc32.Checksum(message, castagnoli))
	return b
}

// shared reports whether two messages have the same body, of those that several
// nodes get: then it is made once.
func shared(a, b paxos.Message) bool {
	switch a := a.(type) {
	case paxos.Accept:
		b, ok := b.(paxos.Accept)
		return ok && a.Ballot == b.Ballot && a.Chosen == b.Chosen && sameList(a.Proposals, b.Proposals)
	case paxos.Learn:
		b, ok := b.(paxos.Learn)
		return ok && a.Store == b.Store && a.Life == b.Life && sameList(a.Votes, b.Votes)
	}
	return false
}

// sameList reports whether two lists are one, in memory.
func sameList[T any](a, b []T) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

func appendBeat(b []byte) []byte { return append(b, make([]byte, frameHeader)...) }

// readFrame reads one frame; nil without an error is a beat. The message is
// freshly allocated: decoded envelopes share its memory.
func readFrame(r io.Reader) ([]byte, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n, sum := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if n > frameLimit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", errFrame, n, frameLimit)
	}
	if n == 0 {
		if sum != 0 {
			return nil, fmt.Errorf("%w: an empty frame with a checksum", errFrame)
		}
		return nil, nil
	}
	message := make([]byte, n)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, err
	}
	if crc32.Checksum(message, castagnoli) != sum {
		return nil, fmt.Errorf("%w: the checksum does not match", errFrame)
	}
	return message, nil
}
