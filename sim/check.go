package sim

import (
	"encoding/binary"
	"sort"

	"github.com/anishathalye/porcupine"

	"paxos/kv"
	"paxos/paxos"
)

// observed is a learner's machine; what it applies is judged.
type observed struct {
	*kv.Machine
	w *World
	p *process
}

// Apply implements learner.Machine.
func (o *observed) Apply(e paxos.Entry) ([]paxos.Outcome, error) {
	outcomes, err := o.Machine.Apply(e)
	if err != nil {
		return outcomes, err
	}
	w := o.w
	w.counts.Applied++
	w.judge.Applied(o.p.host.id, o.p.number, e, outcomes)
	w.leases.confirms(w, o, &e, outcomes)
	w.leases.applied(w, o, &e, outcomes)
	for i := range e.Value.Commands {
		c := w.calls[e.Value.Commands[i].Key]
		if c == nil || outcomes[i].Verdict != paxos.Applied {
			continue
		}
		c.applied = true
		if at := (place{outcomes[i].Slot, outcomes[i].Position}); c.place == (place{}) {
			c.place = at
		} else if c.place != at {
			w.object("once", o.p.host.id, e.Slot, "%s took effect at %v, and is told to have done so at %v", c.idempotencyKey(), c.place, at)
		}
		w.checkRefused(c)
	}
	return outcomes, nil
}

// place is where in the log a command took effect.
type place struct {
	slot     paxos.Slot
	position uint32
}

// Restore implements learner.Machine.
func (o *observed) Restore(s paxos.State) error {
	if err := o.Machine.Restore(s); err != nil {
		return err
	}
	o.w.counts.Installed++
	o.w.judge.Installed(o.p.host.id, o.p.number, s.Applied())
	return nil
}

// acknowledged is a write that a user was told to be applied.
type acknowledged struct {
	at   int64
	slot paxos.Slot // the highest so far
}

func (w *World) checkAcknowledged(c *call, o paxos.Outcome) {
	if !c.applied {
		w.object("acknowledged", "", o.Slot, "%s is told to be applied, and no learner applied it", c.idempotencyKey())
	}
	slot := o.Slot
	if n := len(w.acked); n > 0 {
		slot = max(slot, w.acked[n-1].slot)
	}
	w.acked = append(w.acked, acknowledged{w.now, slot})
}

// checkRefused demands of a call of which it was said that it has no effect
// that it has none.
func (w *World) checkRefused(c *call) {
	if (c.fate == refused || c.burnt) && c.applied {
		w.object("not-applied", "", 0, "%s is told not to be applied, and a learner applied it", c.idempotencyKey())
	}
}

// checkFresh demands of a state that is read that it has all that was
// acknowledged before the read was asked for.
func (w *World) checkFresh(c *call, p *process) {
	n := sort.Search(len(w.acked), func(i int) bool { return w.acked[i].at >= c.begun })
	if n > 0 && p.machine.Applied() <= w.acked[n-1].slot {
		w.object("stale-read", p.host.id, w.acked[n-1].slot, "a linearizable read sees the state below slot %d, and slot %d was acknowledged before it was asked for",
			p.machine.Applied(), w.acked[n-1].slot)
	}
}

// leases is what leases there must be, from the commands that made them alone:
// none ends before its time, by the log's time, unless somebody revokes it.
type leases struct {
	due  map[kv.LeaseID][]renewal
	time map[*process]paxos.LogTime
	last paxos.Slot
	// latest is the log's time, and confirmed what sessions said they need no
	// answers below, both as of last.
	latest    paxos.LogTime
	confirmed map[paxos.SessionID]paxos.Sequence
}

// renewal is until when a lease lives, from a slot on.
type renewal struct {
	from paxos.Slot
	ttl  paxos.LogTime
	due  paxos.LogTime
}

func newLeases() leases {
	return leases{due: map[kv.LeaseID][]renewal{}, time: map[*process]paxos.LogTime{}, confirmed: map[paxos.SessionID]paxos.Sequence{}}
}

var expireHead = kv.Encode(kv.Expire{ID: 1})[:2]

