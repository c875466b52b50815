package kv

import (
	"sort"

	"paxos/paxos"
)

// Value is a value and where in the log it took effect.
type Value struct {
	Slot     paxos.Slot `json:"slot"`
	Position uint32     `json:"position"`
	Value    string     `json:"value"`
}

// Machine is the state. Only one goroutine may use it.
type Machine struct {
	next   paxos.Slot // every slot below it is applied
	time   paxos.LogTime
	values []Value
	table  table
}

// New makes the state before the first slot.
func New() *Machine { return &Machine{next: 1, table: newTable()} }

// Apply implements learner.Machine: it applies one slot and gives an outcome
// for each of its commands. Whether a command is readable is found out before
// anything of its slot takes effect.
func (m *Machine) Apply(entry paxos.Entry) ([]paxos.Outcome, error) {
	operations := make([]operation, len(entry.Value.Commands))
	for i, c := range entry.Value.Commands {
		var err error
		if operations[i], err = decode(c.Body); err != nil {
			return nil, err
		}
	}
	m.next = entry.Slot + 1
	// A value that was proposed again may bear an older stamp than its
	// neighbours; the log's time does not go back.
	m.time = max(m.time, entry.Value.Time)
	m.table.expire(m.time)
	outcomes := make([]paxos.Outcome, len(operations))
	for i, c := range entry.Value.Commands {
		outcomes[i] = m.applyOnce(entry.Slot, uint32(i), c, operations[i])
	}
	return outcomes, nil
}

// applyOnce lets the command take effect unless the table says that it did, or
// must not.
func (m *Machine) applyOnce(slot paxos.Slot, position uint32, c paxos.Command, o operation) paxos.Outcome {
	if first, known := m.table.seen(c); known {
		return first
	}
	outcome := paxos.Outcome{Session: c.Session, Sequence: c.Sequence, Slot: slot, Position: position}
	if c.Admitted < m.table.horizon {
		// It may be a copy of something that was forgotten: it is not even
		// noted, so that the table stays what it was.
		outcome.Verdict = paxos.Expired
		return outcome
	}
	if first, known := m.table.keyed(c, outcome); known {
		m.table.note(c, first, slot, m.time)
		return first
	}
	switch o.op {
	case opAppend:
		m.values = append(m.values, Value{slot, position, o.value})
	case opBurnKey:
		outcome.Result = paxos.AppendOutcome(nil, m.table.burnKey(o.value, outcome, m.time))
	case opBurn:
		found := outcome // a burn of its own name finds that it took effect
		if o.name != c.Name() {
			found = m.table.burn(o.name, outcome, m.time)
		}
		outcome.Result = paxos.AppendOutcome(nil, found)
	}
	m.table.note(c, outcome, slot, m.time)
	m.table.noteKey(c, outcome, m.time)
	return outcome
}

// Applied is the applied watermark: every slot below it is applied.
func (m *Machine) Applied() paxos.Slot { return m.next }

// Time is the time of the log.
func (m *Machine) Time() paxos.LogTime { return m.time }

// Values gives at most limit values in log order, from the given slot and
// position on, and reports whether more follow.
func (m *Machine) Values(slot paxos.Slot, position uint32, limit int) (page []Value, more bool) {
	i := sort.Search(len(m.values), func(i int) bool {
		v := m.values[i]
		return v.Slot > slot || v.Slot == slot && v.Position >= position
	})
	end := min(len(m.values), i+limit)
	return m.values[i:end:end], end < len(m.values)
}

// Count is how many values there are.
func (m *Machine) Count() int { return len(m.values) }

// Outcome tells what became of the command with this idempotency key; known is
// false if none was seen (which does not mean that none will come).
func (m *Machine) Outcome(key string) (o paxos.Outcome, known bool) {
	k, known := m.table.keys[key]
	return k.outcome, known
}

// OutcomeOf tells what became of the named command. A verdict of Confirmed
// says that its client needed no answer any more, and that it was forgotten.
func (m *Machine) OutcomeOf(name paxos.CommandName) (o paxos.Outcome, known bool) {
	return m.table.seen(paxos.Command{Session: name.Session, Sequence: name.Sequence})
}
