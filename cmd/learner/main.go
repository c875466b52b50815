// Command learner runs one learner node; see --help.
package main

import (
	"paxos/internal/service"
	"paxos/paxos"
)

func main() { service.Main(paxos.LearnerRole) }
