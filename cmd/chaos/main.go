//go:build linux

// Command chaos breaks ten real processes on purpose and judges them; see -h.
package main

import (
	"os"

	"paxos/test/chaos"
)

func main() { os.Exit(chaos.Main(os.Args[1:], os.Stdout, os.Stderr)) }
