package paxos

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// NodeID names a process for ever: "acceptor1", "proposer3". A node keeps its
// id over restarts and changes of address.
type NodeID string

// CheckNodeID says what is wrong with an id: 1 to 63 letters, digits or
// hyphens, so that an id is also a DNS label and a file name.
func CheckNodeID(id NodeID) error {
	if len(id) < 1 || len(id) > 63 {
		return fmt.Errorf("node id %q: 1 to 63 characters are allowed", string(id))
	}
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return fmt.Errorf("node id %q: only letters, digits and hyphens are allowed", string(id))
		}
	}
	return nil
}

// ClusterID is 128 random bits drawn once, when a cluster is initialised. The
// zero value means "not known yet".
type ClusterID [16]byte

// IsZero reports whether no cluster is known.
func (c ClusterID) IsZero() bool { return c == ClusterID{} }

// String gives 32 hexadecimal digits, or "" for the zero value.
func (c ClusterID) String() string {
	if c.IsZero() {
		return ""
	}
	return hex.EncodeToString(c[:])
}

// MarshalText implements encoding.TextMarshaler.
func (c ClusterID) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *ClusterID) UnmarshalText(text []byte) error {
	*c = ClusterID{}
	if len(text) == 0 {
		return nil
	}
	if len(text) != 32 {
		return fmt.Errorf("cluster id %q: 32 hexadecimal digits are needed", text)
	}
	if _, err := hex.Decode(c[:], text); err != nil {
		return fmt.Errorf("cluster id %q: 32 hexadecimal digits are needed", text)
	}
	return nil
}

// StoreID is 64 random bits drawn when an acceptor's disk joins a cluster:
// the identity of the disk, not of the process. Zero means "none".
type StoreID uint64

// StartID is 64 random bits drawn at every start of a proposer, so that two
// processes under one id never share a ballot (two pods with one id
// are normal life on Kubernetes); and of an acceptor, so that two that began
// with one state of a disk are told apart (Life).
type StartID uint64

// SessionID is 64 random bits that name one client session.
type SessionID uint64

// Slot is a place in the replicated log. The first slot is 1; 0 means "none".
type Slot uint64

// Sequence numbers the commands of a session; the first is 1.
type Sequence uint64

// LogTime is the time of the log in milliseconds: stamped by leaders,
// continued from the last stamp, never set back. It says nothing about any
// clock on a wall.
type LogTime uint64

// Number is a plain 64-bit count that survives JSON.
type Number uint64

// 64-bit numbers are strings in JSON, because a JavaScript number loses
// digits above 2^53; a plain JSON number is understood too.

// String gives 16 hexadecimal digits.
func (s StoreID) String() string { return fmt.Sprintf("%016x", uint64(s)) }

// String gives 16 hexadecimal digits.
func (s StartID) String() string { return fmt.Sprintf("%016x", uint64(s)) }

// String gives 16 hexadecimal digits.
func (s SessionID) String() string { return fmt.Sprintf("%016x", uint64(s)) }

// MarshalText implements encoding.TextMarshaler.
func (s StoreID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText implements encoding.TextMarshaler.
func (s StartID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText implements encoding.TextMarshaler.
func (s SessionID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *StoreID) UnmarshalText(text []byte) error { return parseHex(text, (*uint64)(s), "store") }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *StartID) UnmarshalText(text []byte) error { return parseHex(text, (*uint64)(s), "start") }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *SessionID) UnmarshalText(text []byte) error {
	return parseHex(text, (*uint64)(s), "session")
}

func parseHex(text []byte, to *uint64, what string) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil || len(text) != 16 {
		return fmt.Errorf("%s id %q: 16 hexadecimal digits are needed", what, text)
	}
	*to = n
	return nil
}

// MarshalJSON implements json.Marshaler.
func (s Slot) MarshalJSON() ([]byte, error) { return quoted(uint64(s)), nil }

// MarshalJSON implements json.Marshaler.
func (s Sequence) MarshalJSON() ([]byte, error) { return quoted(uint64(s)), nil }

// MarshalJSON implements json.Marshaler.
func (t LogTime) MarshalJSON() ([]byte, error) { return quoted(uint64(t)), nil }

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) { return quoted(uint64(n)), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Slot) UnmarshalJSON(b []byte) error { return unquoted(b, (*uint64)(s)) }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Sequence) UnmarshalJSON(b []byte) error { return unquoted(b, (*uint64)(s)) }

// UnmarshalJSON implements json.Unmarshaler.
func (t *LogTime) UnmarshalJSON(b []byte) error { return unquoted(b, (*uint64)(t)) }

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error { return unquoted(b, (*uint64)(n)) }

func quoted(n uint64) []byte {
	return append(strconv.AppendUint([]byte{'"'}, n, 10), '"')
}

func unquoted(b []byte, to *uint64) error {
	text := string(b)
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	n, err := ParseUint(text)
	if err != nil {
		return err
	}
	*to = n
	return nil
}

// ParseUint reads a whole number from 0 to 2^64-1 written in decimal; the
// error says in a sentence what was wrong.
func ParseUint(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err == nil:
		return n, nil
	case strings.HasPrefix(text, "-"):
		return 0, fmt.Errorf("%s is negative: a whole number from 0 to 18446744073709551615 is needed", clip(text))
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s is too large: the largest number here is 18446744073709551615", clip(text))
	default:
		return 0, fmt.Errorf("%s is not a number: a whole number from 0 to 18446744073709551615 is needed", clip(text))
	}
}

func clip(text string) string {
	if len(text) > 40 {
		text = text[:40] + "…"
	}
	return strconv.Quote(text)
}

// Ballot names one attempt to lead, by one run of one proposer. Ballots are
// ordered by Number, then Proposer, then Start; the zero Ballot is below all
// others and is never used to propose (Paxos Made Simple, section 2.2).
type Ballot struct {
	Number   Number  `json:"number"`
	Proposer NodeID  `json:"proposer"`
	Start    StartID `json:"start"`
}

// Compare gives -1, 0 or +1 as b is below, equal to or above c.
func (b Ballot) Compare(c Ballot) int {
	return cmp.Or(cmp.Compare(b.Number, c.Number), cmp.Compare(b.Proposer, c.Proposer), cmp.Compare(b.Start, c.Start))
}

// Less reports whether b is below c.
func (b Ballot) Less(c Ballot) bool { return b.Compare(c) < 0 }

// IsZero reports whether b is the ballot below all others.
func (b Ballot) IsZero() bool { return b == Ballot{} }

// String gives "number.proposer", or "none" for the zero Ballot; the start id
// is left out, being noise to a reader.
func (b Ballot) String() string {
	if b.IsZero() {
		return "none"
	}
	return strconv.FormatUint(uint64(b.Number), 10) + "." + string(b.Proposer)
}
