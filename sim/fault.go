package sim

import (
	"cmp"
	"errors"
	"slices"

	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// deed is what a fault did, so that it can be mended.
type deed struct {
	links  []*link
	slow   int64
	hosts  []*host
	second *process
	full   *host
	lies   bool
}

// fault does the i-th fault of the scenario.
func (w *World) fault(i int) {
	f := &w.scenario.Faults[i]
	h := w.hosts[f.Host%len(w.hosts)]
	done := &deed{}
	w.begun[i] = done
	ok := w.faultProcess(f, h, done) || w.faultDisk(f, h, done) || w.faultNetwork(f, h, done) || w.faultForGood(f, h)
	if !ok {
		return // there was nothing to do it to
	}
	if !slices.Contains([]FaultKind{AfterSync, MidWrite, DiskError, SyncError, NoSpace, Stall}, f.Kind) {
		w.counts.Faults[f.Kind]++ // the others are when they strike
	}
	w.tellFault(f, h, done)
	w.agenda.plan(w.now+f.For, faultEnds, int32(i))
}

// mend ends what lasts of a fault.
func (w *World) mend(i int) {
	done := w.begun[i]
	if done == nil {
		return
	}
	w.begun[i] = nil
	w.tellf("", "the end of fault %s that began at %.6f", w.scenario.Faults[i].Kind, float64(w.scenario.Faults[i].At)/million)
	for _, l := range done.links {
		if done.slow > 0 {
			l.slow = max(0, l.slow-done.slow)
		} else {
			l.cuts--
		}
	}
	for _, h := range done.hosts {
		h.off--
		if h.off == 0 {
			w.startLater(h, 1)
		}
	}
	if done.second != nil && !done.second.ended {
		w.end(done.second)
		if len(done.second.host.processes) == 0 {
			w.startLater(done.second.host, 1)
		}
	}
	if done.lies {
		w.lies--
	}
	if done.full != nil {
		w.space(done.full, false)
	}
}

// away keeps a host from starting until the fault ends.
func (d *deed) away(h *host) {
	h.off++
	d.hosts = append(d.hosts, h)
}

// faultProcess does what is done to processes.
func (w *World) faultProcess(f *Fault, h *host, done *deed) bool {
	running := len(h.processes) > 0
	switch f.Kind {
	case Kill, Power:
		if !running {
			return false
		}
		if f.Kind == Kill {
			w.kill(h)
		} else {
			w.crash(h)
		}
		done.away(h)
		return true
	case Blackout:
		struck := false
		for _, other := range w.hosts {
			if other.disk != nil {
				struck = struck || len(other.processes) > 0
				w.crash(other)
				done.away(other)
			}
		}
		return struck
	case AfterSync:
		if !running || h.role != paxos.AcceptorRole {
			return false
		}
		h.processes[0].trip = trip{true, int(f.Dice % 5)}
		return true
	case Pause:
		if !running {
			return false
		}
		p := h.processes[0]
		p.busy, p.paused = max(p.busy, w.now+f.For), true
		w.wakeLater(p)
		return true
	case ClockJump:
		if !running || w.now < h.processes[0].busy {
			return false
		}
		p, ticks := h.processes[0], 1+int(f.Dice%uint64(3*w.scenario.ElectionTicks))
		p.jumped += int64(ticks) * tick
		w.jumps += int64(ticks)
		w.turn(p, ticks)
		w.wakeLater(p)
		return true
	case Twin:
		if !running || h.disk != nil || len(h.processes) > 1 {
			return false
		}
		w.begin(h)
		done.second = h.processes[f.Dice%2]
		return true
	case HandOver:
		if !running || h.role != paxos.ProposerRole || h.processes[0].stopping {
			return false
		}
		p := h.processes[0]
		p.stopping = true
		p.proposer.Stop(w.hosts[w.scenario.Acceptors+f.Other%w.scenario.Proposers].id, 1+int(f.Dice%10))
		return true
	case Lies:
		w.lies++
		done.lies = true
		return true
	}
	return false
}

var (
	errPower = errors.New("the power is gone")
	errDisk  = errors.New("input/output error")
	errSpace = errors.New("no space left on device")
)

// faultDisk makes a coming operation of a disk fail.
func (w *World) faultDisk(f *Fault, h *host, done *deed) bool {
	if h.disk == nil || h.lost || w.tripped[h.number] && f.Kind != Stall && f.Kind != AlmostFull {
		return false
	}
	once := f.Dice>>60&1 == 1 // the next operation succeeds again
	var fails func(op memfs.Op) *memfs.Fault
	switch f.Kind {
	case MidWrite:
		fails, once = w.powerFails(f.Dice>>8), false
	case DiskError:
		fails = func(memfs.Op) *memfs.Fault { return &memfs.Fault{Err: errDisk} }
	case SyncError:
		fails = func(op memfs.Op) *memfs.Fault {
			if op.Kind != memfs.SyncOp && op.Kind != memfs.SyncDataOp && op.Kind != memfs.SyncDirOp {
				return nil
			}
			return &memfs.Fault{Err: errDisk}
		}
	case NoSpace:
		fails = func(op memfs.Op) *memfs.Fault {
			if op.Kind != memfs.WriteOp && op.Kind != memfs.CreateOp {
				return nil
			}
			return &memfs.Fault{Err: errSpace, Short: op.Size / 2 / wal.SectorBytes * wal.SectorBytes}
		}
	case AlmostFull:
		return w.almostFull(h, done)
	case Stall:
		if len(h.processes) == 0 {
			return false
		}
		h.processes[0].stall = f.For
		return true
	default:
		return false
	}
	if once {
		always, failed := fails, false
		fails = func(op memfs.Op) *memfs.Fault {
			if failed {
				return nil
			}
			fault := always(op)
			failed = fault != nil
			return fault
		}
	}
	w.fails(h, f.Kind, int(f.Dice%12), fails)
	w.cuts[h.number] = f.Kind == MidWrite
	return true
}

// powerFails makes of every write a part, and of all else nothing.
func (w *World) powerFails(dice uint64) func(memfs.Op) *memfs.Fault {
	return func(op memfs.Op) *memfs.Fault {
		return &memfs.Fault{Err: errPower, Short: int(dice%uint64(op.Size+1)) / wal.SectorBytes * wal.SectorBytes}
	}
}

// fails lets the operations of a disk fail after so many more that change it.
func (w *World) fails(h *host, kind FaultKind, left int, how func(memfs.Op) *memfs.Fault) {
	w.tripped[h.number] = true
	struck := false
	h.disk.Inject(func(op memfs.Op) *memfs.Fault {
		if !op.Changes() {
			return nil
		}
		if left--; left >= 0 {
			return nil
		}
		fault := how(op)
		if fault != nil && !struck {
			struck, w.fired[h.number] = true, true
			w.counts.Faults[kind]++
		}
		return fault
	})
}

func (w *World) almostFull(h *host, done *deed) bool {
	if h.role != paxos.AcceptorRole || len(h.processes) == 0 {
		return false
	}
	done.full = h
	w.space(h, true)
	return true
}

// space tells an acceptor whether its disk has little room left.
func (w *World) space(h *host, full bool) {
	for _, p := range h.processes {
		p.inbox = append(p.inbox, node.Item{Envelope: paxos.Envelope{To: h.id, Message: paxos.DiskSpace{Full: full}}})
	}
}

// faultNetwork cuts or slows links.
func (w *World) faultNetwork(f *Fault, h *host, done *deed) bool {
	other := w.hosts[f.Other%len(w.hosts)]
	for i := range w.hosts {
		if other = w.hosts[(f.Other+i)%len(w.hosts)]; talk(h.role, other.role) && other != h {
			break
		}
	}
	cut := func(from, to *host) {
		if from != to {
			done.links = append(done.links, &w.links[from.number][to.number])
		}
	}
	side := func(x *host) uint64 { return f.Dice >> (x.number % 32) & 1 }
	switch f.Kind {
	case CutOneWay:
		cut(h, other)
	case CutBoth, SlowLink:
		cut(h, other)
		cut(other, h)
	case Isolate, SlowHost:
		for _, x := range w.hosts {
			cut(h, x)
			cut(x, h)
		}
	case Split, Bridge:
		for _, x := range w.hosts {
			for _, y := range w.hosts {
				if side(x) != side(y) && (f.Kind == Split || x != h && y != h) {
					cut(x, y)
				}
			}
		}
	default:
		return false
	}
	switch f.Kind {
	case SlowLink:
		done.slow = cmp.Or(f.For, 1)
	case SlowHost:
		done.slow = 1 + int64(f.Dice%uint64(6*w.scenario.electionTimeout()))
	}
	for _, l := range done.links {
		if done.slow > 0 {
			l.slow += done.slow
		} else {
			l.cuts++
		}
	}
	return len(done.links) > 0
}

// talk reports whether nodes of these roles have anything to say to each other
// once a cluster is formed.
func talk(a, b paxos.RoleName) bool {
	pair := [2]paxos.RoleName{min(a, b), max(a, b)}
	return slices.Contains([][2]paxos.RoleName{
		{paxos.AcceptorRole, paxos.ProposerRole}, {paxos.AcceptorRole, paxos.LearnerRole}, {paxos.LearnerRole, paxos.LearnerRole},
		{paxos.ClientRole, paxos.LearnerRole}, {paxos.LearnerRole, paxos.ProposerRole}, {paxos.ClientRole, paxos.ProposerRole},
	}, pair)
}

// faultForGood does what an acceptor's disk does not come back from: only
// doomed ones suffer it, and only when the cluster is formed.
func (w *World) faultForGood(f *Fault, h *host) bool {
	if !slices.Contains([]FaultKind{BitFlip, EmptyDisk, OtherDisk}, f.Kind) || !h.doomed || h.lost || !w.formed {
		return false
	}
	switch f.Kind {
	case BitFlip:
		if !w.flip(h, f.Dice) {
			return false
		}
	case EmptyDisk:
		w.kill(h)
		h.disk = newDisk()
	case OtherDisk:
		other := w.hosts[f.Other%w.scenario.Acceptors]
		if h.role != paxos.AcceptorRole || other == h || other.lost {
			return false // a copy of a copy may be its own, of an earlier time
		}
		w.kill(h)
		h.disk = other.disk.Clone()
		h.disk.Kill()
	}
	h.lost = true
	w.startLater(h, f.For)
	return true
}

// flip changes one bit of a file.
func (w *World) flip(h *host, dice uint64) bool {
	files := h.disk.Files()
	if len(files) == 0 {
		return false
	}
	name := files[dice%uint64(len(files))]
	content, err := h.disk.Content(name)
	if err != nil || len(content) == 0 {
		return false
	}
	bit := (dice >> 8) % uint64(8*len(content))
	if dice>>62&1 == 1 {
		// In the last sector that holds anything: the end of a journal is where
		// damage could be taken for a write that the power cut.
		for end := len(content); end > 0; end-- {
			if content[end-1] != 0 {
				bit = 8*uint64((end-1)/wal.SectorBytes*wal.SectorBytes) + bit%(8*wal.SectorBytes)
				break
			}
		}
	}
	if bit/8 >= uint64(len(content)) {
		return false
	}
	content[bit/8] ^= 1 << (bit % 8)
	w.kill(h)
	return h.disk.Put(name, content) == nil
}
