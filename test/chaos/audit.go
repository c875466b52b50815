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
	r.audited(replay)
	var bytes int64
	for _, f := range replay.Files {
		bytes += f.Bytes
	}
	c, left := replay.Counts(), replay.NotJudged()
	r.report.Logf("audited in %v: %d traces of %d MB: %d processes wrote %d records and said %d messages; %d votes, %d slots chosen under %d ballots, %d entries applied, %d answers, %d disks read back",
		time.Since(began).Round(time.Millisecond), len(replay.Files), bytes>>20, c.Processes, c.Records, c.Envelopes, c.Votes, c.Chosen, c.Elections, c.Applied, c.Placements, c.Found)
	if left != (audit.NotJudged{}) {
		r.report.Logf("not judged: %d slots and %d answers, watermarks above slot %d: they rest on what was not seen", left.Slots, left.Answers, left.Watermark)
	}
	return nil
}

// audited takes what a replay found. Nobody may be missing in it, and no member
// may have lost its disk: what breaks here breaks none, and an acceptor that does
// not vote would let a lost vote go unnoticed.
func (r *run) audited(replay *audit.Replay) {
	for _, u := range replay.Unseen() {
		r.report.Errorf("audit: %s, or a process of it that used %d ballots, left no trace", u.Node, len(u.Ballots))
	}
	for _, o := range replay.Objections() {
		r.report.Errorf("audit: %s", o)
	}
	counts := replay.Counts()
	if counts.Lost > 0 {
		r.report.Errorf("audit: %d times an acceptor that was a member found its disk blank, mute or another's", counts.Lost)
	}
	for what, n := range map[string]int64{
		"processes": counts.Processes, "votes": counts.Votes, "slots chosen": counts.Chosen, "elections": counts.Elections,
		"entries applied": counts.Applied, "disks read back": counts.Found, "acknowledged placements": counts.Placements,
	} {
		r.sums["audited "+what] = n
		if n == 0 {
			r.report.Errorf("too little happened: the traces show no %s", what)
		}
	}
}
