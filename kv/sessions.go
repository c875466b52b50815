package kv

import (
	"cmp"
	"crypto/sha256"

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
	sessions *btree.Map[paxos.SessionID, *session]
	used     *btree.BTreeG[*session] // by time and slot of last use, and id
	keyed    *btree.BTreeG[*keyNote] // by key
	oldest   *btree.BTreeG[*keyNote] // by class, where it was noted, and key
	horizons [classes]paxos.Slot

	notes     int // of all sessions
	noteBytes int
	held      [classes]holding
	// Hints to where the last key was noted: drawn ones begin with the time.
	lastKeyed, lastOldest btree.PathHint

	// era is another after each freeze: a session of this one is in no View.
	era uint64
}

// session belongs to the table in whose era it was made, until that is frozen;
// then it is never altered again. keyNote is not altered once it is made.
type session struct {
	era uint64
	id  paxos.SessionID
	// open: it was opened. If not, some of its names are burnt, nothing else.
	open bool
	// since is the horizon when it was opened: below it, a command is of an
	// earlier session of that id, whose notes are forgotten.
	since     paxos.Slot
	confirmed paxos.Sequence
	used      paxos.LogTime
	slot      paxos.Slot // the last slot in which it was used
	results   int        // bytes of the results of its notes
	notes     *btree.Map[paxos.Sequence, paxos.Outcome]
}

// noteDegree is small, since what a View shares of the notes is copied by nodes.
const noteDegree = 8

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

// before is the order in which the keys of a class are forgotten.
func (k *keyNote) before(other *keyNote) bool {
	a, b := &k.outcome, &other.outcome
	switch classA, classB := classOf(k.key), classOf(other.key); {
	case classA != classB:
		return classA < classB
	case a.Slot != b.Slot:
		return a.Slot < b.Slot
	case a.Position != b.Position:
		return a.Position < b.Position
	}
	return k.key < other.key
}

func noteSize(o *paxos.Outcome) int { return noteRoom + len(o.Result) }

func (k *keyNote) size() int { return keyNoteRoom + len(k.key) + len(k.outcome.Result) }

func newTable() table {
	return table{
		sessions: btree.NewMap[paxos.SessionID, *session](0),
		used: tree(func(a, b *session) int {
			return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(a.slot, b.slot), cmp.Compare(a.id, b.id))
		}),
		keyed:  sorted(func(a, b *keyNote) bool { return a.key < b.key }),
		oldest: sorted((*keyNote).before),
	}
}

func (t *table) freeze() table {
	f := *t
	f.sessions, f.used = t.sessions.Copy(), t.used.Copy()
	f.keyed, f.oldest = t.keyed.Copy(), t.oldest.Copy()
	t.era++
	return f
}

// session gives a session to look at, nil if there is none.
func (t *table) session(id paxos.SessionID) *session {
	s, _ := t.sessions.Get(id)
	return s
}

// own gives a session of the table that may be altered, but for when it was used.
func (t *table) own(s *session) *session {
	if s.era == t.era {
		return s
	}
	c := *s
	c.era, c.notes = t.era, head(s.notes).Copy()
	t.sessions.Set(c.id, &c)
	t.used.Set(&c)
	return &c
}

// use gives a session to alter, which is used now; it makes one if there is none.
func (t *table) use(id paxos.SessionID, now paxos.LogTime, slot paxos.Slot) *session {
	s := t.session(id)
	switch {
	case s == nil:
		s = t.newSession(id)
		t.sessions.Set(id, s)
	case s.used == now && s.slot == slot:
		return t.own(s)
	default:
		s = t.own(s)
		t.used.Delete(s)
	}
	s.used, s.slot = now, slot
	t.used.Set(s)
	return s
}

func (t *table) newSession(id paxos.SessionID) *session {
	return &session{era: t.era, id: id, notes: btree.NewMap[paxos.Sequence, paxos.Outcome](noteDegree)}
}

// seen gives the outcome of a command that was seen under the same name.
func (t *table) seen(name paxos.CommandName) (paxos.Outcome, bool) {
	s := t.session(name.Session)
	if s == nil {
		return paxos.Outcome{}, false
	}
	if o, ok := s.notes.Get(name.Sequence); ok {
		return o, true
	}
	if name.Sequence < s.confirmed {
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
// one's answer under the new name, or a refusal if the body is another. Key is
// the command's, nil if it has none.
func (t *table) first(key *keyNote, c *paxos.Command, at paxos.Outcome) (paxos.Outcome, bool) {
	if key == nil {
		return paxos.Outcome{}, false
	}
	k, ok := t.keyed.Get(key)
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
	s := t.use(c.Session, now, slot)
	if !s.open {
		s.open, s.since = true, t.horizons[chosen]
	}
	t.setNote(s, o)
	if c.Confirmed > s.confirmed {
		s.confirmed = c.Confirmed
		t.forget(s, s.confirmed)
	}
}

// setNote takes a session of the table's own.
func (t *table) setNote(s *session, o paxos.Outcome) {
	if old, replaced := s.notes.Set(o.Sequence, o); replaced {
		t.account(s, &old, -1)
	}
	t.account(s, &o, 1)
}

// account counts a note in, or with -1 out.
func (t *table) account(s *session, o *paxos.Outcome, sign int) {
	t.notes += sign
	t.noteBytes += sign * noteSize(o)
	s.results += sign * len(o.Result)
}

// forget drops the notes below a sequence from a session of the table's own.
func (t *table) forget(s *session, below paxos.Sequence) {
	for {
		first, _, ok := s.notes.Min()
		if !ok || first >= below {
			return
		}
		_, o, _ := s.notes.PopMin()
		t.account(s, &o, -1)
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
	s := t.use(name.Session, now, at.Slot)
	if !s.open {
		burnt.Verdict = paxos.Expired
	}
	t.setNote(s, burnt)
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
	t.sessions.Delete(s.id)
	t.used.Delete(s)
	s.notes.Scan(func(_ paxos.Sequence, o paxos.Outcome) bool {
		t.notes--
		t.noteBytes -= noteSize(&o)
		return true
	})
}
