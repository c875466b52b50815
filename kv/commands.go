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

	opAppend  = 1
	opBurn    = 2
	opBurnKey = 3
)

// ErrUnknownCommand is wrapped by the error of a command that this version
// does not know. Who applies such a command must stop.
var ErrUnknownCommand = errors.New("unknown command")

// operation is a decoded body.
type operation struct {
	op    byte
	value string            // opAppend: the value; opBurnKey: the key
	name  paxos.CommandName // opBurn
}

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

// Check says what is wrong with a command, before it is proposed: a command
// that cannot be read must never reach the log.
func Check(c paxos.Command) error {
	if c.Sequence == 0 {
		return errors.New("a command's sequence begins at 1")
	}
	if !utf8.ValidString(c.Key) || len(c.Key) > paxos.MaxKeyBytes {
		return fmt.Errorf("an idempotency key is UTF-8 of at most %d bytes", paxos.MaxKeyBytes)
	}
	_, err := decode(c.Body)
	return err
}

func decode(body []byte) (operation, error) {
	if len(body) < 2 || body[0] != bodyVersion {
		return operation{}, fmt.Errorf("%w: a body of %d bytes that does not begin with version %d", ErrUnknownCommand, len(body), bodyVersion)
	}
	o, rest := operation{op: body[1]}, body[2:]
	switch o.op {
	case opAppend, opBurnKey:
		if !utf8.Valid(rest) {
			return operation{}, fmt.Errorf("%w: a text that is not UTF-8", ErrUnknownCommand)
		}
		o.value = string(rest)
	case opBurn:
		if len(rest) != 16 {
			return operation{}, fmt.Errorf("%w: a command's name of %d bytes", ErrUnknownCommand, len(rest))
		}
		o.name = paxos.CommandName{
			Session:  paxos.SessionID(binary.BigEndian.Uint64(rest)),
			Sequence: paxos.Sequence(binary.BigEndian.Uint64(rest[8:])),
		}
	default:
		return operation{}, fmt.Errorf("%w: operation %d", ErrUnknownCommand, o.op)
	}
	return o, nil
}
