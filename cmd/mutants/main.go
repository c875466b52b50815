// Command mutants plants bugs in copies of the program and shows that the
// simulator catches each; see -h.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"paxos/test/mutants"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := mutants.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
