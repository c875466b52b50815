package members

import "syscall"

// tied keeps a member in a group of its own, so that a Ctrl-C reaches only the
// bench, which then ends it; and ends it if the bench is killed.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
