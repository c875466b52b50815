package kv

import (
	"bytes"
	"maps"
	"slices"

	"paxos/paxos"
)

// How long the table remembers, in log time (milliseconds), and how often it
// looks for what is too old.
const (
	keyLife     = 24 * 60 * 60 * 1000
	sessionLife = 24 * 60 * 60 * 1000
	sweepEvery  = 60 * 1000
)

// table makes a retry take effect once (docs/protocol.md, Once, and the truth). It keeps the set
// of applied sequences of each session, above a floor that the client confirms
// (with pipelining and failover, 6 may be chosen before 5), and the
// idempotency keys. What it forgets raises its horizon, below which no copy is
// taken any more.
type table struct {
	sessions map[paxos.SessionID]*session
	keys     map[string]keyEntry
	horizon  paxos.Slot
	swept    paxos.LogTime
}

type session struct {
	confirmed paxos.Sequence
	outcomes  map[paxos.Sequence]paxos.Outcome
	used      paxos.LogTime
	slot      paxos.Slot // the last slot in which it was used
}

type keyEntry struct {
	body    []byte // nil: burnt before any body came
	outcome paxos.Outcome
	used    paxos.LogTime
	slot    paxos.Slot // the slot in which it was noted
}

func newTable() table {
	return table{sessions: map[paxos.SessionID]*session{}, keys: map[string]keyEntry{}}
}

// seen gives the outcome of a command that was seen under the same name.
func (t *table) seen(c paxos.Command) (paxos.Outcome, bool) {
	s := t.sessions[c.Session]
	if s == nil {
		return paxos.Outcome{}, false
	}
	if first, ok := s.outcomes[c.Sequence]; ok {
		return first, true
	}
	if c.Sequence < s.confirmed {
		return paxos.Outcome{Session: c.Session, Sequence: c.Sequence, Verdict: paxos.Confirmed}, true
	}
	return paxos.Outcome{}, false
}

// keyed gives the outcome of a command whose key was used before: the first
// one's answer under the new name, or a refusal if the body is another.
func (t *table) keyed(c paxos.Command, outcome paxos.Outcome) (paxos.Outcome, bool) {
	k, ok := t.keys[c.Key]
	if c.Key == "" || !ok {
		return paxos.Outcome{}, false
	}
	if k.outcome.Verdict != paxos.Burnt && !bytes.Equal(k.body, c.Body) {
		outcome.Verdict = paxos.KeyReused
		outcome.Slot, outcome.Position = k.outcome.Slot, k.outcome.Position
		return outcome, true
	}
	first := k.outcome
	first.Session, first.Sequence = c.Session, c.Sequence
	return first, true
}

// note remembers an outcome under the command's name.
// It is noted at the slot of this copy, which may be later than the outcome's.
func (t *table) note(c paxos.Command, o paxos.Outcome, slot paxos.Slot, now paxos.LogTime) {
	s := t.open(c.Session, slot, now)
	s.outcomes[c.Sequence] = o
	if c.Confirmed > s.confirmed {
		s.confirmed = c.Confirmed
		for sequence := range s.outcomes {
			if sequence < s.confirmed {
				delete(s.outcomes, sequence)
			}
		}
	}
}

func (t *table) open(id paxos.SessionID, slot paxos.Slot, now paxos.LogTime) *session {
	s := t.sessions[id]
	if s == nil {
		s = &session{outcomes: map[paxos.Sequence]paxos.Outcome{}}
		t.sessions[id] = s
	}
	s.used, s.slot = now, max(s.slot, slot)
	return s
}

func (t *table) noteKey(c paxos.Command, o paxos.Outcome, now paxos.LogTime) {
	if c.Key != "" {
		t.keys[c.Key] = keyEntry{c.Body, o, now, o.Slot}
	}
}

// burnKey makes sure that the key takes no effect after this slot; it gives
// the outcome that stands: applied before, or burnt.
func (t *table) burnKey(key string, at paxos.Outcome, now paxos.LogTime) paxos.Outcome {
	if k, ok := t.keys[key]; ok {
		return k.outcome
	}
	burnt := paxos.Outcome{Verdict: paxos.Burnt, Slot: at.Slot, Position: at.Position}
	t.keys[key] = keyEntry{nil, burnt, now, at.Slot}
	return burnt
}

// burn does the same for a command's name.
func (t *table) burn(name paxos.CommandName, at paxos.Outcome, now paxos.LogTime) paxos.Outcome {
	if first, ok := t.seen(paxos.Command{Session: name.Session, Sequence: name.Sequence}); ok {
		return first
	}
	burnt := paxos.Outcome{Session: name.Session, Sequence: name.Sequence, Verdict: paxos.Burnt, Slot: at.Slot, Position: at.Position}
	t.open(name.Session, at.Slot, now).outcomes[name.Sequence] = burnt
	return burnt
}

// expire forgets what was not used for a day of log time. A copy of something
// forgotten was admitted before the slot in which it took effect, so that the
// horizon above that slot refuses it.
func (t *table) expire(now paxos.LogTime) {
	if now < t.swept+sweepEvery {
		return
	}
	t.swept = now
	for _, id := range slices.Sorted(maps.Keys(t.sessions)) {
		if s := t.sessions[id]; s.used+sessionLife < now {
			t.horizon = max(t.horizon, s.slot+1)
			delete(t.sessions, id)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(t.keys)) {
		if k := t.keys[key]; k.used+keyLife < now {
			t.horizon = max(t.horizon, k.slot+1)
			delete(t.keys, key)
		}
	}
}
