package rest

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// A transaction comes as JSON, and leaves as the state machine's: what is wrong
// with it is said with the place where it is wrong.

const txnHint = `for example {"if":[{"key":"a","version":"0"}],"then":[{"put":{"key":"a","value":"1"}}]}`

// postTxn executes a transaction.
func (s *Server) postTxn(c *gin.Context) {
	b, bad := body(c, s.jsonLimit())
	if bad != nil {
		refuse(c, bad)
		return
	}
	txn, err := s.readTxn(b)
	if err == nil {
		err = unconditional(c, "If-Match", "If-None-Match")
	}
	if err == nil {
		var more []kv.Fence
		more, err = fences(c)
		txn.Fences = append(txn.Fences, more...)
	}
	if err != nil {
		refuse(c, badRequest(err, txnHint))
		return
	}
	d, ok := s.write(c, txn)
	if !ok {
		return
	}
	reply(c, http.StatusOK, client.Written{Revision: paxos.Number(d.Revision), Succeeded: d.Succeeded,
		Responses: shownAnswers(d.Responses, branch(txn, d.Succeeded)), Command: d.command})
}

// readTxn reads the JSON.
func (s *Server) readTxn(b []byte) (kv.Txn, error) {
	if ops, ok := s.plainPuts(b); ok {
		return kv.Txn{Then: ops}, nil
	}
	return s.readAnyTxn(b)
}

func (s *Server) readAnyTxn(b []byte) (kv.Txn, error) {
	masked, found := maskItems(b)
	var words client.Txn
	if err := paxos.StrictJSON(masked, &words); err != nil {
		return kv.Txn{}, err
	}
	r := txnReader{s, found}
	return r.txn(words, 1)
}

type txnReader struct {
	s     *Server
	items items
}

func (r txnReader) txn(words client.Txn, depth int) (t kv.Txn, err error) {
	if depth > kv.MaxDepth {
		return t, fmt.Errorf("transactions are nested more than %d deep", kv.MaxDepth)
	}
	for i, f := range words.Fences {
		if f.Lock == "" || f.Token == 0 {
			return t, fmt.Errorf("fences[%d]: lock and token are needed", i)
		}
		t.Fences = append(t.Fences, kv.Fence{Lock: f.Lock, Token: kv.Revision(f.Token)})
	}
	for i, words := range words.If {
		on, err := r.condition(words)
		if err != nil {
			return t, fmt.Errorf("if[%d]: %w", i, err)
		}
		t.If = append(t.If, on)
	}
	if t.Then, err = r.operations("then", words.Then, depth); err != nil {
		return t, err
	}
	t.Else, err = r.operations("else", words.Else, depth)
	return t, err
}

func (r txnReader) operations(name string, list []client.Operation, depth int) (ops []kv.Op, err error) {
	for i, words := range list {
		op, err := r.operation(words, depth)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func (r txnReader) operation(o client.Operation, depth int) (kv.Op, error) {
	given := 0
	for _, there := range []bool{o.Put != nil, o.Delete != nil, o.Range != nil, o.Increment != nil, o.Append != nil, o.Txn != nil} {
		if there {
			given++
		}
	}
	if given != 1 {
		return kv.Op{}, fmt.Errorf("exactly one of put, delete, range, increment, append and txn is needed, not %d", given)
	}
	switch {
	case o.Put != nil:
		put, err := r.put(*o.Put)
		return kv.Op{Put: &put}, err
	case o.Delete != nil:
		span, err := r.span(o.Delete.KeySpan)
		return kv.Op{Delete: &kv.Delete{Span: span, Prev: o.Delete.Prev}}, err
	case o.Range != nil:
		span, err := r.span(o.Range.KeySpan)
		if err == nil && o.Range.Limit < 0 {
			err = fmt.Errorf("a limit of %d", o.Range.Limit)
		}
		return kv.Op{Range: &kv.Range{Span: span, Limit: o.Range.Limit, Revision: kv.Revision(o.Range.Revision),
			KeysOnly: o.Range.KeysOnly, CountOnly: o.Range.CountOnly}}, err
	case o.Increment != nil:
		return kv.Op{Increment: &kv.Increment{Key: o.Increment.Key, By: o.Increment.By}}, r.key(o.Increment.Key)
	case o.Append != nil:
		item, err := r.items.of(o.Append.Item)
		return kv.Op{Append: &kv.ListAppend{Key: o.Append.Key, Item: item, Limit: r.s.settings.MaxValueBytes}}, errors.Join(err, r.key(o.Append.Key))
	}
	t, err := r.txn(*o.Txn, depth+1)
	return kv.Op{Txn: &t}, err
}

func (r txnReader) key(key string) error {
	if key == "" {
		return errNoKey
	}
	return r.s.keyFits(key)
}

func (r txnReader) span(words client.KeySpan) (kv.Span, error) {
	if err := r.s.keyFits(words.Key); err != nil {
		return kv.Span{}, err
	}
	return r.s.span(words.Key, words.Prefix, words.End, words.End != "")
}

func (r txnReader) put(words client.PutOp) (kv.Put, error) {
	put := kv.Put{Key: words.Key, KeepValue: words.KeepValue, KeepLease: words.KeepLease, Prev: words.Prev}
	if words.Lease != nil {
		put.Lease = *words.Lease
	}
	value, given, err := r.value(words.Value, words.ValueBase64)
	put.Value = value
	switch {
	case err != nil:
	case given == words.KeepValue:
		err = errors.New("put: exactly one of value, value_base64 and keep_value is needed")
	case put.KeepLease && words.Lease != nil:
		err = errors.New("put: lease and keep_lease exclude each other")
	default:
		err = r.key(words.Key)
	}
	return put, err
}

// value is a text, or bytes; given is false if neither is there.
func (r txnReader) value(text *string, bytes []byte) (value string, given bool, err error) {
	switch {
	case text != nil && bytes != nil:
		return "", false, errors.New("value and value_base64 exclude each other")
	case text != nil:
		value, given = *text, true
	case bytes != nil:
		value, given = string(bytes), true
	}
	if most := r.s.settings.MaxValueBytes; len(value) > most {
		return "", false, tooLarge("the value has %d bytes, at most %d are allowed", len(value), most)
	}
	return value, given, nil
}

var relations = map[string]kv.Relation{"": kv.Equal, "=": kv.Equal, "!=": kv.NotEqual, "<": kv.Less, ">": kv.Greater}

func (r txnReader) condition(words client.Condition) (kv.Compare, error) {
	span, err := r.span(words.KeySpan)
	if err != nil {
		return kv.Compare{}, err
	}
	relation, ok := relations[words.Is]
	if !ok {
		return kv.Compare{}, fmt.Errorf("is: %.20q is none of =, !=, <, >", words.Is)
	}
	on := kv.Compare{Span: span, Relation: relation, Target: kv.TargetValue}
	value, given, err := r.value(words.Value, words.ValueBase64)
	if err != nil {
		return kv.Compare{}, err
	}
	on.Value = value
	count := 0
	if given {
		count++
	}
	number := func(target kv.Target, n *paxos.Number) {
		if n != nil {
			on.Target, on.Number, count = target, uint64(*n), count+1
		}
	}
	number(kv.TargetVersion, words.Version)
	number(kv.TargetCreate, words.Create)
	number(kv.TargetMod, words.Mod)
	if words.Lease != nil {
		number(kv.TargetLease, (*paxos.Number)(words.Lease))
	}
	if count != 1 {
		return kv.Compare{}, errors.New("exactly one of value, value_base64, version, create_revision, mod_revision and lease is needed")
	}
	return on, nil
}
