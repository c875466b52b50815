package rest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

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
	return client.Leader{Node: s.settings.ID, Leading: st.Leading, Leader: st.Leader, Ballot: st.Ballot, Phase: st.Phase.String(),
		Chosen: st.Chosen, Answering: st.Answering, Needed: st.Needed}
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
		ask, err := s.readSend(c, b)
		if err != nil {
			return e, err
		}
		e.Message = paxos.Propose{Commands: []paxos.Command{{Session: freshSession(), Sequence: 1, Key: ask.Key, Body: kv.Append(*ask.Value)}}}
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
func (s *Server) readSend(c *gin.Context, b []byte) (sendBody, error) {
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
	// Who gives a key relies on it: one that is empty, or not one, is a slip.
	switch header := c.Request.Header.Values("Idempotency-Key"); {
	case len(header) == 0:
	case len(header) > 1 || header[0] == "":
		return ask, errors.New("the Idempotency-Key header is empty, or there is more than one")
	case ask.Key != "" && ask.Key != header[0]:
		return ask, errors.New("the Idempotency-Key header and the field \"key\" differ")
	default:
		ask.Key = header[0]
	}
	return ask, kv.Check(paxos.Command{Sequence: 1, Key: ask.Key, Body: kv.Append(*ask.Value)})
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
	case paxos.Overloaded:
		p.Detail = "too many commands wait"
	case paxos.Stopping:
		p.Detail = "the leader is stopping"
	case paxos.NotLeading, paxos.SteppedDown, paxos.Preempted:
		p.Detail = "no proposer leads at the moment"
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

// learnerRoutes are what people, client services and other learners read.
func (s *Server) learnerRoutes(r *gin.Engine) {
	r.GET("/get-values", known(valueParameters...), s.getValues)
	r.GET("/chosen", known("from", "limit"), s.getChosen)
	r.GET("/snapshot", known(), s.getSnapshot)
	r.GET("/outcome", known("key", "session", "sequence"), s.getOutcome)
}

var valueParameters = []string{"from", "position", "limit", "slot", "timeout"}

// Limits of a page of values: how many, and about how many bytes of them.
const (
	valuesDefault = 100
	valuesMost    = 10000
	valuesBytes   = 8 << 20
)

// valuesAsk is a request for values.
type valuesAsk struct {
	from     paxos.Slot
	position uint32
	limit    int
	slot     paxos.Slot // wait for this one; 0 for none
}

func parseValues(c *gin.Context) (valuesAsk, *client.Problem) {
	from, bad := number(c, "from", 1)
	if bad != nil {
		return valuesAsk{}, bad
	}
	position, bad := number(c, "position", 0)
	if bad != nil {
		return valuesAsk{}, bad
	}
	limit, bad := number(c, "limit", valuesDefault)
	if bad != nil {
		return valuesAsk{}, bad
	}
	slot, bad := number(c, "slot", 0)
	if bad != nil {
		return valuesAsk{}, bad
	}
	switch {
	case position > 1<<32-1:
		return valuesAsk{}, badRequest(fmt.Errorf("parameter position: %d is too large", position), "")
	case limit < 1 || limit > valuesMost:
		return valuesAsk{}, badRequest(fmt.Errorf("parameter limit: %d is not between 1 and %d", limit, valuesMost), "")
	case slot > 1<<62:
		return valuesAsk{}, badRequest(fmt.Errorf("parameter slot: %d is too large", slot), "")
	}
	return valuesAsk{paxos.Slot(from), uint32(position), int(limit), paxos.Slot(slot)}, nil
}

// getValues gives what this learner has applied, in log order: stale, and
// labelled so. With ?slot=N it waits until that slot is applied and gives its
// values.
func (s *Server) getValues(c *gin.Context) {
	ask, bad := parseValues(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	if ask.slot != 0 {
		if !s.awaitSlot(c, ask.slot) {
			return
		}
		if _, given := c.GetQuery("from"); !given {
			ask.from, ask.position = ask.slot, 0
		}
	}
	var page client.Page
	ok := s.look(c, func() {
		values, more := s.Machine.Values(ask.from, ask.position, ask.limit)
		page = client.Page{Values: make([]client.Value, 0, len(values)), More: more, Applied: s.Machine.Applied(),
			Count: paxos.Number(s.Machine.Count()), Consistency: "stale", Learner: s.settings.ID}
		size := 0
		for i, v := range values {
			if ask.slot != 0 && v.Slot != ask.slot {
				page.More = false
				break
			}
			if size += len(v.Value); size > valuesBytes && i > 0 {
				page.More = true
				break
			}
			page.Values = append(page.Values, client.Value(v))
			page.Next = client.Cursor{Slot: v.Slot, Position: v.Position + 1}
		}
		if len(page.Values) == 0 {
			page.Next = client.Cursor{Slot: ask.from, Position: ask.position}
		}
	})
	if ok {
		reply(c, http.StatusOK, page)
	}
}

func (s *Server) awaitSlot(c *gin.Context, slot paxos.Slot) bool {
	patience, bad := s.patience(c)
	if bad != nil {
		refuse(c, bad)
		return false
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), patience)
	defer cancel()
	if err := s.loop.Await(ctx, func() bool { return s.Machine.Applied() > slot }); err != nil {
		refuse(c, problem("not-applied-yet", http.StatusGatewayTimeout, fmt.Sprintf("slot %d is not applied at %s yet", slot, s.settings.ID),
			"ask again, or wait longer with ?timeout="))
		return false
	}
	return true
}

// getChosen gives chosen entries as they are in the log, for people; learners
// ask over their streams.
func (s *Server) getChosen(c *gin.Context) {
	from, bad := number(c, "from", 1)
	if bad != nil {
		refuse(c, bad)
		return
	}
	limit, bad := number(c, "limit", valuesDefault)
	if bad == nil && (limit < 1 || limit > valuesMost) {
		bad = badRequest(fmt.Errorf("parameter limit: %d is not between 1 and %d", limit, valuesMost), "")
	}
	if bad != nil {
		refuse(c, bad)
		return
	}
	var got paxos.Envelope
	if !s.look(c, func() {
		entries := s.Learner.Chosen(paxos.Slot(from), maxMessageBytes/2)
		got = s.Learner.Header().Envelope("", paxos.Chosen{First: paxos.Slot(from), Watermark: s.Learner.Applied(), Entries: entries[:min(len(entries), int(limit))]})
	}) {
		return
	}
	if c.GetHeader("Accept") == binaryForm {
		c.Data(http.StatusOK, binaryForm, paxos.AppendEnvelope(nil, got))
		return
	}
	text, err := paxos.EncodeJSON(got)
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	c.Data(http.StatusOK, "application/json", append(text, '\n'))
}

// getSnapshot gives the whole state, in the binary form, with its checksum.
func (s *Server) getSnapshot(c *gin.Context) {
	var b []byte
	if s.look(c, func() { b = s.Machine.Snapshot() }) {
		c.Data(http.StatusOK, binaryForm, b)
	}
}

// getOutcome tells what became of a command, by its key or by its name.
func (s *Server) getOutcome(c *gin.Context) {
	key, byKey := c.GetQuery("key")
	name, bad := s.commandName(c.Query("session"), c.Query("sequence"))
	if !byKey && bad != nil {
		refuse(c, bad)
		return
	}
	var o paxos.Outcome
	var seen bool
	var applied paxos.Slot
	if !s.look(c, func() {
		if byKey {
			o, seen = s.Machine.Outcome(key)
		} else {
			o, seen = s.Machine.OutcomeOf(name)
		}
		applied = s.Machine.Applied()
	}) {
		return
	}
	out := outcome(o)
	out.Applied, out.Learner = applied, s.settings.ID
	if !seen {
		out = client.Outcome{Status: "not-seen", Applied: applied, Learner: s.settings.ID}
	}
	reply(c, http.StatusOK, out)
}

func (s *Server) commandName(session, sequence string) (name paxos.CommandName, bad *client.Problem) {
	if err := name.Session.UnmarshalText([]byte(session)); err != nil {
		return name, badRequest(err, "")
	}
	n, err := paxos.ParseUint(sequence)
	if err != nil {
		return name, badRequest(fmt.Errorf("sequence: %w", err), "")
	}
	name.Sequence = paxos.Sequence(n)
	return name, nil
}

func outcome(o paxos.Outcome) client.Outcome {
	return client.Outcome{Status: o.Verdict.String(), Slot: o.Slot, Position: o.Position, Session: o.Session, Sequence: o.Sequence}
}
