package ports

import (
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
)

// Closed gives an address of this machine at which nobody listens, and nobody
// will while the test runs: the port is bound, so that it is given to no other
// socket, and not listened on, so that whoever connects is refused. A port that
// was listened on and closed would do until it is given to a server of the same
// test.
func Closed(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

var (
	givenMu sync.Mutex
	given   = map[string]bool{}
)

// Free gives an address of this machine on which nobody listens now, for a
// server that the caller starts later. This process is never given it twice.
// Another may take it in between.
func Free(t testing.TB) string {
	t.Helper()
	givenMu.Lock()
	defer givenMu.Unlock()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		_ = l.Close()
		if !given[address] {
			given[address] = true
			return address
		}
	}
}
