package paxos

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Command is one thing a client wants done, once. The replicated state machine
// (kv) gives Body its meaning; the protocol only carries it.
type Command struct {
	// Session and Sequence name the command: sent again under the same name,
	// through whichever node, it takes effect once.
	Session  SessionID `json:"session"`
	Sequence Sequence  `json:"sequence"`
	// Confirmed says that the client needs no answer below this sequence any
	// more: their results may be forgotten.
	Confirmed Sequence `json:"confirmed"`
	// Admitted is a slot below which every slot was chosen when the command
	// was first admitted; all copies of the command carry the same. A copy
	// that is older than what the session table remembers is refused.
	Admitted Slot `json:"admitted"`
	// Client is the client service that waits for the outcome.
	Client NodeID `json:"client"`
	// Key is the user's idempotency key, "" for none.
	Key string `json:"key"`
	// Body is the operation, in the binary form of the state machine.
	Body []byte `json:"body"`
}

// MaxKeyBytes bounds an idempotency key.
const MaxKeyBytes = 256

// CallKeyPrefix begins the idempotency keys that a client library draws for one
// call, which nobody asks about for long: package kv remembers them for 10
// minutes of log time, and fewer of them, while every other key is remembered
// for 24 hours.
const CallKeyPrefix = "call-"

// CommandName names a command in answers that need not repeat its body.
type CommandName struct {
	Session  SessionID `json:"session"`
	Sequence Sequence  `json:"sequence"`
}

// Name gives the command's name.
func (c Command) Name() CommandName { return CommandName{c.Session, c.Sequence} }

// Value is what a slot can hold: many commands, in order, stamped with the
// log's time. A Value without commands is a no-op, which fills a gap.
type Value struct {
	Time     LogTime   `json:"time"`
	Commands []Command `json:"commands"`
}

// IsNoop reports whether the value only fills a gap.
func (v Value) IsNoop() bool { return len(v.Commands) == 0 }

// Size is about how many bytes the value takes in a message.
func (v Value) Size() int {
	n := 16
	for i := range v.Commands {
		n += v.Commands[i].Size()
	}
	return n
}

// Size is about how many bytes the command adds to a value's.
func (c *Command) Size() int { return 48 + len(c.Client) + len(c.Key) + len(c.Body) }

// Proposal is a value for a slot, as it travels in an Accept: its ballot is
// the message's.
type Proposal struct {
	Slot  Slot  `json:"slot"`
	Value Value `json:"value"`
}

// Entry is a value that was accepted, or chosen, for a slot under a ballot.
type Entry struct {
	Slot   Slot   `json:"slot"`
	Ballot Ballot `json:"ballot"`
	Value  Value  `json:"value"`
}

// Digest is the SHA-256 of a value's binary form. Votes are counted by slot,
// ballot and digest.
type Digest [sha256.Size]byte

// digestPiece is how many bytes are digested at once, about.
const digestPiece = 1 << 10

// Digest computes the value's digest, without writing down all of its binary
// form: it is as large as a batch.
func (v Value) Digest() (d Digest) {
	h := sha256.New()
	b := putUint(make([]byte, 0, digestPiece), uint64(v.Time))
	b = putUint(b, uint64(len(v.Commands)))
	for i := range v.Commands {
		c := &v.Commands[i]
		if b = c.appendHead(b); len(b)+len(c.Body) > digestPiece {
			h.Write(b)
			h.Write(c.Body)
			b = b[:0]
		} else {
			b = append(b, c.Body...)
		}
	}
	h.Write(b)
	h.Sum(d[:0])
	return d
}

// String gives the first eight hexadecimal digits, enough for a reader.
func (d Digest) String() string { return hex.EncodeToString(d[:4]) }

// MarshalText implements encoding.TextMarshaler with all 64 digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return fmt.Errorf("digest %q: 64 hexadecimal digits are needed", text)
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		return fmt.Errorf("digest %q: 64 hexadecimal digits are needed", text)
	}
	return nil
}

// Vote is one acceptor's statement that it accepted the value with this
// digest, for this slot, under this ballot. The value itself may travel along;
// a learner that lacks it asks for it.
type Vote struct {
	Slot   Slot   `json:"slot"`
	Ballot Ballot `json:"ballot"`
	Digest Digest `json:"digest"`
	Value  *Value `json:"value,omitempty"`
}

// Verdict is what became of a command when its slot was applied.
type Verdict uint8

// The verdicts. Only Applied had an effect, and it had it exactly once.
const (
	// Applied: the command took effect at the outcome's slot and position.
	Applied Verdict = iota
	// Confirmed: a copy of a command of which its client said that it needs no
	// answer any more. It has no effect now; whether it had one is forgotten.
	Confirmed
	// KeyReused: the idempotency key was used before for another body.
	KeyReused
	// Expired: the session of its name is not open (any more).
	Expired
	// Burnt: the key or name was burnt; the command never takes effect.
	Burnt
	// Late: it was admitted before things that are forgotten by now, and may be
	// a copy of one of them. No copy under this name has had an effect.
	Late
)

var verdicts = []string{"applied", "confirmed", "key-reused", "expired", "burnt", "late"}

// String gives the verdict's word.
func (v Verdict) String() string { return word(verdicts, int(v)) }

// MarshalText implements encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Verdict) UnmarshalText(text []byte) error {
	return parseWord(verdicts, text, (*uint8)(v), "verdict")
}

// Outcome tells a client what became of one of its commands. A copy gets the
// first one's outcome, bit for bit.
type Outcome struct {
	Session  SessionID `json:"session"`
	Sequence Sequence  `json:"sequence"`
	Verdict  Verdict   `json:"verdict"`
	// Slot and Position are where the command took effect (or was first
	// refused): the Position-th command of the slot, from 0.
	Slot     Slot   `json:"slot"`
	Position uint32 `json:"position"`
	// Result is the state machine's answer, in its own binary form.
	Result []byte `json:"result"`
}
