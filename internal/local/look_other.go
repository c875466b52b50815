//go:build unix && !linux

package local

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// look gives when a process was born and what it is doing; an error when there
// is none of that number. One that has ended and waits for its parent is gone.
func look(pid int) (birth string, status Status, err error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return "", Stopped, fmt.Errorf("ps: %w", err)
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		return "", Stopped, fmt.Errorf("ps shows no process %d", pid)
	}
	birth = strings.Join(fields[1:], "-")
	switch fields[0][0] {
	case 'T':
		return birth, Paused, nil
	case 'Z':
		return birth, Stopped, nil
	}
	return birth, Running, nil
}

// apart is how a node's process is started: in a session of its own, so that
// no terminal's Ctrl-C or hang-up reaches it. Only Linux can tie it to its
// parent's life.
func apart(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
