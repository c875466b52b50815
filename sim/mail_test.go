package sim

import (
	"math/rand/v2"
	"testing"
)

func TestWhatIsPlannedHappensInTheOrderOfTimeAndThenOfPlanning(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var a agenda
		planned, last := 0, happening{at: -1}
		for planned < 500 || len(a.heap) > 0 {
			if planned < 500 && dice.IntN(2) == 0 {
				a.plan(last.at+1+dice.Int64N(40), letterArrives, int32(planned))
				planned++
				continue
			}
			if len(a.heap) == 0 {
				continue
			}
			h := a.next()
			if !before(&last, &h) {
				t.Fatalf("%+v comes after %+v", h, last)
			}
			last = h
		}
	}
}
