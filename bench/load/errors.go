package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"paxos/bench/system"
	"paxos/bench/wire"
)

// kind is what an error is counted under.
func kind(err error) string {
	var status *wire.StatusError
	var timeout net.Error
	switch {
	case errors.Is(err, ErrOld):
		return "wrong value"
	case errors.As(err, &status):
		if status.RetryAfter {
			return fmt.Sprintf("status %d, retry later", status.Status)
		}
		return fmt.Sprintf("status %d", status.Status)
	case errors.Is(err, system.ErrNot):
		return "not possible"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection cut"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	}
	text := err.Error()
	return text[:min(len(text), 100)]
}
