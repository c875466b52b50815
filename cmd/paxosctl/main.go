// Command paxosctl runs a local cluster and speaks to any cluster; see --help.
package main

import (
	"os"

	"paxos/internal/ctl"
)

func main() {
	os.Exit(ctl.Main(os.Args[1:], ctl.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
