package service

import (
	"bytes"

	"paxos/internal/failpoint"
	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
)

// stepped is a state machine whose process may be made to end before or after
// it applies what learners propose: the rooms have no steps of their own between
// which a crash could come.
type stepped struct{ learner.Machine }

// withSteps is the machine itself unless a test asks for crashes.
func withSteps(m learner.Machine) learner.Machine {
	if !failpoint.Asked() {
		return m
	}
	return stepped{m}
}

// Apply implements learner.Machine.
func (s stepped) Apply(entry paxos.Entry) ([]paxos.Outcome, error) {
	var bodies [][]byte
	for _, c := range entry.Value.Commands {
		bodies = append(bodies, c.Body)
	}
	expires, compacts := chores(bodies)
	if expires {
		failpoint.Hit("expire-before-apply")
	}
	if compacts {
		failpoint.Hit("compact-before-apply")
	}
	outcomes, err := s.Machine.Apply(entry)
	if expires {
		failpoint.Hit("expire-after-apply")
	}
	if compacts {
		failpoint.Hit("compact-after-apply")
	}
	return outcomes, err
}

// proposing is passed what a learner is about to propose.
func proposing(bodies [][]byte) [][]byte {
	if !failpoint.Asked() {
		return bodies
	}
	expires, compacts := chores(bodies)
	if expires {
		failpoint.Hit("expire-before-propose")
	}
	if compacts {
		failpoint.Hit("compact-before-propose")
	}
	return bodies
}

// What the bodies of these commands begin with.
var (
	expireHead  = kv.Encode(kv.Expire{ID: 1})[:2]
	compactHead = kv.Encode(kv.Compact{Revision: 1})[:2]
)

func chores(bodies [][]byte) (expires, compacts bool) {
	for _, b := range bodies {
		expires = expires || bytes.HasPrefix(b, expireHead)
		compacts = compacts || bytes.HasPrefix(b, compactHead)
	}
	return expires, compacts
}
