package sim

import (
	"fmt"
	"strings"

	"paxos/kv"
	"paxos/paxos"
)

// user is somebody who calls, waits for the answer, and calls again. A write of
// which it learns nothing it sends again under the same idempotency key.
type user struct {
	w      *World
	number int
	call   *call
	last   int
	seen   map[string]string // by key, the value it read last
	lease  kv.LeaseID
	told   paxos.Message // the answer on its way
	by     *process
	leaves int64
	idle   bool // it calls no more
}

// call is one thing that a user asks for, as the history keeps it.
type call struct {
	user   int
	number int
	kind   callKind
	key    string // of the store
	value  string // that it writes
	old    string // that a swap expects
	body   []byte
	begun  int64
	ended  int64 // 0: nobody knows yet
	fate   fate
	swaps  bool // a swap took effect
	tries  int
	asked  *process
	given  int64 // at which it gives up the try
	// applied says that some learner applied it.
	applied bool
	burnt   bool // its key was, before
	place   place
}

type callKind uint8

const (
	put callKind = iota
	swap
	remove
	read
	appendTo
	grant
	keepAlive
	burnt
	callKinds
)

type fate uint8

const (
	pending fate = iota // or unknown, at the end
	done
	refused
)

// id is how a conversation calls the user.
func (u *user) id() paxos.NodeID { return paxos.NodeID(fmt.Sprint("user", u.number)) }

// String tells a call in a conversation.
func (c *call) String() string {
	what := [callKinds]string{"puts", "swaps", "removes", "reads", "appends", "grants", "keeps alive", "burns, then appends"}[c.kind]
	switch c.kind {
	case put:
		what += fmt.Sprintf(" %s=%.12s", c.key, c.value)
	case swap:
		what += fmt.Sprintf(" %s from %.12q to %.12s", c.key, c.old, c.value)
	case remove, read:
		what += " " + c.key
	}
	return fmt.Sprintf("call %d %s", c.number, what)
}

// keys is how many keys users call for.
const keys = 3

// patience is how long a user waits for one try.
const patience = 4 * second

// act is called when a user may call, or may have waited for too long.
func (u *user) act() {
	w := u.w
	c := u.call
	switch {
	case c == nil && u.idle:
	case c == nil:
		u.begin()
	case w.now < c.given:
		w.agenda.plan(c.given, userActs, int32(u.number))
	case c.kind == read || c.tries >= 4:
		u.finish() // it will never know
	default:
		u.try()
	}
}

// begin draws the next call.
func (u *user) begin() {
	w := u.w
	u.last++
	c := &call{user: u.number, number: u.last, begun: w.now, key: fmt.Sprint("k", w.dice.IntN(keys)), value: fmt.Sprintf("%d.%d", u.number, u.last) + strings.Repeat("-", w.scenario.Bulk)}
	u.call = c
	switch roll := w.dice.IntN(100); {
	case roll < 30:
		c.kind = read
	case roll < 60:
		c.kind = put
		c.body = kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: c.key, Value: c.value}}}})
	case roll < 78:
		c.kind, c.old = swap, u.seen[c.key]
		c.body = kv.Encode(kv.Txn{If: []kv.Compare{is(c.key, c.old)}, Then: []kv.Op{{Put: &kv.Put{Key: c.key, Value: c.value}}}})
	case roll < 83:
		c.kind, c.value = remove, ""
		c.body = kv.Encode(kv.Txn{Then: []kv.Op{{Delete: &kv.Delete{Span: kv.Span{Key: c.key}}}, {Put: &kv.Put{Key: "removed/" + fmt.Sprint(u.number), Value: fmt.Sprint(u.last)}}}})
	case roll < 90:
		c.kind = appendTo
		c.body = kv.Append(c.value)
	case roll < 92:
		c.kind = burnt // somebody else may burn the key before: here it does itself
		c.body = kv.Append(c.value)
	default:
		u.leasing(c)
	}
	w.calls[c.idempotencyKey()] = c
	u.try()
}

// is compares a key with a value, "" for none.
func is(key, value string) kv.Compare {
	if value == "" {
		return kv.Compare{Span: kv.Span{Key: key}, Target: kv.TargetVersion}
	}
	return kv.Compare{Span: kv.Span{Key: key}, Target: kv.TargetValue, Value: value}
}

// leasing grants a lease, or keeps the last one alive.
func (u *user) leasing(c *call) {
	if u.lease != 0 && u.w.dice.IntN(3) > 0 {
		c.kind = keepAlive
		c.body = kv.Encode(kv.KeepAlive{ID: u.lease})
		return
	}
	c.kind = grant
	u.lease = kv.LeaseID(1<<32 | u.number<<20 | c.number)
	c.body = kv.Encode(kv.Grant{ID: u.lease, TTL: paxos.LogTime(1000 + u.w.dice.IntN(4000))})
}

// idempotencyKey is unique to a call; half of them are of the class that a
// client library draws.
func (c *call) idempotencyKey() string {
	name := fmt.Sprintf("%d-%d", c.user, c.number)
	if c.number%2 == 0 {
		return paxos.CallKeyPrefix + name
	}
	return name
}

