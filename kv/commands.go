package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"paxos/paxos"
)

// The binary form of a command's body: a version, an operation, its operands.
// Numbers are in logs on disks: never reuse one.
const (
	bodyVersion = 1

	opAppend        = 1
	opBurn          = 2
	opBurnKey       = 3
	opOpen          = 4
	opExpireSession = 5
	opTxn           = 6
	opGrant         = 7
	opKeepAlive     = 8
	opRevoke        = 9
	opExpire        = 10
	opCompact       = 11
	opAcquire       = 12
	opRelease       = 13
	opProclaim      = 14
	opTouch         = 15
)

// ErrUnknownCommand is wrapped by the error of a command that this version
// does not know. Who applies such a command must stop.
var ErrUnknownCommand = errors.New("unknown command")

// Open opens the session of its command. Commands of a session that is not
// open have no effect.
type Open struct{}

// Touch does nothing, and so keeps its session open.
type Touch struct{}

// ExpireSession closes a session whose last use was at Used, if that is a day
// of log time ago; else it does nothing. Learners propose it; it has no
// session of its own.
type ExpireSession struct {
	Session paxos.SessionID
	Used    paxos.LogTime
}

// What only functions make: commands that are older than the others, with
// operands that are not delimited.
type (
	appendValue string
	burnKey     string
	burn        paxos.CommandName
)

// Append is the body of a command that appends a value to the log of values.
func Append(value string) []byte {
	return append([]byte{bodyVersion, opAppend}, value...)
}

// BurnKey is the body of a command after which no command with this
// idempotency key takes effect, unless one did before.
func BurnKey(key string) []byte {
	return append([]byte{bodyVersion, opBurnKey}, key...)
}

// Burn is the body of a command after which the named command does not take
// effect, unless it did before.
func Burn(name paxos.CommandName) []byte {
	b := binary.BigEndian.AppendUint64([]byte{bodyVersion, opBurn}, uint64(name.Session))
	return binary.BigEndian.AppendUint64(b, uint64(name.Sequence))
}

// Encode is the body of a command: Open, Touch, ExpireSession, Txn, Grant,
// KeepAlive, Revoke, Expire, Compact, Acquire, Release or Proclaim. It panics
// on any other type. Whether the command makes sense, Check tells.
func Encode(command any) []byte {
	b := []byte{bodyVersion, 0}
	switch c := command.(type) {
	case Open:
		b[1] = opOpen
	case Touch:
		b[1] = opTouch
	case ExpireSession:
		b[1] = opExpireSession
		b = putUint(putID(b, c.Session), c.Used)
	case Txn:
		b = AppendTxn(make([]byte, 0, c.room()), c)
	case Grant:
		b[1] = opGrant
		b = putUint(putID(b, c.ID), c.TTL)
	case KeepAlive:
		b[1] = opKeepAlive
		b = putID(b, c.ID)
	case Revoke:
		b[1] = opRevoke
		b = putID(b, c.ID)
	case Expire:
		b[1] = opExpire
		b = putUint(putUint(putID(b, c.ID), c.Renewal), c.Due)
	case Compact:
		b[1] = opCompact
		b = putBool(putUint(b, c.Revision), c.Kept)
	case Acquire:
		b[1] = opAcquire
		b = putText(append(b, byte(c.Queue)), c.Name)
		b = putText(putUint(putID(b, c.Lease), c.TTL), c.Value)
	case Release:
		b[1] = opRelease
		b = putUint(putText(append(b, byte(c.Queue)), c.Name), c.Token)
	case Proclaim:
		b[1] = opProclaim
		b = putUint(putText(append(b, byte(c.Queue)), c.Name), c.Token)
		b = putText(b, c.Value)
	default:
		panic(fmt.Sprintf("kv: no command is a %T", command))
	}
	return b
}

// decode is the inverse of Encode, Append, Burn and BurnKey. It is strict:
// what it takes, they give back byte for byte.
func decode(body []byte) (any, error) {
	if len(body) < 2 || body[0] != bodyVersion {
		return nil, fmt.Errorf("%w: a body of %d bytes that does not begin with version %d", ErrUnknownCommand, len(body), bodyVersion)
	}
	op, rest := body[1], body[2:]
	switch op {
	case opAppend, opBurnKey:
		if !utf8.Valid(rest) {
			return nil, fmt.Errorf("%w: a text that is not UTF-8", ErrUnknownCommand)
		}
		if op == opAppend {
			return appendValue(rest), nil
		}
		return burnKey(rest), nil
	case opBurn:
		if len(rest) != 16 {
			return nil, fmt.Errorf("%w: a command's name of %d bytes", ErrUnknownCommand, len(rest))
		}
		return burn{
			Session:  paxos.SessionID(binary.BigEndian.Uint64(rest)),
			Sequence: paxos.Sequence(binary.BigEndian.Uint64(rest[8:])),
		}, nil
	}
	r := &reader{b: rest}
	c := readOperands(op, r)
	if c == nil {
		return nil, fmt.Errorf("%w: operation %d", ErrUnknownCommand, op)
	}
	if err := r.done(); err != nil {
		return nil, fmt.Errorf("%w: operation %d: %w", ErrUnknownCommand, op, err)
	}
	return c, nil
}

func readOperands(op byte, r *reader) any {
	switch op {
	case opOpen:
		return Open{}
	case opTouch:
		return Touch{}
	case opExpireSession:
		return ExpireSession{paxos.SessionID(r.uint64("session")), paxos.LogTime(r.uvarint("time of use"))}
	case opTxn:
		return readTxn(r, 1)
	case opGrant:
		return Grant{LeaseID(r.uint64("lease")), paxos.LogTime(r.uvarint("time to live"))}
	case opKeepAlive:
		return KeepAlive{LeaseID(r.uint64("lease"))}
	case opRevoke:
		return Revoke{LeaseID(r.uint64("lease"))}
	case opExpire:
		return Expire{LeaseID(r.uint64("lease")), r.uvarint("renewal"), paxos.LogTime(r.uvarint("due time"))}
	case opCompact:
		return Compact{Revision(r.uvarint("revision")), r.bool("kept")}
	case opAcquire:
		return Acquire{Queue(r.enum(byte(Elections), "queue")), r.text("name"), LeaseID(r.uint64("lease")),
			paxos.LogTime(r.uvarint("time to live")), r.text("value")}
	case opRelease:
		return Release{Queue(r.enum(byte(Elections), "queue")), r.text("name"), Revision(r.uvarint("token"))}
	case opProclaim:
		return Proclaim{Queue(r.enum(byte(Elections), "queue")), r.text("name"), Revision(r.uvarint("token")), r.text("value")}
	}
	return nil
}
