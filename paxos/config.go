package paxos

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// RoleName is what a node does: one of the four services.
type RoleName string

// The four roles.
const (
	ProposerRole RoleName = "proposer"
	AcceptorRole RoleName = "acceptor"
	LearnerRole  RoleName = "learner"
	ClientRole   RoleName = "client"
)

// Configuration says who votes. It comes from the operator, never from gossip;
// taking an acceptor's process away never changes the size of a quorum.
type Configuration struct {
	// Number counts reconfigurations; the first configuration is 0.
	Number Number `json:"number"`
	// Acceptors are the voters, distinct. The one with the lowest id draws the
	// cluster id at initialisation.
	Acceptors []NodeID `json:"acceptors"`
	// Learners are the learners whose snapshots count for truncation.
	Learners []NodeID `json:"learners"`
}

// Check says what is wrong with a configuration.
func (c Configuration) Check() error {
	if len(c.Acceptors) == 0 {
		return errors.New("a configuration needs at least one acceptor")
	}
	seen := map[NodeID]bool{}
	for _, id := range slices.Concat(c.Acceptors, c.Learners) {
		if err := CheckNodeID(id); err != nil {
			return err
		}
		if seen[id] {
			return fmt.Errorf("node %q is named twice in the configuration", string(id))
		}
		seen[id] = true
	}
	return nil
}

// Quorum is how many acceptors are a majority: any two quorums share one.
func (c Configuration) Quorum() int { return len(c.Acceptors)/2 + 1 }

// IsAcceptor reports whether id votes in this configuration.
func (c Configuration) IsAcceptor(id NodeID) bool { return slices.Contains(c.Acceptors, id) }

// Tells reports whether an acceptor's vote for a slot carries the value to the
// learners. Just so many do, by slot, that every quorum has one of them; of the
// others the digest is enough.
func (c Configuration) Tells(id NodeID, slot Slot) bool {
	place := Slot(0)
	for _, a := range c.Acceptors {
		if a < id {
			place++
		}
	}
	n := len(c.Acceptors)
	return (slot+place)%Slot(n) <= Slot(n-c.Quorum())
}

// Stamp condenses the configuration for message headers.
func (c Configuration) Stamp() Stamp {
	ids := slices.Clone(c.Acceptors)
	slices.Sort(ids)
	h := sha256.New()
	for _, id := range ids {
		h.Write([]byte(id))
		h.Write([]byte{0})
	}
	return Stamp{Number: c.Number, Acceptors: StoreID(binary.BigEndian.Uint64(h.Sum(nil)))}
}

// Stamp stands in every identity and peer message: the number of the
// configuration and a 64-bit hash of its acceptor set. Two nodes whose stamps
// differ refuse each other, so that a configuration that shrinks from five
// acceptors to three does not make two quorums.
type Stamp struct {
	Number    Number  `json:"number"`
	Acceptors StoreID `json:"acceptors"`
}

// IsZero reports whether the stamp is absent (a message written by hand).
func (s Stamp) IsZero() bool { return s == Stamp{} }

// StoreOf is the disk with which an acceptor became a member.
type StoreOf struct {
	Acceptor NodeID  `json:"acceptor"`
	Store    StoreID `json:"store"`
}

// Standing is how far an acceptor's disk has come: only a member votes.
type Standing uint8

// The standings of an acceptor, in the order in which they are reached, and
// Mute: a disk that may not vote until a human has looked at it.
const (
	Blank Standing = iota
	Forming
	Member
	Mute
)

var standings = []string{"blank", "forming", "member", "mute"}

// String gives the standing's word.
func (s Standing) String() string { return word(standings, int(s)) }

// MarshalText implements encoding.TextMarshaler.
func (s Standing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Standing) UnmarshalText(text []byte) error {
	return parseWord(standings, text, (*uint8)(s), "standing")
}

// Identity is what an acceptor's disk knows of itself. It is written before
// the acceptor speaks as what it says.
type Identity struct {
	Standing Standing      `json:"standing"`
	Cluster  ClusterID     `json:"cluster"`
	Node     NodeID        `json:"node"`
	Store    StoreID       `json:"store"`
	Config   Configuration `json:"config"`
	// Stores are the disks of all members; empty while forming.
	Stores []StoreOf `json:"stores"`
}

// StoreIn gives the member disk of an acceptor, 0 when there is none.
func StoreIn(stores []StoreOf, id NodeID) StoreID {
	for _, s := range stores {
		if s.Acceptor == id {
			return s.Store
		}
	}
	return 0
}

func word(words []string, i int) string {
	if i < 0 || i >= len(words) {
		return fmt.Sprintf("unknown(%d)", i)
	}
	return words[i]
}

func parseWord(words []string, text []byte, to *uint8, what string) error {
	i := slices.Index(words, string(text))
	if i < 0 {
		return fmt.Errorf("%q is no %s: one of %q is needed", text, what, words)
	}
	*to = uint8(i)
	return nil
}
