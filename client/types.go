package client

import (
	"encoding/json"

	"paxos/paxos"
)

// Sent answers a send whose value is chosen, applied, and on a quorum of disks.
type Sent struct {
	// Slot and Position are where in the log the value stands. A send that
	// was repeated under the same key gives the first one's place.
	Slot     paxos.Slot `json:"slot"`
	Position uint32     `json:"position"`
	// Session and Sequence name the command; Key is the idempotency key, "" for
	// none. Either can be asked for at /outcome.
	Session  paxos.SessionID `json:"session"`
	Sequence paxos.Sequence  `json:"sequence"`
	Key      string          `json:"key,omitempty"`
	// Status is "applied", or "pending" for a send that did not wait.
	Status string `json:"status"`
	// Outcome is the path that tells what became of the command.
	Outcome string `json:"outcome"`
	// Client is the client service that answered.
	Client paxos.NodeID `json:"client"`
	// Revision is the store's after it was applied; SessionToken makes a later
	// read with consistency session see it. Both are absent while it is pending.
	Revision     paxos.Number `json:"revision,omitempty"`
	SessionToken string       `json:"session_token,omitempty"`
}

// Value is a value and where in the log it took effect.
type Value struct {
	Slot     paxos.Slot `json:"slot"`
	Position uint32     `json:"position"`
	Value    string     `json:"value"`
}

// Page is a part of the values in log order.
type Page struct {
	Values []Value `json:"values"`
	// More says that values follow, from Next on.
	More bool   `json:"more"`
	Next Cursor `json:"next"`
	// Applied is the learner's applied watermark: every slot below it is in.
	Applied paxos.Slot `json:"applied_watermark"`
	// Count is how many values there are in all at this learner.
	Count paxos.Number `json:"count"`
	// Consistency is "stale": the learner answers with what it has applied.
	Consistency string       `json:"consistency"`
	Learner     paxos.NodeID `json:"learner"`
}

// Cursor is a place in the log: the Position-th command of a slot.
type Cursor struct {
	Slot     paxos.Slot `json:"slot"`
	Position uint32     `json:"position"`
}

// Outcome tells what became of a command.
type Outcome struct {
	// Status is "applied", "failed" (it took its place in the log and changed
	// nothing; Result says why), "burnt", "confirmed" (its client service needed no
	// answer any more, so whether it took effect was forgotten; it will not
	// from now on), "key-reused", "expired" (its session is not open at that
	// learner, any more or yet; if any more, whether it took effect was
	// forgotten, and after a Burn it will not) or "not-seen". Not seen is not
	// never: a copy may still be on its way.
	Status   string          `json:"status"`
	Slot     paxos.Slot      `json:"slot,omitempty"`
	Position uint32          `json:"position"`
	Session  paxos.SessionID `json:"session,omitempty"`
	Sequence paxos.Sequence  `json:"sequence,omitempty"`
	Applied  paxos.Slot      `json:"applied_watermark,omitempty"`
	Learner  paxos.NodeID    `json:"learner,omitempty"`
	// Revision is the store's after the command, if it was applied, and Result
	// what it gave: what a Written, a Leased or a Placed says beside the names,
	// or the Problem that was the answer.
	Revision paxos.Number    `json:"revision,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
}

// Leader is what a proposer says of leading.
type Leader struct {
	Node    paxos.NodeID `json:"node"`
	Leading bool         `json:"leading"`
	// Leader is who leads as far as this node knows, "" if unknown, and
	// Address where it answers HTTP.
	Leader    paxos.NodeID `json:"leader"`
	Address   string       `json:"address"`
	Ballot    paxos.Ballot `json:"ballot"`
	Phase     string       `json:"phase"`
	Chosen    paxos.Slot   `json:"chosen_watermark"`
	Answering int          `json:"acceptors_answering"`
	Needed    int          `json:"acceptors_needed"`
	// Acceptors are all of the configuration, as this proposer sees them.
	Acceptors []Seen `json:"acceptors"`
}

// Seen is one acceptor as a proposer sees it.
type Seen struct {
	Node paxos.NodeID `json:"node"`
	// Answering says that it counts: it answers, and may vote.
	Answering bool `json:"answering"`
	// Heard says that it was ever heard, SilentMillis how long ago that was.
	Heard        bool         `json:"heard"`
	SilentMillis paxos.Number `json:"silent_ms"`
	// Standing ("blank", "forming", "member", "mute"), Why and Promise are what it
	// said of itself when it was last surveyed, "" if it never was. A leader
	// surveys nobody.
	Standing string       `json:"standing"`
	Why      string       `json:"why"`
	Promise  paxos.Ballot `json:"promise"`
	// Stranger says that its disk is not the one with which it became a member.
	Stranger bool `json:"stranger"`
	// Cloned says why its words are refused for good: its disk was rolled back
	// or copied; "" if they are not.
	Cloned string `json:"cloned"`
	// Full says that its disk had little room left when it last answered a
	// heartbeat of this proposer; it is true only of one that leads.
	Full bool `json:"disk_full"`
}

// Health is what every node says of itself.
type Health struct {
	Node    paxos.NodeID    `json:"node"`
	Role    paxos.RoleName  `json:"role"`
	Cluster paxos.ClusterID `json:"cluster"`
	// Status is "ok", "waiting" (for initialisation, or to learn which
	// cluster this is) or "mute" (this acceptor does not vote; Why says why).
	Status  string `json:"status"`
	Why     string `json:"why,omitempty"`
	Version string `json:"version"`
	// Start is a random text, another one after every restart.
	Start   string       `json:"start"`
	Started string       `json:"started"`
	Uptime  float64      `json:"uptime_seconds"`
	Starts  paxos.Number `json:"disk_starts,omitempty"`
	State   any          `json:"state"`
}

// Responses are the outcomes that learners reported to a client service.
type Responses struct {
	Responses []Response `json:"responses"`
}

// Response is one report of one learner.
type Response struct {
	Learner  paxos.NodeID    `json:"learner"`
	Session  paxos.SessionID `json:"session"`
	Sequence paxos.Sequence  `json:"sequence"`
	Status   string          `json:"status"`
	Slot     paxos.Slot      `json:"slot"`
	Position uint32          `json:"position"`
}

// Event is one protocol event of /view-logs.
type Event struct {
	Number paxos.Number `json:"number"`
	Time   string       `json:"time"`
	Node   paxos.NodeID `json:"node"`
	Kind   string       `json:"kind"`
	Peer   paxos.NodeID `json:"peer,omitempty"`
	Ballot string       `json:"ballot,omitempty"`
	Slot   paxos.Slot   `json:"slot,omitempty"`
	Count  int          `json:"count,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// Problem is an error over REST (RFC 9457, application/problem+json).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
	// The rest is there where it helps.
	Leader    paxos.NodeID     `json:"leader,omitempty"`
	Address   string           `json:"address,omitempty"`
	Answering *int             `json:"acceptors_answering,omitempty"`
	Needed    *int             `json:"acceptors_needed,omitempty"`
	Session   *paxos.SessionID `json:"session,omitempty"`
	Sequence  *paxos.Sequence  `json:"sequence,omitempty"`
	Key       string           `json:"key,omitempty"`
	Outcome   string           `json:"outcome,omitempty"`
	// Current is the key as it is, of a condition that does not hold; nil if
	// there is none.
	Current *KV `json:"current,omitempty"`
}

// Error implements error.
func (p *Problem) Error() string {
	text := p.Detail
	if p.Current != nil {
		text += "; " + p.Current.is()
	}
	if p.Hint != "" {
		return text + " (" + p.Hint + ")"
	}
	return text
}
