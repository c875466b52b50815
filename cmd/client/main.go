// Command client runs one client node; see --help.
package main

import (
	"paxos/internal/service"
	"paxos/paxos"
)

func main() { service.Main(paxos.ClientRole) }
