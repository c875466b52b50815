// Command node is the four programs proposer, acceptor, learner and client in
// one file: it runs the role that it is called by, or that its first argument
// names. The container image has it once, under four names; see --help of each.
package main

import "paxos/internal/service"

func main() { service.MainByName() }
