// Command figures writes the tables of docs/testing.md from the sums of long
// runs; see -h.
package main

import (
	"os"

	"paxos/internal/figures"
)

func main() { os.Exit(figures.Run(os.Args[1:], os.Stdout, os.Stderr)) }
