package ports

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

func TestAClosedAddressRefusesAndStaysTaken(t *testing.T) {
	t.Parallel()
	closed := map[string]bool{}
	for range 200 {
		at := Closed(t)
		if closed[at] {
			t.Fatalf("%s was given twice", at)
		}
		closed[at] = true
		if c, err := net.Dial("tcp", at); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("a connection to %s: %v, %v, not refused", at, c, err)
		}
		if l, err := net.Listen("tcp", at); !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("a server at %s: %v, %v, not refused", at, l, err)
		}
	}
}

func TestAFreeAddressIsGivenOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2000 {
		at := Free(t)
		if seen[at] {
			t.Fatalf("%s was given twice", at)
		}
		seen[at] = true
	}
	l, err := net.Listen("tcp", Free(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
