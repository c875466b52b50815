package rest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// getOutcome tells what became of a command, by its key or by its name, as
// freshly as any read of the store: linearizable unless less is asked for.
func (s *Server) getOutcome(c *gin.Context) {
	key, byKey := c.GetQuery("key")
	name, bad := s.commandName(c.Query("session"), c.Query("sequence"))
	if !byKey && bad != nil {
		refuse(c, bad)
		return
	}
	saw, ok := s.sight(c)
	if !ok {
		return
	}
	view := saw.View
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
	if result.Failure != nil {
		out.Status = "failed"
	}
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
	}{paxos.Number(r.Revision), r.Succeeded, withoutEmpty(shownAnswers(r.Responses, nil))}
}

// withoutEmpty leaves empty values out: what a write reads for its answer are
// keys without values, and which operations asked for them is not kept.
func withoutEmpty(answers []client.OpAnswer) []client.OpAnswer {
	for i := range answers {
		for j := range answers[i].Keys {
			if v := answers[i].Keys[j].Value; v != nil && *v == "" {
				answers[i].Keys[j].Value = nil
			}
		}
	}
	return answers
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
	s.passOutcome(c, url.Values{"key": {key}})
}

func (s *Server) outcomeOfName(c *gin.Context) {
	name, bad := s.commandName(c.Param("key"), c.Param("sequence"))
	if bad != nil {
		refuse(c, bad)
		return
	}
	s.passOutcome(c, url.Values{"session": {name.Session.String()}, "sequence": {strconv.FormatUint(uint64(name.Sequence), 10)}})
}

// passOutcome asks a learner, as freshly as the user wants it.
func (s *Server) passOutcome(c *gin.Context, query url.Values) {
	r, bad := s.parseReading(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	maps.Copy(query, c.Request.URL.Query())
	s.fromLearner(c, r.patience, func(share time.Duration) string {
		query.Set("timeout", share.String())
		return "/outcome?" + query.Encode()
	})
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
	} else if d, bad := s.decoded(settled, ""); bad == nil && d.Failure != nil {
		s.refuseFailure(c, d) // there was no room for it
		return
	}
	if err != nil {
		refuse(c, problem("internal", http.StatusInternalServerError, err.Error(), ""))
		return
	}
	reply(c, http.StatusOK, out)
}
