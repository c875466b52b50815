// Package command is the form of what is written to the dragonboat peer: the kind
// in one byte, then keys and values, each behind its length. Users send it as the
// body of a batch, members replicate it.
//
// It carries nothing else; the server is bench/peers/dragonboat/member.
package command

import (
	"encoding/binary"
	"errors"
)

// Kinds of commands.
const (
	Put       = 1 // keys and values in turn; all of them or none
	Increment = 2 // keys
)

// Append appends a key or a value.
func Append[T ~string | ~[]byte](to []byte, field T) []byte {
	return append(AppendLength(to, len(field)), field...)
}

// AppendLength appends the beginning of a field of that length.
func AppendLength(to []byte, length int) []byte {
	return binary.AppendUvarint(to, uint64(length))
}

// ErrTorn means that a command is cut off.
var ErrTorn = errors.New("a command is cut off")

// Next takes the first field off.
func Next(from []byte) (field, rest []byte, err error) {
	n, used := binary.Uvarint(from)
	if used <= 0 || n > uint64(len(from)-used) {
		return nil, nil, ErrTorn
	}
	end := used + int(n)
	return from[used:end:end], from[end:], nil
}

// Check says whether a command is whole and of a known kind.
func Check(cmd []byte) error {
	if len(cmd) == 0 || cmd[0] != Put && cmd[0] != Increment {
		return errors.New("no kind of command")
	}
	fields := 0
	for rest := cmd[1:]; len(rest) > 0; fields++ {
		var err error
		if _, rest, err = Next(rest); err != nil {
			return err
		}
	}
	if cmd[0] == Put && fields%2 != 0 {
		return ErrTorn
	}
	return nil
}
