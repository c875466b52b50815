package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrFormat is wrapped by every error of decoding a result or a state, and by
// those of a command's operands.
var ErrFormat = errors.New("malformed binary form")

// reader takes values off the front of its bytes, in package paxos's form:
// shortest varints, texts with their length before them, ids as eight bytes.
// After the first failure it gives zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrFormat, what)
	}
	r.b = nil
}

func (r *reader) uvarint(what string) uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || (size > 1 && r.b[size-1] == 0) {
		r.fail(what)
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) int(what string) int {
	n := r.uvarint(what)
	if n > math.MaxInt {
		r.fail(what)
		return 0
	}
	return int(n)
}

// length reads a count of things that take at least size bytes each, so that
// nothing makes the reader allocate more than some times its own length.
func (r *reader) length(size int, what string) int {
	n := r.uvarint(what)
	if n > uint64(len(r.b)/size) {
		r.fail(what)
		return 0
	}
	return int(n)
}

// text gives any bytes, as a string.
func (r *reader) text(what string) string {
	n := r.length(1, what)
	text := string(r.b[:n])
	r.b = r.b[n:]
	return text
}

func (r *reader) uint64(what string) uint64 {
	if len(r.b) < 8 {
		r.fail(what)
		return 0
	}
	n := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return n
}

func (r *reader) bool(what string) bool { return r.enum(1, what) == 1 }

func (r *reader) enum(highest byte, what string) byte {
	if len(r.b) == 0 || r.b[0] > highest {
		r.fail(what)
		return 0
	}
	n := r.b[0]
	r.b = r.b[1:]
	return n
}

func (r *reader) done() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail(fmt.Sprintf("%d bytes too many", len(r.b)))
	}
	return r.err
}

func readList[T any](r *reader, size int, what string, read func(*reader) T) []T {
	n := r.length(size, what)
	if n == 0 {
		return nil
	}
	list := make([]T, 0, min(n, 64))
	for range n {
		if r.err != nil {
			return nil
		}
		list = append(list, read(r))
	}
	return list
}

func putUint[T ~uint64 | ~uint32](b []byte, n T) []byte { return binary.AppendUvarint(b, uint64(n)) }

func putInt(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

func putID[T ~uint64](b []byte, id T) []byte { return binary.BigEndian.AppendUint64(b, uint64(id)) }

func putText[T ~[]byte | ~string](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func putBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func putList[T any](b []byte, list []T, put func([]byte, T) []byte) []byte {
	b = putInt(b, len(list))
	for _, v := range list {
		b = put(b, v)
	}
	return b
}
