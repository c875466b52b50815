package sim

import (
	"slices"

	"paxos/acceptor"
	"paxos/audit"
	"paxos/internal/wal/memfs"
	"paxos/learner"
	"paxos/paxos"
	"paxos/proposer"
)

// A disk that is put back as it once was makes its acceptor forget. That is not
// survived, so no world goes on after it; some end with it, to see that all who
// heard the acceptor before refuse its word (docs/protocol.md, Clones).

// image is a disk as it once was.
type image struct {
	of   *host
	disk *memfs.Disk
}

// keepImage keeps, in some worlds, a disk of the core as it is now.
func (w *World) keepImage() {
	for _, h := range w.hosts[:w.scenario.Acceptors] {
		if h.core && w.formed && len(h.processes) > 0 && !h.lost && w.dice.IntN(16) == 0 {
			w.image = &image{h, h.disk.Clone()}
			return
		}
	}
}

// putBack ends a world by putting the old disk back.
func (w *World) putBack() {
	if w.image == nil || len(w.image.of.processes) == 0 {
		return
	}
	h := w.image.of
	w.pass(w.now+5*second, nil) // all hear it once more
	if len(h.processes) == 0 || len(w.objects) > 0 {
		return
	}
	before := life(h)
	w.kill(h)
	w.image.disk.Kill()
	h.disk, h.lost = w.image.disk, true
	var knew []*process
	for _, p := range w.processes {
		if !p.ended && w.now-p.born > 4*second && !p.role.Header().Cluster.IsZero() {
			knew = append(knew, p)
		}
	}
	w.tell(h.id, "THE OLD DISK IS PUT BACK", "", nil)
	w.forgives = ofTheDisk(h.id)
	w.begin(h)
	if len(h.processes) == 0 || life(h).Began >= before.Position {
		return // it is as it was
	}
	if now := life(h); now.Starts < before.Starts && now.Position <= before.Began {
		// What it says cannot be told from late words of a process that has
		// ended. They count for nobody, and its next record gives it away.
		return
	}
	w.counts.PutBack++
	w.pass(w.now+10*second, nil)
	for _, p := range knew {
		if !p.ended && len(w.objects) == 0 && !p.refuses(h.id) {
			w.object("clone", p.host.id, 0, "the disk of %s was put back as it was, and its word still counts here", h.id)
		}
	}
}

// ofTheDisk tells the objections to what such a disk makes its acceptor say and
// vote, whoever listens, and to a lead that rests on a promise which is gone.
func ofTheDisk(id paxos.NodeID) func(audit.Objection) bool {
	return func(o audit.Objection) bool { return o.Node == id || o.Checker == audit.SafeProposal }
}

func life(h *host) paxos.Life { return h.processes[0].role.(*acceptor.Acceptor).Status().Life }

// refuses reports whether a process counts an acceptor's word no more; client
// services count no acceptor.
func (p *process) refuses(id paxos.NodeID) bool {
	if p.proposer != nil {
		return slices.ContainsFunc(p.proposer.Status().Acceptors, func(a proposer.Seen) bool { return a.Node == id && a.Cloned != "" })
	}
	if l, ok := p.role.(*learner.Learner); ok {
		return slices.ContainsFunc(l.Status().Clones, func(c paxos.Clone) bool { return c.Node == id })
	}
	return true
}
