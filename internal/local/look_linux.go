package local

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
)

// bootID tells one boot of the machine from the next: times in /proc count
// from the boot.
var bootID = sync.OnceValue(func() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
})

// look gives when a process was born and what it is doing; an error when there
// is none of that number. One that has ended and waits for its parent is gone.
func look(pid int) (birth string, status Status, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", Stopped, err
	}
	// The second field is the program's name in brackets, with anything in it.
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	const state, started = 0, 19 // fields 3 and 22 of proc(5)
	if end < 0 || len(fields) <= started {
		return "", Stopped, fmt.Errorf("/proc/%d/stat cannot be understood: %q", pid, text)
	}
	birth = fields[started] + "@" + bootID()
	switch fields[state] {
	case "T", "t":
		return birth, Paused, nil
	case "Z", "X", "x":
		// The threads of a killed process end one after the other, and its
		// first one may be the first to go: sockets close with the last.
		if threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)); err == nil && len(threads) > 1 {
			return birth, Running, nil
		}
		return birth, Stopped, nil
	}
	return birth, Running, nil
}

// apart is how a node's process is started: in a session of its own, so that
// no terminal's Ctrl-C or hang-up reaches it.
func apart(attached bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if attached {
		attr.Pdeathsig = syscall.SIGKILL
	}
	return attr
}
