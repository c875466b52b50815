// Command acceptor runs one acceptor node; see --help.
package main

import (
	"paxos/internal/service"
	"paxos/paxos"
)

func main() { service.Main(paxos.AcceptorRole) }
