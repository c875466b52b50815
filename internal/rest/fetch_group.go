package rest

import (
	"net/http"
	"sync"
	"time"

	"paxos/client"
	"paxos/client/wire"
	"paxos/internal/node"
	"paxos/kv"
	"paxos/paxos"
)

// fetched are reads that want the same of a learner: one question is asked for
// all of them, after the last of them came, and one visit to the loop reads all
// of their keys.
type fetched struct {
	of      *desk
	reading reading // seen is each one's own
	ticks   int
	begun   time.Time
	hear    func(paxos.Envelope, error)
	reads   []fetchedKey

	// What the loop said, and of which state.
	is    paxos.ReadIs
	err   error
	took  time.Duration
	state glance // without a key
	why   string // the state is of no use
}

// fetchedKey is one of them.
type fetchedKey struct {
	id        uint64
	seen      paxos.Slot
	key       string
	json      bool
	elsewhere bool // it is to be asked by a request
	found     bool
	one       kv.KeyValue
}

// spareFetched are used again: hear is made once.
var spareFetched = sync.Pool{New: func() any {
	f := &fetched{}
	f.hear = f.heard
	return f
}}

// keptReads bounds the lists that are kept for later groups.
const keptReads = 2 * fetchGroup

func (f *fetched) free() {
	reads := f.reads
	clear(reads)
	if cap(reads) > keptReads {
		reads = nil
	}
	*f = fetched{hear: f.hear, reads: reads[:0]}
	spareFetched.Put(f)
}

// consistencyOf are the words for what a Read says.
var consistencyOf = [...]string{wire.Linearizable: linearizable, wire.AfterSession: afterSession, wire.Stale: stale}

// groupsTried is how many groups are looked at for one that wants the same: there
// are no more than that mostly, and who wants many things gets no worse than one
// question each.
const groupsTried = 4

// groupFor gives the group of a read. What waits differently long by less than a
// tick waits together.
func (d *desk) groupFor(q wire.Read) *fetched {
	consistency, ticks := consistencyOf[q.Freshness], d.server.settings.Ticks(q.Timeout)
	for i := len(d.gathered) - 1; i >= max(0, len(d.gathered)-groupsTried); i-- {
		if f := d.gathered[i]; f.reading.consistency == consistency && f.ticks == ticks {
			return f
		}
	}
	f := spareFetched.Get().(*fetched)
	f.of, f.ticks, f.reading = d, ticks, reading{consistency: consistency, patience: q.Timeout}
	d.gathered = append(d.gathered, f)
	return f
}

// ask asks for the right to all reads that were gathered. It waits while the loop
// has too much to do; the error ends the stream.
func (d *desk) ask() error {
	for i, f := range d.gathered {
		d.gathered[i] = nil
		f.begun = time.Now()
		d.server.Measures.Crowd.Add(len(f.reads))
		e := paxos.Envelope{To: d.server.settings.ID, Config: d.server.stamp, Message: d.server.rightToRead(f.reading)}
		if err := d.server.loop.Ask(d.ctx, e, f.hear); err != nil {
			return node.ErrStopped
		}
	}
	d.gathered = d.gathered[:0]
	return nil
}

// heard takes the loop's answer and, in the loop, reads the keys where they are:
// nothing is frozen, of which later writes would have to make copies.
func (f *fetched) heard(e paxos.Envelope, err error) {
	d := f.of
	f.is, _ = e.Message.(paxos.ReadIs)
	f.err, f.took = err, time.Since(f.begun)
	if m := d.server.Machine; err == nil {
		f.state = glance{applied: m.Applied(), revision: m.Revision()}
		f.why = d.server.whyBehind()
		for i := range f.reads {
			r := &f.reads[i]
			// A session that has seen more waits for it, which a request can.
			r.elsewhere = r.elsewhere || f.reading.consistency == afterSession && r.seen != 0 && r.seen >= f.state.applied
			if f.is.Ready && f.why == "" && !r.elsewhere {
				r.one, r.found = m.Get(r.key)
			}
		}
	}
	d.mu.Lock()
	d.told = append(d.told, f)
	d.mu.Unlock()
	tell(d.wake)
}

// answer appends the answers of a group, and writes what has become long.
func (d *desk) answer(buf []byte, f *fetched) ([]byte, error) {
	s, a := d.server, &d.scratch
	bad := s.whyNoAnswer(f.is, f.err, f.why)
	a.Head = a.Head[:0]
	var fresh client.Freshness
	if bad == nil {
		fresh = s.tellFresh(leanVoice{a}, f.reading.consistency, f.state.revision, f.state.applied, f.is.Since)
	}
	d.fresh = append(d.fresh[:0], a.Head...)
	for i := range f.reads {
		r := &f.reads[i]
		if f.reading.consistency == linearizable {
			s.Measures.read(f.took, f.is.Ready)
		}
		buf = d.answerOne(buf, f, r, bad, fresh)
		if len(buf) < fetchPart {
			continue
		}
		if err := d.writeOut(buf); err != nil {
			return buf, err
		}
		buf = buf[:0]
	}
	d.mu.Lock()
	d.flying -= len(f.reads)
	d.mu.Unlock()
	tell(d.room)
	f.free()
	return buf, nil
}

// answerOne appends one answer: as it is to a request, by the same words.
func (d *desk) answerOne(buf []byte, f *fetched, r *fetchedKey, bad *client.Problem, fresh client.Freshness) []byte {
	if r.elsewhere || r.found && len(r.one.Value) > hotBody {
		return wire.AppendAnswer(buf, wire.Answer{ID: r.id})
	}
	a := &d.scratch
	a.Status, a.Head, a.Body = http.StatusOK, append(a.Head[:0], d.fresh...), a.Body[:0]
	if bad != nil {
		tellProblem(leanVoice{a}, bad)
	} else {
		tellKey(leanVoice{a}, readingOne{}, r.key, r.one, r.found, fresh, r.json)
	}
	d.server.desks.route.Answered(a.Status, time.Since(f.begun), false)
	return wire.AppendAnswer(buf, wire.Answer{ID: r.id, Status: a.Status, Head: a.Head, Body: a.Body})
}
