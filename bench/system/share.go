package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sharePeriod is how often a share of the processor is given anew, in
// microseconds: short, so that who has used his up waits little.
const sharePeriod = 10_000

// controller is where the kernel's shares of the processor are, and the file that
// takes them: cgroups of either version.
type controller struct {
	dir   string
	limit func(dir string, quota int) error
}

func shares() (controller, error) {
	write := func(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }
	if enabled, err := os.ReadFile("/sys/fs/cgroup/cgroup.subtree_control"); err == nil && strings.Contains(" "+string(enabled), " cpu") {
		return controller{"/sys/fs/cgroup", func(dir string, quota int) error {
			return write(filepath.Join(dir, "cpu.max"), fmt.Sprintf("%d %d", quota, sharePeriod))
		}}, nil
	}
	if _, err := os.Stat("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"); err == nil {
		return controller{"/sys/fs/cgroup/cpu", func(dir string, quota int) error {
			return errors.Join(write(filepath.Join(dir, "cpu.cfs_period_us"), strconv.Itoa(sharePeriod)), write(filepath.Join(dir, "cpu.cfs_quota_us"), strconv.Itoa(quota)))
		}}, nil
	}
	return controller{}, errors.New("no cgroup gives shares of the processor here: equal shares cannot be had")
}

// Share holds a process to so many cores, with all its threads. Release is called
// when the process has ended.
func Share(pid int, cores float64) (release func() error, err error) {
	c, err := shares()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(c.dir, "paxos-bench-"+strconv.Itoa(pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	release = func() error { return os.Remove(dir) }
	err = c.limit(dir, int(cores*sharePeriod))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
	}
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}
