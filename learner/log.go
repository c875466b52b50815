package learner

import "paxos/paxos"

// applied is a chosen entry, kept for learners that come later, with the
// digest that every late vote must share.
type applied struct {
	entry  paxos.Entry
	digest paxos.Digest
}

// log holds the last applied entries, without a gap. What is below its floor is
// in the state only: others get it as a snapshot.
type log struct {
	floor   paxos.Slot
	entries []applied
	bytes   int
}

func (g *log) push(e paxos.Entry, d paxos.Digest) {
	g.entries = append(g.entries, applied{e, d})
	g.bytes += room(e)
}

// room is about what an entry takes in memory.
func room(e paxos.Entry) int { return e.Value.Size() + 192 + 128*len(e.Value.Commands) }

// end is the first slot after those that are kept.
func (g *log) end() paxos.Slot { return g.floor + paxos.Slot(len(g.entries)) }

func (g *log) digest(slot paxos.Slot) (d paxos.Digest, kept bool) {
	if slot < g.floor || slot >= g.end() {
		return d, false
	}
	return g.entries[slot-g.floor].digest, true
}

// from gives the entries from first on, as many as fit into the given number
// of bytes but at least one, if there is one. From below the floor it gives
// none: a page has no gap.
func (g *log) from(first paxos.Slot, bytes int) []paxos.Entry {
	if first < g.floor {
		return nil
	}
	var page []paxos.Entry
	size := 0
	for slot := first; slot < g.end(); slot++ {
		entry := g.entries[slot-g.floor].entry
		if size += entry.Value.Size(); size > bytes && len(page) > 0 {
			break
		}
		page = append(page, entry)
	}
	return page
}

// trim drops the oldest entries until the rest has at most so many bytes.
func (g *log) trim(most int) {
	n := 0
	for ; n < len(g.entries)-1 && g.bytes > most; n++ {
		g.bytes -= room(g.entries[n].entry)
	}
	if n > 0 {
		clear(g.entries[:n]) // what they hold is freed before the array is
		g.entries, g.floor = g.entries[n:], g.floor+paxos.Slot(n)
	}
}

// trimLog bounds the memory that the log takes.
func (l *Learner) trimLog() {
	if l.cfg.LogBytes == 0 || l.log.bytes <= l.cfg.LogBytes {
		return
	}
	l.log.trim(l.cfg.LogBytes * 3 / 4) // seldom, and much at once
	for slot := range l.late {
		if slot < l.log.floor {
			delete(l.late, slot)
		}
	}
}
