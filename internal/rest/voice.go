package rest

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/internal/lean"
	"paxos/kv"
	"paxos/paxos"
)

// voice is what an answer is given with, so that it is the same over net/http
// and over the lean edge.
type voice interface {
	header(name, value string)
	number(name string, n uint64)
	// room is where the body may be appended to, so that it need not be
	// allocated.
	room() []byte
	say(status int, kind string, body []byte)
	sayNothing(status int)
}

type ginVoice struct{ *gin.Context }

func (v ginVoice) header(name, value string) { v.Header(name, value) }

func (v ginVoice) number(name string, n uint64) { v.Header(name, numberText(n)) }

func (v ginVoice) room() []byte { return make([]byte, 0, 512) }

func (v ginVoice) say(status int, kind string, body []byte) {
	// Whoever passes a large answer on needs to know when it has all of it.
	v.Header("Content-Length", strconv.Itoa(len(body)))
	v.Data(status, kind, body)
}

func (v ginVoice) sayNothing(status int) { v.Status(status) }

type leanVoice struct{ *lean.Answer }

func (v leanVoice) header(name, value string) { v.Add(name, value) }

func (v leanVoice) number(name string, n uint64) {
	v.Head = append(strconv.AppendUint(append(append(v.Head, name...), ": "...), n, 10), "\r\n"...)
}

func (v leanVoice) room() []byte { return v.Body[:0] }

func (v leanVoice) say(status int, kind string, body []byte) {
	v.Answer.Status, v.Body = status, body
	v.Add("Content-Type", kind)
}

func (v leanVoice) sayNothing(status int) { v.Answer.Status = status }

// tellProblem says why not.
func tellProblem(v voice, p *client.Problem) {
	if p.Status == http.StatusServiceUnavailable {
		v.header("Retry-After", "1")
	}
	tellJSON(v, p.Status, "application/problem+json", p)
}

// tellJSON says something in JSON; nothing is escaped for the sake of HTML, so
// that values come back as they went.
func tellJSON(v voice, status int, kind string, what any) {
	b, err := compactJSON(what)
	if err != nil {
		v.say(http.StatusInternalServerError, "text/plain", []byte(err.Error()))
		return
	}
	v.say(status, kind, b)
}

// tellWritten answers a write of one key that is done.
func tellWritten(v voice, out client.Written) {
	if out.Key != nil {
		v.header("ETag", tagOf(kv.Revision(out.Key.Mod)))
	}
	v.say(http.StatusOK, "application/json", append(appendWritten(v.room(), out), '\n'))
}

// tellSent answers a value that was sent, whatever became of it.
func (s *Server) tellSent(v voice, key string, settled paxos.Settled) {
	sent, bad := s.sent(key, settled)
	switch {
	case bad != nil:
		tellProblem(v, bad)
	case sent.Status == sentPending:
		v.say(http.StatusAccepted, "application/json", append(appendSent(v.room(), sent), '\n'))
	default:
		v.say(http.StatusOK, "application/json", append(appendSent(v.room(), sent), '\n'))
	}
}

// What is said of a value that was sent.
const (
	sentApplied = "applied"
	sentPending = "pending"
)

// sent says what became of a value that is applied or pursued.
func (s *Server) sent(key string, settled paxos.Settled) (client.Sent, *client.Problem) {
	sent := client.Sent{Session: settled.Name.Session, Sequence: settled.Name.Sequence, Key: key, Status: sentApplied,
		Slot: settled.Outcome.Slot, Position: settled.Outcome.Position, Client: s.settings.ID, Outcome: outcomePath(key, settled.Name)}
	if settled.Fate == paxos.FatePending {
		sent.Status = sentPending
		return sent, nil
	}
	d, err := s.decoded(settled, key)
	switch {
	case err != nil:
		return sent, problem("internal", http.StatusInternalServerError, err.Error(), "")
	case d.Failure != nil:
		return sent, d.failure()
	}
	sent.Revision, sent.SessionToken = paxos.Number(d.Revision), d.command.SessionToken
	return sent, nil
}
