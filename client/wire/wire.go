// Package wire is the binary form of two streams, in which what is asked costs
// less than a request: of commands, which a program and a client service say to
// each other after an Upgrade of POST /send, and of reads, which a client service
// and a learner say after one of GET /kv.
//
// It knows bytes, and neither connections nor what a command means: package
// client opens streams of commands, internal/rest serves both and opens those of
// reads, package kv reads commands.
// The streams between nodes are others (internal/rest).
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"paxos/paxos"
)

// Protocol is what the Upgrade header asks for.
const Protocol = "x-paxos-commands/1"

// Headers of the answer that opens a stream.
const (
	HeaderFrom   = "Paxos-From"   // the id of the node that answers
	HeaderWindow = "Paxos-Window" // how many commands may be in flight
)

// How the two sides know that the other one lives: each sends a beat so often,
// and gives the stream up when it heard nothing for so long, or when a write
// takes so long.
const (
	BeatEvery    = 500 * time.Millisecond
	SilenceLimit = 3 * time.Second
	WriteLimit   = 10 * time.Second
)

// MostBytes is the most that a frame may have after its length: the largest
// command, or the largest result, with room to spare.
const MostBytes = 8 << 20

// Kind tells frames apart. Numbers are never used again for something else.
type Kind byte

// The kinds: Write goes to the service, the others come from it.
const (
	KindWrite   Kind = 1 // a command
	KindApplied Kind = 2 // chosen, applied, and on a quorum of disks
	KindRefused Kind = 3 // a problem, as JSON
	KindLeaving Kind = 4 // the service is going away, and takes no more
	KindFault   Kind = 5 // why the service ends the stream
)

// ErrFrame is wrapped by every error of reading a frame that is malformed.
var ErrFrame = errors.New("malformed frame")

// head is the length that begins a frame; 0 is a beat.
const head = 4

// AppendBeat appends the frame that says only that its sender lives.
func AppendBeat(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func begin(b []byte, kind Kind) []byte { return append(b, 0, 0, 0, 0, byte(kind)) }

// end writes the length of the frame that began at start.
func end(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-head))
	return b
}

// Write asks for a command to be applied.
type Write struct {
	// ID names it in the answer; no other that is in flight has the same.
	ID uint64
	// Timeout is how long the service shall wait, in whole microseconds; 0: as
	// long as it does by itself.
	Timeout time.Duration
	Key     []byte // the idempotency key, UTF-8; empty for none
	Body    []byte // as package kv writes commands
}

// AppendWrite appends the frame of a Write.
func AppendWrite(b []byte, id uint64, timeout time.Duration, key string, body []byte) []byte {
	start := len(b)
	b = binary.AppendUvarint(begin(b, KindWrite), id)
	b = binary.AppendUvarint(b, uint64(timeout/time.Microsecond))
	b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
	return end(append(b, body...), start)
}

// ReadWrite reads what follows the kind. What it gives shares b's memory.
func ReadWrite(b []byte) (w Write, err error) {
	r := reader{b: b}
	w.ID = r.uvarint("id")
	micros := r.uvarint("timeout")
	if micros > math.MaxInt64/1000 {
		r.fail("timeout")
	}
	w.Timeout = time.Duration(micros) * time.Microsecond
	w.Key = r.bytes("key")
	w.Body = r.b
	return w, r.err
}

// Applied says where a command took effect, and what it gave.
type Applied struct {
	ID       uint64
	Slot     paxos.Slot
	Position uint32
	Name     paxos.CommandName
	Result   []byte // as package kv writes results
}

// AppendApplied appends a frame.
func AppendApplied(b []byte, a Applied) []byte {
	start := len(b)
	b = binary.AppendUvarint(begin(b, KindApplied), a.ID)
	b = binary.AppendUvarint(b, uint64(a.Slot))
	b = binary.AppendUvarint(b, uint64(a.Position))
	b = binary.BigEndian.AppendUint64(b, uint64(a.Name.Session))
	b = binary.AppendUvarint(b, uint64(a.Name.Sequence))
	return end(append(b, a.Result...), start)
}

// ReadApplied reads what follows the kind. Result shares b's memory.
func ReadApplied(b []byte) (a Applied, err error) {
	r := reader{b: b}
	a.ID = r.uvarint("id")
	a.Slot = paxos.Slot(r.uvarint("slot"))
	position := r.uvarint("position")
	if position > math.MaxUint32 {
		r.fail("position")
	}
	a.Position = uint32(position)
	a.Name.Session = paxos.SessionID(r.uint64("session"))
	a.Name.Sequence = paxos.Sequence(r.uvarint("sequence"))
	a.Result = r.b
	return a, r.err
}

// AppendRefused appends a frame; problem is what a body of application/problem+json is.
func AppendRefused(b []byte, id uint64, problem []byte) []byte {
	start := len(b)
	b = binary.AppendUvarint(begin(b, KindRefused), id)
	return end(append(b, problem...), start)
}

// ReadRefused reads what follows the kind. Problem shares b's memory.
func ReadRefused(b []byte) (id uint64, problem []byte, err error) {
	r := reader{b: b}
	id = r.uvarint("id")
	return id, r.b, r.err
}

// AppendWords appends a frame of a kind whose content is a sentence: KindLeaving,
// KindFault.
func AppendWords(b []byte, kind Kind, words string) []byte {
	start := len(b)
	return end(append(begin(b, kind), words...), start)
}

// reader takes values off the front of its bytes, in package paxos's form. After
// the first failure it gives zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrFrame, what)
	}
	r.b = nil
}

func (r *reader) uvarint(what string) uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || size > 1 && r.b[size-1] == 0 {
		r.fail(what)
		return 0
	}
	r.b = r.b[size:]
	return n
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

func (r *reader) bytes(what string) []byte {
	n := r.uvarint(what)
	if n > uint64(len(r.b)) {
		r.fail(what)
		return nil
	}
	text := r.b[:n:n]
	r.b = r.b[n:]
	return text
}
