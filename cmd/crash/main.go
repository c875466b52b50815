// Command crash loses the power at every point of the lives of disks; see -h.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"paxos/test/crash"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := crash.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
