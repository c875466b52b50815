// Command proposer runs one proposer node; see --help.
package main

import (
	"paxos/internal/service"
	"paxos/paxos"
)

func main() { service.Main(paxos.ProposerRole) }
