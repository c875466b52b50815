//go:build unix

package awake

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
	name    = "GODEBUG="
	setting = "schedtrace="
	value   = setting + "2147483647"
)

// line is the command line as it came, whatever becomes of os.Args.
var line = slices.Clone(os.Args)

// Begin begins this program anew, as the same process, in an Environment that
// keeps it awake; it returns if it is in one, or cannot be. It must be called
// before signals are caught, or one could be lost between the two. What a parent
// asked of the kernel for its death may be lost: such a parent gives its child
// the Environment, and nothing begins anew.
func Begin() {
	env := Environment(os.Environ())
	if slices.Equal(env, os.Environ()) {
		return
	}
	if self, err := os.Executable(); err == nil {
		_ = syscall.Exec(self, line, env) // it is a saving, and no need
	}
}

// Environment is env with what keeps a Go program awake. A GODEBUG of the
// operator's that has schedtrace goes before it.
func Environment(env []string) []string {
	i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, name) })
	if i < 0 {
		return append(slices.Clone(env), name+value)
	}
	settings := env[i][len(name):]
	if strings.Contains(settings, setting) {
		return env
	}
	with := slices.Clone(env)
	with[i] = name + strings.TrimPrefix(settings+","+value, ",")
	return with
}
