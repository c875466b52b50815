package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"paxos/paxos"
)

// source reads records.
type source struct {
	r     io.Reader
	b     []byte // read, and not taken yet
	space []byte
	rec   []byte
}

// more reads on; it gives io.EOF only at the end.
func (s *source) more() error {
	if s.space == nil {
		s.space = make([]byte, mostBuffered)
	}
	for range 100 {
		n, err := s.r.Read(s.space)
		if n > 0 {
			s.b = s.space[:n]
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// take fills p; its error is never io.EOF.
func (s *source) take(p []byte) error {
	for len(p) > 0 {
		if len(s.b) == 0 {
			if err := s.more(); errors.Is(err, io.EOF) {
				return fmt.Errorf("%w: a state that ends early", ErrFormat)
			} else if err != nil {
				return err
			}
		}
		n := copy(p, s.b)
		p, s.b = p[n:], s.b[n:]
	}
	return nil
}

// record gives the next record, until the one after it is read. It allocates
// in step with what is really there, whatever the length says.
func (s *source) record() (*reader, error) {
	var size []byte
	for len(size) == 0 || size[len(size)-1] >= 0x80 && len(size) < binary.MaxVarintLen64 {
		var one [1]byte
		if err := s.take(one[:]); err != nil {
			return nil, err
		}
		size = append(size, one[0])
	}
	r := &reader{b: size}
	left := r.int("length of a record")
	if err := r.done(); err != nil {
		return nil, err
	}
	s.rec = s.rec[:0]
	for left > 0 {
		n := min(left, mostBuffered)
		at := len(s.rec)
		s.rec = append(s.rec, make([]byte, n)...)
		if err := s.take(s.rec[at:]); err != nil {
			return nil, err
		}
		left -= n
	}
	return &reader{b: s.rec}, nil
}

// Read is the inverse of WriteTo; it takes all of r. It is strict: what it
// takes, WriteTo gives back byte for byte. Its error is r's, or wraps
// ErrFormat.
func Read(r io.Reader) (*View, error) {
	s := &source{r: r}
	mark := make([]byte, len(snapshotMark))
	if err := s.take(mark); err != nil {
		return nil, err
	}
	if string(mark) != snapshotMark {
		return nil, fmt.Errorf("%w: not a state, or of another version: it begins with %q", ErrFormat, mark)
	}
	view := newView()
	v := &loading{View: &view}
	rec, err := s.record()
	if err != nil {
		return nil, err
	}
	counts := v.readHeader(rec)
	if err := rec.done(); err != nil {
		return nil, err
	}
	for i, read := range []func(*reader){v.readLease, v.readChange, v.readSession, v.readNote, v.readKey} {
		for range counts[i] {
			if rec, err = s.record(); err != nil {
				return nil, err
			}
			if read(rec); rec.done() != nil {
				return nil, rec.err
			}
		}
		if i == 1 {
			if err := v.endOfHistory(); err != nil {
				return nil, err
			}
		}
	}
	if len(s.b) == 0 {
		err = s.more()
	}
	if err == nil {
		return nil, fmt.Errorf("%w: bytes after the state", ErrFormat)
	}
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return v.View, nil
}

// loading is a state that is being read, and what its records are checked by.
type loading struct {
	*View
	before    *change // the last change that was read
	lastSwept Revision
	lastNoted paxos.SessionID
}

func (v *loading) readHeader(r *reader) (counts [5]int) {
	v.next, v.time = paxos.Slot(r.uvarint("applied")), paxos.LogTime(r.uvarint("time"))
	v.horizons = [classes]paxos.Slot{paxos.Slot(r.uvarint("horizon")), paxos.Slot(r.uvarint("horizon of drawn keys"))}
	v.revision, v.compacted = Revision(r.uvarint("revision")), Revision(r.uvarint("compacted"))
	v.lastLease = LeaseID(r.uvarint("last lease"))
	v.freshBytes = r.uvarint("bytes since the last snapshot")
	if r.uvarint("a number that has no meaning any more") != 0 {
		r.fail("the number that has no meaning any more")
	}
	for i := range counts {
		counts[i] = r.int("count")
	}
	if v.next == 0 || v.revision == 0 || v.compacted > v.revision {
		r.fail("a header that contradicts itself")
	}
	return counts
}

func (v *loading) readLease(r *reader) {
	l := &lease{id: LeaseID(r.uint64("lease")), ttl: paxos.LogTime(r.uvarint("time to live")),
		due: paxos.LogTime(r.uvarint("due time")), renewal: r.uvarint("renewal"), acquired: r.bool("acquired")}
	last, _ := v.leases.Max()
	if l.id == 0 || last != nil && last.id >= l.id {
		r.fail("leases are not in order")
		return
	}
	v.setLease(l)
}

func (v *loading) readChange(r *reader) {
	flags := r.enum(changeDeleted|changeSameKey|changeSwept, "what a change is")
	c, before := &change{deleted: flags&changeDeleted != 0}, v.before
	same, swept := flags&changeSameKey != 0, flags&changeSwept != 0
	switch {
	case !same:
		c.Key = r.text("key")
	case before != nil:
		c.Key = before.Key
	}
	c.Mod = Revision(r.uvarint("mod revision"))
	if !swept {
		sub := r.uvarint("place in its revision")
		if sub > math.MaxUint32 {
			r.fail("place in its revision")
		}
		c.sub = uint32(sub)
	}
	if !c.deleted {
		c.Value, c.Create = r.text("value"), Revision(r.uvarint("create revision"))
		c.Version, c.Lease = r.uvarint("version"), LeaseID(r.uint64("lease"))
	}
	if same && (before == nil || before.Mod >= c.Mod) || !same && before != nil && before.Key >= c.Key {
		r.fail("changes are not in order")
	}
	if c.Mod < 2 || c.Mod > v.revision || !c.deleted && (c.Version == 0 || c.Create == 0 || c.Create > c.Mod) {
		r.fail("a change that contradicts itself")
	}
	if swept && (c.deleted || same || c.Mod >= v.compacted) {
		r.fail("a change that should not be forgotten by watchers, or should be by all")
	}
	if r.err != nil {
		return
	}
	v.addChange(r, c, swept, same)
}

func (v *loading) addChange(r *reader, c *change, swept, same bool) {
	if !same {
		v.endOfKey(r)
	} else {
		v.oldBytes += v.before.size()
		v.history.Set(v.before)
	}
	v.before = c
	if swept {
		v.lastSwept = max(v.lastSwept, c.Mod)
	} else if _, replaced := v.changes.Set(c); replaced {
		r.fail("two changes in one place of a revision")
	}
}

// endOfKey takes the last change of a key for what the key is now.
func (v *loading) endOfKey(r *reader) {
	c := v.before
	if c == nil {
		return
	}
	if c.deleted {
		v.oldBytes += c.size()
		v.history.Set(c)
		return
	}
	v.keys.Set(c)
	v.keyBytes += c.size()
	if isValue(c.Key) {
		v.values++
	}
	if c.Lease != 0 {
		if v.lease(c.Lease) == nil {
			r.fail("a key's lease is not there")
			return
		}
		v.attach(c.Lease, c.Key)
	}
}

func (v *loading) endOfHistory() error {
	r := &reader{}
	v.endOfKey(r)
	if first, ok := v.changes.Min(); ok && v.lastSwept > first.Mod {
		r.fail("a change that watchers forgot is above one that they did not")
	}
	return r.done()
}

func (v *loading) readSession(r *reader) {
	s := v.newSession(paxos.SessionID(r.uint64("session")))
	s.open, s.since, s.confirmed = r.bool("open"), paxos.Slot(r.uvarint("since")), paxos.Sequence(r.uvarint("confirmed"))
	s.used, s.slot = paxos.LogTime(r.uvarint("last use")), paxos.Slot(r.uvarint("last slot"))
	if last, _, ok := v.sessions.Max(); ok && last >= s.id {
		r.fail("sessions are not in order")
		return
	}
	if s.slot >= v.next || s.used > v.time {
		r.fail("a session from the future")
	}
	v.sessions.Set(s.id, s)
	v.used.Set(s)
}

// readOutcome takes the rest of the record.
func readOutcome(r *reader) paxos.Outcome {
	o, err := paxos.DecodeOutcome(append([]byte(nil), r.b...))
	if r.b = nil; err != nil {
		r.fail(err.Error())
	}
	return o
}

func (v *loading) readNote(r *reader) {
	n := readOutcome(r)
	s := v.session(n.Session)
	if s == nil || n.Sequence < s.confirmed {
		r.fail("a note without a session, or that was confirmed")
		return
	}
	if last, _, ok := s.notes.Max(); ok && last >= n.Sequence || n.Session < v.lastNoted {
		r.fail("notes are not in order")
		return
	}
	v.lastNoted = n.Session
	v.setNote(s, n)
}

func (v *loading) readKey(r *reader) {
	k := &keyNote{key: r.text("idempotency key")}
	if len(r.b) < len(k.body) {
		r.fail("digest")
		return
	}
	r.b = r.b[copy(k.body[:], r.b):]
	k.used = paxos.LogTime(r.uvarint("time of use"))
	k.outcome = readOutcome(r)
	if last, ok := v.oldest.Max(); ok && !v.oldest.Less(last, k) {
		r.fail("idempotency keys are not in order")
	}
	if _, known := v.keyed.Get(k); known || k.used > v.time {
		r.fail("an idempotency key twice, or from the future")
	}
	v.setKey(k)
}
