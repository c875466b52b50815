//go:build linux

package chaos

import (
	"path/filepath"
	"time"

	"paxos/audit"
)

// audit replays what every process wrote down of itself, over the whole run,
// against the protocol's invariants.
func (r *run) audit() error {
	began := time.Now()
	replay, err := audit.ReadDir(filepath.Join(r.c.dir, "trace"))
	if err != nil {
		return err
	}
	for _, o := range replay.Objections() {
		r.report.Errorf("audit: %s", o)
	}
	counts := replay.Counts()
	for what, n := range map[string]int64{
		"processes": counts.Processes, "votes": counts.Votes, "slots chosen": counts.Chosen, "elections": counts.Elections,
		"entries applied": counts.Applied, "disks read back": counts.Found, "acknowledged placements": counts.Placements,
	} {
		r.sums["audited "+what] = n
		if n == 0 {
			r.report.Errorf("too little happened: the traces show no %s", what)
		}
	}
	var bytes int64
	for _, f := range replay.Files {
		bytes += f.Bytes
	}
	r.report.Logf("audited in %v: %d traces of %d MB, %+v", time.Since(began).Round(time.Millisecond), len(replay.Files), bytes>>20, counts)
	return nil
}
