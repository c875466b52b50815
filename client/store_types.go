package client

import (
	"encoding/json"
	"fmt"
	"strconv"

	"paxos/kv"
	"paxos/paxos"
)

// The words of the store's REST answers. 64-bit numbers travel as strings;
// they are read from numbers too.

// KV is a key of the store with its value and where it comes from.
type KV struct {
	Key string `json:"key"`
	// Value is the value if it is UTF-8; else ValueBase64 is. Both are nil if
	// only keys were asked for.
	Value       *string      `json:"value,omitempty"`
	ValueBase64 []byte       `json:"value_base64,omitempty"`
	Create      paxos.Number `json:"create_revision"`
	Mod         paxos.Number `json:"mod_revision"`
	Version     paxos.Number `json:"version"`
	Lease       *kv.LeaseID  `json:"lease,omitempty"`
}

// Freshness says of a read how fresh it is. Every answer of the store carries
// it, in JSON here and in headers beside a raw value.
type Freshness struct {
	// Revision is the store's, Applied the first slot that is not in the state.
	Revision paxos.Number `json:"revision"`
	Applied  paxos.Slot   `json:"applied_watermark"`
	// Consistency is what the read promises; Age, in milliseconds, how long ago
	// at most the state was the latest (absent if that is not known).
	Consistency string       `json:"consistency"`
	Age         *int64       `json:"age_ms,omitempty"`
	Learner     paxos.NodeID `json:"learner"`
	// SessionToken makes a later read with consistency session see at least this.
	SessionToken string `json:"session_token"`
}

// Got is a read of one key.
type Got struct {
	KV
	Freshness
}

// Keys is a page of a range of keys, in order.
type Keys struct {
	Keys []KV `json:"keys"`
	// Count is how many keys the whole range has.
	Count paxos.Number `json:"count"`
	More  bool         `json:"more"`
	// Page continues this range at the same revision, "" if nothing follows.
	Page string `json:"page,omitempty"`
	Freshness
}

// Written answers every write of the store: applied, and on a quorum of disks.
type Written struct {
	// Revision is the store's after the write.
	Revision paxos.Number `json:"revision"`
	// Succeeded is false if a condition did not hold; then Else was executed.
	Succeeded bool `json:"succeeded"`
	// Key is the key as it is now: of a put, increment, append or swap. Only an
	// increment gives its value.
	Key *KV `json:"key,omitempty"`
	// Count is how many items the list has after an append.
	Count paxos.Number `json:"count,omitempty"`
	// Prev are the keys as they were before, if asked for.
	Prev []KV `json:"prev,omitempty"`
	// Deleted is how many keys a delete removed.
	Deleted   paxos.Number `json:"deleted,omitempty"`
	Responses []OpAnswer   `json:"responses,omitempty"`
	Command
}

// Command names the command behind an answer, and where it took effect.
type Command struct {
	Slot     paxos.Slot      `json:"slot"`
	Position uint32          `json:"position"`
	Session  paxos.SessionID `json:"session"`
	Sequence paxos.Sequence  `json:"sequence"`
	// IdempotencyKey is the one given, "" for none; Outcome the path that tells
	// what became of the command.
	IdempotencyKey string       `json:"idempotency_key,omitempty"`
	Outcome        string       `json:"outcome"`
	Client         paxos.NodeID `json:"client"`
	SessionToken   string       `json:"session_token"`
}

// OpAnswer answers one operation of a transaction, in order. Count is how many
// keys a range has, or how many items a list after an append.
type OpAnswer struct {
	Keys    []KV         `json:"keys,omitempty"`
	Prev    []KV         `json:"prev,omitempty"`
	Count   paxos.Number `json:"count,omitempty"`
	More    bool         `json:"more,omitempty"`
	Deleted paxos.Number `json:"deleted,omitempty"`
	Key     *KV          `json:"key,omitempty"`
	Txn     *TxnAnswer   `json:"txn,omitempty"`
}

// TxnAnswer answers a nested transaction.
type TxnAnswer struct {
	Succeeded bool       `json:"succeeded"`
	Responses []OpAnswer `json:"responses"`
}

// Txn is a transaction as POST /txn takes it: while all fences are held, Then
// is executed if all of If hold, else Else; all of it or nothing.
type Txn struct {
	Fences []Fence     `json:"fences,omitempty"`
	If     []Condition `json:"if,omitempty"`
	Then   []Operation `json:"then,omitempty"`
	Else   []Operation `json:"else,omitempty"`
}

// Fence holds while the lock is held with that token.
type Fence struct {
	Lock  string       `json:"lock"`
	Token paxos.Number `json:"token"`
}

// Condition compares something of a key, or of all keys of a span. Exactly one
// of Value, ValueBase64, Version, Create, Mod, Lease is set. A key that is not
// there has 0 for every number, and no value.
type Condition struct {
	KeySpan
	// Is is "=" (the default), "!=", "<" or ">".
	Is          string        `json:"is,omitempty"`
	Value       *string       `json:"value,omitempty"`
	ValueBase64 []byte        `json:"value_base64,omitempty"`
	Version     *paxos.Number `json:"version,omitempty"`
	Create      *paxos.Number `json:"create_revision,omitempty"`
	Mod         *paxos.Number `json:"mod_revision,omitempty"`
	Lease       *kv.LeaseID   `json:"lease,omitempty"`
}

// KeySpan is one key, or all keys with a prefix, or those from Key up to (not
// including) End.
type KeySpan struct {
	Key    string `json:"key"`
	Prefix bool   `json:"prefix,omitempty"`
	End    string `json:"end,omitempty"`
}

