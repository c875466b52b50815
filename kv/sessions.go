package kv

import (
	"cmp"
	"crypto/sha256"
	"strings"

	"github.com/tidwall/btree"

	"paxos/paxos"
)

// sessionLife is how long the table remembers a session that is not used, in
// log time (milliseconds).
const sessionLife = 24 * 60 * 60 * 1000

// table makes a retry take effect once (docs/protocol.md, Once, and the truth).
// It keeps the set of applied sequences of each open session, above a floor
// that the client confirms (with pipelining and failover, 6 may be chosen
// before 5), and the idempotency keys.
//
// What it forgets raises a horizon above the slot in which it was noted (a key)
// or last used (a session), and so above the admission of every copy that took
// effect there: of what was admitted below the horizon, nothing is taken whose
// first copy might be forgotten. A copy of a command with a key that is admitted
// later is a new command: that is what a key's life means. Drawn keys, which go
// early, have a horizon of their own; the other one is that of chosen keys, and
// of sessions.
type table struct {
	sessions *btree.BTreeG[*session] // by id
	used     *btree.BTreeG[*session] // by time and slot of last use, and id
	notes    *btree.BTreeG[*note]    // by session and sequence
	keyed    *btree.BTreeG[*keyNote] // by key
	oldest   *btree.BTreeG[*keyNote] // by class, where it was noted, and key
	horizons [classes]paxos.Slot

	noteBytes int
	held      [classes]holding
}

// session, note and keyNote are never altered once they are made.
type session struct {
	id paxos.SessionID
	// open: it was opened. If not, some of its names are burnt, nothing else.
	open bool
	// since is the horizon when it was opened: below it, a command is of an
	// earlier session of that id, whose notes are forgotten.
	since     paxos.Slot
	confirmed paxos.Sequence
	used      paxos.LogTime
	slot      paxos.Slot // the last slot in which it was used
	results   int        // bytes of the results of its notes
}

type note struct{ paxos.Outcome }

type keyNote struct {
	key     string
	body    [sha256.Size]byte // digest of the first one's; zero if burnt before any came
	outcome paxos.Outcome
	used    paxos.LogTime
}

// What a note takes, about, besides what it holds.
const (
	noteRoom    = 48
	keyNoteRoom = 128
)

func (n *note) size() int { return noteRoom + len(n.Result) }

func (k *keyNote) size() int { return keyNoteRoom + len(k.key) + len(k.outcome.Result) }

func newTable() table {
	return table{
		sessions: tree(func(a, b *session) int { return cmp.Compare(a.id, b.id) }),
		used: tree(func(a, b *session) int {
			return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(a.slot, b.slot), cmp.Compare(a.id, b.id))
		}),
		notes: tree(func(a, b *note) int {
			return cmp.Or(cmp.Compare(a.Session, b.Session), cmp.Compare(a.Sequence, b.Sequence))
		}),
		keyed: tree(func(a, b *keyNote) int { return strings.Compare(a.key, b.key) }),
		oldest: tree(func(a, b *keyNote) int {
			return cmp.Or(cmp.Compare(classOf(a.key), classOf(b.key)), cmp.Compare(a.outcome.Slot, b.outcome.Slot), cmp.Compare(a.outcome.Position, b.outcome.Position), strings.Compare(a.key, b.key))
		}),
	}
}

func (t *table) freeze() table {
	f := *t
	f.sessions, f.used, f.notes = t.sessions.Copy(), t.used.Copy(), t.notes.Copy()
	f.keyed, f.oldest = t.keyed.Copy(), t.oldest.Copy()
	return f
}

func (t *table) session(id paxos.SessionID) *session {
	s, _ := t.sessions.Get(&session{id: id})
	return s
}

func (t *table) setSession(s *session) {
	if old, replaced := t.sessions.Set(s); replaced {
		t.used.Delete(old)
	}
	t.used.Set(s)
}

// seen gives the outcome of a command that was seen under the same name.
func (t *table) seen(name paxos.CommandName) (paxos.Outcome, bool) {
	n, ok := t.notes.Get(&note{paxos.Outcome{Session: name.Session, Sequence: name.Sequence}})
	if ok {
		return n.Outcome, true
	}
	if s := t.session(name.Session); s != nil && name.Sequence < s.confirmed {
		return paxos.Outcome{Session: name.Session, Sequence: name.Sequence, Verdict: paxos.Confirmed}, true
	}
	return paxos.Outcome{}, false
}

