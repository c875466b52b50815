package paxos

// Message is one of the structs of this file. One small struct per message:
// a refusal is a message too, not an error.
type Message interface {
	Kind() Kind
	append(b []byte) []byte
}

// Survey asks an acceptor what it last heard of a leader, and who it is. It
// changes nothing.
type Survey struct {
	Question Number `json:"question"`
}

// Surveyed answers Survey.
type Surveyed struct {
	Question Number   `json:"question"`
	Standing Standing `json:"standing"`
	// Why says in a sentence why the acceptor does not vote, "" if it does.
	Why    string    `json:"why"`
	Store  StoreID   `json:"store"`
	Life   Life      `json:"life"`
	Stores []StoreOf `json:"stores"`
	// Promise is the highest ballot the acceptor promised or accepted.
	Promise Ballot `json:"promise"`
	// Led is the ballot of the leader last heard and Silent the number of
	// ticks since then (since the acceptor's start if none was heard), or
	// NobodyListens.
	Led    Ballot `json:"led"`
	Silent uint32 `json:"silent"`
	// Chosen is a watermark: the acceptor was told that all slots below it
	// are chosen. Floor: all slots below it were truncated.
	Chosen Slot `json:"chosen"`
	Floor  Slot `json:"floor"`
}

// NobodyListens, as Surveyed.Silent, says more than silence: the port of the
// leader last heard is closed.
const NobodyListens uint32 = 1<<32 - 1

// Prepare is phase 1a for every slot from First on: "promise to take part in
// no lower ballot, and say what you accepted there" (Paxos Made Simple,
// section 3). Sent again with a higher First it asks for the next page.
type Prepare struct {
	Ballot Ballot `json:"ballot"`
	First  Slot   `json:"first"`
}

// Promise is phase 1b, one page of it: what was accepted in the slots from
// First up to (not including) Next. More says that pages follow. The values
// of slots below Floor were truncated, after they were chosen.
type Promise struct {
	Ballot  Ballot  `json:"ballot"`
	Store   StoreID `json:"store"`
	Life    Life    `json:"life"`
	First   Slot    `json:"first"`
	Next    Slot    `json:"next"`
	More    bool    `json:"more"`
	Floor   Slot    `json:"floor"`
	Chosen  Slot    `json:"chosen"`
	Time    LogTime `json:"time"`
	Entries []Entry `json:"entries"`
}

// Accept is phase 2a: values for many slots, all under one ballot. Chosen
// tells the acceptor below which slot everything is chosen.
type Accept struct {
	Ballot    Ballot     `json:"ballot"`
	Chosen    Slot       `json:"chosen"`
	Proposals []Proposal `json:"proposals"`
}

// Accepted is phase 2b to the leader: these slots are accepted under Ballot,
// and on disk.
type Accepted struct {
	Ballot Ballot  `json:"ballot"`
	Store  StoreID `json:"store"`
	Life   Life    `json:"life"`
	Slots  []Slot  `json:"slots"`
}

// Nack refuses a Prepare, an Accept or a Heartbeat.
type Nack struct {
	// Ballot and Slot are those of the refused message; Slot is 0 when the
	// refusal is not about one slot.
	Ballot Ballot `json:"ballot"`
	Slot   Slot   `json:"slot"`
	Reason Reason `json:"reason"`
	// Promise and Floor are the acceptor's own.
	Promise Ballot `json:"promise"`
	Floor   Slot   `json:"floor"`
}

// Heartbeat tells an acceptor that the leader of Ballot lives. It promises
// nothing and raises nothing; it only keeps other proposers patient.
type Heartbeat struct {
	Ballot Ballot `json:"ballot"`
	Count  Number `json:"count"`
	Chosen Slot   `json:"chosen"`
}

// Heard answers Heartbeat.
type Heard struct {
	Ballot Ballot  `json:"ballot"`
	Store  StoreID `json:"store"`
	Life   Life    `json:"life"`
	Count  Number  `json:"count"`
	// Full says that the acceptor's disk has little room left.
	Full bool `json:"full"`
}

// Highest is the quorum read's question to an acceptor: which is the highest
// slot that you accepted? (Paxos Quorum Reads, HotStorage'19, section 3).
type Highest struct {
	Question Number `json:"question"`
}

