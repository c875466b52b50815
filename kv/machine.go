package kv

import (
	"fmt"

	"paxos/paxos"
)

// Options tune a machine. All learners must have the same, or they take their
// snapshots at different slots. The zero value of each is its default.
type Options struct {
	SnapshotBytes int    // of applied values, after which a snapshot is due, of a large state later; default 64 MiB
	SnapshotSlots uint64 // default 100,000
}

// state is the machine's own View, the only one that changes.
type state = View

// Machine applies the log. It has all of a View's methods, for its present
// state. Only one goroutine may use it.
type Machine struct {
	state
	options Options
	due     bool
	view    *View // of the present state, nil if nobody asked yet

	most bounds

	// Used again in each Apply.
	operations []operation
	buffer     []byte
	answer     answer
}

// What one Apply does of work that can wait, besides a share for each command.
const (
	sweepAtOnce = 256
	dropAtOnce  = 256
)

// New makes the state before the first slot.
func New(options ...Options) *Machine {
	m := &Machine{state: newView(), most: allBounds}
	for _, o := range options {
		m.options = o
	}
	if m.options.SnapshotBytes <= 0 {
		m.options.SnapshotBytes = 64 << 20
	}
	if m.options.SnapshotSlots == 0 {
		m.options.SnapshotSlots = 100_000
	}
	return m
}

// Apply implements learner.Machine: it applies one slot and gives an outcome
// for each of its commands. Whether every command is readable is found out
// before anything of its slot takes effect; if one is not, the error wraps
// ErrUnknownCommand and nothing has changed.
func (m *Machine) Apply(entry paxos.Entry) ([]paxos.Outcome, error) {
	commands := entry.Value.Commands
	operations := m.operations[:0]
	for i := range commands {
		o, err := readOperation(&commands[i])
		if err != nil {
			return nil, err
		}
		operations = append(operations, o)
	}
	m.operations = operations
	defer clear(operations)
	m.view = nil
	m.next = entry.Slot + 1
	// A value that was proposed again may bear an older stamp than its
	// neighbours; the log's time does not go back.
	m.time = max(m.time, entry.Value.Time)
	m.sweep(sweepAtOnce)
	m.drop(m.time, dropAtOnce+2*len(commands), m.most.keys[drawn])
	outcomes := make([]paxos.Outcome, len(commands))
	for i := range commands {
		outcomes[i] = m.applyOnce(paxos.Outcome{Session: commands[i].Session, Sequence: commands[i].Sequence,
			Slot: entry.Slot, Position: uint32(i)}, &commands[i], &operations[i])
	}
	m.mark(entry)
	return outcomes, nil
}

// A snapshot is as large as the state, whatever the log since the last one is.
// That of a large state is due only after a part of its size, so that learners
// write a few times what the log has; but what acceptors must hold until then
// stays bounded.
const (
	logPart   = 4 // the log is at least a fourth of the state
	mostTimes = 4 // or as many times SnapshotBytes
)

// snapshotAfter is how many bytes of log make a snapshot due. It is a function
// of the state, and so the same at all learners.
func (m *Machine) snapshotAfter() uint64 {
	least := uint64(m.options.SnapshotBytes)
	return min(max(least, uint64(m.Sizes().StateBytes)/logPart), mostTimes*least)
}

// mark counts towards the next snapshot. That one is due at certain slots,
// whatever came before, brings learners together again that had other options,
// or other rules: only states of equal slots can be compared.
func (m *Machine) mark(entry paxos.Entry) {
	m.freshBytes += uint64(entry.Value.Size())
	m.due = m.freshBytes >= m.snapshotAfter() || uint64(entry.Slot)%m.options.SnapshotSlots == 0
	if m.due {
		m.freshBytes = 0
	}
}

// applyOnce lets the command take effect unless the table says that it did, or
// must not. at is its outcome if it does, without the result.
func (m *Machine) applyOnce(at paxos.Outcome, c *paxos.Command, o *operation) paxos.Outcome {
	if c.Session == 0 {
		if !maintains(o.other) {
			at.Verdict = paxos.Expired
			return at
		}
		at.Result = m.execute(at, o.other)
		return at
	}
	if first, known := m.seen(c.Name()); known {
		return first
	}
	_, opens := o.other.(Open)
	if verdict, refused := m.refused(c, opens); refused {
		at.Verdict = verdict
		return at
	}
	var key *keyNote // made once: to look for it, and to note it
	if c.Key != "" {
		key = &keyNote{key: c.Key}
	}
	if first, known := m.first(key, c, at); known {
		m.note(c, first, at.Slot, m.time)
		m.bind(c.Session)
		return first
	}
	if fail := m.crowded(c.Key); fail != nil {
		// Not under the key, for which there is no room: it is free to come again.
		at.Result = EncodeResult(Result{Revision: m.revision, Failure: fail})
		m.note(c, at, at.Slot, m.time)
		m.bind(c.Session)
		return at
	}
	if o.other == nil {
		at.Result = m.plain(&o.plain)
	} else {
		at.Result = m.execute(at, o.other)
	}
	m.note(c, at, at.Slot, m.time)
	if key != nil {
		m.noteKey(key, c, at, m.time)
	}
	if _, burns := o.other.(burnKey); burns || key != nil {
		m.drop(m.time, 0, m.most.keys[drawn])
	}
	m.bind(c.Session)
	return at
}

