// Command paxosctl runs a local cluster and speaks to any cluster; see --help.
// Installed as kubectl-paxos it is a plugin of kubectl.
package main

import (
	"os"

	"paxos/internal/ctl"
)

func main() {
	os.Exit(ctl.Main(os.Args, ctl.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
