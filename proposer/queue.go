package proposer

import "paxos/paxos"

// attempts remembers each session's latest message, so that a late copy of one
// that was refused for certain does not make a lie of the refusal. A session
// of a person's own making numbers nothing (attempt 0) and is not remembered.
// It need not outlive the process: the streams that carry copies do not either.
type attempts struct {
	latest map[paxos.SessionID]attempt
	count  int
}

type attempt struct {
	number paxos.Number
	used   int // later is higher; no two are equal
}

// keptSessions bounds how many sessions' attempts are remembered.
const keptSessions = 4096

func (a *attempts) late(m paxos.Propose) bool {
	if m.Attempt == 0 || len(m.Commands) == 0 {
		return false
	}
	session := m.Commands[0].Session
	if m.Attempt <= a.latest[session].number {
		return true
	}
	if a.latest == nil {
		a.latest = map[paxos.SessionID]attempt{}
	}
	a.count++
	a.latest[session] = attempt{m.Attempt, a.count}
	if len(a.latest) > keptSessions {
		a.forgetOldest()
	}
	return false
}

func (a *attempts) forgetOldest() {
	var oldest paxos.SessionID
	used := a.count
	for session, latest := range a.latest {
		if latest.used < used {
			oldest, used = session, latest.used
		}
	}
	delete(a.latest, oldest)
}

// queue holds the commands that wait for a slot, in order of arrival.
type queue struct {
	commands []paxos.Command
	waiters  []waiter
	bytes    int
	names    map[paxos.CommandName]bool // waiting or in the air
}

// room reports whether so many more commands may wait. One message always may
// when nothing else waits.
func (q *queue) room(more []paxos.Command, cfg Config) bool {
	bytes := 0
	for i := range more {
		bytes += more[i].Size()
	}
	return q.len() == 0 || q.len()+len(more) <= cfg.MaxWaiting && q.bytes+bytes <= cfg.MaxWaitingBytes
}

func (q *queue) len() int { return len(q.commands) }

func (q *queue) push(c paxos.Command, w waiter) {
	if q.names == nil {
		q.names = map[paxos.CommandName]bool{}
	}
	q.names[c.Name()] = true
	q.commands = append(q.commands, c)
	q.waiters = append(q.waiters, w)
	q.bytes += c.Size()
}

// take gives the commands that go into one slot: at least one, at most n.
func (q *queue) take(n, bytes int) ([]paxos.Command, []waiter) {
	taken, sum := 0, 0
	for taken < min(n, len(q.commands)) {
		s := q.commands[taken].Size()
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
