package service

import "testing"

func TestADiskIsFullFromOneMarkOnAndHasRoomBelowAnother(t *testing.T) {
	var s space
	for _, step := range []struct {
		used, size int64
		full       bool
	}{{0, 100, false}, {89, 100, false}, {90, 100, true}, {100, 100, true}, {150, 100, true}, {86, 100, true}, {85, 100, true}, {84, 100, false},
		{89, 100, false}, {1 << 62, 1 << 62, true}, {5, 0, false}} {
		if got := s.judge(step.used, step.size); got != step.full || s.full.Load() != step.full {
			t.Errorf("%d of %d: full %v", step.used, step.size, got)
		}
	}
}
