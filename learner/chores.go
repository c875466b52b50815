package learner

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"paxos/paxos"
)

// A state that depends on time needs somebody to say, in the log, that time has
// passed: a lease is over, a session was not used. Learners know the state, so
// they propose it. Such commands say what they found and do nothing if it is
// not so any more (docs/protocol.md, Time in the log); they need no session.

// choreAgain is after how many ticks a chore that has not come back is proposed
// again; choreTurn by how many each further learner waits for those before it.
const (
	choreAgain = 30
	choreTurn  = 50
)

type chores struct {
	time   paxos.LogTime // the last that was seen in the log
	since  int           // the tick at which it was
	latest map[paxos.Sequence]int
}

// tickChores looks for what the state needs, at what the log's time would be
// now if the leader stamped something: at least this, for it counts on from
// the last stamp.
func (l *Learner) tickChores() {
	c := &l.chores
	if now := l.machine.Time(); now != c.time || c.since == 0 {
		c.time, c.since = now, l.tick
	}
	if l.cfg.Chores == nil || l.tick%max(1, l.cfg.ChoreTicks) != 0 || !l.adopt.Done() {
		return
	}
	turn := choreTurn * max(0, slices.Index(l.cfg.Configuration.Learners, l.cfg.Node))
	now := l.logTime(l.tick - c.since - turn)
	for sequence, at := range c.latest {
		if l.tick-at >= choreAgain {
			delete(c.latest, sequence)
		}
	}
	var commands []paxos.Command
	for _, body := range l.cfg.Chores(now) {
		// Equal chores of two learners have one name: the leader takes one.
		digest := sha256.Sum256(body)
		name := paxos.Sequence(binary.BigEndian.Uint64(digest[:8]) | 1)
		if _, under := c.latest[name]; under {
			continue
		}
		if c.latest == nil {
			c.latest = map[paxos.Sequence]int{}
		}
		c.latest[name] = l.tick
		commands = append(commands, paxos.Command{Sequence: name, Admitted: l.next, Body: body})
	}
	if len(commands) == 0 {
		return
	}
	// To all of them: who is said to lead may have died, and who does not lead
	// refuses.
	for _, id := range l.peers.Proposers {
		l.send(id, paxos.Propose{Commands: commands})
	}
}

// logTime is the log's time so many ticks after its last stamp.
func (l *Learner) logTime(ticks int) paxos.LogTime {
	return l.chores.time + paxos.LogTime(uint64(max(0, ticks))*l.cfg.TickMillis)
}

// LogTime is an estimate of what the leader would stamp now, in milliseconds of
// log time. While nobody leads, the log's time stands still and this does not.
func (l *Learner) LogTime() paxos.LogTime { return l.logTime(l.tick - l.chores.since) }
