package sched

import "testing"

// TestACrowdIsWhatEachOneSees: one who came alone counts once, and each of many
// counts all of them.
func TestACrowdIsWhatEachOneSees(t *testing.T) {
	var c Crowd
	if got := c.Size(); got != 0 {
		t.Errorf("nobody is a crowd of %v", got)
	}
	for _, n := range []int{1, 0, 1, 8} {
		c.Add(n)
	}
	if got := c.Size(); got != 6.6 { // (1 + 1 + 8·8) / 10
		t.Errorf("two alone and eight together: %v", got)
	}
	if got := c.Size(); got != 0 {
		t.Errorf("since the last look there were %v", got)
	}
	var none *Crowd
	none.Add(3)
}
