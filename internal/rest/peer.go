package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/internal/node"
	"paxos/paxos"
)

const binaryForm = "application/x-paxos"

// taken are the messages that each role takes from outside; each has an
// endpoint of its name.
var taken = map[paxos.RoleName][]paxos.Kind{
	paxos.ProposerRole: {paxos.KindPropose, paxos.KindFinish, paxos.KindHandover, paxos.KindSurveyed,
		paxos.KindPromise, paxos.KindAccepted, paxos.KindHeard, paxos.KindNack},
	paxos.AcceptorRole: {paxos.KindInit, paxos.KindSurvey, paxos.KindPrepare, paxos.KindAccept, paxos.KindHeartbeat,
		paxos.KindHighest, paxos.KindCatchUp, paxos.KindInitialised, paxos.KindForm, paxos.KindFormed, paxos.KindEnroll, paxos.KindKept},
	// What learners propose to maintain the state is proposed or refused like
	// everything; they propose it again until it is in the log.
	paxos.LearnerRole: {paxos.KindLearn, paxos.KindCatchUp, paxos.KindVoted, paxos.KindChosen, paxos.KindSurveyed, paxos.KindNack,
		paxos.KindHighestIs, paxos.KindStateIs, paxos.KindSnapshotAsk, paxos.KindSnapshotPart, paxos.KindProposed, paxos.KindRefused},
	paxos.ClientRole: {paxos.KindNotify, paxos.KindProposed, paxos.KindRefused, paxos.KindSurveyed},
}

func (s *Server) takes(kind paxos.Kind) bool {
	for _, k := range taken[s.settings.Role] {
		if k == kind {
			return true
		}
	}
	return false
}

// message is the handler of a message's endpoint, for all ways in: JSON from a
// person, the binary form from a program, a stream from a node.
func (s *Server) message(kind paxos.Kind) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.GetHeader("Upgrade") != "" {
			s.upgrade(c)
			return
		}
		binary := strings.HasPrefix(c.ContentType(), binaryForm)
		b, bad := body(c, maxMessageBytes)
		if bad != nil {
			refuse(c, bad)
			return
		}
		e, err := s.envelope(c, kind, b, binary)
		if err == nil {
			err = senseless(e.Message)
		}
		switch {
		case errors.Is(err, errIdle):
			refuse(c, s.failed(err, kind))
		case err != nil:
			refuse(c, badRequest(err, "docs/api.md shows the message's fields"))
		default:
			s.ask(c, e, binary)
		}
	}
}

// senseless tells what is wrong with a message that nobody would answer.
func senseless(m paxos.Message) error {
	switch m := m.(type) {
	case paxos.Propose:
		if len(m.Commands) == 0 {
			return errors.New(`nothing is proposed; "value" or "commands" is needed`)
		}
	case paxos.Accept:
		if len(m.Proposals) == 0 {
			return errors.New(`there is nothing to accept; "proposals" is needed`)
		}
	}
	return nil
}

// envelope decodes either form. A person may leave the header's fields out;
// what is there is checked by the loop, like every peer's.
func (s *Server) envelope(c *gin.Context, kind paxos.Kind, b []byte, binary bool) (paxos.Envelope, error) {
	if binary {
		e, err := paxos.DecodeEnvelope(b)
		if err == nil && e.Message.Kind() != kind {
			err = fmt.Errorf("this endpoint takes %q, not %q", kind.String(), e.Message.Kind().String())
		}
		return e, err
	}
	var e paxos.Envelope
	var err error
	if kind == paxos.KindInit && len(strings.TrimSpace(string(b))) == 0 {
		e.Message = paxos.Init{}
	} else if kind == paxos.KindPropose {
		e, err = s.proposal(c, b)
	} else {
		e, err = paxos.DecodeJSON(kind, b)
	}
	if err != nil {
		return paxos.Envelope{}, err
	}
	own, err := s.header(c.Request.Context())
	if err != nil {
		return paxos.Envelope{}, err
	}
	if e.To == "" {
		e.To = own.Node
	}
	if e.Cluster.IsZero() {
		e.Cluster = own.Cluster
	}
	if e.Config.IsZero() {
		e.Config = own.Config
	}
	return e, nil
}

// errIdle is wrapped by what is said when the loop does not even let one look.
var errIdle = errors.New("the loop does not turn")

func (s *Server) header(ctx context.Context) (paxos.Header, error) {
	var h paxos.Header
	if err := s.inspect(ctx, func() { h = s.role.Header() }); err != nil {
		return paxos.Header{}, err // h may still be written to
	}
	return h, nil
}

func (s *Server) inspect(ctx context.Context, look func()) error {
	ctx, cancel := context.WithTimeout(ctx, s.settings.RequestTimeout)
	defer cancel()
	if err := s.loop.Inspect(ctx, look); err != nil {
		return fmt.Errorf("%w: %w", errIdle, err)
	}
	return nil
}

