// Command bench measures our cluster and its peers side by side; "go run
// ./cmd/bench" in the module above builds and runs it. See -h.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"paxos/bench/run"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run.Command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
