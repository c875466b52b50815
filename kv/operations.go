package kv

import "paxos/paxos"

// Revision counts writes: each command that changes keys raises the store's
// revision by one, whatever number of keys it changes. The empty store is at
// revision 1, as in etcd.
type Revision uint64

// LeaseID names a lease. It is written as 16 hexadecimal digits; 0 is none.
type LeaseID uint64

// KeyValue is a key with its value and where it comes from. Create is the
// revision at which the key was made, Mod that of its last change; Version
// counts the changes since it was made, from 1.
type KeyValue struct {
	Key     string
	Value   string // any bytes
	Create  Revision
	Mod     Revision
	Version uint64
	Lease   LeaseID // 0: none
}

// EventType tells what happened to a key.
type EventType uint8

// The types of events.
const (
	PutEvent EventType = iota
	DeleteEvent
)

// Event is one change of one key. Of a deletion, only Key and Mod of KV are
// set. Prev is the key before it, nil if it was not there, or not asked for.
type Event struct {
	Type EventType
	KV   KeyValue
	Prev *KeyValue
}

// Span is a range of keys: Key alone if End is empty, all keys from Key on if
// End is "\x00", else those from Key up to (not including) End.
type Span struct {
	Key string
	End string
}

// Prefix is the span of all keys with a prefix; of all keys if it is empty.
func Prefix(prefix string) Span {
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return Span{prefix, string(end[:i+1])}
		}
	}
	if prefix == "" {
		return Span{"\x00", "\x00"}
	}
	return Span{prefix, "\x00"}
}

// Put sets a key.
type Put struct {
	Key   string
	Value string
	Lease LeaseID // that the key is attached to from now on; 0 detaches it
	// KeepValue and KeepLease change only the other one; the key must exist.
	KeepValue bool
	KeepLease bool
	Prev      bool // give the key as it was before
}

// Delete removes the keys of a span.
type Delete struct {
	Span
	Prev bool // give the keys as they were before
}

// Range reads the keys of a span, in their order.
type Range struct {
	Span
	Limit     int      // at most so many keys; 0 is no limit
	Revision  Revision // as of that revision; 0 is now
	KeysOnly  bool     // leave the values out
	CountOnly bool     // only count
	NoCount   bool     // leave Count 0: then a read costs what it gives
}

// Increment adds By to a key's value, a decimal 64-bit number; a missing key
// counts as 0. It keeps the key's lease.
type Increment struct {
	Key string
	By  int64
}

// ListAppend adds an item, one JSON value, to the end of a key's value, a JSON
// array; a missing key counts as the empty array. It keeps the key's lease.
// Limit is the most bytes that the value may have afterwards, 0 for MaxValue.
type ListAppend struct {
	Key   string
	Item  string
	Limit int
}

// Op is one operation of a transaction; exactly one field is set.
type Op struct {
	Put       *Put
	Delete    *Delete
	Range     *Range
	Increment *Increment
	Append    *ListAppend
	Txn       *Txn
}

// Target is what of a key is compared.
type Target uint8

// The targets.
const (
	TargetVersion Target = iota
	TargetCreate
	TargetMod
	TargetValue
	TargetLease
)

// Relation is how it is compared.
type Relation uint8

// The relations.
const (
	Equal Relation = iota
	NotEqual
	Greater
	Less
)

// Compare is a condition on all keys of a span (etcd's Compare). A key that is
// not there has 0 for every number; a condition on its value does not hold. An
// empty span with an End holds for numbers only if 0 does (as in etcd).
type Compare struct {
	Span
	Target   Target
	Relation Relation
	Number   uint64 // of TargetVersion, TargetCreate, TargetMod, TargetLease
	Value    string // of TargetValue
}

// Fence holds while the lock is held with that token.
type Fence struct {
	Lock  string
	Token Revision
}

// Txn is a transaction: if all fences hold, Then is executed if all of If
// hold, else Else; all of it or, on a failure, nothing.
type Txn struct {
	Fences []Fence
	If     []Compare
	Then   []Op
	Else   []Op
}

// Grant makes a lease. ID 0 lets the store choose.
type Grant struct {
	ID  LeaseID
	TTL paxos.LogTime // in ms of log time, at least MinTTL
}

// KeepAlive renews a lease for its TTL from now on.
type KeepAlive struct{ ID LeaseID }

// Revoke ends a lease and deletes its keys, in one revision.
type Revoke struct{ ID LeaseID }

// Expire ends a lease as Revoke does, if it was renewed exactly Renewal times
// and the log's time has reached Due; else it does nothing. Learners propose
// it (docs/protocol.md, Leases); it has no session.
type Expire struct {
	ID      LeaseID
	Renewal uint64
	Due     paxos.LogTime
}

