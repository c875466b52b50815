package paxos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The binary form: fields in order, unsigned varints (shortest form only),
// byte strings with their length before them, ids as fixed big-endian bytes.
// Decoding is strict: what it accepts, encoding gives back byte for byte, so a
// digest of a decoded value is the digest of what was sent.

// FormatVersion is the version of the binary form, the first byte of every
// envelope. Another version is refused, never skipped. In version 1 acceptors
// did not say which Life speaks.
const FormatVersion = 2

// ErrFormat is wrapped by every decoding error.
var ErrFormat = errors.New("malformed binary form")

type reader struct {
	b   []byte
	err error
	// known are ids that were read before: a message names few, and often.
	known [4]NodeID
	next  int // of known, to be replaced
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

func (r *reader) uint32(what string) uint32 {
	n := r.uvarint(what)
	if n > 1<<32-1 {
		r.fail(what)
	}
	return uint32(n)
}

// length reads a count of things that take at least size bytes each, so that
// no message makes the reader allocate more than a few times its own length.
func (r *reader) length(size int, what string) int {
	n := r.uvarint(what)
	if n > uint64(len(r.b)/size) {
		r.fail(what)
		return 0
	}
	return int(n)
}

// bytes gives a part of the input itself, not a copy.
func (r *reader) bytes(what string) []byte {
	n := r.length(1, what)
	if n == 0 {
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) string(what string) string {
	b := r.bytes(what)
	if !utf8.Valid(b) {
		r.fail(what + " is not UTF-8")
		return ""
	}
	return string(b)
}

func (r *reader) fixed(to []byte, what string) {
	if len(r.b) < len(to) {
		r.fail(what)
		return
	}
	copy(to, r.b)
	r.b = r.b[len(to):]
}

func (r *reader) uint64(what string) uint64 {
	var b [8]byte
	r.fixed(b[:], what)
	return binary.BigEndian.Uint64(b[:])
}

func (r *reader) bool(what string) bool { return r.enum(1, what) == 1 }

func (r *reader) enum(highest int, what string) uint8 {
	if len(r.b) == 0 || int(r.b[0]) > highest {
		r.fail(what)
		return 0
	}
	n := r.b[0]
	r.b = r.b[1:]
	return n
}

func (r *reader) node(what string) NodeID {
	b := r.bytes(what)
	if len(b) == 0 {
		return ""
	}
	for _, id := range r.known {
		if string(b) == string(id) {
			return id
		}
	}
	id := NodeID(b)
	if err := CheckNodeID(id); err != nil {
		r.fail(err.Error())
		return ""
	}
	r.known[r.next] = id
	r.next = (r.next + 1) % len(r.known)
	return id
}

func (r *reader) done() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail(fmt.Sprintf("%d bytes too many", len(r.b)))
	}
	return r.err
}

func putUint[T ~uint64 | ~uint32](b []byte, n T) []byte { return binary.AppendUvarint(b, uint64(n)) }

