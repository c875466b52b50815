//go:build unix

package service

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// look tells what was done up to now. Where nobody tells how idle the machine is,
// it counts as idle.
func look() (working, bool) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return working{}, false
	}
	w := working{at: time.Now(), used: time.Duration(u.Utime.Nano() + u.Stime.Nano())}
	w.idle = time.Duration(w.at.UnixNano())
	if b, err := os.ReadFile("/proc/stat"); err == nil {
		if idle, ok := idleOf(b); ok {
			w.idle = idle
		}
	}
	return w, true
}

// userTick is the unit of /proc/stat: the kernel tells user space hundredths of a
// second, whatever it counts in itself (USER_HZ, proc(5)).
const userTick = time.Second / 100

// idleOf reads how long all processors were idle, or waited for a disk, since the
// machine began.
func idleOf(stat []byte) (time.Duration, bool) {
	line, _, _ := bytes.Cut(stat, []byte{'\n'})
	fields := bytes.Fields(line)
	if len(fields) < 6 || string(fields[0]) != "cpu" {
		return 0, false
	}
	idle, err := strconv.ParseInt(string(fields[4]), 10, 64)
	if err != nil {
		return 0, false
	}
	waits, err := strconv.ParseInt(string(fields[5]), 10, 64)
	return time.Duration(idle+waits) * userTick, err == nil
}
