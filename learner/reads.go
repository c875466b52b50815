package learner

import (
	"math"
	"slices"

	"paxos/paxos"
)

// A learner serves linearizable reads without the leader (Charapko, Ailijiang,
// Demirbas: Linearizable Quorum Reads in Paxos, HotStorage 2019, section 3). It
// asks the acceptors for the highest slot that they accepted. Whatever was
// acknowledged before the question was sent is on a quorum, and every quorum
// that answers shares an acceptor with that one; so when all slots up to the
// highest of the answers are applied, the state holds it. Two rules make this
// safe: a read uses only a question that was sent after it arrived, and it is
// answered only when that slot is applied.

// Ticks between two sendings of one question, between two requests to finish a
// slot that reads wait for, and between two questions for nobody, by which the
// learner knows how old its state is.
const (
	questionAgain  = 20
	finishForReads = 8
	questionIdle   = 100
)

type reads struct {
	clock    int64 // the latest that was told
	number   paxos.Number
	idle     int
	gathered []reader  // those that wait for the next question
	asked    *question // the one without answers of a quorum yet
	// answering is how many acceptors answered the question before asked, if
	// they were no quorum.
	answering int
	answered  []question
	since     int64 // the state has all that was acknowledged before
}

// reader is a read that waits.
type reader struct {
	to       paxos.NodeID
	deadline int
}

// question is one question to the acceptors, and who waits for its answer.
type question struct {
	number  paxos.Number
	since   int64 // of the clock, at or before its sending
	sent    int   // tick of the last sending
	heard   map[paxos.NodeID]bool
	highest paxos.Slot
	readers []reader
	pressed int // tick at which the slot was last asked to be finished
}

func (r *reads) waitingNow() int {
	n := len(r.gathered)
	if r.asked != nil {
		n += len(r.asked.readers)
	}
	for _, q := range r.answered {
		n += len(q.readers)
	}
	return n
}

func (l *Learner) clock(m paxos.Clock) { l.reads.clock = max(l.reads.clock, m.At) }

// askRead takes a read, or answers it if it may be so old. Any age will do for
// who asks for the largest number: then it only wants to be told how old.
func (l *Learner) askRead(from paxos.NodeID, m paxos.AskRead) {
	r := &l.reads
	r.clock = max(r.clock, m.At)
	if m.MaxAge == math.MaxInt64 || m.MaxAge > 0 && r.since > 0 && m.At-r.since <= m.MaxAge {
		l.send(from, paxos.ReadIs{Ready: true, Since: r.since})
		return
	}
	r.gathered = append(r.gathered, reader{from, l.tick + max(1, m.Ticks)})
}

// question sends, at the end of a turn, one question for all reads that came
// before it; while one is under way, the next ones gather.
func (l *Learner) question() {
	r := &l.reads
	if !l.adopt.Done() || r.asked != nil || len(r.gathered) == 0 && (r.idle < questionIdle || r.clock == 0) {
		return
	}
	r.number++
	r.asked = &question{number: r.number, since: r.clock, readers: r.gathered, heard: map[paxos.NodeID]bool{}}
	if len(r.gathered) > 0 {
		l.event(paxos.Event{Kind: paxos.EventRead, Count: len(r.gathered)})
	}
	r.gathered, r.idle = nil, 0
	l.sendQuestion()
}

func (l *Learner) sendQuestion() {
	q := l.reads.asked
	q.sent = l.tick
	for _, id := range l.cfg.Configuration.Acceptors {
		if !q.heard[id] {
			l.send(id, paxos.Highest{Question: q.number})
		}
	}
}

// highestIs counts the answers, as a set of acceptors.
func (l *Learner) highestIs(from paxos.NodeID, m paxos.HighestIs) {
	q := l.reads.asked
	if !l.counts(from, m.Store, m.Life) || q == nil || m.Question != q.number {
		return
	}
	q.heard[from] = true
	q.highest = max(q.highest, m.Slot)
	if len(q.heard) < l.cfg.Configuration.Quorum() {
		return
	}
	// The slot may be above all votes that came here, or that ever come.
	l.horizon = max(l.horizon, q.highest)
	q.pressed = l.tick
	l.reads.answered = append(l.reads.answered, *q)
	l.reads.asked, l.reads.answering = nil, 0
	l.ready()
}

// ready answers the reads whose slot is applied.
func (l *Learner) ready() {
	r := &l.reads
	r.answered = slices.DeleteFunc(r.answered, func(q question) bool {
		if q.highest >= l.next {
			return false
		}
		r.since = max(r.since, q.since)
		for _, reader := range q.readers {
			l.send(reader.to, paxos.ReadIs{Ready: true, Since: q.since})
		}
		return true
	})
}

// tickReads asks again, has the slots finished that reads wait for, and refuses
// what waited too long: a read is never answered with an older state.
func (l *Learner) tickReads() {
	r := &l.reads
	r.idle++
	if q := r.asked; q != nil && l.tick-q.sent >= questionAgain {
		if len(r.gathered) > 0 {
			// One question for all who wait: sent now, it is late enough for each.
			r.gathered, r.asked = append(q.readers, r.gathered...), nil
			r.answering = len(q.heard)
			l.question()
		} else {
			l.sendQuestion()
		}
	}
	for i := range r.answered {
		if q := &r.answered[i]; len(q.readers) > 0 && l.tick-q.pressed >= finishForReads {
			q.pressed = l.tick
			l.finish()
			break
		}
	}
	answering := r.answering
	if r.asked != nil {
		answering = max(answering, len(r.asked.heard))
		r.asked.readers = l.refuseLate(r.asked.readers, paxos.ReadIs{Answering: answering})
	}
	r.gathered = l.refuseLate(r.gathered, paxos.ReadIs{Answering: answering})
	for i := range r.answered {
		q := &r.answered[i]
		q.readers = l.refuseLate(q.readers, paxos.ReadIs{Answering: len(q.heard), Missing: l.next})
	}
	// What nobody waits for is kept only while it is the latest.
	if n := len(r.answered); n > 1 {
		r.answered = slices.DeleteFunc(r.answered, func(q question) bool {
			return len(q.readers) == 0 && q.number != r.answered[n-1].number
		})
	}
}

func (l *Learner) refuseLate(readers []reader, why paxos.ReadIs) []reader {
	why.Needed = l.cfg.Configuration.Quorum()
	return slices.DeleteFunc(readers, func(r reader) bool {
		late := l.tick >= r.deadline
		if late {
			l.send(r.to, why)
		}
		return late
	})
}
