package learner_test

import (
	"testing"

	"paxos/paxos"
)

// A learner whose every question is answered, but only after a while, gets
// everything, however long the while is compared with the time between two of
// its questions.
func TestALearnerCatchesUpAtAnyRoundTrip(t *testing.T) {
	const slots = 3
	for trip := 1; trip <= 10*pullTicks; trip++ {
		d := newDesk(t)
		type letter struct {
			at       int
			question paxos.Envelope
		}
		var mail []letter
		for now := 0; now < 100*pullTicks && d.l.Applied() <= slots; now++ {
			d.tick(1)
			for _, e := range d.sent {
				mail = append(mail, letter{now + trip, e})
			}
			d.sent = nil
			for len(mail) > 0 && mail[0].at <= now {
				d.answerCatchUp(mail[0].question, slots)
				mail = mail[1:]
			}
		}
		if d.l.Applied() != slots+1 {
			t.Errorf("with a round trip of %d ticks only the slots below %d are applied", trip, d.l.Applied())
		}
	}
}

// answerCatchUp answers as an acceptor that voted in the first slots; the
// other learner has nothing.
func (d *desk) answerCatchUp(e paxos.Envelope, slots paxos.Slot) {
	ask, ok := e.Message.(paxos.CatchUp)
	if !ok {
		return
	}
	if e.To == "l2" {
		d.from("l2", paxos.Chosen{First: ask.First, Watermark: 1})
		return
	}
	m := paxos.Voted{Store: paxos.StoreIn(stores, e.To), First: ask.First, Next: slots + 1, Floor: 1}
	for s := ask.First; s <= slots; s++ {
		m.Votes = append(m.Votes, vote(s, ballot(1), "x"))
	}
	d.from(e.To, m)
}
