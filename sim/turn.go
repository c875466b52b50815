package sim

import (
	"errors"
	"io"

	"paxos/acceptor"
	"paxos/internal/node"
	"paxos/kv"
	"paxos/paxos"
)

// network is what a process says, and to whom the world brings it.
type network struct {
	w *World
	p *process
}

func (p *process) network(w *World) *network { return &network{w, p} }

// Send implements node.Network.
func (n *network) Send(envelopes []paxos.Envelope) {
	w, p := n.w, n.p
	leaves := w.now
	if p.wrote {
		leaves += p.latency
	}
	if p.trip.armed {
		envelopes = envelopes[:min(p.trip.left, len(envelopes))]
	}
	p.spoke = true
	w.judge.Said(p.host.id, p.number, envelopes)
	for i := range envelopes {
		w.tell(p.host.id, "→", envelopes[i].To, envelopes[i].Message)
		w.checkLead(p, envelopes[i].Message)
		w.post(p, leaves, envelopes[i])
	}
}

// turn is one turn of a process' loop, with all that waits for it.
func (w *World) turn(p *process, ticks int) {
	if p.ended {
		return
	}
	p.wrote, p.spoke = false, false
	p.latency = w.scenario.SyncLeast + w.dice.Int64N(w.scenario.SyncMost-w.scenario.SyncLeast+1) + p.stall
	p.hearsWishes()
	inbox := p.inbox
	p.inbox = p.spare[:0]
	err := p.loop.Turn(inbox, ticks)
	clear(inbox)
	p.spare = inbox
	if err != nil {
		w.failed(p, err)
		return
	}
	p.lead.lost = p.lead.losing
	if !p.spoke {
		w.judge.Said(p.host.id, p.number, nil)
	}
	if p.trip.armed && p.wrote {
		w.counts.Tripped++
		w.counts.Faults[AfterSync]++
		w.tell(p.host.id, "is killed after its sync", "", nil)
		w.kill(p.host)
		w.startLater(p.host, w.dice.Int64N(2*second))
		return
	}
	if p.wrote {
		if p.stall > 0 {
			w.counts.Faults[Stall]++
			p.stall = 0
		}
		p.busy = max(p.busy, w.now+p.latency)
	}
	if len(p.tasks) > 0 && !p.keeping {
		p.keeping = true
		w.agenda.plan(w.now+w.dice.Int64N(2*w.scenario.SyncMost), keeperWorks, p.index)
	}
	if p.learning != nil && !p.bound && !p.role.Header().Cluster.IsZero() {
		p.bound = true
		if err := p.learning.Adopt(p.role.Header().Cluster); err != nil {
			w.failed(p, err)
		}
	}
}

// failed ends a process that must not go on. That is right only if its disk was
// made to fail.
func (w *World) failed(p *process, err error) {
	h := p.host
	w.tell(h.id, "fails: "+err.Error(), "", nil)
	if !w.excused(h, err) {
		w.object("broken", h.id, 0, "it ends by itself: %v", err)
	}
	if w.cuts[h.number] {
		w.crash(h) // it was the power that failed in the middle of a write
		if w.dice.IntN(2) == 0 {
			w.fails(h, MidWrite, w.dice.IntN(20), w.powerFails(w.dice.Uint64())) // and does so again while it recovers
			w.cuts[h.number] = true
		}
	} else {
		w.kill(h)
	}
	w.startLater(h, 1+w.dice.Int64N(3*second))
}

// excused reports whether an error is the failure of a disk that was made to fail.
func (w *World) excused(h *host, err error) bool {
	return w.fired[h.number] && (errors.Is(err, errDisk) || errors.Is(err, errPower) || errors.Is(err, errSpace))
}

// ticks lets a process tick, by its own clock.
func (w *World) ticks(p *process) {
	if p.ended {
		return
	}
	w.agenda.plan(w.now+tick*100/(100+p.rate), processTicks, p.index)
	if w.now < p.busy {
		if !p.paused {
			p.owes = true // a ticker keeps one
		}
		return
	}
	w.counts.Ticks++
	if p.machine != nil && w.now >= p.told {
		p.told = w.now + 2*tick
		p.inbox = append(p.inbox, node.Item{Envelope: paxos.Envelope{To: p.host.id, Message: paxos.Clock{At: p.reading(w.now)}}})
	}
	w.turn(p, 1)
	w.wakeLater(p)
	if p.proposer != nil && p.stopping && p.proposer.Stopped() {
		w.kill(p.host)
		w.startLater(p.host, w.dice.Int64N(2*second))
	}
}

// wakeLater plans that a busy process goes on.
func (w *World) wakeLater(p *process) {
	if !p.ended && !p.wakes && w.now < p.busy {
		p.wakes = true
		w.agenda.plan(p.busy, processWakes, p.index)
	}
}

func (w *World) wakes(p *process) {
	p.wakes = false
	if p.ended {
		return
	}
	if w.now < p.busy {
		w.wakeLater(p)
		return
	}
	p.paused = false
	ticks := 0
	if p.owes {
		ticks, p.owes = 1, false
		w.counts.Ticks++
	}
	if ticks > 0 || len(p.inbox) > 0 {
		w.turn(p, ticks)
		w.wakeLater(p)
	}
}

// keep lets the keeper of snapshots do one task.
func (w *World) keep(p *process) {
	p.keeping = false
	if p.ended || len(p.tasks) == 0 {
		return
	}
	if p.paused && w.now < p.busy {
		p.keeping = true
		w.agenda.plan(p.busy, keeperWorks, p.index)
		return
	}
	task := p.tasks[0]
	p.tasks = p.tasks[1:]
	answers, err := p.learning.Keeper.Do(task)
	if err != nil {
		w.failed(p, err)
		return
	}
	w.counts.Kept++
	for _, a := range answers {
		p.inbox = append(p.inbox, node.Item{Envelope: node.FromKeeper(p.host.id, a)})
	}
	if len(p.tasks) > 0 {
		p.keeping = true
		w.agenda.plan(w.now+1+w.dice.Int64N(2*w.scenario.SyncMost), keeperWorks, p.index)
	}
	if len(p.inbox) > 0 && w.now >= p.busy {
		w.turn(p, 0)
		w.wakeLater(p)
	}
}

// recover gives the acceptor that a disk remembers, as a pod would.
func (w *World) recover(id paxos.NodeID, disk *node.Disk, found node.Found) *acceptor.Acceptor {
	config := acceptor.Config{Node: id, Configuration: w.config, FreshStore: paxos.StoreID(w.draw()), PageBytes: w.scenario.PageBytes,
		Starts: paxos.Number(disk.Starts()), Run: paxos.StartID(w.draw()), Snapshots: w.snapshots(), TruncateSlots: 1, Mute: found.Mute}
	for i := range config.FreshCluster {
		config.FreshCluster[i] = byte(w.draw() >> 8)
	}
	return acceptor.Recover(config, found.Identity, found.Records)
}

func readState(from io.Reader) (paxos.State, error) {
	view, err := kv.Read(from)
	if err != nil {
		return nil, err
	}
	return view, nil
}
