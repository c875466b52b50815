package rest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// leader says who leads, as this proposer sees it.
func (s *Server) leader(c *gin.Context) {
	var l client.Leader
	if !s.look(c, func() { l = s.leading() }) {
		return
	}
	l.Address = s.address(l.Leader)
	reply(c, http.StatusOK, l)
}

func (s *Server) leading() client.Leader {
	st := s.Proposer.Status()
	l := client.Leader{Node: s.settings.ID, Leading: st.Leading, Leader: st.Leader, Ballot: st.Ballot, Phase: st.Phase.String(),
		Chosen: st.Chosen, Answering: st.Answering, Needed: st.Needed}
	for _, a := range st.Acceptors {
		l.Acceptors = append(l.Acceptors, client.Seen(a))
	}
	return l
}

func (s *Server) address(id paxos.NodeID) string {
	if id == "" {
		return ""
	}
	if list := s.hub.book.Addresses(id); len(list) > 0 {
		return list[0]
	}
	return ""
}

// proposal reads what a person or a program posts to /propose: commands, or
// simply {"value": "…"} with an optional "key".
func (s *Server) proposal(c *gin.Context, b []byte) (paxos.Envelope, error) {
	var fields map[string]json.RawMessage
	if err := paxos.StrictJSON(b, &fields); err != nil {
		return paxos.Envelope{}, err
	}
	var e paxos.Envelope
	if _, simple := fields["value"]; simple {
		ask, err := s.readSend(keyHeader(c), b)
		if err != nil {
			return e, err
		}
		c.Set(simplePost, true)
		// Commands of a session that is not open have no effect.
		session := freshSession()
		e.Message = paxos.Propose{Commands: []paxos.Command{{Session: session, Sequence: 1, Body: kv.Encode(kv.Open{})},
			{Session: session, Sequence: simpleSequence, Key: ask.Key, Body: kv.Append(*ask.Value)}}}
	} else {
		var err error
		if e, err = paxos.DecodeJSON(paxos.KindPropose, b); err != nil {
			return e, err
		}
	}
	m := e.Message.(paxos.Propose)
	// What has no admission watermark is admitted here and now.
	var chosen paxos.Slot
	if err := s.inspect(c.Request.Context(), func() { chosen = s.Proposer.Status().Chosen }); err != nil {
		return e, err
	}
	for i := range m.Commands {
		if m.Commands[i].Admitted == 0 {
			m.Commands[i].Admitted = chosen
		}
	}
	return e, nil
}

// simplePost marks a request that is a value, without a session of its own.
const simplePost = "simple"

// simpleSequence is the value's place in the session that is opened for it.
const simpleSequence = 2

// withoutOpening leaves of an answer to {"value": …} what is about the value.
func withoutOpening(m paxos.Proposed) paxos.Proposed {
	return paxos.Proposed{Placed: slices.DeleteFunc(slices.Clone(m.Placed), func(p paxos.Placed) bool { return p.Sequence != simpleSequence })}
}

func freshSession() paxos.SessionID {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return paxos.SessionID(binary.BigEndian.Uint64(b[:]))
}

// sendBody is what a person posts to /send, and to /propose.
type sendBody struct {
	Value *string `json:"value"`
	Key   string  `json:"key"`
}

// readSend reads and checks it; the Idempotency-Key header is another way to
// give the key.
func (s *Server) readSend(header []string, b []byte) (sendBody, error) {
	var ask sendBody
	if err := paxos.StrictJSON(b, &ask); err != nil {
		return ask, err
	}
	if ask.Value == nil {
		return ask, errors.New(`field "value" is missing`)
	}
	if len(*ask.Value) > s.settings.MaxValueBytes {
		return ask, tooLarge("the value has %d bytes, at most %d are allowed", len(*ask.Value), s.settings.MaxValueBytes)
	}
	var err error
	if ask.Key, err = idempotencyKey(header, ask.Key); err != nil {
		return ask, err
	}
	return ask, s.limits().Check(paxos.Command{Session: 1, Sequence: 1, Key: ask.Key, Body: kv.Append(*ask.Value)})
}

// whyRefused tells a person why a proposer does not pursue a command.
func (s *Server) whyRefused(m paxos.Refused) *client.Problem {
	answering, needed := int(m.Answering), int(m.Needed)
	if m.Uncertain {
		return problem("unknown", http.StatusGatewayTimeout, "the proposer stopped leading before the command was chosen: its outcome is unknown",
			"send it again under the same session and sequence, or key")
	}
	switch m.Reason {
	case paxos.NotLeading:
		p := problem("not-leading", http.StatusMisdirectedRequest, fmt.Sprintf("%s does not lead", s.settings.ID), "ask a client service; it finds the leader")
		if m.Leader != "" {
			p.Leader, p.Address = m.Leader, s.address(m.Leader)
			p.Hint = fmt.Sprintf("send it to %s at %s", p.Leader, p.Address)
		}
		return p
	default:
		p := unavailable(m.Reason, answering, needed)
		return p
	}
}

// unavailable tells why a command was refused for certain.
func unavailable(reason paxos.Reason, answering, needed int) *client.Problem {
	p := problem("not-applied", http.StatusServiceUnavailable, "", "it was not applied; send it again")
	switch reason {
	case paxos.NoQuorum:
		p.Detail = fmt.Sprintf("no quorum: %d acceptors answer, %d are needed", answering, needed)
		p.Hint = "it was not applied; start acceptors, then send it again"
		p.Answering, p.Needed = &answering, &needed
	case paxos.NoCluster:
		p.Detail = fmt.Sprintf("no quorum of acceptors has said yet which cluster this is: %d of them answered, %d are needed", answering, needed)
		p.Hint = "it was not applied; a new cluster is initialised once (paxosctl init, on Kubernetes scripts/run.sh); of an old one, start acceptors"
		p.Answering, p.Needed = &answering, &needed
	case paxos.Overloaded:
		p.Detail = "too many commands wait"
	case paxos.Stopping:
		p.Detail = "the leader is stopping"
	case paxos.NotLeading, paxos.SteppedDown, paxos.Preempted:
		p.Detail = "no proposer leads at the moment"
	case paxos.DiskFull:
		return problem("disk-full", http.StatusInsufficientStorage, "the acceptors' disks are almost full; it was not applied",
			"delete keys and compact, which is still taken; then send it again")
	case paxos.NoLearner:
		p.Detail = "no learner has reported to this client service yet"
		p.Hint = "it was not applied; start a learner, or see /gossip/nodes for who is there"
	default:
		p.Detail = "no proposer answered"
		p.Hint = "it was not applied; see /gossip/nodes for who is there"
	}
	return p
}

// highest asks the quorum read's question in the way of people.
func (s *Server) highest(c *gin.Context) {
	own, err := s.header(c.Request.Context())
	if err != nil {
		refuse(c, s.failed(err, paxos.KindHighest))
		return
	}
	if own.Cluster.IsZero() {
		refuse(c, problem("not-initialised", http.StatusConflict, "this acceptor belongs to no cluster yet", "paxosctl init"))
		return
	}
	s.ask(c, paxos.Envelope{To: own.Node, Cluster: own.Cluster, Config: own.Config, Message: paxos.Highest{}}, false)
}
