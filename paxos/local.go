package paxos

import "io"

// Local messages pass between the parts of one node, never over a wire: they
// have no binary form, and no endpoint takes them.

// LocalPrefix begins the ids under which a node asks itself on behalf of those
// who came over HTTP. No node bears such an id.
const LocalPrefix = "local-"

// Directory tells a role which nodes discovery has found, and who is said to
// lead. It is an address book and a hint: it says whom one may ask, never who
// votes.
type Directory struct {
	Proposers []NodeID
	Clients   []NodeID
	Leader    NodeID
}

// Submit hands a user's command to the client service's session.
type Submit struct {
	Key  string
	Body []byte
	// Ticks is how long the user waits for an answer.
	Ticks int
	// NoWait asks for the command's name at once; the session pursues the
	// command all the same.
	NoWait bool
}

// Settled answers Submit.
type Settled struct {
	Fate    Fate
	Name    CommandName
	Outcome Outcome // if Fate is FateKnown
	// Reason, Answering and Needed explain FateNotApplied: why the last
	// proposer refused, how many acceptors answer it, how many are needed.
	Reason    Reason
	Answering int
	Needed    int
}

// Fate is what a session can say of a command when its user must be answered.
type Fate uint8

// The fates.
const (
	// FateKnown: chosen and applied; Outcome says what it did.
	FateKnown Fate = iota
	// FateNotApplied: every copy was refused before any Accept left for it.
	FateNotApplied
	// FateUnknown: a copy may still be chosen. Ask again under the same key.
	FateUnknown
	// FatePending: nobody waits for it (NoWait).
	FatePending
)

// State is a frozen state of the state machine: it does not change while it is
// written, whatever the machine does meanwhile.
type State interface {
	// Applied is the first slot that is not in the state.
	Applied() Slot
	// WriteTo writes the whole state; equal states give equal bytes.
	WriteTo(w io.Writer) (int64, error)
}

// Keeper is the id of the part of a learner's node that keeps snapshots on its
// disk. It works beside the loop and answers the learner with messages from
// this id. What fails on its disk ends the process; it is not answered.
const Keeper NodeID = LocalPrefix + "keeper"

// SaveSnapshot asks the keeper to make a state durable, as the snapshot of
// slot State.Applied() - 1 in this cluster. One is saved at a time.
type SaveSnapshot struct {
	Cluster ClusterID
	Config  Stamp
	State   State
}

// SnapshotSaved answers SaveSnapshot, and WritePart for the last part: on disk,
// synced, and read back. Previous is the snapshot before it that is still
// there, 0 if none.
type SnapshotSaved struct {
	Slot, Previous Slot
	Digest         Digest
}

// ReadPart asks the keeper for a part of a snapshot, for To: see SnapshotAsk.
type ReadPart struct {
	To  NodeID
	Ask SnapshotAsk
}

// PartRead answers ReadPart.
type PartRead struct {
	To   NodeID
	Part SnapshotPart
}

// WritePart brings the keeper a part of a snapshot from elsewhere, in order
// from offset 0, or from where an earlier transfer of the same snapshot ended.
type WritePart struct {
	From NodeID
	Part SnapshotPart
}

// PartWritten answers WritePart: ask for the rest from Next on. After the last
// part Next is 0 and State the whole, which is durable (SnapshotSaved follows
// first); or Damaged says why it was thrown away.
type PartWritten struct {
	From    NodeID
	Slot    Slot
	Next    Number
	State   State
	Damaged string
}

// AskRead asks a learner for the right to read: is everything that was
// acknowledged before this question applied? At is the asker's monotonic clock
// in nanoseconds, never 0. MaxAge is how old, in nanoseconds, a former answer
// may be to count (bounded); 0 asks the acceptors (linearizable).
type AskRead struct {
	At     int64
	MaxAge int64
	Ticks  int // for which the asker waits
}

// ReadIs answers AskRead: Ready, or the deadline came first. The state has
// everything that was acknowledged before the moment Since of the asker's clock.
type ReadIs struct {
	Ready bool
	Since int64
	// Why explains a refusal: no quorum of acceptors answered, or a slot that
	// must be applied first is not chosen yet.
	Answering, Needed int
	Missing           Slot // 0 if it was not the log that was missing
}

// Clock tells a learner the monotonic time, so that a read that needs no fresh
// answer knows how old the last one is. It is sent a few times a second.
type Clock struct{ At int64 }

// DiskSpace tells an acceptor whether its disk has little room left.
type DiskSpace struct{ Full bool }

// Gone tells a role that nobody listens any more where a node was: its streams
// ended, and every address that is known of it refuses connections. It is a hint
// about liveness, and may be late or wrong.
type Gone struct{ Node NodeID }

// Kind implements Message.
func (Directory) Kind() Kind { return KindLocal }

// Kind implements Message.
func (Submit) Kind() Kind { return KindLocal }

// Kind implements Message.
func (Settled) Kind() Kind { return KindLocal }

func (Directory) append([]byte) []byte { panic("paxos: a Directory stays in its node") }
func (Submit) append([]byte) []byte    { panic("paxos: a Submit stays in its node") }
func (Settled) append([]byte) []byte   { panic("paxos: a Settled stays in its node") }

// Kind implements Message.
func (SaveSnapshot) Kind() Kind { return KindLocal }

// Kind implements Message.
func (SnapshotSaved) Kind() Kind { return KindLocal }

// Kind implements Message.
func (ReadPart) Kind() Kind { return KindLocal }

// Kind implements Message.
func (PartRead) Kind() Kind { return KindLocal }

// Kind implements Message.
func (WritePart) Kind() Kind { return KindLocal }

// Kind implements Message.
func (PartWritten) Kind() Kind { return KindLocal }

// Kind implements Message.
func (AskRead) Kind() Kind { return KindLocal }

// Kind implements Message.
func (ReadIs) Kind() Kind { return KindLocal }

// Kind implements Message.
func (Clock) Kind() Kind { return KindLocal }

// Kind implements Message.
func (DiskSpace) Kind() Kind { return KindLocal }

// Kind implements Message.
func (Gone) Kind() Kind { return KindLocal }

func (SaveSnapshot) append([]byte) []byte  { panic("paxos: a SaveSnapshot stays in its node") }
func (SnapshotSaved) append([]byte) []byte { panic("paxos: a SnapshotSaved stays in its node") }
func (ReadPart) append([]byte) []byte      { panic("paxos: a ReadPart stays in its node") }
func (PartRead) append([]byte) []byte      { panic("paxos: a PartRead stays in its node") }
func (WritePart) append([]byte) []byte     { panic("paxos: a WritePart stays in its node") }
func (PartWritten) append([]byte) []byte   { panic("paxos: a PartWritten stays in its node") }
func (AskRead) append([]byte) []byte       { panic("paxos: a AskRead stays in its node") }
func (ReadIs) append([]byte) []byte        { panic("paxos: a ReadIs stays in its node") }
func (Clock) append([]byte) []byte         { panic("paxos: a Clock stays in its node") }
func (DiskSpace) append([]byte) []byte     { panic("paxos: a DiskSpace stays in its node") }
func (Gone) append([]byte) []byte          { panic("paxos: a Gone stays in its node") }
