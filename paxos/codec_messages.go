package paxos

import (
	"fmt"
)

// Kind tells messages apart in the binary form and names their endpoint.
type Kind uint8

// The kinds of message. Their numbers are on wires between versions: never
// reuse one.
const (
	// KindLocal has no binary form: see local.go.
	KindLocal Kind = iota
	KindSurvey
	KindSurveyed
	KindPrepare
	KindPromise
	KindAccept
	KindAccepted
	KindNack
	KindHeartbeat
	KindHeard
	KindHighest
	KindHighestIs
	KindLearn
	KindCatchUp
	KindChosen
	KindVoted
	KindFinish
	KindPropose
	KindProposed
	KindRefused
	KindNotify
	KindHandover
	KindInit
	KindInitialised
	KindForm
	KindFormed
	KindEnroll
	KindKept
	KindStateIs
	KindSnapshotAsk
	KindSnapshotPart
	kindEnd
)

// KindCount is how many kinds there are; all are below it.
const KindCount = int(kindEnd)

var kinds = []string{"local", "survey", "surveyed", "prepare", "promise", "accept", "accepted", "nack", "heartbeat",
	"heard", "highest", "highest-is", "learn", "catch-up", "chosen", "voted", "finish", "propose", "proposed",
	"refused", "notify", "handover", "init", "initialised", "form", "formed", "enroll",
	"kept", "state-is", "snapshot-ask", "snapshot-part"}

// String gives the message's word.
func (k Kind) String() string { return word(kinds, int(k)) }

// AppendEnvelope appends the binary form of e to b: the head, then the body.
func AppendEnvelope(b []byte, e Envelope) []byte { return AppendBody(AppendHead(b, e), e.Message) }

// AppendBody appends what is the same whoever gets the message.
func AppendBody(b []byte, m Message) []byte { return m.append(b) }

// AppendHead appends what comes before the body.
func AppendHead(b []byte, e Envelope) []byte {
	b = append(b, FormatVersion, byte(e.Message.Kind()))
	b = putBytes(b, e.From)
	b = putBytes(b, e.To)
	b = append(b, e.Cluster[:]...)
	b = putUint(b, uint64(e.Config.Number))
	return putID(b, e.Config.Acceptors)
}

// DecodeEnvelope is the inverse of AppendEnvelope; it takes all of b. The
// envelope shares memory with b.
func DecodeEnvelope(b []byte) (Envelope, error) {
	if len(b) < 2 {
		return Envelope{}, fmt.Errorf("%w: %d bytes are no message", ErrFormat, len(b))
	}
	if b[0] != FormatVersion {
		return Envelope{}, fmt.Errorf("%w: version %d, this node speaks %d", ErrFormat, b[0], FormatVersion)
	}
	kind := Kind(b[1])
	r := &reader{b: b[2:]}
	e := Envelope{From: r.node("sender"), To: r.node("receiver")}
	r.fixed(e.Cluster[:], "cluster id")
	e.Config = Stamp{Number(r.uvarint("configuration number")), StoreID(r.uint64("configuration hash"))}
	read, ok := decoders[kind]
	if !ok {
		return Envelope{}, fmt.Errorf("%w: unknown kind of message %d", ErrFormat, byte(kind))
	}
	e.Message = read(r)
	if err := r.done(); err != nil {
		return Envelope{}, fmt.Errorf("%v: %w", kind, err)
	}
	return e, nil
}

