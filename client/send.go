package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"unicode/utf8"

	"paxos/kv"
	"paxos/paxos"
)

// SendOption changes one Send: Key, NoWait.
type SendOption interface{ send(*sending) }

type sendOption func(*sending)

func (o sendOption) send(s *sending) { o(s) }

type sending struct {
	key    string
	noWait bool
}

// KeyOption is a SendOption and a WriteOption; Key makes it.
type KeyOption string

func (k KeyOption) send(s *sending)  { s.key = string(k) }
func (k KeyOption) write(w *writing) { w.key, w.keyed = string(k), true }

// Key makes a send or a write repeatable: however often it is sent under the
// same key, through whichever service, it takes effect once, and every answer
// is the first one's. Draw a fresh key for every value; keys are remembered for
// 24 hours of the log's time (those that begin with paxos.CallKeyPrefix, for ten
// minutes). Another value under the same key is refused
// (ErrConflict). Writes of the store draw a key by themselves: give one to
// repeat a write after the process that sent it is gone.
func Key(key string) KeyOption { return KeyOption(key) }

// NoWait makes a send return as soon as the service has taken the value, with
// Status "pending": the service pursues it for up to a minute. What became of
// it is for Outcome to tell.
func NoWait() SendOption { return sendOption(func(s *sending) { s.noWait = true }) }

// Send sends a value, any UTF-8 string, the empty one too. When it returns
// without an error, the value is chosen, applied, and on the disks of a quorum
// of acceptors, in the slot that the answer names.
//
// Without a Key, a lost connection makes the outcome ErrUnknown; with one,
// Send asks the next service, and only when all have failed it is unknown.
func (c *Client) Send(ctx context.Context, value string, opts ...SendOption) (Sent, error) {
	var s sending
	for _, o := range opts {
		o.send(&s)
	}
	if !utf8.ValidString(value) || !utf8.ValidString(s.key) {
		return Sent{}, &callError{ErrBadRequest, errors.New("values and keys are UTF-8 text")}
	}
	w := &sendWords{value: value, key: s.key}
	a := ask{write: true, repeat: s.key != "", timed: !s.noWait}
	if !s.noWait && headerText(s.key) {
		a.words = w
		c.begin()
	} else {
		w.request(&a)
	}
	if s.noWait {
		a.query = url.Values{"wait": {"none"}}
	}
	err := c.call(ctx, a, &w.sent)
	return w.sent, err
}

// sendWords is a value for the log, in both forms.
type sendWords struct {
	value, key string
	sent       Sent
}

func (w *sendWords) idempotency() string { return w.key }

func (w *sendWords) command(b []byte) []byte { return append(b, kv.Append(w.value)...) }

func (w *sendWords) outcome() string {
	if w.key == "" {
		return ""
	}
	return outcomePath(w.key)
}

func (w *sendWords) heard(result []byte, c Command) error {
	r, err := kv.DecodeResult(result)
	if err != nil {
		return err
	}
	w.sent = Sent{Slot: c.Slot, Position: c.Position, Session: c.Session, Sequence: c.Sequence, Key: w.key, Status: "applied",
		Outcome: c.Outcome, Client: c.Client, Revision: paxos.Number(r.Revision), SessionToken: c.SessionToken}
	return nil
}

func (w *sendWords) refused(p *Problem) *Problem { return p }

func (w *sendWords) request(a *ask) {
	body, err := marshal(struct {
		Value string `json:"value"`
		Key   string `json:"key,omitempty"`
	}{w.value, w.key})
	if err != nil {
		panic("client: two texts are no JSON: " + err.Error())
	}
	a.method, a.path, a.body = http.MethodPost, "/send", body
}

// marshal writes JSON without escapes for the sake of HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// Outcome tells what became of the command under a key, as far as a learner
// has applied the log. Status "not-seen" is no promise that it never will be.
func (c *Client) Outcome(ctx context.Context, key string) (o Outcome, err error) {
	return o, c.call(ctx, ask{method: http.MethodGet, path: "/outcome/" + url.PathEscape(key), repeat: true}, &o)
}

// OutcomeOf tells what became of the command of that name, which Sent and the
// Problem of an ErrUnknown tell.
func (c *Client) OutcomeOf(ctx context.Context, session paxos.SessionID, sequence paxos.Sequence) (o Outcome, err error) {
	return o, c.call(ctx, ask{method: http.MethodGet, path: commandPath(session, sequence), repeat: true}, &o)
}

// Burn makes sure, through the log, that nothing is ever applied under the
// key. The answer's Status is "burnt", or "applied" if it was applied before;
// then nothing is changed.
func (c *Client) Burn(ctx context.Context, key string) (o Outcome, err error) {
	return o, c.call(ctx, burnAsk(key), &o)
}

// burn makes turn after turn.
func (c *Client) burn(ctx context.Context, key string) (o Outcome, err error) {
	return o, c.persist(ctx, burnAsk(key), &o)
}

func burnAsk(key string) ask {
	return ask{method: http.MethodDelete, path: "/outcome/" + url.PathEscape(key), write: true, repeat: true, timed: true}
}

// BurnOf does what Burn does for the command of that name.
func (c *Client) BurnOf(ctx context.Context, session paxos.SessionID, sequence paxos.Sequence) (o Outcome, err error) {
	return o, c.call(ctx, ask{method: http.MethodDelete, path: commandPath(session, sequence), write: true, repeat: true, timed: true}, &o)
}

func commandPath(session paxos.SessionID, sequence paxos.Sequence) string {
	return fmt.Sprintf("/outcome/%v/%d", session, sequence)
}
