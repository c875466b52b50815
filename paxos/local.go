package paxos

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

// Kind implements Message.
func (Directory) Kind() Kind { return KindLocal }

// Kind implements Message.
func (Submit) Kind() Kind { return KindLocal }

// Kind implements Message.
func (Settled) Kind() Kind { return KindLocal }

func (Directory) append([]byte) []byte { panic("paxos: a Directory stays in its node") }
func (Submit) append([]byte) []byte    { panic("paxos: a Submit stays in its node") }
func (Settled) append([]byte) []byte   { panic("paxos: a Settled stays in its node") }
