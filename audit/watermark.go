package audit

import "paxos/paxos"

// claimKind is who says that every slot below one is chosen.
type claimKind int

const (
	leaderClaim  claimKind = iota // Accept, Heartbeat, and what an acceptor keeps of them
	hintClaim                     // an acceptor's hint to later leaders
	learnerClaim                  // Notify, Chosen, Kept: applied, so chosen
	floorClaim                    // an acceptor's floor
	installClaim                  // a state that a learner's machine was given
)

var claimCheckers = [...]string{leaderClaim: Watermark, hintClaim: Watermark, learnerClaim: Watermark, floorClaim: BelowFloor, installClaim: AppliedChosen}

var claimWords = [...]string{leaderClaim: "says as a leader, or keeps what a leader said,", hintClaim: "hints", learnerClaim: "says as a learner",
	floorClaim: "says by its floor", installClaim: "goes on from a state that says"}

// claim is the highest of its kind.
type claim struct {
	below paxos.Slot
	by    *process
}

// claim judges that every slot below one is chosen (watermark, below-floor,
// applied-chosen): now, or when all is seen.
func (j *Judge) claim(p *process, kind claimKind, below paxos.Slot) {
	if below <= j.below {
		return
	}
	if j.options.Live {
		j.overclaims(p, kind, below, j.below)
		return
	}
	if c := j.claims[kind]; c.below < below {
		j.claims[kind] = claim{below, p}
	}
}

func (j *Judge) overclaims(p *process, kind claimKind, below, at paxos.Slot) {
	j.object(claimCheckers[kind], p, at, "%s that every slot below %d is chosen, and slot %d is not", claimWords[kind], below, at)
}

// judgeLater judges what needs all that was written.
func (j *Judge) judgeLater() {
	for kind := range claimKind(len(claimCheckers)) {
		c := j.claims[kind]
		if c.below <= j.below {
			continue
		}
		if at := j.firstNotChosen(c.below); at < c.below {
			j.overclaims(c.by, kind, c.below, at)
		} else {
			j.notJudged.Watermark = j.below
		}
	}
	for _, later := range j.placed {
		j.judgePlaced(later.by, later.placed)
	}
	for i := range j.notified {
		j.judgeNotified(j.notified[i].by, &j.notified[i].outcome)
	}
	j.judgeUnchosen()
}
