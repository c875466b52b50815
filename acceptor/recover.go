package acceptor

import (
	"fmt"

	"paxos/paxos"
)

// Recover gives the acceptor that a disk remembers: its identity and its
// records, in the order of writing. One whose records contradict each other
// does not vote, and remembers none of them.
func Recover(cfg Config, identity paxos.Identity, records []paxos.Record) *Acceptor {
	a := New(cfg, identity)
	for _, rec := range records {
		if err := a.Restore(rec); err != nil {
			cfg.Mute = fmt.Sprintf("the journal contradicts itself: %v", err)
			return New(cfg, identity)
		}
	}
	return a
}
