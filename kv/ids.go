package kv

import (
	"fmt"
	"strconv"

	"paxos/paxos"
)

// String gives 16 hexadecimal digits.
func (l LeaseID) String() string { return fmt.Sprintf("%016x", uint64(l)) }

// MarshalText implements encoding.TextMarshaler.
func (l LeaseID) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *LeaseID) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil || len(text) != 16 {
		return fmt.Errorf("lease %.40q: 16 hexadecimal digits are needed", text)
	}
	*l = LeaseID(n)
	return nil
}

// MarshalJSON implements json.Marshaler; 64-bit numbers are strings in JSON.
func (r Revision) MarshalJSON() ([]byte, error) { return paxos.Number(r).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Revision) UnmarshalJSON(b []byte) error { return (*paxos.Number)(r).UnmarshalJSON(b) }
