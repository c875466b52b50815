package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"paxos/kv"
	"paxos/paxos"
)

// WriteOption changes one write of the store: Key, WithoutKey, WithLease,
// KeepLease, WithPrev, IfRevision, IfExists, IfMissing, Fenced.
type WriteOption interface{ write(*writing) }

// writing is what the options of a write say together.
type writing struct {
	key    string
	path   string // of its outcome, if the key was drawn
	room   [len("/outcome/"+paxos.CallKeyPrefix) + 26]byte
	keyed  bool // a key was given, or refused
	lease  kv.LeaseID
	leased bool // a lease was given
	keep   bool
	prev   bool
	match  matching
	mod    uint64 // of match atRevision
	absent bool
	fences []kv.Fence
}

// matching is what If-Match demands.
type matching uint8

const (
	anyhow matching = iota
	exists
	atRevision
)

type writeOption func(*writing)

func (o writeOption) write(w *writing) { o(w) }

// WithoutKey makes a write draw no idempotency key. Then it is not repeated: a
// lost answer is ErrUnknown at once.
func WithoutKey() WriteOption { return writeOption(func(w *writing) { w.key, w.keyed = "", true }) }

// WithLease attaches the key that is put to a lease: it is deleted when the
// lease ends. A put without it detaches the key.
func WithLease(lease kv.LeaseID) WriteOption {
	return writeOption(func(w *writing) { w.lease, w.leased = lease, true })
}

// KeepLease makes a put leave the key attached to the lease that it has.
func KeepLease() WriteOption { return writeOption(func(w *writing) { w.keep = true }) }

// WithPrev makes a put or a delete give the keys as they were before.
func WithPrev() WriteOption { return writeOption(func(w *writing) { w.prev = true }) }

// IfRevision writes only if the key was last changed at that revision. Of every
// condition that does not hold, the error is ErrConflict, and nothing is done.
func IfRevision[N ~uint64](mod N) WriteOption {
	return writeOption(func(w *writing) { w.match, w.mod = atRevision, uint64(mod) })
}

// IfExists writes only if the key is there.
func IfExists() WriteOption { return writeOption(func(w *writing) { w.match = exists }) }

// IfMissing writes only if the key is not there.
func IfMissing() WriteOption {
	return writeOption(func(w *writing) { w.absent = true })
}

// Fenced writes only while the lock is held with that token: ErrConflict, of
// the Kind "fenced", if it is not. Several locks may be asked for.
func Fenced[N ~uint64](lock string, token N) WriteOption {
	return writeOption(func(w *writing) { w.fences = append(w.fences, kv.Fence{Lock: lock, Token: kv.Revision(token)}) })
}

// take reads the options; a key is drawn unless they say something about it.
func (w *writing) take(opts []WriteOption) {
	for _, o := range opts {
		o.write(w)
	}
	if !w.keyed {
		w.draw()
	}
}

// draw draws a key: the time in milliseconds and 80 random bits, as letters and
// digits (the form of a ULID, github.com/ulid/spec). Keys of one time stand
// beside each other in the learners' trees, where random ones would each be far
// from all that is in a cache. It makes one text of the key and its path, which
// every answer has.
func (w *writing) draw() {
	const letters, root = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", "/outcome/"
	const drawn, random = len(root) + len(paxos.CallKeyPrefix), len(root) + len(paxos.CallKeyPrefix) + 10
	text := append(append(w.room[:0], root...), paxos.CallKeyPrefix...)[:len(w.room)]
	now := uint64(time.Now().UnixMilli())
	for i := random - 1; i >= drawn; i-- {
		text[i] = letters[now%32]
		now /= 32
	}
	_, _ = rand.Read(text[random:]) // it never fails
	for i, b := range text[random:] {
		text[random+i] = letters[b%32]
	}
	w.path = string(text)
	w.key = w.path[len(root):]
}

// outcome is where to ask what became of it, "" if it has no key.
func (w *writing) outcome() string {
	if w.path != "" || w.key == "" {
		return w.path
	}
	return outcomePath(w.key)
}

// writeAsk is a write to a path of the store, as a request.
func writeAsk(method, path string, body []byte, opts []WriteOption) ask {
	var w writing
	w.take(opts)
	a := ask{method: method, path: path, body: body, write: true, repeat: w.key != "", timed: true}
	w.tell(&a)
	return a
}

// tell puts the options into a request.
func (w *writing) tell(a *ask) {
	a.header, a.query = http.Header{}, url.Values{}
	if w.key != "" {
		a.header.Set("Idempotency-Key", w.key)
	}
	if w.leased {
		a.query.Set("lease", w.lease.String())
	}
	if w.keep {
		a.query.Set("keep_lease", "")
	}
	if w.prev {
		a.query.Set("prev", "")
	}
	switch w.match {
	case exists:
		a.header.Set("If-Match", "*")
	case atRevision:
		a.header.Set("If-Match", `"`+number(w.mod)+`"`)
	}
	if w.absent {
		a.header.Set("If-None-Match", "*")
	}
	for _, f := range w.fences {
		a.header.Add(HeaderFence, url.PathEscape(f.Lock)+":"+number(f.Token))
	}
}

// write sends a write until its fate is known or ctx ends.
func (c *Client) write(ctx context.Context, a ask, answer any) error {
	return c.writeUnder(ctx, a.header.Get("Idempotency-Key"), &a, answer)
}

