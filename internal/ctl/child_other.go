//go:build unix && !linux

package ctl

import "syscall"

// aboutKilled says what becomes of a command whose paxosctl is killed.
const aboutKilled = "If paxosctl itself is killed, COMMAND goes on; the lock ends with its TTL."

// tied is how a program is run. Only Linux can tie it to this process's life.
func tied(group bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: group} }