// try sends the call to some node that is there.
func (u *user) try() {
	w, c := u.w, u.call
	c.tries++
	c.given = w.now + patience
	w.agenda.plan(c.given, userActs, int32(u.number))
	role := paxos.ClientRole
	if c.kind == read {
		role = paxos.LearnerRole
	}
	var there []*process
	for _, h := range w.hosts {
		if h.role == role && (!w.calm || w.over || h.core) {
			there = append(there, h.processes...)
		}
	}
	if len(there) == 0 {
		return
	}
	p := there[w.dice.IntN(len(there))]
	c.asked = p
	from := paxos.NodeID(fmt.Sprintf("%s%d-%d-%d", paxos.LocalPrefix, u.number, c.number, c.tries))
	// Who waits for a short time is told soon that nothing was applied: copies
	// that are still under way must not prove that wrong.
	ticks := 2 + w.dice.IntN(int(patience/tick)-5)
	var m paxos.Message = paxos.Submit{Key: c.idempotencyKey(), Body: c.body, Ticks: ticks}
	switch {
	case c.kind == read:
		m = paxos.AskRead{At: p.reading(w.now), Ticks: ticks}
	case c.kind == burnt && c.tries == 1:
		m = paxos.Submit{Body: kv.BurnKey(c.idempotencyKey()), Ticks: ticks}
	}
	w.counts.Calls++
	w.tellf(u.id(), "%s, try %d → %s: %s", c, c.tries, p.host.id, said(m))
	w.give(p, paxos.Envelope{From: from, To: p.host.id, Message: m})
}

// answer is told what a process says to the user; it is there a moment later.
func (u *user) answer(p *process, leaves int64, e paxos.Envelope) {
	if u.number < 0 {
		return
	}
	var want paxos.NodeID
	if c := u.call; c != nil {
		want = paxos.NodeID(fmt.Sprintf("%s%d-%d-%d", paxos.LocalPrefix, u.number, c.number, c.tries))
	}
	if e.To != want || u.told != nil || u.call.asked != p {
		return // to a try that was given up
	}
	u.told, u.by, u.leaves = e.Message, p, leaves
	u.w.agenda.plan(leaves+100, userIsTold, int32(u.number))
}

// hear takes the answer, unless the node that gave it ended before it left.
func (u *user) hear() {
	w, m, c := u.w, u.told, u.call
	u.told = nil
	if m == nil || c == nil || u.by.ended {
		return
	}
	w.tellf(u.id(), "%s, try %d ← %s: %s", c, c.tries, u.by.host.id, said(m))
	switch m := m.(type) {
	case paxos.ReadIs:
		if !m.Ready {
			u.finish()
			return
		}
		u.reads(m)
	case paxos.Settled:
		u.settled(m)
	}
}

// reads takes the state of the learner that may be read.
func (u *user) reads(m paxos.ReadIs) {
	w, c := u.w, u.call
	w.checkFresh(c, u.by)
	if found, ok := u.by.machine.View().Get(c.key); ok {
		c.value = found.Value
	} else {
		c.value = ""
	}
	if u.seen == nil {
		u.seen = map[string]string{}
	}
	u.seen[c.key] = c.value
	c.fate = done
	w.counts.Reads++
	u.finish()
}

// finish ends the call; the next one comes after a while.
func (u *user) finish() {
	w, c := u.w, u.call
	u.call, u.told = nil, nil
	if c.fate != pending {
		c.ended = w.now
	}
	if c.fate == done && w.calm && c.begun >= w.healed {
		if c.kind == read {
			w.served[1] = true
		} else {
			w.served[0] = true
		}
	}
	w.keepHistory(c)
	w.agenda.plan(w.now+1+w.dice.Int64N(w.scenario.Think), userActs, int32(u.number))
}

// settled takes a client service's word.
func (u *user) settled(m paxos.Settled) {
	w, c := u.w, u.call
	if c.kind == burnt && c.tries == 1 {
		u.burns(m)
		return
	}
	switch {
	case m.Fate == paxos.FateNotApplied && c.tries > 1:
		// This try was not applied; an earlier one may have been.
		c.given = w.now + second/2
		w.agenda.plan(c.given, userActs, int32(u.number))
		return
	case m.Fate == paxos.FateNotApplied:
		c.fate = refused
		w.checkRefused(c)
	case m.Fate == paxos.FateUnknown:
		u.try()
		return
	case m.Outcome.Verdict == paxos.Applied:
		c.fate = done
		w.counts.Writes++
		result, err := kv.DecodeResult(m.Outcome.Result)
		if err != nil {
			w.object("result", u.by.host.id, m.Outcome.Slot, "the result of %s cannot be read: %v", c.idempotencyKey(), err)
		}
		c.swaps = result.Succeeded
		w.checkAcknowledged(c, m.Outcome)
	case m.Outcome.Verdict == paxos.Burnt && c.kind == burnt:
		c.fate = refused
		w.checkRefused(c)
	case m.Outcome.Verdict == paxos.KeyReused, m.Outcome.Verdict == paxos.Burnt:
		w.object("idempotency", u.by.host.id, m.Outcome.Slot, "the key of %s is its own, and it is told: %v", c.idempotencyKey(), m.Outcome.Verdict)
	default:
		// The session ended, or the name came late: what became of it is asked
		// again, under the key.
		u.try()
		return
	}
	u.finish()
}

// burns goes on after the key was burnt: the command under it must not take
// effect any more, whatever is told of it.
func (u *user) burns(m paxos.Settled) {
	w, c := u.w, u.call
	if m.Fate != paxos.FateKnown || m.Outcome.Verdict != paxos.Burnt {
		c.body = nil
		u.finish()
		return
	}
	c.burnt = true
	w.checkRefused(c)
	u.try()
}
