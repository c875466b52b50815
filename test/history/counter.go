package history

import (
	"fmt"
	"time"
)

// Sum is what somebody was told who added one to a counter.
type Sum struct {
	Begun, End time.Time
	Value      int64 // the counter's, right after
}

// JudgeSums gives what is wrong with a counter that began at 0, that stands at
// last now, and to which others of unknown fate may have added one each. Each
// answer shows the sum, so no search is needed: no two are the same, and who
// began after another's answer was told more.
func JudgeSums(sums []Sum, unknown int, last int64) []string {
	var wrong []string
	seen := map[int64]bool{}
	for i, s := range sums {
		if seen[s.Value] || s.Value < 1 || s.Value > last {
			wrong = append(wrong, fmt.Sprintf("an increment was told %d: twice, or more than there is (%d)", s.Value, last))
		}
		seen[s.Value] = true
		for _, o := range sums[:i] {
			if o.End.Before(s.Begun) && o.Value > s.Value || s.End.Before(o.Begun) && s.Value > o.Value {
				wrong = append(wrong, fmt.Sprintf("an increment was told %d, and one that was not under way at that time %d", s.Value, o.Value))
			}
		}
	}
	if n := int64(len(sums)); last > n+int64(unknown) {
		wrong = append(wrong, fmt.Sprintf("the counter stands at %d after %d increments and %d unknown ones", last, n, unknown))
	}
	return wrong
}
