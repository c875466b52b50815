package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

const usualRoom = 64 << 10

// Frames reads frames from a connection.
type Frames struct {
	from io.Reader
	// kept says that what was given stays as it is for good: then room is not
	// used twice, and those who keep a part of it keep all of it.
	kept       bool
	room       []byte
	start, end int // what was read and not given yet
}

// NewFrames reads frames whose content is good until the next one is read.
func NewFrames(from io.Reader) *Frames { return &Frames{from: from} }

// NewKeptFrames reads frames whose content is never overwritten.
func NewKeptFrames(from io.Reader) *Frames { return &Frames{from: from, kept: true} }

// Next gives the next frame; kind 0 is a beat. It waits for bytes only when no
// whole frame is there.
func (f *Frames) Next() (Kind, []byte, error) {
	if err := f.have(head); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint32(f.room[f.start:]))
	switch {
	case n == 0:
		f.start += head
		return 0, nil, nil
	case n > MostBytes:
		return 0, nil, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrFrame, n, MostBytes)
	}
	if err := f.have(head + n); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	frame := f.room[f.start+head : f.start+head+n : f.start+head+n]
	f.start += head + n
	if frame[0] == 0 {
		return 0, nil, fmt.Errorf("%w: kind 0", ErrFrame)
	}
	return Kind(frame[0]), frame[1:], nil
}

// Waits reports whether no whole frame is there: whether Next would have to read.
func (f *Frames) Waits() bool {
	n := f.end - f.start
	return n < head || n < head+int(binary.BigEndian.Uint32(f.room[f.start:]))
}

// have reads until so many bytes are there.
func (f *Frames) have(n int) error {
	for f.end-f.start < n {
		if f.end == len(f.room) {
			f.grow(n)
		}
		got, err := f.from.Read(f.room[f.end:])
		f.end += got
		if err != nil && f.end-f.start < n {
			if err == io.EOF && f.end > f.start {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// grow makes room at the end. A length is only somebody's word: room for it is
// made as its bytes come.
func (f *Frames) grow(n int) {
	rest := f.room[f.start:f.end]
	if !f.kept && f.start > 0 && len(rest) <= len(f.room)/2 {
		copy(f.room, rest)
	} else {
		room := make([]byte, max(usualRoom, min(n, 2*len(rest))+usualRoom/16))
		copy(room, rest)
		f.room = room
	}
	f.start, f.end = 0, len(rest)
}