// Operation is one operation of a transaction; exactly one field is set.
type Operation struct {
	Put       *PutOp       `json:"put,omitempty"`
	Delete    *DeleteOp    `json:"delete,omitempty"`
	Range     *RangeOp     `json:"range,omitempty"`
	Increment *IncrementOp `json:"increment,omitempty"`
	Append    *AppendOp    `json:"append,omitempty"`
	Txn       *Txn         `json:"txn,omitempty"`
}

// PutOp sets a key. KeepValue and KeepLease change only the other one.
type PutOp struct {
	Key         string      `json:"key"`
	Value       *string     `json:"value,omitempty"`
	ValueBase64 []byte      `json:"value_base64,omitempty"`
	Lease       *kv.LeaseID `json:"lease,omitempty"`
	KeepValue   bool        `json:"keep_value,omitempty"`
	KeepLease   bool        `json:"keep_lease,omitempty"`
	Prev        bool        `json:"prev,omitempty"`
}

// DeleteOp removes keys.
type DeleteOp struct {
	KeySpan
	Prev bool `json:"prev,omitempty"`
}

// RangeOp reads keys.
type RangeOp struct {
	KeySpan
	Limit     int          `json:"limit,omitempty"`
	Revision  paxos.Number `json:"revision,omitempty"`
	KeysOnly  bool         `json:"keys_only,omitempty"`
	CountOnly bool         `json:"count_only,omitempty"`
}

// IncrementOp adds By to a number; a missing key counts as 0.
type IncrementOp struct {
	Key string `json:"key"`
	By  int64  `json:"by,string"`
}

// UnmarshalJSON reads By from a string and from a number.
func (o *IncrementOp) UnmarshalJSON(b []byte) error {
	var words struct {
		Key string          `json:"key"`
		By  json.RawMessage `json:"by"`
	}
	if err := paxos.StrictJSON(b, &words); err != nil {
		return err
	}
	by, err := ParseInt(words.By)
	*o = IncrementOp{words.Key, by}
	return err
}

// ParseInt reads a 64-bit number with a sign from JSON, where it is a string or
// a number.
func ParseInt(b []byte) (int64, error) {
	text := string(b)
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a whole number from -9223372036854775808 to 9223372036854775807", text)
	}
	return n, nil
}

// AppendOp adds Item, a JSON value, to a JSON array; a missing key counts as [].
type AppendOp struct {
	Key  string `json:"key"`
	Item any    `json:"item"`
}

// Lease is a lease: the keys attached to it go when it ends.
type Lease struct {
	ID kv.LeaseID `json:"lease"`
	// TTL is what it was granted, and Remaining what is left of it as the
	// learner estimates; both in milliseconds.
	TTL       int64    `json:"ttl_ms"`
	Remaining int64    `json:"remaining_ms"`
	Keys      []string `json:"keys,omitempty"`
}

// Leased answers a write about a lease.
type Leased struct {
	Lease
	Revision paxos.Number `json:"revision"`
	Command
}

// Leases lists leases.
type Leases struct {
	Leases []kv.LeaseID `json:"leases"`
	Freshness
}

// Place is a place in the queue of a lock or an election. It holds the lock
// (or leads) if Held.
type Place struct {
	Name string `json:"name"`
	Key  string `json:"key"`
	Held bool   `json:"held"`
	// Token is the fencing token: it grows with every new holder.
	Token paxos.Number `json:"token"`
	Lease kv.LeaseID   `json:"lease"`
	Value string       `json:"value"`
	// Ahead is how many wait or hold before it.
	Ahead int `json:"ahead"`
}

// Placed answers a write about a lock or an election.
type Placed struct {
	Place
	Revision paxos.Number `json:"revision"`
	Command
}

// Queue is who holds a lock (or leads), and who waits, in order.
type Queue struct {
	Name   string  `json:"name"`
	Holder *Place  `json:"holder"` // nil: nobody
	Queue  []Place `json:"queue"`  // those who wait, the next first
	Freshness
}

// KeyEvent is one change of a key, as a watch tells it.
type KeyEvent struct {
	Type string `json:"type"` // "put" or "delete"
	KV
	Prev *KV `json:"prev,omitempty"`
}

// Changes is what a watch sends as one event "change": all changes of one
// revision in the watched span.
type Changes struct {
	Revision paxos.Number `json:"revision"`
	Events   []KeyEvent   `json:"events"`
}

// Progress is a watch's event "progress": everything up to the revision was sent.
type Progress struct {
	Revision paxos.Number `json:"revision"`
	Learner  paxos.NodeID `json:"learner"`
}

// Resync is a watch's last event: from Revision on the history is no longer
// complete. Read the keys, then watch from the read's revision + 1.
type Resync struct {
	Revision  paxos.Number `json:"revision"`
	Compacted paxos.Number `json:"compacted"`
	Hint      string       `json:"hint"`
}

// Headers of the store's answers and requests.
const (
	HeaderRevision    = "Paxos-Revision"
	HeaderCreate      = "Paxos-Create-Revision"
	HeaderMod         = "Paxos-Mod-Revision"
	HeaderVersion     = "Paxos-Version"
	HeaderLease       = "Paxos-Lease"
	HeaderApplied     = "Paxos-Applied"
	HeaderConsistency = "Paxos-Consistency"
	HeaderAge         = "Paxos-Age-Ms"
	HeaderLearner     = "Paxos-Learner"
	HeaderToken       = "Paxos-Session-Token"
	HeaderFence       = "If-Fence"
	// HeaderCompacted stands beside a 410: the first revision that is kept.
	HeaderCompacted = "Paxos-Compacted"
	// HeaderDigest follows a snapshot, and HeaderCluster goes before it.
	HeaderDigest  = "Paxos-Digest"
	HeaderCluster = "Paxos-Cluster"
)