// Compact forgets history below a revision: reads and watches of older ones
// fail from then on. Of a Kept compaction, which learners propose to bound
// their memory, an older or equal revision does nothing and is no failure.
type Compact struct {
	Revision Revision
	Kept     bool
}

// Queue tells locks and elections apart; they are the same thing.
type Queue uint8

// The queues, and the prefixes of their keys: <prefix><name>/<lease>. The key
// with the lowest create revision holds the lock (or leads), and that revision
// is its token.
const (
	Locks Queue = iota
	Elections
)

// Acquire puts the key of a lease into a queue, unless it is there; the first
// in the queue holds. With Lease 0, or one that does not exist, a lease is
// granted with TTL.
type Acquire struct {
	Queue Queue
	Name  string
	Lease LeaseID
	TTL   paxos.LogTime
	Value string
}

// Release takes the key with this token out of a queue, and revokes its lease
// if Acquire had granted it and nothing else is attached.
type Release struct {
	Queue Queue
	Name  string
	Token Revision
}

// Proclaim changes the value of the key with this token, which must hold.
type Proclaim struct {
	Queue Queue
	Name  string
	Token Revision
	Value string
}

// Failure says why a command, or a read, had no effect. It is an error, and
// the same at every learner.
type Failure struct {
	Code   string // one of the Fail… words, for programs
	Detail string // a sentence
}

// Error implements error.
func (f *Failure) Error() string { return f.Detail }

// The codes of failures.
const (
	FailCompacted     = "compacted"       // the revision is below the history
	FailFuture        = "future-revision" // the revision is not reached yet
	FailNoLease       = "no-lease"        // there is no such lease
	FailLeaseExists   = "lease-exists"
	FailTTL           = "bad-ttl"
	FailNoKey         = "no-key"        // KeepValue or KeepLease of a missing key
	FailDuplicateKey  = "duplicate-key" // one transaction would put a key twice
	FailNotANumber    = "not-a-number"
	FailOverflow      = "overflow"
	FailNotAList      = "not-a-list"
	FailTooLarge      = "value-too-large"  // a list would outgrow its limit
	FailResult        = "result-too-large" // reads in a command give more than MaxResult
	FailWork          = "too-much-work"    // a transaction looks at more than MaxWork keys
	FailKeys          = "too-many-keys"    // no idempotency key more can be remembered
	FailFenced        = "fenced"           // the lock is not held with that token
	FailNotHeld       = "not-held"         // no key with that token, or it is not the first
	FailNotADirectory = "not-a-queue"      // a queue's key is of another shape
)

// Result is the state machine's answer to a command, in paxos.Outcome.Result.
type Result struct {
	Revision  Revision // of the store, after the command
	Failure   *Failure // nil if the command did what it says
	Succeeded bool     // false on a failure, and if a Txn executed Else
	Responses []Response
	Lease     *LeaseInfo
	Place     *Place
}

// Response answers one Op, in order: KVs of a Range; the previous keys of a
// Put or Delete if asked for; the new key of an Increment, and that of an
// Append without its value. Count is how many keys a Range has in all, or a
// Delete removed, or how many items an Append's list has now.
type Response struct {
	KVs   []KeyValue
	Count int
	More  bool // a Range's Limit left keys out; the value of an Append's key is left out
	Txn   *TxnResponse
}

// TxnResponse answers a nested transaction.
type TxnResponse struct {
	Succeeded bool
	Responses []Response
}

// LeaseInfo is a lease. Due is when it expires, in log time, unless renewed.
type LeaseInfo struct {
	ID      LeaseID
	TTL     paxos.LogTime
	Due     paxos.LogTime
	Renewal uint64
	Keys    []string // attached, in order
}

// Place is a place in a queue. Token is its key's create revision; it holds if
// Ahead is 0.
type Place struct {
	Name  string
	Key   string
	Token Revision
	Lease LeaseID
	Value string
	Ahead int
}

// Limits are what Check admits; the zero value of each is its default.
type Limits struct {
	KeyBytes   int // default 4 KiB
	ValueBytes int // default 1 MiB
	Operations int // of a transaction, nested ones included; default 1,024
	// ListBytes is the most that an append may allow its list to have, and then
	// it must say how much; 0 leaves it to who wrote the command.
	ListBytes int
}

// Bounds that hold for every log, whatever the Limits at admission were.
const (
	MaxValue     = 4 << 20     // bytes of a value
	MaxResult    = 1 << 20     // bytes of what one command reads
	MaxWork      = 1 << 20     // keys that one transaction looks at
	MaxDepth     = 8           // of nested transactions
	MaxItemDepth = 1000        // of an item of a list
	MinTTL       = 1000        // ms
	MaxTTL       = 31536000000 // ms, a year
)
