package ctl

import "syscall"

// aboutKilled says what becomes of a command whose paxosctl is killed.
const aboutKilled = "If paxosctl itself is killed, so is COMMAND (SIGKILL), but not\nwhat COMMAND has started; the lock ends with its TTL."

// tied is how a program is run that must not outlive this process: whoever
// holds a lock for it would be gone.
func tied(group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: group, Pdeathsig: syscall.SIGKILL}
}