var decoders = map[Kind]func(*reader) Message{
	KindSurvey: func(r *reader) Message { return Survey{Number(r.uvarint("question"))} },
	KindSurveyed: func(r *reader) Message {
		return Surveyed{Number(r.uvarint("question")), Standing(r.enum(int(Mute), "standing")), r.string("why"),
			StoreID(r.uint64("store")), readLife(r), readList(r, 9, "stores", readStore), readBallot(r), readBallot(r),
			r.uint32("silence"), readSlot(r), readSlot(r)}
	},
	KindPrepare: func(r *reader) Message { return Prepare{readBallot(r), readSlot(r)} },
	KindPromise: func(r *reader) Message {
		return Promise{readBallot(r), StoreID(r.uint64("store")), readLife(r), readSlot(r), readSlot(r), r.bool("more"),
			readSlot(r), readSlot(r), LogTime(r.uvarint("log time")), readList(r, 13, "entries", readEntry)}
	},
	KindAccept: func(r *reader) Message {
		return Accept{readBallot(r), readSlot(r), readList(r, 3, "proposals", readProposal)}
	},
	KindAccepted: func(r *reader) Message {
		return Accepted{readBallot(r), StoreID(r.uint64("store")), readLife(r), readList(r, 1, "slots", readSlot)}
	},
	KindNack: func(r *reader) Message {
		return Nack{readBallot(r), readSlot(r), Reason(r.enum(len(reasons)-1, "reason")), readBallot(r), readSlot(r)}
	},
	KindHeartbeat: func(r *reader) Message {
		return Heartbeat{readBallot(r), Number(r.uvarint("count")), readSlot(r)}
	},
	KindHeard: func(r *reader) Message {
		return Heard{readBallot(r), StoreID(r.uint64("store")), readLife(r), Number(r.uvarint("count")), r.bool("full")}
	},
	KindHighest: func(r *reader) Message { return Highest{Number(r.uvarint("question"))} },
	KindHighestIs: func(r *reader) Message {
		return HighestIs{Number(r.uvarint("question")), StoreID(r.uint64("store")), readLife(r), readSlot(r)}
	},
	KindLearn: func(r *reader) Message {
		return Learn{StoreID(r.uint64("store")), readLife(r), readList(r, voteSize, "votes", readVote)}
	},
	KindCatchUp: func(r *reader) Message { return CatchUp{readSlot(r)} },
	KindChosen: func(r *reader) Message {
		return Chosen{readSlot(r), readSlot(r), readSlot(r), readList(r, 13, "entries", readEntry)}
	},
	KindVoted: func(r *reader) Message {
		return Voted{StoreID(r.uint64("store")), readLife(r), readSlot(r), readSlot(r), r.bool("more"), readSlot(r),
			readList(r, voteSize, "votes", readVote)}
	},
	KindKept:        func(r *reader) Message { return Kept{StoreID(r.uint64("store")), readSlot(r), readSlot(r)} },
	KindStateIs:     func(r *reader) Message { return StateIs{readSlot(r), readDigest(r)} },
	KindSnapshotAsk: func(r *reader) Message { return SnapshotAsk{readSlot(r), Number(r.uvarint("offset"))} },
	KindSnapshotPart: func(r *reader) Message {
		return SnapshotPart{readSlot(r), Number(r.uvarint("size")), readDigest(r), Number(r.uvarint("offset")), r.bytes("part")}
	},
	KindFinish: func(r *reader) Message { return Finish{readSlot(r), readSlot(r)} },
	KindPropose: func(r *reader) Message {
		return Propose{Number(r.uvarint("attempt")), readList(r, commandSize, "commands", readCommand)}
	},
	KindProposed: func(r *reader) Message { return Proposed{readList(r, 11, "placed", readPlaced)} },
	KindRefused: func(r *reader) Message {
		return Refused{Number(r.uvarint("attempt")), readList(r, 9, "commands", readName), Reason(r.enum(len(reasons)-1, "reason")),
			r.bool("uncertain"), r.node("leader"), r.uint32("answering"), r.uint32("needed")}
	},
	KindNotify: func(r *reader) Message {
		return Notify{readSlot(r), readList(r, 13, "outcomes", readOutcome)}
	},
	KindHandover: func(r *reader) Message { return Handover{readBallot(r)} },
	KindInit:     func(*reader) Message { return Init{} },
	KindInitialised: func(r *reader) Message {
		m := Initialised{Progress: Progress(r.enum(len(progresses)-1, "progress"))}
		r.fixed(m.Cluster[:], "cluster id")
		m.Waiting, m.Why = readList(r, 1, "waiting", readNode), r.string("why")
		return m
	},
	KindForm: func(r *reader) Message {
		var m Form
		r.fixed(m.NewCluster[:], "cluster id")
		m.NewConfig = readConfiguration(r)
		return m
	},
	KindFormed: func(r *reader) Message {
		m := Formed{Standing: Standing(r.enum(int(Mute), "standing"))}
		r.fixed(m.Current[:], "cluster id")
		m.Store = StoreID(r.uint64("store"))
		return m
	},
	KindEnroll: func(r *reader) Message {
		var m Enroll
		r.fixed(m.NewCluster[:], "cluster id")
		m.Stores = readList(r, 9, "stores", readStore)
		return m
	},
}

