package proposer

import "paxos/paxos"

// patience is the range of the first wait. Silence is noticed by one after the
// other; a closed port by all at once, and so the wait, however short, is what
// keeps them apart.
func (p *Proposer) patience() int {
	gone := 0
	for _, id := range p.cfg.Configuration.Acceptors {
		if s, ok := p.current(id); ok && s.Silent == paxos.NobodyListens {
			gone++
		}
	}
	if gone >= p.cfg.Configuration.Quorum() {
		return max(2, p.cfg.ElectionTicks/8)
	}
	return max(1, p.cfg.ElectionTicks/2)
}