// applied follows the log, at whichever learner is first, and looks at each
// learner that applies the end of a lease whether it is over.
func (l *leases) applied(w *World, o *observed, e *paxos.Entry, outcomes []paxos.Outcome) {
	now := o.Machine.Time()
	if before := l.time[o.p]; now < before {
		w.object("log-time", o.p.host.id, e.Slot, "the log's time goes from %d back to %d", before, now)
	}
	l.time[o.p] = now
	for i := range e.Value.Commands {
		body := e.Value.Commands[i].Body
		if len(body) >= 10 && string(body[:2]) == string(expireHead) {
			l.ended(w, o, kv.LeaseID(binary.BigEndian.Uint64(body[2:10])), e.Slot, now)
			continue
		}
		c := w.calls[e.Value.Commands[i].Key]
		if c == nil || e.Slot <= l.last || outcomes[i].Verdict != paxos.Applied || outcomes[i].Slot != e.Slot || (c.kind != grant && c.kind != keepAlive) {
			continue
		}
		result, err := kv.DecodeResult(outcomes[i].Result)
		if err != nil || result.Failure != nil || result.Lease == nil {
			continue
		}
		id, ttl := result.Lease.ID, result.Lease.TTL
		l.due[id] = append(l.due[id], renewal{e.Slot, ttl, now + ttl})
	}
	if e.Slot > l.last {
		l.last, l.latest = e.Slot, max(l.latest, now)
	}
}

// confirms follows what sessions confirm. A command whose sequence its session
// still wants an answer for must not be taken for one that was answered.
func (l *leases) confirms(w *World, o *observed, e *paxos.Entry, outcomes []paxos.Outcome) {
	if e.Slot <= l.last {
		return
	}
	for i := range e.Value.Commands {
		c := &e.Value.Commands[i]
		if outcomes[i].Verdict == paxos.Confirmed && c.Sequence >= l.confirmed[c.Session] {
			w.object("session", o.p.host.id, e.Slot, "command %d of a session that confirmed what is below %d is taken for confirmed", c.Sequence, l.confirmed[c.Session])
		}
		l.confirmed[c.Session] = max(l.confirmed[c.Session], c.Confirmed)
	}
}

// ended looks at a lease after a command that would end it.
func (l *leases) ended(w *World, o *observed, id kv.LeaseID, slot paxos.Slot, now paxos.LogTime) {
	if _, lives := o.Machine.Lease(id); lives {
		return
	}
	var due paxos.LogTime
	for _, r := range l.due[id] {
		if r.from <= slot {
			due = r.due
		}
	}
	if now < due {
		w.object("lease", o.p.host.id, slot, "lease %d is ended at log time %d, and lives until %d", id, now, due)
	}
}

// keepHistory keeps a call for porcupine, if it is about a register.
func (w *World) keepHistory(c *call) {
	if c.kind > read || c.fate == refused || c.kind == read && c.fate != done {
		return
	}
	if c.body == nil && c.kind != read {
		return
	}
	w.history = append(w.history, c)
}

// decidedWithin bounds porcupine's search, in steps for each key: a replay comes
// to the same end on any machine.
const decidedWithin = 1 << 20

// register is what a key is: a value, "" for none. Of one that took too many
// steps it says that nothing explains it.
func register(taken *int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, in, _ any) (bool, any) {
			if *taken++; *taken > decidedWithin {
				return false, state
			}
			value, c := state.(string), in.(*call)
			switch c.kind {
			case read:
				return value == c.value, state
			case swap:
				if c.fate == done && c.swaps != (value == c.old) {
					return false, state
				}
				if value == c.old {
					return true, c.value
				}
				return true, state
			}
			return true, c.value
		},
	}
}

// checkHistory lets porcupine judge what the users saw, one key after the other.
// What nobody could decide counts as wrong.
func (w *World) checkHistory() {
	for _, u := range w.users {
		if u.call != nil {
			w.keepHistory(u.call)
		}
	}
	var of [keys][]porcupine.Operation
	for _, c := range w.history {
		ended := c.ended
		if c.fate == pending {
			ended = 1 << 60
		}
		key := c.key[1] - '0'
		of[key] = append(of[key], porcupine.Operation{ClientId: c.user, Input: c, Call: c.begun, Return: ended})
	}
	w.counts.Judged += int64(len(w.history))
	for key, operations := range of {
		taken := 0
		if porcupine.CheckOperations(register(&taken), operations) {
			continue
		}
		if taken > decidedWithin {
			w.object("linearizable", "", 0, "it could not be decided in %d steps whether %d calls of k%d are linearizable", decidedWithin, len(operations), key)
		} else {
			w.object("linearizable", "", 0, "no order of %d calls of k%d explains what the users saw", len(operations), key)
		}
		return
	}
}