const voteSize = 44 // the shortest binary form of a vote

func (Survey) Kind() Kind       { return KindSurvey }
func (Surveyed) Kind() Kind     { return KindSurveyed }
func (Prepare) Kind() Kind      { return KindPrepare }
func (Promise) Kind() Kind      { return KindPromise }
func (Accept) Kind() Kind       { return KindAccept }
func (Accepted) Kind() Kind     { return KindAccepted }
func (Nack) Kind() Kind         { return KindNack }
func (Heartbeat) Kind() Kind    { return KindHeartbeat }
func (Heard) Kind() Kind        { return KindHeard }
func (Highest) Kind() Kind      { return KindHighest }
func (HighestIs) Kind() Kind    { return KindHighestIs }
func (Learn) Kind() Kind        { return KindLearn }
func (CatchUp) Kind() Kind      { return KindCatchUp }
func (Chosen) Kind() Kind       { return KindChosen }
func (Voted) Kind() Kind        { return KindVoted }
func (Finish) Kind() Kind       { return KindFinish }
func (Propose) Kind() Kind      { return KindPropose }
func (Proposed) Kind() Kind     { return KindProposed }
func (Refused) Kind() Kind      { return KindRefused }
func (Notify) Kind() Kind       { return KindNotify }
func (Handover) Kind() Kind     { return KindHandover }
func (Init) Kind() Kind         { return KindInit }
func (Initialised) Kind() Kind  { return KindInitialised }
func (Form) Kind() Kind         { return KindForm }
func (Formed) Kind() Kind       { return KindFormed }
func (Enroll) Kind() Kind       { return KindEnroll }
func (Kept) Kind() Kind         { return KindKept }
func (StateIs) Kind() Kind      { return KindStateIs }
func (SnapshotAsk) Kind() Kind  { return KindSnapshotAsk }
func (SnapshotPart) Kind() Kind { return KindSnapshotPart }

func (m Survey) append(b []byte) []byte { return putUint(b, uint64(m.Question)) }

func (m Surveyed) append(b []byte) []byte {
	b = append(putUint(b, uint64(m.Question)), byte(m.Standing))
	b = m.Life.append(putID(putBytes(b, m.Why), m.Store))
	b = putList(b, m.Stores, putStore)
	b = m.Led.append(m.Promise.append(b))
	return putSlot(putSlot(putUint(b, m.Silent), m.Chosen), m.Floor)
}

func (m Prepare) append(b []byte) []byte { return putSlot(m.Ballot.append(b), m.First) }

func (m Promise) append(b []byte) []byte {
	b = m.Life.append(putID(m.Ballot.append(b), m.Store))
	b = putBool(putSlot(putSlot(b, m.First), m.Next), m.More)
	b = putUint(putSlot(putSlot(b, m.Floor), m.Chosen), uint64(m.Time))
	return putList(b, m.Entries, func(b []byte, e Entry) []byte { return e.append(b) })
}

func (m Accept) append(b []byte) []byte {
	b = putSlot(m.Ballot.append(b), m.Chosen)
	return putList(b, m.Proposals, func(b []byte, p Proposal) []byte { return p.append(b) })
}

func (m Accepted) append(b []byte) []byte {
	return putList(m.Life.append(putID(m.Ballot.append(b), m.Store)), m.Slots, putSlot)
}

