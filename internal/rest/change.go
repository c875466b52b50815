package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// Writes of one key, or of a range of keys: each is a transaction.

// one is a transaction about one key, with what the headers demand. If they do
// not hold, the key is read instead, so that the answer can say how it is.
func (s *Server) one(c *gin.Context, key string, ops ...kv.Op) (kv.Txn, error) {
	demanded, err := s.parseConditions(c, key)
	if err != nil {
		return kv.Txn{}, err
	}
	return conditional(demanded, key, ops...), nil
}

func conditional(demanded conditions, key string, ops ...kv.Op) kv.Txn {
	t := kv.Txn{Fences: demanded.fences, If: demanded.on, Then: ops}
	if len(t.If) > 0 {
		t.Else = []kv.Op{{Range: &kv.Range{Span: kv.Span{Key: key}}}}
	}
	return t
}

// change has such a transaction applied; it answers the request itself unless
// its conditions held.
func (s *Server) change(c *gin.Context, t kv.Txn) (done, bool) {
	w, bad := s.parseWriting(c, t)
	if bad != nil {
		refuse(c, bad)
		return done{}, false
	}
	d, ok := s.apply(c, w)
	if !ok {
		return d, false
	}
	if bad := d.whyUnchanged(t); bad != nil {
		refuse(c, bad)
		return d, false
	}
	return d, true
}

// asItIs reads the key after it was written, without the value that its writer
// knows.
func asItIs(key string) kv.Op {
	return kv.Op{Range: &kv.Range{Span: kv.Span{Key: key}, KeysOnly: true}}
}

// written is the answer to a write of one key; of responses, the last one is
// the key as it is now. An append's is without its value, and tells how many
// items there are.
func written(d done, appended bool) client.Written {
	out := client.Written{Revision: paxos.Number(d.Revision), Succeeded: d.Succeeded, Command: d.command}
	if n := len(d.Responses); n > 0 && len(d.Responses[n-1].KVs) > 0 {
		key := shown(d.Responses[n-1].KVs[0], n > 1 || appended)
		out.Key = &key
		if appended {
			out.Count = paxos.Number(d.Responses[n-1].Count)
		}
	}
	return out
}

// writtenBy is the answer to a put; nil stands for another write of one key.
func writtenBy(d done, put *kv.Put) client.Written {
	out := written(d, false)
	if put != nil && put.Prev && len(d.Responses) > 1 {
		out.Prev = allShown(d.Responses[0].KVs, false)
	}
	return out
}

func (s *Server) oneKey(c *gin.Context) (string, error) {
	key, err := s.pathOfKey(c)
	if err == nil && key == "" {
		err = errNoKey
	}
	return key, err
}

const putHint = "for example PUT /kv/config/color with the value as the body"

// putKV sets a key to the body, whatever bytes it has.
func (s *Server) putKV(c *gin.Context) {
	key, err := s.oneKey(c)
	if err != nil {
		refuse(c, badRequest(err, putHint))
		return
	}
	put := &kv.Put{Key: key}
	if err := putFlags(c, put); err != nil {
		refuse(c, badRequest(err, putHint))
		return
	}
	t, err := s.one(c, key, kv.Op{Put: put}, asItIs(key))
	if err != nil {
		refuse(c, badRequest(err, tagHint))
		return
	}
	value, bad := s.value(c)
	if bad != nil {
		refuse(c, bad)
		return
	}
	put.Value = string(value)
	d, ok := s.change(c, t)
	if !ok {
		return
	}
	tellWritten(ginVoice{c}, writtenBy(d, put))
}

// value reads a body that is a value.
func (s *Server) value(c *gin.Context) ([]byte, *client.Problem) {
	b, bad := body(c, int64(s.settings.MaxValueBytes))
	if bad != nil && bad.Status == http.StatusRequestEntityTooLarge {
		bad.Detail = fmt.Sprintf("the value has more than %d bytes, which is the most", s.settings.MaxValueBytes)
		if n := c.Request.ContentLength; n > 0 {
			bad.Detail = fmt.Sprintf("the value has %d bytes, at most %d are allowed", n, s.settings.MaxValueBytes)
		}
	}
	return b, bad
}

func putFlags(c *gin.Context, put *kv.Put) (err error) {
	if put.KeepLease, err = flag(c, "keep_lease"); err != nil {
		return err
	}
	if put.Prev, err = flag(c, "prev"); err != nil {
		return err
	}
	text, given := c.GetQuery("lease")
	switch {
	case given && put.KeepLease:
		return errors.New("parameters lease and keep_lease exclude each other")
	case given:
		if err := put.Lease.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("parameter lease: %w", err)
		}
	}
	return nil
}

// deleted answers a delete: unlike other writes, it says 0 where nothing was.
type deleted struct {
	client.Written
	Deleted paxos.Number `json:"deleted"`
}

// deleteKV removes a key, or a range of keys.
func (s *Server) deleteKV(c *gin.Context) {
	span, err := s.spanOf(c)
	var prev bool
	if err == nil {
		prev, err = flag(c, "prev")
	}
	if err == nil && span.End != "" {
		err = unconditional(c, "If-Match", "If-None-Match")
	}
	if err != nil {
		refuse(c, badRequest(err, "for example DELETE /kv/config/color, or /kv/config/?prefix"))
		return
	}
	t, err := s.one(c, span.Key, kv.Op{Delete: &kv.Delete{Span: span, Prev: prev}})
	if err != nil {
		refuse(c, badRequest(err, tagHint))
		return
	}
	d, ok := s.change(c, t)
	if !ok {
		return
	}
	reply(c, http.StatusOK, deletedBy(d, prev))
}

