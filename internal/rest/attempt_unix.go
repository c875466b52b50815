//go:build unix

package rest

import (
	"net"
	"syscall"
)

// attempt writes to a connection what it takes without making anybody wait.
type attempt struct {
	conn    syscall.RawConn
	try     func(fd uintptr) bool // made once, for it would be allocated each time
	left    []byte
	written int
}

// newAttempt gives nil for a connection that cannot be tried.
func newAttempt(conn net.Conn) *attempt {
	tcp, ok := below(conn).(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	a := &attempt{conn: raw}
	a.try = func(fd uintptr) bool {
		if n, err := syscall.Write(int(fd), a.left); err == nil {
			a.written = n
		}
		return true
	}
	return a
}

// write says how much was taken. Whatever is wrong with the connection, the next
// write that waits finds it out.
func (a *attempt) write(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	a.left, a.written = b, 0
	_ = a.conn.Write(a.try)
	a.left = nil
	return a.written
}
