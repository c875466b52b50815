package load

import (
	"testing"
	"time"
)

func TestTheLongestTimeWithoutASuccess(t *testing.T) {
	zero := time.Unix(1000, 0)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	for _, v := range []struct {
		acked []int
		want  int
	}{
		{nil, 1000},
		{[]int{-10, 100, 200, 700, 900}, 500},
		{[]int{-300, 400, 600, 800}, 700}, // it began before the first moment
		{[]int{100, 300}, 700},            // it has not ended
		{[]int{100, 300, 5000}, 700},
		{[]int{900, 100, 500, 300, 700}, 200}, // in any order
	} {
		var o Outage
		for _, ms := range v.acked {
			o.Acked(at(ms))
		}
		if got := o.Longest(at(0), at(1000)); got != time.Duration(v.want)*time.Millisecond {
			t.Errorf("successes at %v: %v, not %d ms", v.acked, got, v.want)
		}
	}
}
