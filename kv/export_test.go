package kv

import "paxos/paxos"

// Rewrite decodes a body and encodes it again.
func Rewrite(body []byte) ([]byte, error) {
	o, err := decode(body)
	if err != nil {
		return nil, err
	}
	switch o := o.(type) {
	case appendValue:
		return Append(string(o)), nil
	case burnKey:
		return BurnKey(string(o)), nil
	case burn:
		return Burn(paxos.CommandName(o)), nil
	}
	return Encode(o), nil
}

// RememberKeys sets how many idempotency keys of either class, of how many
// bytes, a machine remembers.
func (m *Machine) RememberKeys(chosenKeys, drawnKeys, bytes int) {
	m.most.keys = [classes]holding{{chosenKeys, bytes}, {drawnKeys, bytes}}
}

// Remember sets how many bytes of results of a session, and how many sessions,
// a machine remembers.
func (m *Machine) Remember(results, sessions int) {
	m.most.results, m.most.sessions = results, sessions
}

// Swept is how many changes only readers of the past still need.
func (v *View) Swept() int { return v.History() - v.changes.Len() }

// History is how many changes are held.
func (v *View) History() int { return v.keys.Len() + v.history.Len() }

// Plain reports whether a body takes the way of plain puts, and what it puts.
func Plain(body []byte) (key, value string, read, ok bool) {
	p, ok := readPlain(body)
	return p.key, p.value, p.read, ok
}

// ForgetMarks makes states equal that differ only in how many bytes of log led
// to them.
func (m *Machine) ForgetMarks() { m.freshBytes, m.view = 0, nil }