// ask submits the envelope and answers with the effect addressed to the caller.
func (s *Server) ask(c *gin.Context, e paxos.Envelope, binary bool) {
	patience, bad := s.patience(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), patience)
	defer cancel()
	got, err := s.loop.Do(ctx, e)
	if err != nil {
		refuse(c, s.failed(err, e.Message.Kind()))
		return
	}
	if got.Message == nil {
		c.Status(http.StatusNoContent)
		return
	}
	if refused, ok := got.Message.(paxos.Refused); ok && !binary {
		refuse(c, s.whyRefused(refused))
		return
	}
	if placed, ok := got.Message.(paxos.Proposed); ok && c.GetBool(simplePost) {
		got.Message = withoutOpening(placed)
	}
	status := statusOf(got.Message)
	if status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "1")
	}
	if binary || strings.HasPrefix(c.GetHeader("Accept"), binaryForm) {
		c.Data(status, binaryForm, paxos.AppendEnvelope(nil, got))
		return
	}
	text, err := paxos.EncodeJSON(got)
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	c.Data(status, "application/json", append(text, '\n'))
}

// statusOf gives refusals that are messages the status of a refusal.
func statusOf(m paxos.Message) int {
	switch m := m.(type) {
	case paxos.Nack:
		return http.StatusConflict
	case paxos.Initialised:
		switch m.Progress {
		case paxos.InitForming:
			return http.StatusAccepted
		case paxos.InitRefused:
			return http.StatusConflict
		}
	case paxos.Refused:
		switch {
		case m.Uncertain:
			return http.StatusGatewayTimeout
		case m.Reason == paxos.NotLeading:
			return http.StatusMisdirectedRequest
		}
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// failed says why the loop gave no answer.
func (s *Server) failed(err error, kind paxos.Kind) *client.Problem {
	var header *paxos.HeaderError
	switch {
	case errors.As(err, &header) && header.Field == "to":
		return problem("wrong-node", http.StatusMisdirectedRequest, err.Error(), "ask /gossip/nodes where that node is")
	case errors.As(err, &header) && header.Field == "cluster" && header.Got == "" && header.Want == "":
		return problem("not-initialised", http.StatusServiceUnavailable, fmt.Sprintf("%s does not know yet which cluster it belongs to", s.settings.ID),
			"nothing was changed; if it stays so, /health says why (a new cluster needs paxosctl init)")
	case errors.As(err, &header) && header.Field == "cluster":
		return problem("wrong-cluster", http.StatusConflict, err.Error(), "leave \"cluster\" out, or take it from /health; a cluster that is not initialised yet needs paxosctl init")
	case errors.As(err, &header):
		return problem("wrong-configuration", http.StatusConflict, err.Error(), "all nodes need the same --acceptors")
	case errors.Is(err, errIdle):
		return problem("stuck", http.StatusServiceUnavailable, s.idle(err), "nothing was changed; the disk may be stuck: see /livez")
	case kind == paxos.KindPropose && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, node.ErrStopped)):
		// It was taken, perhaps; whoever stops meanwhile cannot know its fate.
		return problem("unknown", http.StatusGatewayTimeout, "the command was taken, and is not known to be chosen: its outcome is unknown", "send it again under the same session and sequence, or key")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem("no-answer", http.StatusGatewayTimeout, fmt.Sprintf("%s gave no answer in time", s.settings.ID), "send it again, or wait longer with ?timeout=")
	case errors.Is(err, node.ErrStopped):
		return problem("stopping", http.StatusServiceUnavailable, err.Error(), "ask another node")
	default:
		return badRequest(err, "")
	}
}

// upgrade opens a stream: the same messages, without a request for each.
func (s *Server) upgrade(c *gin.Context) {
	peer := paxos.NodeID(c.GetHeader(headerFrom))
	switch {
	case c.GetHeader("Upgrade") != streamProtocol:
		c.Header("Upgrade", streamProtocol)
		refuse(c, problem("wrong-protocol", http.StatusUpgradeRequired, fmt.Sprintf("streams here speak %s", streamProtocol), ""))
		return
	case paxos.CheckNodeID(peer) != nil:
		refuse(c, badRequest(fmt.Errorf("header %s: %w", headerFrom, paxos.CheckNodeID(peer)), ""))
		return
	case strings.HasPrefix(string(peer), paxos.LocalPrefix):
		refuse(c, badRequest(fmt.Errorf("header %s: no node is called %s", headerFrom, peer), ""))
		return
	case c.GetHeader(headerTo) != string(s.settings.ID):
		refuse(c, problem("wrong-node", http.StatusMisdirectedRequest, fmt.Sprintf("this is %s, not %s", s.settings.ID, c.GetHeader(headerTo)), ""))
		return
	case c.GetHeader(headerConfig) != s.stamp.String():
		refuse(c, problem("wrong-configuration", http.StatusConflict,
			fmt.Sprintf("this node's acceptor configuration is %s, the sender's is %s", s.stamp, c.GetHeader(headerConfig)), "all nodes need the same --acceptors"))
		return
	}
	c.Status(http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(c.Writer).Hijack()
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + streamProtocol + "\r\n" +
		headerFrom + ": " + string(s.settings.ID) + "\r\n" + headerStart + ": " + s.hub.start + "\r\n\r\n"
	if _, err := conn.Write([]byte(answer)); err != nil {
		_ = conn.Close()
		return
	}
	s.hub.accept(&pipe{conn: conn, in: bufio.NewReaderSize(buffered.Reader, 64<<10), peer: peer, start: c.GetHeader(headerStart)})
}

// Take is where streams end: the same check of kinds as on the endpoints, and
// the loop's own.
func (s *Server) Take(e paxos.Envelope) error {
	if !s.takes(e.Message.Kind()) {
		return fmt.Errorf("%s takes no %s", s.settings.ID, e.Message.Kind())
	}
	return s.loop.Submit(context.Background(), e)
}
