package sim

import (
	"reflect"
	"slices"
)

// Shrink gives a smaller scenario in which the same checker still objects:
// fewer faults, fewer nodes, a better network, a shorter time. It tries at most
// so many runs, and tells what it found by the result of the last one.
func Shrink(s Scenario, tries int) (Scenario, Result) {
	least := Run(&s, nil)
	if len(least.Objections) == 0 {
		return s, least
	}
	checker := least.Objections[0].Checker
	try := func(smaller Scenario) bool {
		if tries <= 0 {
			return false
		}
		tries--
		r := Run(&smaller, nil)
		if len(r.Objections) == 0 || r.Objections[0].Checker != checker {
			return false
		}
		s, least = smaller, r
		return true
	}
	for again := true; again && tries > 0; {
		again = shrinkFaults(&s, try)
		for _, simpler := range simplifications {
			smaller := s
			if simpler(&smaller); !reflect.DeepEqual(smaller, s) && try(smaller) {
				again = true
			}
		}
	}
	return s, least
}

// shrinkFaults leaves out faults, many at once first (Zeller, Hildebrandt:
// Simplifying and Isolating Failure-Inducing Input, TSE 2002, section 3).
func shrinkFaults(s *Scenario, try func(Scenario) bool) (any bool) {
	for size := len(s.Faults); size > 0; size /= 2 {
		for at := 0; at < len(s.Faults); {
			smaller := *s
			smaller.Faults = slices.Delete(slices.Clone(s.Faults), at, min(at+size, len(s.Faults)))
			if try(smaller) {
				any = true
			} else {
				at += size
			}
		}
	}
	return any
}

// simplifications each make a scenario simpler in one way.
var simplifications = []func(*Scenario){
	func(s *Scenario) { s.Safety = s.Safety * 2 / 3 },
	func(s *Scenario) { s.Users = max(1, s.Users/2) },
	func(s *Scenario) { s.Users = max(1, s.Users-1) },
	func(s *Scenario) { s.Clients = 1 },
	func(s *Scenario) { s.Proposers = max(1, s.Proposers-1) },
	func(s *Scenario) { s.Learners = max(1, s.Learners-1) },
	func(s *Scenario) { s.Acceptors, s.Doomed = min(3, s.Acceptors), min(1, s.Doomed) },
	func(s *Scenario) { s.Doomed = 0 },
	func(s *Scenario) { s.Network.Lost = 0 },
	func(s *Scenario) { s.Network.Twice = 0 },
	func(s *Scenario) { s.Network.Gone = 0 },
	func(s *Scenario) { s.Network.Late, s.Network.LateMost = 0, 0 },
	func(s *Scenario) { s.Drift = 0 },
	func(s *Scenario) { s.PageBytes = 1 << 20 },
	func(s *Scenario) { s.SegmentBytes = 16384 },
	func(s *Scenario) { s.SyncMost = s.SyncLeast },
	func(s *Scenario) { s.Network.Most = s.Network.Least },
}
