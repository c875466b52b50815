package session

import (
	"slices"

	"paxos/paxos"
)

// due says at which tick to look at which commands, so that a tick costs what is
// due at it and not all that is pending. A command may stand at ticks that are
// not its own any more: whoever looks compares.
type due struct {
	at    map[int][]paxos.Sequence
	spare [][]paxos.Sequence // lists that were dealt with
	taken []paxos.Sequence
}

// spareLists bounds the lists that are kept, and their length.
const (
	spareLists      = 256
	spareListLength = 4096
)

func (d *due) add(tick int, sequence paxos.Sequence) {
	list, there := d.at[tick]
	if n := len(d.spare); !there && n > 0 {
		list, d.spare = d.spare[n-1], d.spare[:n-1]
	}
	d.at[tick] = append(list, sequence)
}

// take gives what is due at a tick, each once and in order, until the next take.
func (d *due) take(tick int) []paxos.Sequence {
	list, there := d.at[tick]
	if !there {
		return nil
	}
	delete(d.at, tick)
	d.taken = append(d.taken[:0], list...)
	slices.Sort(d.taken)
	if len(d.spare) < spareLists && cap(list) <= spareListLength {
		d.spare = append(d.spare, list[:0])
	}
	return slices.Compact(d.taken)
}

// retry has a command sent again at a tick, and not at the one said before.
func (s *Session) retry(p *pending, tick int) {
	p.retry = tick
	s.due.add(tick, p.command.Sequence)
}

// under tells whether an attempt at a command is open.
func (p *pending) under(attempt paxos.Number) bool { return slices.Contains(p.open, attempt) }
