package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// Many commands in one request, as a list or line by line. Each is a command of
// its own, with an outcome of its own: a transaction is what takes effect as a
// whole.

// order is one of many commands: a value for the log, or an operation on the
// store.
type order struct {
	Value     *string             `json:"value"`
	Put       *client.PutOp       `json:"put"`
	Delete    *client.DeleteOp    `json:"delete"`
	Increment *client.IncrementOp `json:"increment"`
	Key       string              `json:"key"` // the idempotency key
}

const orderHint = `for example {"put":{"key":"a","value":"1"}}, {"value":"teste123"}, {"increment":{"key":"n","by":"1"}} or {"delete":{"key":"a"}}, each with a "key" of its own for safe resends`

// errand is an order on its way, from when it is read until it is answered.
type errand struct {
	server *Server
	key    string
	txn    kv.Txn
	value  bool // a value for the log, and no transaction
	body   []byte

	// Set before it is settled:
	settled paxos.Settled
	err     error
	bad     *client.Problem
}

// readOrder makes an errand of the words.
func (s *Server) readOrder(o order) (*errand, error) {
	e := &errand{server: s, key: o.Key}
	given := 0
	for _, there := range []bool{o.Value != nil, o.Put != nil, o.Delete != nil, o.Increment != nil} {
		if there {
			given++
		}
	}
	if given != 1 {
		return nil, fmt.Errorf("exactly one of value, put, delete and increment is needed, not %d", given)
	}
	r := txnReader{s: s}
	if o.Value != nil {
		if len(*o.Value) > s.settings.MaxValueBytes {
			return nil, tooLarge("the value has %d bytes, at most %d are allowed", len(*o.Value), s.settings.MaxValueBytes)
		}
		e.value, e.body = true, kv.Append(*o.Value)
	} else {
		op, err := r.operation(client.Operation{Put: o.Put, Delete: o.Delete, Increment: o.Increment}, 1)
		if err != nil {
			return nil, err
		}
		e.txn.Then = []kv.Op{op}
		if op.Put != nil {
			e.txn.Then = append(e.txn.Then, asItIs(op.Put.Key))
		}
		e.body = kv.Encode(e.txn)
	}
	return e, admitOne(paxos.Command{Session: 1, Sequence: 1, Key: e.key, Body: e.body}, s.limits())
}

// parseOrder reads one line.
func (s *Server) parseOrder(b []byte) (*errand, error) {
	o, plain := scanOrder(b)
	if !plain {
		if err := paxos.StrictJSON(b, &o); err != nil {
			return nil, err
		}
	}
	return s.readOrder(o)
}

// leave hands an errand to the loop; over is called when it is settled, whichever
// way, and must not wait.
func (e *errand) leave(ctx context.Context, patience time.Duration, over func()) {
	s := e.server
	if !s.gate.enter() {
		e.settled = crowded
		over()
		return
	}
	err := s.hand(ctx, s.timed(paxos.Submit{Key: e.key, Body: e.body}, patience), patience, func(got paxos.Envelope, err error) {
		e.settled, _ = got.Message.(paxos.Settled)
		e.err = err
		s.gate.leave(err == nil && e.settled.Fate == paxos.FateKnown)
		over()
	})
	if err == nil {
		return
	}
	s.gate.leave(false)
	if e.settled, e.err = crowded, nil; !isFull(err) {
		e.err = err
	}
	over()
}

// appendAnswer appends what became of an errand that is settled: one of "sent",
// "written" and "problem".
func (e *errand) appendAnswer(b []byte) []byte {
	o := appending{b: b}
	bad := e.bad
	if bad == nil && e.err != nil {
		bad = e.server.failed(e.err, paxos.KindPropose)
	}
	if bad == nil {
		bad = whySettled(e.settled, e.key)
	}
	if bad == nil {
		if bad = e.appendDone(&o); bad == nil {
			return o.end()
		}
	}
	o.field("problem")
	o.json(bad)
	return o.end()
}

