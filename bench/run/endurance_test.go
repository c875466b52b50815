package run

import (
	"strings"
	"testing"

	"paxos/bench/report"
)

func TestALongRunIsJudged(t *testing.T) {
	steady := make([]float64, 60)
	for i := range steady {
		steady[i] = 20_000
	}
	slow := make([]float64, 60)
	for i := range slow {
		slow[i] = 2_000
	}
	bent := append([]float64{}, steady...)
	for i := 45; i < 59; i++ {
		bent[i] = 10_000 // when it comes to ten million
	}
	fallen := append(append([]float64{}, steady[:59]...), 100)
	for _, c := range []struct {
		name      string
		rates     []float64
		elections int64
		failed    float64
		want      string
	}{
		{"steady", steady, 0, 0, ""}, {"an election", steady, 1, 0, "1 elections"}, {"errors", steady, 0, 0.002, "went wrong"},
		{"slow", slow, 0, 0, "the log was to have"}, {"bent", bent, 0, 0, "not flat"}, {"fallen", fallen, 0, 0, "not flat"},
	} {
		r := &report.Result{More: atLengths(c.rates)}
		err := endured(r, c.rates[len(c.rates)-1], c.elections, c.failed)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, of %v", c.name, err, r.More)
		}
	}
	if more := atLengths(steady); len(more) != 3 || more["ops/s at 10000000"] != 20_000 {
		t.Errorf("lengths of 12 million: %v", more)
	}
}