func deletedBy(d done, prev bool) deleted {
	out := deleted{Written: client.Written{Revision: paxos.Number(d.Revision), Succeeded: true, Command: d.command}}
	if len(d.Responses) > 0 {
		out.Deleted = paxos.Number(d.Responses[0].Count)
		if prev {
			out.Prev = allShown(d.Responses[0].KVs, false)
		}
	}
	return out
}

// modifying is what is posted to a key.
type modifying struct {
	Increment *whole          `json:"increment"`
	Append    json.RawMessage `json:"append"`
	Swap      *swap           `json:"swap"`
}

// whole is a number with a sign, in either form.
type whole int64

// UnmarshalJSON implements json.Unmarshaler.
func (w *whole) UnmarshalJSON(b []byte) error {
	n, err := client.ParseInt(b)
	*w = whole(n)
	return err
}

// swap puts the new value if the old one is as said; null: if there is none.
type swap struct {
	Old       json.RawMessage `json:"old"`
	OldBase64 []byte          `json:"old_base64"`
	New       *string         `json:"new"`
	NewBase64 []byte          `json:"new_base64"`
}

const modifyHint = `for example {"increment":"5"}, {"append":"item"}, or {"swap":{"old":"a","new":"b"}}`

// postKV changes a key by what it is: adds to it, or swaps it.
func (s *Server) postKV(c *gin.Context) {
	key, err := s.oneKey(c)
	if err != nil {
		refuse(c, badRequest(err, modifyHint))
		return
	}
	b, bad := body(c, s.jsonLimit())
	if bad != nil {
		refuse(c, bad)
		return
	}
	demanded, err := s.parseConditions(c, key)
	if err != nil {
		refuse(c, badRequest(err, tagHint))
		return
	}
	ops, err := s.modify(key, b, &demanded)
	if err != nil {
		refuse(c, badRequest(err, modifyHint))
		return
	}
	d, ok := s.change(c, conditional(demanded, key, ops...))
	if !ok {
		return
	}
	tellWritten(ginVoice{c}, written(d, ops[0].Append != nil))
}

// modify reads the body; a swap adds to what is demanded.
func (s *Server) modify(key string, b []byte, demanded *conditions) ([]kv.Op, error) {
	masked, items := maskItems(b)
	var m modifying
	if err := paxos.StrictJSON(masked, &m); err != nil {
		return nil, err
	}
	given := 0
	for _, there := range []bool{m.Increment != nil, m.Append != nil, m.Swap != nil} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, errors.New("exactly one of increment, append and swap is needed")
	case m.Increment != nil:
		return []kv.Op{{Increment: &kv.Increment{Key: key, By: int64(*m.Increment)}}}, nil
	case m.Append != nil:
		item, err := items.of(m.Append)
		return []kv.Op{{Append: &kv.ListAppend{Key: key, Item: item, Limit: s.settings.MaxValueBytes}}}, err
	}
	put, on, err := m.Swap.read(key)
	if err != nil {
		return nil, err
	}
	if n := max(len(put.Value), len(on.Value)); n > s.settings.MaxValueBytes {
		return nil, tooLarge("the value has %d bytes, at most %d are allowed", n, s.settings.MaxValueBytes)
	}
	demanded.on = append(demanded.on, on)
	return []kv.Op{{Put: put}, asItIs(key)}, nil
}

// read gives the put and its condition. The lease stays what it is.
func (w *swap) read(key string) (*kv.Put, kv.Compare, error) {
	on := kv.Compare{Span: kv.Span{Key: key}, Target: kv.TargetValue, Value: string(w.OldBase64)}
	put := &kv.Put{Key: key, Value: string(w.NewBase64), KeepLease: true}
	switch {
	case (w.New != nil) == (w.NewBase64 != nil):
		return nil, on, errors.New("swap: exactly one of new and new_base64 is needed")
	case (w.Old != nil) == (w.OldBase64 != nil):
		return nil, on, errors.New("swap: exactly one of old and old_base64 is needed; null means that the key is not there")
	case w.New != nil:
		put.Value = *w.New
	}
	switch {
	case w.Old == nil:
	case string(w.Old) == "null":
		on.Target, put.KeepLease = kv.TargetVersion, false
	default:
		if err := json.Unmarshal(w.Old, &on.Value); err != nil || !utf8.ValidString(on.Value) {
			return nil, on, errors.New("swap: old is a string or null")
		}
	}
	return put, on, nil
}

// jsonLimit bounds a body that holds values as JSON, where a character takes at
// most six bytes.
func (s *Server) jsonLimit() int64 { return 6*int64(s.settings.MaxValueBytes) + maxMessageBytes }

// compact forgets history.
func (s *Server) compact(c *gin.Context) {
	b, bad := body(c, headerLimit)
	if bad != nil {
		refuse(c, bad)
		return
	}
	var ask struct {
		Revision *paxos.Number `json:"revision"`
	}
	err := paxos.StrictJSON(b, &ask)
	if err == nil && (ask.Revision == nil || *ask.Revision == 0) {
		err = errors.New(`field "revision" is missing`)
	}
	if err == nil {
		err = unconditional(c, nowhere...)
	}
	if err != nil {
		refuse(c, badRequest(err, `for example {"revision": "`+strconv.Itoa(42)+`"}`))
		return
	}
	d, ok := s.write(c, kv.Compact{Revision: kv.Revision(*ask.Revision)})
	if ok {
		reply(c, http.StatusOK, client.Compacted{Revision: paxos.Number(d.Revision), Compacted: *ask.Revision, Command: d.command})
	}
}