// HighestIs answers Highest. Only an acceptor that may vote answers.
type HighestIs struct {
	Question Number  `json:"question"`
	Store    StoreID `json:"store"`
	Life     Life    `json:"life"`
	Slot     Slot    `json:"slot"`
}

// Learn carries an acceptor's votes to a learner as they are made.
type Learn struct {
	Store StoreID `json:"store"`
	Life  Life    `json:"life"`
	Votes []Vote  `json:"votes"`
}

// CatchUp asks a learner (answer: Chosen) or an acceptor (answer: Voted) for
// what it knows from slot First on.
type CatchUp struct {
	First Slot `json:"first"`
}

// Chosen answers CatchUp with chosen entries in slot order, without gaps, from
// First on; Watermark is the first slot the learner has not applied, and Floor
// the first whose entry it still has: below it there are only snapshots.
type Chosen struct {
	First     Slot    `json:"first"`
	Watermark Slot    `json:"watermark"`
	Floor     Slot    `json:"floor"`
	Entries   []Entry `json:"entries"`
}

// Voted answers CatchUp with one page of an acceptor's votes in the slots
// from First up to (not including) Next. One acceptor's word is not a chosen
// value: a learner counts these votes like those of Learn.
type Voted struct {
	Store StoreID `json:"store"`
	Life  Life    `json:"life"`
	First Slot    `json:"first"`
	Next  Slot    `json:"next"`
	More  bool    `json:"more"`
	Floor Slot    `json:"floor"`
	Votes []Vote  `json:"votes"`
}

// Finish asks a proposer to see to it that every slot from First up to (not
// including) Next is chosen, where votes alone do not show it.
type Finish struct {
	First Slot `json:"first"`
	Next  Slot `json:"next"`
}

// Propose brings commands to the leader. Attempt numbers the sender's
// messages, so that a refusal tells which copy was refused.
type Propose struct {
	Attempt  Number    `json:"attempt"`
	Commands []Command `json:"commands"`
}

// Proposed answers Propose when the commands are chosen: where they stand.
type Proposed struct {
	Placed []Placed `json:"placed"`
}

// Placed is where a command was chosen.
type Placed struct {
	Session  SessionID `json:"session"`
	Sequence Sequence  `json:"sequence"`
	Slot     Slot      `json:"slot"`
	Position uint32    `json:"position"`
}

// Refused answers Propose for commands that this proposer does not pursue (any
// more). Unless Uncertain, no Accept left for this attempt's copies.
type Refused struct {
	Attempt   Number        `json:"attempt"`
	Commands  []CommandName `json:"commands"`
	Reason    Reason        `json:"reason"`
	Uncertain bool          `json:"uncertain"`
	// Leader is who leads as far as this proposer knows, "" if unknown.
	Leader NodeID `json:"leader"`
	// Answering and Needed: acceptors that answer this proposer now, and the
	// size of a quorum.
	Answering uint32 `json:"answering"`
	Needed    uint32 `json:"needed"`
}

// Notify tells a client service what became of its commands, and that all
// slots below Applied are applied at the learner that speaks.
type Notify struct {
	Applied  Slot      `json:"applied"`
	Outcomes []Outcome `json:"outcomes"`
}

// Handover asks a proposer to stand for election without waiting: the leader
// is stopping. It prepares like any other (docs/protocol.md, Elections).
type Handover struct {
	Ballot Ballot `json:"ballot"`
}

// Init asks for the cluster to be initialised, once.
type Init struct{}

// Initialised answers Init.
type Initialised struct {
	Progress Progress `json:"progress"`
	// Cluster is called "current" in JSON, where "cluster" is the header's.
	Cluster ClusterID `json:"current"`
	// Waiting are the acceptors that have not answered yet.
	Waiting []NodeID `json:"waiting"`
	// Why says why the cluster cannot be initialised, "" if it can.
	Why string `json:"why"`
}

// Form asks a blank acceptor to take part in a new cluster; asked with a zero
// cluster id it only asks where the acceptor stands.
type Form struct {
	NewCluster ClusterID     `json:"new_cluster"`
	NewConfig  Configuration `json:"new_config"`
}