// maintains reports whether learners may propose the command without a
// session: applied twice it does what it does once.
func maintains(o any) bool {
	switch c := o.(type) {
	case Expire, ExpireSession:
		return true
	case Compact:
		return c.Kept
	}
	return false
}

// execute gives the result in its binary form.
func (m *Machine) execute(at paxos.Outcome, o any) []byte {
	switch o := o.(type) {
	case burnKey:
		if _, known := m.Outcome(string(o)); !known {
			if fail := m.crowded(string(o)); fail != nil {
				return EncodeResult(Result{Revision: m.revision, Failure: fail})
			}
		}
		return paxos.AppendOutcome(nil, m.burnKey(string(o), at, m.time))
	case burn:
		name := paxos.CommandName(o)
		if name.Session == at.Session && name.Sequence == at.Sequence {
			return paxos.AppendOutcome(nil, at) // it finds that it took effect
		}
		return paxos.AppendOutcome(nil, m.burn(name, at, m.time))
	}
	res := m.perform(at, o)
	if _, conditional := o.(Txn); !conditional {
		res.Succeeded = res.Failure == nil
	}
	m.finish()
	res.Revision = m.revision
	return m.encoded(res)
}

func (m *Machine) perform(at paxos.Outcome, o any) Result {
	switch o := o.(type) {
	case appendValue:
		key := valueKey(at.Slot, at.Position)
		m.put(key, string(o), 0)
	case Txn:
		return m.txn(&o)
	case Grant:
		return leaseResult(m.grant(o.ID, o.TTL, false))
	case KeepAlive:
		return leaseResult(m.keepAlive(o.ID))
	case Revoke:
		l := m.lease(o.ID)
		if l == nil {
			return Result{Failure: noLease(o.ID)}
		}
		m.end(l)
	case Expire:
		m.expire(o)
	case ExpireSession:
		m.close(o, m.time)
	case Compact:
		return Result{Failure: m.compact(o)}
	case Acquire:
		return m.acquire(o)
	case Release:
		return m.release(o)
	case Proclaim:
		return m.proclaim(o)
	}
	return Result{}
}

func leaseResult(l *lease, fail *Failure) Result {
	if fail != nil {
		return Result{Failure: fail}
	}
	return Result{Lease: l.info()}
}

// compact only moves the mark below which reads fail; sweep frees the room.
func (s *store) compact(c Compact) *Failure {
	if c.Revision <= s.compacted {
		if c.Kept {
			return nil
		}
		return failure(FailCompacted, "revision %d is compacted already", s.compacted)
	}
	if c.Revision > s.revision {
		return failure(FailFuture, "the store is at revision %d, not yet at %d", s.revision, c.Revision)
	}
	s.compacted = c.Revision
	return nil
}

// View gives the present state, in a time that does not depend on its size.
func (m *Machine) View() *View {
	if m.view == nil {
		m.view = m.state.freeze()
	}
	return m.view
}

// Freeze implements learner.Machine: it is View.
func (m *Machine) Freeze() paxos.State { return m.View() }

// Restore implements learner.Machine: the machine becomes what the state is,
// which Read or Freeze made.
func (m *Machine) Restore(s paxos.State) error {
	v, ok := s.(*View)
	if !ok {
		return fmt.Errorf("kv: a state of type %T", s)
	}
	m.state, m.view, m.due = v.thaw(), nil, false
	return nil
}

// SnapshotDue reports whether the last Apply was one after which a snapshot is
// to be taken. Learners with equal Options agree on that, whatever state they
// were restored from.
func (m *Machine) SnapshotDue() bool { return m.due }

// Outcome tells what became of the command with this idempotency key; known is
// false if none was seen (which does not mean that none will come).
func (v *View) Outcome(key string) (o paxos.Outcome, known bool) {
	k, known := v.keyed.Get(&keyNote{key: key})
	if !known {
		return paxos.Outcome{}, false
	}
	return k.outcome, true
}

// OutcomeOf tells what became of the named command. A verdict of Confirmed
// says that its client needed no answer any more, and that it was forgotten;
// Expired says that its session is not open: not yet, or not any more, and then
// it is forgotten whether it took effect.
func (v *View) OutcomeOf(name paxos.CommandName) (o paxos.Outcome, known bool) {
	if o, known = v.seen(name); known {
		return o, true
	}
	if s := v.session(name.Session); s == nil || !s.open {
		return paxos.Outcome{Session: name.Session, Sequence: name.Sequence, Verdict: paxos.Expired}, true
	}
	return paxos.Outcome{}, false
}
