package session_test

import (
	"fmt"
	"testing"

	"paxos/client/session"
	"paxos/paxos"
)

// traffic is a session with as many users as a batch has commands: each submits
// one, all are proposed, both learners tell the outcome.
type traffic struct {
	s       *session.Session
	submits []paxos.Envelope
	last    paxos.Sequence
	settled int
}

func newTraffic(t tester, users int) *traffic {
	d := newDesk(t)
	d.s = session.New(session.Config{Node: "c1", Configuration: config, Session: mine, Seed: 3, SurveyTicks: 10, ResendTicks: 30, RetryTicks: 3,
		AbandonTicks: 1000, KeptOutcomes: 4096, MaxPending: 1 << 16, MaxBytes: 1 << 20})
	d.meet()
	d.from("l1", paxos.Notify{Applied: 5})
	d.from("c1", paxos.Directory{Proposers: []paxos.NodeID{"p1"}, Leader: "p1"})
	w := &traffic{s: d.s}
	body := make([]byte, 300)
	for i := range users {
		w.submits = append(w.submits, paxos.Envelope{From: paxos.NodeID(fmt.Sprintf("u%d", i)), To: "c1", Message: paxos.Submit{Body: body, Ticks: 150}})
	}
	return w
}

// lap is one command of each user, from its submission to its outcome.
func (w *traffic) lap() {
	for _, e := range w.submits {
		w.s.Step(e)
	}
	w.s.Flush()
	told := paxos.Notify{Applied: 9, Outcomes: make([]paxos.Outcome, len(w.submits))}
	for i := range told.Outcomes {
		w.last++
		told.Outcomes[i] = paxos.Outcome{Session: mine, Sequence: w.last, Slot: 9}
	}
	w.settled += len(w.s.Step(paxos.Envelope{From: "l1", To: "c1", Message: told}).Send)
	w.settled += len(w.s.Step(paxos.Envelope{From: "l2", To: "c1", Message: told}).Send)
}

// BenchmarkCommand is what the session does for one command; a tick comes after
// every batch.
func BenchmarkCommand(b *testing.B) {
	for _, users := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			w := newTraffic(b, users)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += users {
				w.lap()
				w.s.Tick()
			}
		})
	}
}

// BenchmarkTick is a tick while so many commands wait for their outcome.
func BenchmarkTick(b *testing.B) {
	w := newTraffic(b, 50_000)
	for _, e := range w.submits {
		submit := e.Message.(paxos.Submit)
		submit.Ticks = 1 << 40
		e.Message = submit
		w.s.Step(e)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.s.Tick()
	}
}

// TestWhatACommandAllocates: its outcome on the way to who asked, and little
// else that is not shared by all of a batch.
func TestWhatACommandAllocates(t *testing.T) {
	const users = 256
	w := newTraffic(t, users)
	w.lap() // the first one makes what later ones use again
	w.lap()
	laps := 0
	got := testing.AllocsPerRun(20, func() { w.lap(); w.s.Tick(); laps++ }) / users
	if got > 1.2 {
		t.Errorf("a command allocates %.2f times", got)
	}
	if want := (laps + 2) * users; w.settled != want {
		t.Errorf("%d commands were settled, not %d", w.settled, want)
	}
}
