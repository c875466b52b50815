package integration

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"paxos/paxos"
)

// needProc skips a test that looks at processes where they cannot be looked at.
func needProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("!!! there is no /proc here: figures of processes are NOT tested")
	}
}

// clockTick is the unit of /proc/PID/stat (USER_HZ, 100 on every Linux).
const clockTick = 10 * time.Millisecond

// cpu is the processor time that a node's process has used since its start.
func (c *cluster) cpu(id paxos.NodeID) time.Duration {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.State(id).PID))
	c.must(err)
	// The second field is a name in parentheses, which may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var sum time.Duration
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		c.must(err)
		sum += time.Duration(n) * clockTick
	}
	return sum
}

// cpuOf sums over the nodes of a role, or of all roles but some.
func (c *cluster) cpuOf(ids ...paxos.NodeID) (sum time.Duration) {
	for _, id := range ids {
		sum += c.cpu(id)
	}
	return sum
}

// memory is what a node's process holds in memory now, 0 if it does not run.
func (c *cluster) memory(id paxos.NodeID) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.State(id).PID))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// disk is what a node's data directory takes on the disk.
func (c *cluster) disk(id paxos.NodeID) (sum int64) {
	_ = filepath.WalkDir(c.DataDir(id), func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it was removed meanwhile
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			sum += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return sum
}

// megabytes is for people.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
