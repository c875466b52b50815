package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// getOutcome tells what became of a command, by its key or by its name.
func (s *Server) getOutcome(c *gin.Context) {
	key, byKey := c.GetQuery("key")
	name, bad := s.commandName(c.Query("session"), c.Query("sequence"))
	if !byKey && bad != nil {
		refuse(c, bad)
		return
	}
	var view *kv.View
	if !s.look(c, func() { view = s.view() }) {
		return
	}
	var o paxos.Outcome
	var seen bool
	if byKey {
		o, seen = view.Outcome(key)
	} else {
		o, seen = view.OutcomeOf(name)
	}
	out, err := outcome(o)
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	if !seen {
		out = client.Outcome{Status: "not-seen"}
	}
	out.Applied, out.Learner = view.Applied(), s.settings.ID
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

// outcome shows what became of a command, and what it gave.
func outcome(o paxos.Outcome) (client.Outcome, error) {
	out := client.Outcome{Status: o.Verdict.String(), Slot: o.Slot, Position: o.Position, Session: o.Session, Sequence: o.Sequence}
	if o.Verdict != paxos.Applied {
		return out, nil
	}
	// What a burn gives is an outcome itself.
	result, err := kv.DecodeResult(o.Result)
	if err != nil {
		return out, nil
	}
	out.Revision = paxos.Number(result.Revision)
	out.Result, err = compactJSON(shownResult(result))
	return out, err
}

// shownResult is what a Written, a Leased, a Placed or a Problem says beside
// the names of the command.
func shownResult(r kv.Result) any {
	switch {
	case r.Failure != nil:
		return whyFailed(r.Failure)
	case r.Place != nil:
		return shownPlace(*r.Place)
	case r.Lease != nil:
		return client.Lease{ID: r.Lease.ID, TTL: int64(r.Lease.TTL), Remaining: int64(r.Lease.TTL), Keys: r.Lease.Keys}
	}
	return struct {
		Revision  paxos.Number      `json:"revision"`
		Succeeded bool              `json:"succeeded"`
		Responses []client.OpAnswer `json:"responses,omitempty"`
	}{paxos.Number(r.Revision), r.Succeeded, shownAnswers(r.Responses, nil)}
}

// pathKey is the idempotency key in the path.
func pathKey(c *gin.Context) (string, *client.Problem) {
	key, err := url.PathUnescape(c.Param("key"))
	if err == nil {
		err = kv.Check(paxos.Command{Session: 1, Sequence: 1, Key: key, Body: kv.BurnKey(key)})
	}
	if err != nil {
		return "", badRequest(err, "")
	}
	return key, nil
}

func (s *Server) outcomeOfKey(c *gin.Context) {
	key, bad := pathKey(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	s.fromLearner(c, s.settings.RequestTimeout, func(time.Duration) string { return "/outcome?key=" + url.QueryEscape(key) })
}

func (s *Server) outcomeOfName(c *gin.Context) {
	name, bad := s.commandName(c.Param("key"), c.Param("sequence"))
	if bad != nil {
		refuse(c, bad)
		return
	}
	path := fmt.Sprintf("/outcome?session=%v&sequence=%d", name.Session, name.Sequence)
	s.fromLearner(c, s.settings.RequestTimeout, func(time.Duration) string { return path })
}

// burnKey makes sure that nothing is ever applied under the key, unless it was.
func (s *Server) burnKey(c *gin.Context) {
	key, bad := pathKey(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	s.burn(c, kv.BurnKey(key))
}

func (s *Server) burnName(c *gin.Context) {
	name, bad := s.commandName(c.Param("key"), c.Param("sequence"))
	if bad != nil {
		refuse(c, bad)
		return
	}
	s.burn(c, kv.Burn(name))
}

func (s *Server) burn(c *gin.Context, command []byte) {
	if err := kv.Check(paxos.Command{Session: 1, Sequence: 1, Body: command}); err != nil {
		refuse(c, badRequest(err, ""))
		return
	}
	patience, bad := s.patience(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	settled, ok := s.submit(c, paxos.Submit{Body: command}, patience)
	if !ok {
		return
	}
	var out client.Outcome
	found, err := paxos.DecodeOutcome(settled.Outcome.Result)
	if err == nil {
		out, err = outcome(found)
	}
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	reply(c, http.StatusOK, out)
}
