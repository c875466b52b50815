package proposer

import "paxos/paxos"

// attempts remembers each session's latest message, so that a late copy of one
// that was refused for certain does not make a lie of the refusal. A session
// of a person's own making numbers nothing (attempt 0) and is not remembered.
// It need not outlive the process: the streams that carry copies do not either.
type attempts struct {
	latest map[paxos.SessionID]paxos.Number
	order  []paxos.SessionID
}

// keptSessions bounds how many sessions' attempts are remembered.
const keptSessions = 4096

func (a *attempts) late(m paxos.Propose) bool {
	if m.Attempt == 0 || len(m.Commands) == 0 {
		return false
	}
	session := m.Commands[0].Session
	latest, known := a.latest[session]
	if known && m.Attempt <= latest {
		return true
	}
	if !known {
		if a.latest == nil {
			a.latest = map[paxos.SessionID]paxos.Number{}
		}
		if a.order = append(a.order, session); len(a.order) > keptSessions {
			delete(a.latest, a.order[0])
			a.order = a.order[1:]
		}
	}
	a.latest[session] = m.Attempt
	return false
}

// queue holds the commands that wait for a slot, in order of arrival.
type queue struct {
	commands []paxos.Command
	waiters  []waiter
	bytes    int
	names    map[paxos.CommandName]bool // waiting or in the air
}

func (q *queue) len() int { return len(q.commands) }

func (q *queue) push(c paxos.Command, w waiter) {
	if q.names == nil {
		q.names = map[paxos.CommandName]bool{}
	}
	q.names[c.Name()] = true
	q.commands = append(q.commands, c)
	q.waiters = append(q.waiters, w)
	q.bytes += size(c)
}

// take gives the commands that go into one slot: at least one, at most n.
func (q *queue) take(n, bytes int) ([]paxos.Command, []waiter) {
	taken, sum := 0, 0
	for taken < min(n, len(q.commands)) {
		s := size(q.commands[taken])
		if taken > 0 && sum+s > bytes {
			break
		}
		sum += s
		taken++
	}
	commands, waiters := q.commands[:taken:taken], q.waiters[:taken:taken]
	q.commands, q.waiters = q.commands[taken:], q.waiters[taken:]
	if len(q.commands) == 0 {
		q.commands, q.waiters = nil, nil
	}
	q.bytes -= sum
	return commands, waiters
}

func size(c paxos.Command) int { return paxos.Value{Commands: []paxos.Command{c}}.Size() }
