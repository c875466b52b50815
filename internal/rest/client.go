package rest

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// send takes a value and answers when it is chosen and applied; with
// ?wait=none it answers at once, with what to ask for later.
func (s *Server) send(c *gin.Context) {
	if c.GetHeader("Upgrade") != "" {
		s.program(c)
		return
	}
	patience, bad := s.patience(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	wait, given := c.GetQuery("wait")
	if given && wait != "none" {
		refuse(c, badRequest(fmt.Errorf("parameter wait: %q is not none", wait), "leave it out to wait for the outcome"))
		return
	}
	if given && isLines(c) {
		refuse(c, badRequest(errors.New("parameter wait: lines are answered when they are settled"), "leave it out"))
		return
	}
	if isLines(c) {
		s.lines(c, patience)
		return
	}
	// A character takes at most six bytes as \u escapes.
	b, bad := body(c, 6*int64(s.settings.MaxValueBytes)+headerLimit)
	if bad != nil {
		refuse(c, bad)
		return
	}
	if isList(b) {
		if given {
			refuse(c, badRequest(errors.New("parameter wait: a list is answered when it is settled"), "leave it out"))
			return
		}
		s.sendMany(c, b, patience)
		return
	}
	ask, err := s.readSend(keyHeader(c), b)
	if err != nil {
		refuse(c, badRequest(err, `for example {"value": "teste123"}`))
		return
	}
	settled, ok := s.submit(c, paxos.Submit{Key: ask.Key, Body: kv.Append(*ask.Value), NoWait: given}, patience)
	if !ok {
		return
	}
	s.tellSent(ginVoice{c}, ask.Key, settled)
}

// submit hands a command to the session and waits for its fate; it answers the
// request itself unless the command was applied, or is pursued without waiting.
func (s *Server) submit(c *gin.Context, ask paxos.Submit, patience time.Duration) (paxos.Settled, bool) {
	settled, err := s.pursue(c.Request.Context(), ask, patience)
	if err != nil {
		refuse(c, s.failed(err, paxos.KindPropose))
		return paxos.Settled{}, false
	}
	if bad := whySettled(settled, ask.Key); bad != nil {
		refuse(c, bad)
		return settled, false
	}
	return settled, true
}

// whySettled gives the problem that a fate is, nil for an effect.
func whySettled(settled paxos.Settled, key string) *client.Problem {
	name := settled.Name
	var p *client.Problem
	switch settled.Fate {
	case paxos.FatePending:
		return nil
	case paxos.FateNotApplied:
		return unavailable(settled.Reason, settled.Answering, settled.Needed)
	case paxos.FateUnknown:
		p = problem("unknown", http.StatusGatewayTimeout, "the outcome is unknown: the command may be chosen later, or never",
			"ask its outcome, or DELETE it to be sure that it never applies; a resend with the same Idempotency-Key is safe")
	default:
		switch settled.Outcome.Verdict {
		case paxos.Applied:
			return nil
		case paxos.KeyReused:
			p = problem("key-reused", http.StatusUnprocessableEntity, "this idempotency key was used for something else", "draw a new key for every write")
		case paxos.Expired:
			p = problem("session_expired", http.StatusConflict, "the command is older than what is remembered; it was not applied now",
				"an earlier copy may have had an effect: look at what it should have written before sending it anew")
		case paxos.Late:
			p = problem("late", http.StatusConflict, "the command came later than its key is remembered; it was not applied now",
				"it had no effect under this name; send it again (under the same key, if it had one)")
		case paxos.Burnt:
			p = problem("burnt", http.StatusConflict, "this key was burnt: nothing is ever applied under it", "draw a new key")
		default:
			p = problem("confirmed", http.StatusConflict, "this command was settled before, and its answer forgotten", "")
		}
	}
	p.Session, p.Sequence, p.Key, p.Outcome = &name.Session, &name.Sequence, key, outcomePath(key, name)
	return p
}

// read gives a key, or the values in log order, as a learner has them.
func (s *Server) read(c *gin.Context) {
	key, keyed := c.GetQuery("key")
	var bad *client.Problem
	if keyed {
		bad = s.checkReadKey(c, key)
	} else if bad = misplaced(c, readKeyParameters, "key"); bad == nil {
		_, bad = parseValues(c)
	}
	if bad != nil {
		refuse(c, bad)
		return
	}
	s.passRead(c)
}

// passRead passes a read on to a learner, as it is but for its patience.
func (s *Server) passRead(c *gin.Context) {
	patience, bad := s.patience(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	query := c.Request.URL.Query()
	path := c.Request.URL.EscapedPath()
	s.fromLearner(c, patience, func(share time.Duration) string {
		query.Set("timeout", share.String())
		return path + "?" + query.Encode()
	})
}

// getResponses shows what learners reported to this client service, the oldest
// first.
func (s *Server) getResponses(c *gin.Context) {
	limit, bad := number(c, "limit", valuesDefault)
	if bad == nil && (limit < 1 || limit > valuesMost) {
		bad = badRequest(fmt.Errorf("parameter limit: %d is not between 1 and %d", limit, valuesMost), "")
	}
	if bad != nil {
		refuse(c, bad)
		return
	}
	answer := client.Responses{Responses: []client.Response{}}
	if !s.look(c, func() {
		for _, r := range s.Session.Reports(int(limit)) {
			answer.Responses = append(answer.Responses, client.Response{Learner: r.Learner, Session: r.Outcome.Session, Sequence: r.Outcome.Sequence,
				Status: r.Outcome.Verdict.String(), Slot: r.Outcome.Slot, Position: r.Outcome.Position})
		}
	}) {
		return
	}
	reply(c, http.StatusOK, answer)
}
