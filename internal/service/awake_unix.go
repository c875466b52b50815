//go:build unix

package service

import (
	"os"
	"slices"
	"strings"
	"syscall"
)

// Go's runtime has a thread that looks after the others (sysmon in
// runtime/proc.go). It sleeps deeply while nothing runs, and is woken by the
// first message that comes; then it looks every 20 µs for a while. A node that
// gets a message every millisecond so wakes it every millisecond: half of all
// its changes of thread were this one's, and a third of the processor time of a
// put. With schedtrace it never sleeps deeply, and looks every 10 ms when
// nothing runs. Of the trace itself, of which so few lines are asked for as can
// be, there is one (SCHED …, on stderr) in 24.8 days, and one at the start on a
// machine that has been up for longer.
const (
	awakeName  = "schedtrace="
	awakeValue = awakeName + "2147483647"
)

// line is the command line as it came, whatever becomes of os.Args.
var line = slices.Clone(os.Args)

// StayAwake begins this program anew, as the same process, with a runtime whose
// looking thread stays awake; it returns if it does, or cannot be had. It must
// be called before signals are caught, or one could be lost between the two. A
// GODEBUG of the operator's that has schedtrace goes before it.
func StayAwake() {
	env, begins := awake(os.Environ())
	if !begins {
		return
	}
	if self, err := os.Executable(); err == nil {
		_ = syscall.Exec(self, line, env) // it is a saving, and no need
	}
}

// awake is the environment in which the runtime stays awake; begins is false if
// this is one, or if the operator wants another.
func awake(env []string) (with []string, begins bool) {
	const name = "GODEBUG="
	for i, v := range env {
		value, ok := strings.CutPrefix(v, name)
		if !ok {
			continue
		}
		if strings.Contains(value, awakeName) {
			return env, false
		}
		with = append(with, env[:i]...)
		with = append(with, name+strings.TrimPrefix(value+","+awakeValue, ","))
		return append(with, env[i+1:]...), true
	}
	return append(append(with, env...), name+awakeValue), true
}
