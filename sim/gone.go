package sim

import "paxos/paxos"

// rumour is that nobody listens any more where a proposer was, on its way to a
// host.
type rumour struct {
	to, about *host
}

// closed lets others find that a proposer's port is closed: most of them, mostly
// soon. What comes late may be wrong by then, for another process has begun.
func (w *World) closed(h *host) {
	n := &w.scenario.Network
	if n.Gone == 0 || h.role != paxos.ProposerRole {
		return
	}
	for _, to := range w.hosts {
		if !hearsOfTheGone(to) || w.dice.IntN(million) >= n.Gone {
			continue
		}
		after := 1 + w.dice.Int64N(tick/4)
		if w.dice.IntN(8) == 0 {
			after += w.dice.Int64N(2 * w.scenario.electionTimeout())
		}
		w.whisper(rumour{to, h}, after)
	}
}

func hearsOfTheGone(h *host) bool {
	return h.role == paxos.AcceptorRole || h.role == paxos.ClientRole
}

// slander tells one host, or all, that a proposer is gone which may well lead.
func (w *World) slander() {
	if w.scenario.Network.Gone == 0 || w.calm || w.dice.IntN(8) > 0 {
		return
	}
	about := w.hosts[w.scenario.Acceptors+w.dice.IntN(w.scenario.Proposers)]
	only := w.dice.IntN(2 * len(w.hosts))
	for _, to := range w.hosts {
		if hearsOfTheGone(to) && (only >= len(w.hosts) || only == to.number) {
			w.whisper(rumour{to, about}, 1+w.dice.Int64N(tick/4))
		}
	}
}

func (w *World) whisper(r rumour, after int64) {
	w.rumours = append(w.rumours, r)
	w.agenda.plan(w.now+after, rumourArrives, int32(len(w.rumours)-1))
}

// hearRumour: who is cut off is refused nothing.
func (w *World) hearRumour(r rumour) {
	if w.links[r.to.number][r.about.number].cuts > 0 || w.links[r.about.number][r.to.number].cuts > 0 {
		return
	}
	for _, p := range r.to.processes {
		w.counts.Gone++
		w.tellf(r.to.id, "finds that nobody listens at %s", r.about.id)
		w.give(p, paxos.Envelope{To: r.to.id, Message: paxos.Gone{Node: r.about.id}})
	}
}
