package node

import "paxos/paxos"

// Tap is told what a turn made durable and what is about to leave: both, and
// between the two, for just there all that a process will ever have done can be
// told. Before the write a crash would leave in the telling what no disk has;
// after the sending, what was heard might have been told by nobody. It is not
// called for a turn that does neither.
//
// sent has everything, what is for the keeper and for those who asked here too.
// Turned must not keep the slices. Its error ends the process, as that of a
// failed write does: nothing of the turn was sent.
type Tap interface {
	Turned(records []paxos.Record, sent []paxos.Envelope) error
}

func (l *Loop) tap(e *paxos.Effects) error {
	if l.opts.Tap == nil || len(e.Persist) == 0 && len(e.Send) == 0 {
		return nil
	}
	return l.opts.Tap.Turned(e.Persist, e.Send)
}
