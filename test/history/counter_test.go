package history

import (
	"testing"
	"time"
)

// TestTheJudgeOfCountersSeesWhatIsWrong forges sums: a judge that cannot fail
// proves nothing.
func TestTheJudgeOfCountersSeesWhatIsWrong(t *testing.T) {
	zero := time.Now()
	at := func(begun, end int, value int64) Sum {
		return Sum{zero.Add(time.Duration(begun) * time.Second), zero.Add(time.Duration(end) * time.Second), value}
	}
	for name, x := range map[string]struct {
		sums    []Sum
		unknown int
		last    int64
		right   bool
	}{
		"one after the other":          {[]Sum{at(0, 1, 1), at(2, 3, 2)}, 0, 2, true},
		"two at once, in either order": {[]Sum{at(0, 3, 2), at(1, 4, 1)}, 0, 2, true},
		"an unknown one took effect":   {[]Sum{at(0, 1, 1), at(2, 3, 3)}, 1, 3, true},
		"an unknown one did not":       {[]Sum{at(0, 1, 1), at(2, 3, 2)}, 1, 2, true},
		"an unknown one is lost":       {[]Sum{at(0, 1, 3)}, 2, 2, false},
		"one is lost":                  {[]Sum{at(0, 1, 1), at(2, 3, 2)}, 0, 1, false},
		"the last one came twice":      {[]Sum{at(0, 1, 1), at(2, 3, 2)}, 0, 3, false},
		"one took effect twice":        {[]Sum{at(0, 1, 1), at(2, 3, 3)}, 0, 3, false},
		"two were told the same":       {[]Sum{at(0, 3, 1), at(1, 4, 1)}, 0, 2, false},
		"a later one was told less":    {[]Sum{at(0, 1, 2), at(2, 3, 1)}, 0, 2, false},
	} {
		if wrong := JudgeSums(x.sums, x.unknown, x.last); (len(wrong) == 0) != x.right {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}
