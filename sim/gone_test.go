package sim

import (
	"fmt"
	"testing"

	"paxos/paxos"
)

// ledWorld gives a calm world in which somebody leads and writes are answered.
func ledWorld(t *testing.T, seed uint64) (*World, *host) {
	t.Helper()
	s := calmScenario(seed)
	w := newWorld(&s, nil)
	if !w.pass(60*second, func() bool { return w.counts.Writes >= 5 }) || len(w.leaders()) != 1 {
		t.Fatalf("seed %d: nobody leads: %v %v", seed, w.leaders(), w.objects)
	}
	return w, w.byID[w.leaders()[0]]
}

// outage kills the leader and gives the time until another one leads.
func outage(t *testing.T, seed uint64, gone int) int64 {
	t.Helper()
	w, leader := ledWorld(t, seed)
	leader.off++
	w.scenario.Network.Gone = gone
	w.kill(leader)
	w.scenario.Network.Gone = 0 // no slander besides
	from, until := w.now, w.now+60*second
	for len(w.leaders()) == 0 && w.now < until && len(w.objects) == 0 {
		w.pass(w.now+tick/10, nil)
	}
	if len(w.leaders()) == 0 || len(w.objects) > 0 {
		t.Fatalf("seed %d: %d µs after the leader's end nobody leads: %v", seed, w.now-from, w.objects)
	}
	return w.now - from
}

func TestAClosedPortShortensAnOutage(t *testing.T) {
	const timeout = 10 * tick
	for seed := uint64(1); seed <= 20; seed++ {
		if took := outage(t, seed, million); took > timeout/2 {
			t.Errorf("seed %d: all find the port closed, and nobody leads for %d µs; the election timeout is %d", seed, took, timeout)
		}
		if took := outage(t, seed, 0); took < timeout*3/4 {
			t.Errorf("seed %d: nobody finds the port closed, and another leads after %d µs already", seed, took)
		}
	}
}

func TestALiveLeaderIsUnseatedByAQuorumThatIsWrongAtMost(t *testing.T) {
	for wrong := 1; wrong <= 3; wrong++ {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			unseated := 0
			for seed := uint64(1); seed <= 20; seed++ {
				w, leader := ledWorld(t, seed)
				w.links[leader.number][0].cuts++ // or its next heartbeat takes the hint back
				w.links[leader.number][1].cuts++
				for range 3 {
					for _, to := range w.hosts[:wrong] {
						w.give(to.processes[0], paxos.Envelope{To: to.id, Message: paxos.Gone{Node: leader.id}})
					}
				}
				w.pass(w.now+6*tick, nil)
				w.links[leader.number][0].cuts--
				w.links[leader.number][1].cuts--
				w.pass(w.now+20*tick, nil)
				if len(w.objects) > 0 {
					t.Fatalf("seed %d: %v", seed, w.objects[0])
				}
				if got := w.leaders(); len(got) != 1 || got[0] != leader.id {
					unseated++
				}
			}
			if quorum := wrong >= 2; quorum != (unseated > 0) {
				t.Errorf("%d of 3 acceptors are wrong, and the leader is unseated in %d worlds of 20", wrong, unseated)
			}
		})
	}
}
