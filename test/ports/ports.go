// Package ports finds ports for the clusters that tests start, so that test
// packages that run at the same time, and a cluster that is up, do not meet.
// It starts nothing: internal/local does.
package ports

import (
	"fmt"
	"net"
	"os"
)

// Ports of the first node of each role, and of its gossip, without an offset.
var firstPorts = []int{3001, 4001, 5001, 6001, 13001, 14001, 15001, 16001}

// FreeOffset looks for a local.Options.PortOffset at which no port of a cluster of up to n
// nodes a role is taken now: first, first+20 and so on, count of them,
// beginning at one that depends on this process, so that two processes seldom
// try the same. A port that is free now may be taken later.
func FreeOffset(first, count, n int) (int, error) {
	for i := range count {
		if offset := first + 20*((os.Getpid()+i)%count); free(offset, n) {
			return offset, nil
		}
	}
	return 0, fmt.Errorf("no port offset from %d to %d is free", first, first+20*(count-1))
}

func free(offset, n int) bool {
	for _, first := range firstPorts {
		for port := first + offset; port < first+offset+n; port++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				return false
			}
			_ = l.Close()
		}
	}
	return true
}
