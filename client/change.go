package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"paxos/client/wire"
	"paxos/kv"
	"paxos/paxos"
)

// words are what a write says, beside its form as a request: as a command, for
// streams.
type words interface {
	idempotency() string
	// outcome is the path of what became of it, "" if its name is to be taken.
	outcome() string
	// command appends the body of the command.
	command(b []byte) []byte
	// heard takes the answer; a *Problem says that the command changed nothing.
	heard(result []byte, c Command) error
	// refused is the problem that a request would have been told.
	refused(p *Problem) *Problem
	// request makes the form as a request.
	request(a *ask)
}

// asRequest makes the form as a request, once.
func (a *ask) asRequest() {
	if a.method == "" {
		a.words.request(a)
	}
}

type changeKind uint8

const (
	aPut changeKind = iota
	aDelete
	aSwap
	anIncrement
	aTxn
)

// change is a write of keys: as a command it is the transaction that a client
// service makes of the request (internal/rest, and a test there compares them).
type change struct {
	writing
	kind            changeKind
	key, old, value string
	by              int64
	span            KeySpan
	said            Txn // of aTxn
	answer          Written
	as              ask

	txn    kv.Txn
	then   [2]kv.Op
	others [1]kv.Op
	on     [3]kv.Compare
	put    kv.Put
	del    kv.Delete
	sum    kv.Increment
	read   kv.Range // the key after a put
	find   kv.Range // the key as it is, where the conditions do not hold
}

// changes are used again.
var changes = sync.Pool{New: func() any { return new(change) }}

func newChange(kind changeKind) *change {
	ch := changes.Get().(*change)
	ch.kind = kind
	return ch
}

// change sends a change until its fate is known or ctx ends; ch is not the
// caller's any more.
func (c *Client) change(ctx context.Context, ch *change, opts []WriteOption) (Written, error) {
	ch.writing.take(opts)
	a := &ch.as
	*a = ask{write: true, repeat: ch.writing.key != "", timed: true}
	if ch.writable() && ch.build() {
		a.words = ch
		c.begin()
	} else if err := ch.ask(a); err != nil {
		return Written{}, err
	}
	err := c.writeUnder(ctx, ch.writing.key, a, &ch.answer)
	answer := ch.answer
	*ch = change{}
	changes.Put(ch)
	return answer, err
}

// writable reports whether the options mean the same in a command: what is odd
// is for the service to refuse.
func (w *writing) writable() bool {
	for _, f := range w.fences {
		if f.Lock == "" || f.Token == 0 || !utf8.ValidString(f.Lock) {
			return false
		}
	}
	return (!w.leased || !w.keep) && headerText(w.key)
}

// headerText reports whether a text arrives as it is in a header.
func headerText(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(text) && strings.Trim(text, " ") == text
}

// build makes the transaction; false if there is none that means the same.
func (ch *change) build() bool {
	plain := !ch.leased && !ch.keep && !ch.prev // as only puts may not be
	ch.txn = kv.Txn{Fences: ch.fences, If: ch.on[:0], Then: ch.then[:0]}
	key := kv.Span{Key: ch.key}
	switch ch.kind {
	case aPut:
		ch.put = kv.Put{Key: ch.key, Value: ch.value, Lease: ch.lease, KeepLease: ch.keep, Prev: ch.prev}
	case aSwap:
		ch.put = kv.Put{Key: ch.key, Value: ch.value, KeepLease: true}
	case anIncrement:
		ch.sum = kv.Increment{Key: ch.key, By: ch.by}
		ch.txn.Then = append(ch.txn.Then, kv.Op{Increment: &ch.sum})
	case aDelete:
		plain = !ch.leased && !ch.keep
		span, ok := spanOf(ch.span)
		if !ok || span.End != "" && (ch.match != anyhow || ch.absent) {
			return false
		}
		key, ch.del = kv.Span{Key: span.Key}, kv.Delete{Span: span, Prev: ch.prev}
		ch.txn.Then = append(ch.txn.Then, kv.Op{Delete: &ch.del})
	case aTxn:
		t, ok := txnOf(&ch.said, 1)
		t.Fences = append(t.Fences, ch.fences...)
		ch.txn = t
		return ok && plain && ch.match == anyhow && !ch.absent
	}
	if ch.kind == aPut || ch.kind == aSwap {
		ch.read = kv.Range{Span: key, KeysOnly: true}
		ch.txn.Then = append(ch.txn.Then, kv.Op{Put: &ch.put}, kv.Op{Range: &ch.read})
	}
	ch.conditions(key)
	return plain || ch.kind == aPut
}

// conditions adds what must hold, and, for when it does not, the key as it is.
func (ch *change) conditions(key kv.Span) {
	on := ch.txn.If
	switch ch.match {
	case exists:
		on = append(on, kv.Compare{Span: key, Target: kv.TargetMod, Relation: kv.NotEqual})
	case atRevision:
		on = append(on, kv.Compare{Span: key, Target: kv.TargetMod, Relation: kv.Equal, Number: ch.mod})
	}
	if ch.absent {
		on = append(on, kv.Compare{Span: key, Target: kv.TargetMod, Relation: kv.Equal})
	}
	if ch.kind == aSwap {
		on = append(on, kv.Compare{Span: key, Target: kv.TargetValue, Relation: kv.Equal, Value: ch.old})
	}
	ch.txn.If = on
	if len(on) > 0 {
		ch.find = kv.Range{Span: key}
		ch.others[0] = kv.Op{Range: &ch.find}
		ch.txn.Else = ch.others[:]
	}
}