// refused says whether a command that was not seen may take effect. A refusal
// is noted nowhere, so that the table stays what it was.
func (t *table) refused(c *paxos.Command, opens bool) (v paxos.Verdict, refused bool) {
	s := t.session(c.Session)
	switch {
	case opens && (s == nil || !s.open):
		return paxos.Late, c.Admitted < t.horizons[chosen]
	case s == nil || !s.open || c.Admitted < s.since:
		return paxos.Expired, true
	case c.Key != "" && c.Admitted < t.horizons[classOf(c.Key)]:
		return paxos.Late, true
	}
	return 0, false
}

// first gives the outcome of a command whose key was used before: the first
// one's answer under the new name, or a refusal if the body is another.
func (t *table) first(c *paxos.Command, at paxos.Outcome) (paxos.Outcome, bool) {
	if c.Key == "" {
		return paxos.Outcome{}, false
	}
	k, ok := t.keyed.Get(&keyNote{key: c.Key})
	if !ok {
		return paxos.Outcome{}, false
	}
	if k.outcome.Verdict != paxos.Burnt && k.body != sha256.Sum256(c.Body) {
		at.Verdict = paxos.KeyReused
		at.Slot, at.Position = k.outcome.Slot, k.outcome.Position
		return at, true
	}
	first := k.outcome
	first.Session, first.Sequence = c.Session, c.Sequence
	return first, true
}

// note remembers an outcome under the command's name, at the slot of this
// copy, which may be later than the outcome's.
func (t *table) note(c *paxos.Command, o paxos.Outcome, slot paxos.Slot, now paxos.LogTime) {
	s := session{id: c.Session}
	if old := t.session(c.Session); old != nil {
		s = *old
	}
	if !s.open {
		s.open, s.since = true, t.horizons[chosen]
	}
	s.used, s.slot = now, slot
	t.setNote(&note{o})
	s.results += len(o.Result)
	if c.Confirmed > s.confirmed {
		s.confirmed = c.Confirmed
		s.results -= t.forget(s.id, s.confirmed)
	}
	t.setSession(&s)
}

func (t *table) setNote(n *note) {
	if old, replaced := t.notes.Set(n); replaced {
		t.noteBytes -= old.size()
	}
	t.noteBytes += n.size()
}

// forget drops a session's notes below a sequence; it gives the bytes of their
// results.
func (t *table) forget(id paxos.SessionID, below paxos.Sequence) (results int) {
	for {
		var first *note
		t.notes.Ascend(&note{paxos.Outcome{Session: id}}, func(n *note) bool {
			if n.Session == id && n.Sequence < below {
				first = n
			}
			return false
		})
		if first == nil {
			return results
		}
		results += len(first.Result)
		t.notes.Delete(first)
		t.noteBytes -= first.size()
	}
}

// burn makes sure that the named command takes no effect after this slot; it
// gives the outcome that stands: the first one's, or burnt. Of a session that is
// not open it may have taken effect before: then that is forgotten, and what
// stands is that it is expired.
func (t *table) burn(name paxos.CommandName, at paxos.Outcome, now paxos.LogTime) paxos.Outcome {
	if first, ok := t.seen(name); ok {
		return first
	}
	burnt := paxos.Outcome{Session: name.Session, Sequence: name.Sequence, Verdict: paxos.Burnt, Slot: at.Slot, Position: at.Position}
	s := session{id: name.Session}
	if old := t.session(name.Session); old != nil {
		s = *old
	}
	if !s.open {
		burnt.Verdict = paxos.Expired
	}
	t.setNote(&note{burnt})
	s.used, s.slot = now, at.Slot
	t.setSession(&s)
	return burnt
}

// close forgets a session that was not used for a day of log time.
func (t *table) close(e ExpireSession, now paxos.LogTime) {
	s := t.session(e.Session)
	if s == nil || s.used != e.Used || now-s.used < sessionLife {
		return
	}
	t.end(s)
}

func (t *table) end(s *session) {
	t.horizons[chosen] = max(t.horizons[chosen], s.slot+1)
	t.sessions.Delete(s)
	t.used.Delete(s)
	t.forget(s.id, ^paxos.Sequence(0))
	// The last sequence there is stands below none.
	if n, ok := t.notes.Delete(&note{paxos.Outcome{Session: s.id, Sequence: ^paxos.Sequence(0)}}); ok {
		t.noteBytes -= n.size()
	}
}