func (e *errand) appendDone(o *appending) *client.Problem {
	if e.value {
		sent, bad := e.server.sent(e.key, e.settled)
		if bad == nil {
			o.field("sent")
			o.b = appendSent(o.b, sent)
		}
		return bad
	}
	d, bad := e.server.finish(e.settled, nil, e.key)
	if bad == nil {
		bad = d.whyUnchanged(e.txn)
	}
	if bad != nil {
		return bad
	}
	o.field("written")
	if op := e.txn.Then[0]; op.Delete != nil {
		o.json(deletedBy(d, op.Delete.Prev))
	} else {
		o.b = appendWritten(o.b, writtenBy(d, op.Put))
	}
	return nil
}

// sendMany takes a list, submits all of it at once, and answers when all of it is
// settled. What of it is wrong in itself, so that it would be next time, makes
// the whole request wrong: then nothing of it was submitted.
func (s *Server) sendMany(c *gin.Context, b []byte, patience time.Duration) {
	errands, err := s.readMany(b)
	if err == nil {
		err = s.unnamed(c)
	}
	if err != nil {
		refuse(c, badRequest(err, `for example {"commands":[{"put":{"key":"a","value":"1"}},{"value":"teste123"}]}`))
		return
	}
	s.tellMany(c.Request.Context(), ginVoice{c}, errands, patience)
}

func (s *Server) tellMany(ctx context.Context, v voice, errands []*errand, patience time.Duration) {
	if !s.settleAll(ctx, errands, patience) {
		tellProblem(v, s.failed(context.DeadlineExceeded, paxos.KindPropose))
		return
	}
	out, sep := append(v.room(), `{"answers":`...), byte('[')
	for _, e := range errands {
		out, sep = e.appendAnswer(append(out, sep)), ','
	}
	v.say(http.StatusOK, "application/json", append(out, "]}\n"...))
}

func (s *Server) readMany(b []byte) ([]*errand, error) {
	orders, plain := scanOrders(b)
	if !plain {
		var ask struct {
			Commands []order `json:"commands"`
		}
		if err := paxos.StrictJSON(b, &ask); err != nil {
			return nil, err
		}
		orders = ask.Commands
	}
	if most := s.settings.MaxOperations; len(orders) == 0 || len(orders) > most {
		return nil, fmt.Errorf("commands has %d of them; 1 to %d are needed", len(orders), most)
	}
	errands := make([]*errand, len(orders))
	for i, o := range orders {
		var err error
		if errands[i], err = s.readOrder(o); err != nil {
			return nil, fmt.Errorf("commands[%d]: %w", i, err)
		}
	}
	return errands, nil
}

// unnamed refuses headers that are about one command.
func (s *Server) unnamed(c *gin.Context) error {
	return unconditional(c, append([]string{"Idempotency-Key"}, nowhere...)...)
}

// settleAll reports false if the loop is stuck, or nobody listens any more: what
// became of the errands is not known then.
func (s *Server) settleAll(ctx context.Context, errands []*errand, patience time.Duration) bool {
	var left atomic.Int64
	left.Store(int64(len(errands)))
	all := make(chan struct{})
	handing, cancel := context.WithTimeout(ctx, patience) // of all of them together
	defer cancel()
	for _, e := range errands {
		e.leave(handing, patience, func() {
			if left.Add(-1) == 0 {
				close(all)
			}
		})
	}
	alarm := time.NewTimer(patience + s.settings.RequestTimeout)
	defer alarm.Stop()
	select {
	case <-all:
		return true
	case <-alarm.C:
	case <-ctx.Done():
	}
	return false
}

var listField = []byte(`"commands"`)

// isList reports whether a body is a list of commands, and not a value.
func isList(b []byte) bool {
	if inside, ok := bytes.CutPrefix(bytes.TrimLeft(b, jsonBlanks), []byte{'{'}); ok && bytes.HasPrefix(bytes.TrimLeft(inside, jsonBlanks), listField) {
		return true
	}
	if !bytes.Contains(b, listField) {
		return false
	}
	var fields struct {
		Commands json.RawMessage `json:"commands"`
	}
	return json.Unmarshal(b, &fields) == nil && fields.Commands != nil
}

var errHalf = errors.New("the last line has no end, and was not taken")