func (c *Client) writeUnder(ctx context.Context, key string, a *ask, answer any) error {
	if !utf8.ValidString(key) {
		return &callError{ErrBadRequest, errors.New("idempotency keys are UTF-8 text")}
	}
	err := c.pursue(ctx, a, answer)
	if err != nil && key != "" {
		return &keyedError{err, key}
	}
	return err
}

// Put sets a key to a value, any bytes. When it returns without an error, the
// write is applied, and on the disks of a quorum of acceptors; so it is for
// every write of the store.
//
// A write is repeated until ctx ends when its answer is lost or the cluster
// cannot take it, and still takes effect once. Then the error is ErrUnknown,
// unless every attempt was refused for certain (ErrUnavailable).
func (c *Client) Put(ctx context.Context, key, value string, opts ...WriteOption) (w Written, err error) {
	if err := checkKey(key); err != nil {
		return w, err
	}
	ch := newChange(aPut)
	ch.key, ch.value = key, value
	return c.change(ctx, ch, opts)
}

// Create puts a key that must not be there yet. ErrConflict: it is.
func (c *Client) Create(ctx context.Context, key, value string, opts ...WriteOption) (Written, error) {
	return c.Put(ctx, key, value, append(opts[:len(opts):len(opts)], IfMissing())...)
}

// Delete removes a key; Deleted is 0 if it was not there.
func (c *Client) Delete(ctx context.Context, key string, opts ...WriteOption) (Written, error) {
	return c.DeleteRange(ctx, One(key), opts...)
}

// DeletePrefix removes all keys that begin with a text, in one revision; all
// keys if it is empty.
func (c *Client) DeletePrefix(ctx context.Context, prefix string, opts ...WriteOption) (Written, error) {
	return c.DeleteRange(ctx, Prefix(prefix), opts...)
}

// DeleteRange removes the keys of a span, in one revision.
func (c *Client) DeleteRange(ctx context.Context, span KeySpan, opts ...WriteOption) (w Written, err error) {
	if _, _, err := span.where(); err != nil {
		return w, err
	}
	ch := newChange(aDelete)
	ch.key, ch.span = span.Key, span
	return c.change(ctx, ch, opts)
}

// Swap sets a key to a value if it has the old one. ErrConflict: it has
// another, or is not there; the Problem tells the key as it is.
func (c *Client) Swap(ctx context.Context, key, old, value string, opts ...WriteOption) (w Written, err error) {
	if err := checkKey(key); err != nil {
		return w, err
	}
	ch := newChange(aSwap)
	ch.key, ch.old, ch.value = key, old, value
	return c.change(ctx, ch, opts)
}

// Increment adds to a key whose value is a decimal 64-bit number, 0 if it is not
// there; the answer's Key has the sum. ErrConflict: the value is no number, or
// the sum would not be one.
func (c *Client) Increment(ctx context.Context, key string, by int64, opts ...WriteOption) (w Written, err error) {
	if err := checkKey(key); err != nil {
		return w, err
	}
	ch := newChange(anIncrement)
	ch.key, ch.by = key, by
	return c.change(ctx, ch, opts)
}

// Append adds an item, as JSON, to the end of a key whose value is a JSON array,
// the empty one if it is not there; the answer's Count is how many items it has.
// ErrConflict: the value is no list.
func (c *Client) Append(ctx context.Context, key string, item any, opts ...WriteOption) (Written, error) {
	return c.post(ctx, key, map[string]any{"append": item}, opts)
}

func (c *Client) post(ctx context.Context, key string, words any, opts []WriteOption) (w Written, err error) {
	path, err := keyPath(key)
	if err != nil {
		return w, err
	}
	err = c.postJSON(ctx, path, words, opts, &w)
	return w, err
}

func (c *Client) postJSON(ctx context.Context, path string, words any, opts []WriteOption, answer any) error {
	body, err := marshal(words)
	if err != nil {
		return &callError{ErrBadRequest, err}
	}
	return c.write(ctx, writeAsk(http.MethodPost, path, body, opts), answer)
}

// Txn executes a transaction: all of it or nothing, in one revision. That the
// conditions do not hold is no error: the answer's Succeeded is false then, and
// Else was executed.
func (c *Client) Txn(ctx context.Context, txn Txn, opts ...WriteOption) (w Written, err error) {
	ch := newChange(aTxn)
	ch.said = txn
	return c.change(ctx, ch, opts)
}

// TxnJSON executes a transaction in the words of POST /txn.
func (c *Client) TxnJSON(ctx context.Context, txn json.RawMessage, opts ...WriteOption) (w Written, err error) {
	err = c.write(ctx, writeAsk(http.MethodPost, "/txn", txn, opts), &w)
	return w, err
}

// Compacted answers a compaction.
type Compacted struct {
	// Revision is the store's; Compacted the first that can still be read.
	Revision  paxos.Number `json:"revision"`
	Compacted paxos.Number `json:"compacted"`
	Command
}

// Compact forgets the history below a revision: reads and watches of older ones
// fail from then on (ErrCompacted). The keys as they are now stay. ErrCompacted:
// it was forgotten before.
func (c *Client) Compact(ctx context.Context, revision uint64, opts ...WriteOption) (r Compacted, err error) {
	err = c.postJSON(ctx, "/compact", map[string]string{"revision": number(revision)}, opts, &r)
	return r, err
}