// Formed answers Form and Enroll: where the acceptor stands now, on disk.
type Formed struct {
	Standing Standing  `json:"standing"`
	Current  ClusterID `json:"current"`
	Store    StoreID   `json:"store"`
}

// Enroll makes a forming acceptor a member: all acceptors have formed, with
// these disks.
type Enroll struct {
	NewCluster ClusterID `json:"new_cluster"`
	Stores     []StoreOf `json:"stores"`
}

// Kept tells an acceptor which snapshots a learner has on its disk, read back
// after the sync: the last one and the one before it, 0 for none. A snapshot of
// slot S holds the effects of every slot up to and including S. Store is the
// disk they are on.
type Kept struct {
	Store    StoreID `json:"store"`
	Last     Slot    `json:"last"`
	Previous Slot    `json:"previous"`
}

// StateIs tells other learners the digest of a snapshot. Learners take them at
// the same slots, and equal logs give equal states.
type StateIs struct {
	Slot   Slot   `json:"slot"`
	Digest Digest `json:"digest"`
}

// SnapshotAsk asks a learner for a part of its snapshot of a slot, from a byte
// on; Slot 0 asks for the last one it has.
type SnapshotAsk struct {
	Slot   Slot   `json:"slot"`
	Offset Number `json:"offset"`
}

// SnapshotPart answers SnapshotAsk: bytes of the snapshot from Offset on. Size
// and Digest are those of the whole, so that the rest can be had from any
// learner that has the same one. Slot 0 says that there is none.
type SnapshotPart struct {
	Slot   Slot   `json:"slot"`
	Size   Number `json:"size"`
	Digest Digest `json:"digest"`
	Offset Number `json:"offset"`
	Bytes  []byte `json:"bytes"`
}

// Reason says why something was refused.
type Reason uint8

// The reasons of Nack and Refused.
const (
	NoReason Reason = iota
	// Preempted: a higher ballot was promised.
	Preempted
	// BelowFloor: the slot was chosen and truncated long ago.
	BelowFloor
	// TooFar: the ballot number is more than 2^32 above the promise.
	TooFar
	// NotMember: this acceptor may not vote.
	NotMember
	// TwoValues: another value was accepted in this slot under this very
	// ballot. A broken invariant.
	TwoValues
	// NotLeading: this proposer does not lead.
	NotLeading
	// NoQuorum: too few acceptors answer this proposer.
	NoQuorum
	// Overloaded: the leader's queue is full.
	Overloaded
	// Stopping: the leader is about to stop and admits no more.
	Stopping
	// SteppedDown: the proposer led and had begun, but leads no more.
	SteppedDown
	// NoLearner: no learner has reported to the client service yet.
	NoLearner
	// DiskFull: the acceptors' disks have little room left; only commands that
	// free some are taken.
	DiskFull
	// NoCluster: no quorum of acceptors has said yet which cluster this is.
	NoCluster
	// Cloned: the acceptor's disk was rolled back or copied.
	Cloned
)

var reasons = []string{"none", "preempted", "below-floor", "too-far", "not-member", "two-values",
	"not-leading", "no-quorum", "overloaded", "stopping", "stepped-down", "no-learner", "disk-full", "no-cluster", "cloned"}

// String gives the reason's word.
func (r Reason) String() string { return word(reasons, int(r)) }

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Reason) UnmarshalText(text []byte) error {
	return parseWord(reasons, text, (*uint8)(r), "reason")
}

// Progress is how far an initialisation has come.
type Progress uint8

// The states of an initialisation.
const (
	// InitForming: begun, and waiting for acceptors; ask again.
	InitForming Progress = iota
	// InitDone: this call made the cluster.
	InitDone
	// InitAlready: the cluster was made before; nothing was changed.
	InitAlready
	// InitRefused: it cannot be made; Why says why.
	InitRefused
)

var progresses = []string{"forming", "done", "already", "refused"}

// String gives the state's word.
func (p Progress) String() string { return word(progresses, int(p)) }

// MarshalText implements encoding.TextMarshaler.
func (p Progress) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Progress) UnmarshalText(text []byte) error {
	return parseWord(progresses, text, (*uint8)(p), "progress")
}