func (m Nack) append(b []byte) []byte {
	b = append(putSlot(m.Ballot.append(b), m.Slot), byte(m.Reason))
	return putSlot(m.Promise.append(b), m.Floor)
}

func (m Heartbeat) append(b []byte) []byte {
	return putSlot(putUint(m.Ballot.append(b), uint64(m.Count)), m.Chosen)
}

func (m Heard) append(b []byte) []byte {
	return putBool(putUint(m.Life.append(putID(m.Ballot.append(b), m.Store)), uint64(m.Count)), m.Full)
}

func (m Highest) append(b []byte) []byte { return putUint(b, uint64(m.Question)) }

func (m HighestIs) append(b []byte) []byte {
	return putSlot(m.Life.append(putID(putUint(b, uint64(m.Question)), m.Store)), m.Slot)
}

func putVote(b []byte, v Vote) []byte { return v.append(b) }

func (m Learn) append(b []byte) []byte {
	return putList(m.Life.append(putID(b, m.Store)), m.Votes, putVote)
}

func (m CatchUp) append(b []byte) []byte { return putSlot(b, m.First) }

func (m Chosen) append(b []byte) []byte {
	b = putSlot(putSlot(putSlot(b, m.First), m.Watermark), m.Floor)
	return putList(b, m.Entries, func(b []byte, e Entry) []byte { return e.append(b) })
}

func (m Voted) append(b []byte) []byte {
	b = putBool(putSlot(putSlot(m.Life.append(putID(b, m.Store)), m.First), m.Next), m.More)
	return putList(putSlot(b, m.Floor), m.Votes, putVote)
}

func (m Finish) append(b []byte) []byte { return putSlot(putSlot(b, m.First), m.Next) }

func (m Propose) append(b []byte) []byte {
	return appendCommands(putUint(b, uint64(m.Attempt)), m.Commands)
}

func (m Proposed) append(b []byte) []byte {
	return putList(b, m.Placed, func(b []byte, p Placed) []byte { return p.append(b) })
}

func (m Refused) append(b []byte) []byte {
	b = putList(putUint(b, uint64(m.Attempt)), m.Commands, func(b []byte, n CommandName) []byte { return n.append(b) })
	b = putBool(append(b, byte(m.Reason)), m.Uncertain)
	return putUint(putUint(putBytes(b, m.Leader), m.Answering), m.Needed)
}

func (m Notify) append(b []byte) []byte {
	return putList(putSlot(b, m.Applied), m.Outcomes, func(b []byte, o Outcome) []byte { return o.append(b) })
}

func (m Handover) append(b []byte) []byte { return m.Ballot.append(b) }

func (Init) append(b []byte) []byte { return b }

func (m Initialised) append(b []byte) []byte {
	b = append(append(b, byte(m.Progress)), m.Cluster[:]...)
	return putBytes(putList(b, m.Waiting, putNode), m.Why)
}

func (m Form) append(b []byte) []byte { return m.NewConfig.append(append(b, m.NewCluster[:]...)) }

func (m Formed) append(b []byte) []byte {
	return putID(append(append(b, byte(m.Standing)), m.Current[:]...), m.Store)
}

func (m Enroll) append(b []byte) []byte {
	return putList(append(b, m.NewCluster[:]...), m.Stores, putStore)
}

func (m Kept) append(b []byte) []byte { return putSlot(putSlot(putID(b, m.Store), m.Last), m.Previous) }

func (m StateIs) append(b []byte) []byte { return append(putSlot(b, m.Slot), m.Digest[:]...) }

func (m SnapshotAsk) append(b []byte) []byte { return putUint(putSlot(b, m.Slot), uint64(m.Offset)) }

func (m SnapshotPart) append(b []byte) []byte {
	b = append(putUint(putSlot(b, m.Slot), uint64(m.Size)), m.Digest[:]...)
	return putBytes(putUint(b, uint64(m.Offset)), m.Bytes)
}
