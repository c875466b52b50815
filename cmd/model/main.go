// Command model visits every state of a small cluster of the real rooms; see -h.
package main

import (
	"os"

	"paxos/model"
)

func main() { os.Exit(model.Main(os.Args[1:], os.Stdout, os.Stderr)) }
