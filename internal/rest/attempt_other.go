//go:build !unix

package rest

import "net"

// attempt is not made here: the stream's own goroutine writes.
type attempt struct{}

func newAttempt(net.Conn) *attempt { return nil }

func (*attempt) write([]byte) int { return 0 }