func putBytes[T ~[]byte | ~string](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func putID[T ~uint64](b []byte, id T) []byte { return binary.BigEndian.AppendUint64(b, uint64(id)) }

func putBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func putList[T any](b []byte, list []T, put func([]byte, T) []byte) []byte {
	b = putUint(b, uint64(len(list)))
	for _, v := range list {
		b = put(b, v)
	}
	return b
}

func readList[T any](r *reader, size int, what string, read func(*reader) T) []T {
	n := r.length(size, what)
	if n == 0 {
		return nil
	}
	list := make([]T, 0, min(n, 1024))
	for range n {
		if r.err != nil {
			return nil
		}
		list = append(list, read(r))
	}
	return list
}

func (b Ballot) append(to []byte) []byte {
	to = putUint(to, uint64(b.Number))
	to = putBytes(to, b.Proposer)
	return putID(to, b.Start)
}

func readBallot(r *reader) Ballot {
	return Ballot{Number(r.uvarint("ballot number")), r.node("ballot proposer"), StartID(r.uint64("ballot start"))}
}

func (c *Command) append(to []byte) []byte { return append(c.appendHead(to), c.Body...) }

// appendHead appends all but the body's bytes.
func (c *Command) appendHead(to []byte) []byte {
	to = putID(to, c.Session)
	to = putUint(to, uint64(c.Sequence))
	to = putUint(to, uint64(c.Confirmed))
	to = putUint(to, uint64(c.Admitted))
	to = putBytes(to, c.Client)
	to = putBytes(to, c.Key)
	return putUint(to, uint64(len(c.Body)))
}

func appendCommands(to []byte, commands []Command) []byte {
	to = putUint(to, uint64(len(commands)))
	for i := range commands {
		to = commands[i].append(to)
	}
	return to
}

func readCommand(r *reader) Command {
	c := Command{
		Session:   SessionID(r.uint64("session")),
		Sequence:  Sequence(r.uvarint("sequence")),
		Confirmed: Sequence(r.uvarint("confirmed sequence")),
		Admitted:  Slot(r.uvarint("admission slot")),
		Client:    r.node("client"),
		Key:       r.string("idempotency key"),
	}
	if len(c.Key) > MaxKeyBytes {
		r.fail(fmt.Sprintf("idempotency key of %d bytes, at most %d are allowed", len(c.Key), MaxKeyBytes))
	}
	c.Body = r.bytes("command body")
	return c
}

const commandSize = 14 // the shortest binary form of a command

func (v Value) append(to []byte) []byte {
	return appendCommands(putUint(to, uint64(v.Time)), v.Commands)
}

func readValue(r *reader) Value {
	return Value{LogTime(r.uvarint("log time")), readList(r, commandSize, "commands", readCommand)}
}

func (p Proposal) append(to []byte) []byte { return p.Value.append(putUint(to, uint64(p.Slot))) }

func readProposal(r *reader) Proposal { return Proposal{Slot(r.uvarint("slot")), readValue(r)} }

func (e Entry) append(to []byte) []byte {
	return e.Value.append(e.Ballot.append(putUint(to, uint64(e.Slot))))
}

func readEntry(r *reader) Entry {
	return Entry{Slot(r.uvarint("slot")), readBallot(r), readValue(r)}
}

func (v Vote) append(to []byte) []byte {
	to = v.Ballot.append(putUint(to, uint64(v.Slot)))
	to = append(to, v.Digest[:]...)
	to = putBool(to, v.Value != nil)
	if v.Value != nil {
		to = v.Value.append(to)
	}
	return to
}

func readVote(r *reader) Vote {
	v := Vote{Slot: Slot(r.uvarint("slot")), Ballot: readBallot(r)}
	r.fixed(v.Digest[:], "digest")
	if r.bool("value mark") {
		value := readValue(r)
		v.Value = &value
	}
	return v
}

func (o Outcome) append(to []byte) []byte {
	to = putID(to, o.Session)
	to = putUint(to, uint64(o.Sequence))
	to = append(to, byte(o.Verdict))
	to = putUint(to, uint64(o.Slot))
	to = putUint(to, o.Position)
	return putBytes(to, o.Result)
}

func readOutcome(r *reader) Outcome {
	return Outcome{
		Session:  SessionID(r.uint64("session")),
		Sequence: Sequence(r.uvarint("sequence")),
		Verdict:  Verdict(r.enum(len(verdicts)-1, "verdict")),
		Slot:     Slot(r.uvarint("slot")),
		Position: r.uint32("position"),
		Result:   r.bytes("result"),
	}
}

func putSlot(b []byte, s Slot) []byte     { return putUint(b, uint64(s)) }
func putNode(b []byte, id NodeID) []byte  { return putBytes(b, id) }
func readSlot(r *reader) Slot             { return Slot(r.uvarint("slot")) }
func readNode(r *reader) NodeID           { return r.node("node id") }
func putStore(b []byte, s StoreOf) []byte { return putID(putBytes(b, s.Acceptor), s.Store) }

func (l Life) append(to []byte) []byte {
	return putUint(putUint(putID(putUint(to, uint64(l.Starts)), l.Run), uint64(l.Began)), uint64(l.Position))
}

func readLife(r *reader) Life {
	return Life{Number(r.uvarint("starts")), StartID(r.uint64("run")), Number(r.uvarint("beginning")), Number(r.uvarint("position"))}
}

func readDigest(r *reader) (d Digest) {
	r.fixed(d[:], "digest")
	return d
}

func readStore(r *reader) StoreOf {
	return StoreOf{r.node("acceptor"), StoreID(r.uint64("store id"))}
}

func (n CommandName) append(to []byte) []byte {
	return putUint(putID(to, n.Session), uint64(n.Sequence))
}

func readName(r *reader) CommandName {
	return CommandName{SessionID(r.uint64("session")), Sequence(r.uvarint("sequence"))}
}

func (p Placed) append(to []byte) []byte {
	to = CommandName{p.Session, p.Sequence}.append(to)
	return putUint(putUint(to, uint64(p.Slot)), p.Position)
}

func readPlaced(r *reader) Placed {
	n := readName(r)
	return Placed{n.Session, n.Sequence, readSlot(r), r.uint32("position")}
}

func (c Configuration) append(to []byte) []byte {
	to = putUint(to, uint64(c.Number))
	return putList(putList(to, c.Acceptors, putNode), c.Learners, putNode)
}

func readConfiguration(r *reader) Configuration {
	return Configuration{Number(r.uvarint("configuration number")), readList(r, 1, "acceptors", readNode),
		readList(r, 1, "learners", readNode)}
}

// AppendOutcome appends the binary form of o to b.
func AppendOutcome(b []byte, o Outcome) []byte { return o.append(b) }

// DecodeOutcome is the inverse of AppendOutcome; it takes all of b.
func DecodeOutcome(b []byte) (Outcome, error) {
	r := &reader{b: b}
	o := readOutcome(r)
	return o, r.done()
}
