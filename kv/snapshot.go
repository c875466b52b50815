package kv

import (
	"encoding/binary"
	"io"

	"paxos/paxos"
)

// A state in its binary form is a mark and a sequence of records, each with
// its length before it: a header, which counts the others, and what it counts.
// Whatever can be computed from them is not written.
const (
	snapshotMark = "kv\x03" // with the version: 3
	mostBuffered = 64 << 10 // bytes
)

// What a change in a snapshot is, in its first byte.
const (
	changeDeleted = 1 << iota
	changeSameKey // as the one before it
	changeSwept   // no watcher needs it, but readers do
)

// sink writes records.
type sink struct {
	w   io.Writer
	b   []byte // not written yet
	rec []byte
	n   int64
	err error
}

// record ends the record that is in rec.
func (s *sink) record() {
	s.b = putText(s.b, s.rec)
	s.rec = s.rec[:0]
	if len(s.b) >= mostBuffered {
		s.flush()
	}
}

func (s *sink) flush() {
	if s.err == nil {
		var n int
		n, s.err = s.w.Write(s.b)
		s.n += int64(n)
	}
	s.b = s.b[:0]
}

// ok goes on with a walk unless a write has failed.
func (s *sink) ok() bool { return s.err == nil }

// WriteTo implements io.WriterTo and paxos.State: it writes the whole state.
// Equal states give equal bytes. Its error is the writer's.
func (v *View) WriteTo(w io.Writer) (int64, error) {
	s := &sink{w: w, b: []byte(snapshotMark)}
	v.writeHeader(s)
	v.leases.Scan(func(l *lease) bool {
		s.rec = putUint(putUint(putUint(putID(s.rec, l.id), l.ttl), l.due), l.renewal)
		s.rec = putBool(s.rec, l.acquired)
		s.record()
		return s.ok()
	})
	v.writeHistory(s)
	v.sessions.Scan(func(_ paxos.SessionID, e *session) bool {
		s.rec = putUint(putUint(putBool(putID(s.rec, e.id), e.open), e.since), e.confirmed)
		s.rec = putUint(putUint(s.rec, e.used), e.slot)
		s.record()
		return s.ok()
	})
	v.sessions.Scan(func(_ paxos.SessionID, e *session) bool {
		e.notes.Scan(func(_ paxos.Sequence, o paxos.Outcome) bool {
			s.rec = paxos.AppendOutcome(s.rec, o)
			s.record()
			return s.ok()
		})
		return s.ok()
	})
	v.oldest.Scan(func(k *keyNote) bool {
		s.rec = putUint(append(putText(s.rec, k.key), k.body[:]...), k.used)
		s.rec = paxos.AppendOutcome(s.rec, k.outcome)
		s.record()
		return s.ok()
	})
	s.flush()
	return s.n, s.err
}

func (v *View) writeHeader(s *sink) {
	for _, n := range []uint64{uint64(v.next), uint64(v.time), uint64(v.horizons[chosen]), uint64(v.horizons[drawn]), uint64(v.revision), uint64(v.compacted),
		uint64(v.lastLease), v.freshBytes, 0} { // the last one had a meaning once
		s.rec = binary.AppendUvarint(s.rec, n)
	}
	for _, n := range []int{v.leases.Len(), v.keys.Len() + v.history.Len(), v.sessions.Len(), v.notes, v.oldest.Len()} {
		s.rec = putInt(s.rec, n)
	}
	s.record()
}

func (v *View) writeHistory(s *sink) {
	first, _ := v.changes.Min()
	var before *change
	v.eachChange(func(c *change) bool {
		flags := byte(0)
		if c.deleted {
			flags |= changeDeleted
		}
		if before != nil && before.Key == c.Key {
			flags |= changeSameKey
		}
		swept := first == nil || c.Mod < first.Mod || c.Mod == first.Mod && c.sub < first.sub
		if swept {
			flags |= changeSwept
		}
		s.rec = append(s.rec, flags)
		if flags&changeSameKey == 0 {
			s.rec = putText(s.rec, c.Key)
		}
		s.rec = putUint(s.rec, c.Mod)
		if !swept {
			s.rec = putUint(s.rec, c.sub)
		}
		if !c.deleted {
			s.rec = putUint(putUint(putText(s.rec, c.Value), c.Create), c.Version)
			s.rec = putID(s.rec, c.Lease)
		}
		s.record()
		before = c
		return s.ok()
	})
}
