//go:build !linux

package members

import "syscall"

// tied keeps a member in a group of its own, so that a Ctrl-C reaches only the
// bench, which then ends it.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
