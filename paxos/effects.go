package paxos

// Envelope is a message on its way, with what every peer message carries: who
// says it to whom, in which cluster, under which configuration.
type Envelope struct {
	From    NodeID
	To      NodeID
	Cluster ClusterID
	Config  Stamp
	Message Message
}

// Record is something an acceptor keeps on disk: PromisedRecord,
// AcceptedRecord, FloorRecord or IdentityRecord.
type Record interface {
	RecordKind() RecordKind
	append(b []byte) []byte
}

// RecordKind tells records apart on disk. A kind that is not known stops the
// node that reads it.
type RecordKind uint8

// The kinds of record. Their numbers are on disks: never reuse one.
const (
	PromisedKind RecordKind = 1
	AcceptedKind RecordKind = 2
	// floorWithoutPosition was a floor's kind before it had a Position.
	floorWithoutPosition RecordKind = 3
	// IdentityKind is not in the journal: it has a file of its own.
	IdentityKind RecordKind = 4
	FloorKind    RecordKind = 5
)

// PromisedRecord keeps a promise.
type PromisedRecord struct{ Ballot Ballot }

// AcceptedRecord keeps accepted values, and by that the promise of their
// ballot. Chosen is what the leader said of the chosen watermark.
type AcceptedRecord struct {
	Ballot    Ballot
	Chosen    Slot
	Proposals []Proposal
}

// FloorRecord keeps that all slots below Floor were chosen and truncated, up
// to the log time Time; and the promise, since the records that held it may go
// with what is truncated. For the same reason it says which of the records this
// one is: Position is how many the journal was ever given, this one included.
type FloorRecord struct {
	Floor    Slot
	Time     LogTime
	Promise  Ballot
	Position Number
}

// IdentityRecord keeps who the acceptor is. It is durable before the records
// and messages that come with it.
type IdentityRecord struct{ Identity Identity }

// RecordKind implements Record.
func (PromisedRecord) RecordKind() RecordKind { return PromisedKind }

// RecordKind implements Record.
func (AcceptedRecord) RecordKind() RecordKind { return AcceptedKind }

// RecordKind implements Record.
func (FloorRecord) RecordKind() RecordKind { return FloorKind }

// RecordKind implements Record.
func (IdentityRecord) RecordKind() RecordKind { return IdentityKind }

// Effects is what one step of a role asks of the world. The loop makes every
// record in Persist durable before it delivers anything in Send.
type Effects struct {
	Persist []Record
	Send    []Envelope
	// Events are for those who watch; nothing depends on them.
	Events []Event
	// Broken is set when an invariant does not hold: the process must end.
	Broken error
}

// A Role decides: proposer.Proposer, acceptor.Acceptor, learner.Learner,
// session.Session. It is a state machine without a clock: same input, same output.
type Role interface {
	// Step takes one message.
	Step(Envelope) Effects
	// Flush is called when everything that waited has been stepped: what was
	// gathered from many messages leaves as one.
	Flush() Effects
	// Tick is called at a steady rate; all waiting is counted in ticks.
	Tick() Effects
	// Header is what the role knows of itself now.
	Header() Header
}

// EventKind is the type of a protocol event.
type EventKind uint8

// The protocol's events, as /view-logs shows them.
const (
	EventPrepare EventKind = iota
	EventPromise
	EventAccept
	EventAccepted
	EventNack
	EventLearn
	EventChosen
	EventApplied
	EventNotify
	EventElected
	EventSteppedDown
	EventCampaign
	EventCatchUp
	EventPropose
	EventRefused
	EventStanding
	EventFinish
	EventHandover
	EventRejected
	EventSnapshot
	EventTruncated
	EventRead
)

var eventKinds = []string{"prepare", "promise", "accept", "accepted", "nack", "learn", "chosen", "applied",
	"notify", "elected", "stepped-down", "campaign", "catch-up", "propose", "refused", "standing", "finish",
	"handover", "rejected", "snapshot", "truncated", "read"}

// String gives the kind's word.
func (k EventKind) String() string { return word(eventKinds, int(k)) }

// MarshalText implements encoding.TextMarshaler.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *EventKind) UnmarshalText(text []byte) error {
	return parseWord(eventKinds, text, (*uint8)(k), "kind of event")
}

// Event is one thing that happened in a role. It is typed, and formatted only
// when somebody reads it.
type Event struct {
	Kind   EventKind
	Peer   NodeID // the other side, "" if there is none
	Ballot Ballot // zero if it is not about one
	Slot   Slot   // the first slot it is about, 0 for none
	Count  int    // how many slots, commands or votes
	Reason Reason // of a refusal
}
