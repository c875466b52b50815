package sched

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// The policies of sched(7) for what is not urgent in any way.
const (
	usual = 0 // SCHED_OTHER, which x/sys has not
	batch = unix.SCHED_BATCH
)

// Batch lets a process work in batches, or as usual again. In batches, a thread
// that is woken does not interrupt whoever has the processor (SCHED_BATCH,
// sched(7)); meanwhile more comes for it to do. Threads that have another policy
// keep it, as does what is nice; those that begin later have that of the thread
// that begins them.
func Batch(pid int, on bool) error {
	from, to := uint32(usual), uint32(batch)
	if !on {
		from, to = to, from
	}
	for range passes {
		changed, err := shift(pid, from, to)
		if err != nil || !changed {
			return err
		}
		// One may have begun meanwhile, by one that was not changed yet.
	}
	return errors.New("its threads do not take another policy")
}

// passes is how often the threads are looked through at most.
const passes = 16

// Usual reports whether a process, by its first thread, has the usual policy. One
// that was started with another shall keep it.
func Usual(pid int) bool {
	attr, err := unix.SchedGetAttr(pid, 0)
	return err == nil && attr.Policy == usual
}

// Never reports whether an error of Batch will be the same the next time.
func Never(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}

// shift changes the policy of all threads that have the one.
func shift(pid int, from, to uint32) (changed bool, err error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return false, err
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return false, err
		}
		attr, err := unix.SchedGetAttr(id, 0)
		if err == nil && attr.Policy == from {
			err, changed = unix.SchedSetAttr(id, &unix.SchedAttr{Size: attr.Size, Policy: to, Flags: attr.Flags, Nice: attr.Nice}, 0), true
		}
		if err != nil && !errors.Is(err, unix.ESRCH) { // else it has ended
			return false, fmt.Errorf("the policy of thread %d: %w", id, err)
		}
	}
	return changed, nil
}