func (ch *change) idempotency() string { return ch.writing.key }

func (ch *change) command(b []byte) []byte { return kv.AppendTxn(b, ch.txn) }

func (ch *change) outcome() string { return ch.writing.outcome() }

func (ch *change) heard(result []byte, c Command) error {
	if ch.kind == aPut || ch.kind == aSwap {
		if revision, k, ok := kv.WrittenKey(result, ch.key); ok {
			key := ShownKey(k, true)
			ch.answer = Written{Revision: paxos.Number(revision), Succeeded: true, Key: &key, Command: c}
			return nil
		}
	}
	r, err := kv.DecodeResult(result)
	if err != nil {
		return err
	}
	if !r.Succeeded && ch.kind != aTxn {
		return conditionFailed(c, r.Responses)
	}
	out := Written{Revision: paxos.Number(r.Revision), Succeeded: r.Succeeded, Command: c}
	n := len(r.Responses)
	switch {
	case ch.kind == aTxn:
		out.Responses = withoutEmpty(ShownAnswers(r.Responses, Branch(ch.txn, r.Succeeded)))
	case n == 0:
	case ch.kind == aDelete:
		out.Deleted = paxos.Number(r.Responses[0].Count)
	case len(r.Responses[n-1].KVs) > 0:
		key := ShownKey(r.Responses[n-1].KVs[0], n > 1)
		out.Key = &key
	}
	if ch.prev && n > 0 {
		for _, k := range r.Responses[0].KVs {
			out.Prev = append(out.Prev, ShownKey(k, false))
		}
	}
	ch.answer = out
	return nil
}

// conditionFailed is what PUT, POST and DELETE of /kv answer if a condition does
// not hold; read is the key as it is.
func conditionFailed(c Command, read []kv.Response) *Problem {
	p := &Problem{Type: problemTypes + "condition-failed", Title: http.StatusText(http.StatusPreconditionFailed), Status: http.StatusPreconditionFailed,
		Detail: "the key is not as the request demands", Hint: "nothing was changed; current is the key as it is, if there is one"}
	if len(read) > 0 && len(read[0].KVs) > 0 {
		current := ShownKey(read[0].KVs[0], false)
		p.Current = &current
	}
	p.Session, p.Sequence, p.Key, p.Outcome = &c.Session, &c.Sequence, c.IdempotencyKey, c.Outcome
	return p
}

func (ch *change) refused(p *Problem) *Problem {
	// The key as it is was too large to be read: so the conditions do not hold.
	if p.Kind() == "result-too-large" && ch.kind != aTxn && len(ch.txn.If) > 0 && !ch.prev && p.Session != nil && p.Sequence != nil {
		return conditionFailed(Command{Session: *p.Session, Sequence: *p.Sequence, IdempotencyKey: p.Key, Outcome: p.Outcome}, nil)
	}
	return p
}

func (ch *change) request(a *ask) {
	if err := ch.ask(a); err != nil {
		// What has a form as a command has one as a request.
		panic("client: " + err.Error())
	}
}

// ask makes the form as a request.
func (ch *change) ask(a *ask) (err error) {
	ch.tell(a)
	var text any
	switch ch.kind {
	case aPut:
		a.method, a.path, a.body = http.MethodPut, "/kv/"+escaped(ch.key), []byte(ch.value)
		a.header.Set("Content-Type", "application/octet-stream")
		return nil
	case aDelete:
		path, query, err := ch.span.where()
		a.method, a.path = http.MethodDelete, path
		for name, values := range query {
			a.query[name] = values
		}
		return err
	case aSwap:
		words := map[string]any{}
		textOrBytes(words, "old", ch.old)
		textOrBytes(words, "new", ch.value)
		a.path, text = "/kv/"+escaped(ch.key), map[string]any{"swap": words}
	case anIncrement:
		a.path, text = "/kv/"+escaped(ch.key), map[string]any{"increment": strconv.FormatInt(ch.by, 10)}
	case aTxn:
		a.path, text = "/txn", ch.said
	}
	a.method = http.MethodPost
	if a.body, err = marshal(text); err != nil {
		return &callError{ErrBadRequest, err}
	}
	return nil
}

func textOrBytes(words map[string]any, name, value string) {
	if utf8.ValidString(value) {
		words[name] = value
	} else {
		words[name+"_base64"] = []byte(value)
	}
}

// outcomePath is where to ask what became of the command under a key.
func outcomePath(key string) string { return "/outcome/" + url.PathEscape(key) }

// outcomeAndToken are where to ask what became of a command, by its key's path
// or else by its name, and the token of reads that see it.
func outcomeAndToken(path string, applied wire.Applied) (outcome, token string) {
	var room [80]byte
	b := room[:0]
	if path == "" {
		b = appendHex(append(b, "/outcome/"...), uint64(applied.Name.Session))
		b = strconv.AppendUint(append(b, '/'), uint64(applied.Name.Sequence), 10)
	}
	n := len(b)
	text := string(appendHex(b, uint64(applied.Slot)))
	if path == "" {
		path = text[:n]
	}
	return path, text[n:]
}

func appendHex(b []byte, n uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[n>>shift&15])
	}
	return b
}
