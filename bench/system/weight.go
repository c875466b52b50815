package system

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Weight is what processes have taken from the machine. Times and bytes are since
// their start, and grow; memory is as of now.
type Weight struct {
	CPU     float64 // seconds, user and system, all threads
	Written int64   // bytes that went to disks
	Memory  int64   // bytes that are resident
	Peak    int64   // the most that were, of each process, since ResetPeak
}

// ticks is USER_HZ, which Linux has fixed for programs.
const ticks = 100

// Weigh adds up processes.
func Weigh(pids []int) (Weight, error) {
	var sum Weight
	for _, pid := range pids {
		w, err := weigh(pid)
		if err != nil {
			return sum, fmt.Errorf("process %d: %w", pid, err)
		}
		sum.CPU += w.CPU
		sum.Written += w.Written
		sum.Memory += w.Memory
		sum.Peak += w.Peak
	}
	return sum, nil
}

func weigh(pid int) (w Weight, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return w, err
	}
	// The second field is a name in brackets, with anything in it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const user, system = 11, 12 // fields 14 and 15 of proc(5)
	if len(fields) <= system {
		return w, fmt.Errorf("its stat cannot be understood: %q", stat)
	}
	for _, text := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return w, err
		}
		w.CPU += float64(n) / ticks
	}
	if w.Written, err = number(pid, "io", "write_bytes:", 1); err != nil {
		return w, err
	}
	if w.Memory, err = number(pid, "status", "VmRSS:", 1024); err != nil {
		return w, err
	}
	w.Peak, err = number(pid, "status", "VmHWM:", 1024)
	return w, err
}

// number is the first word behind a name in a file of a process.
func number(pid int, file, name string, unit int64) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok && len(strings.Fields(rest)) > 0 {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n * unit, err
		}
	}
	return 0, fmt.Errorf("its %s says no %s", file, name)
}

// ResetPeak makes the peak of processes what they have now.
func ResetPeak(pids []int) error {
	for _, pid := range pids {
		// 5 stands for the peak alone: proc(5), clear_refs.
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200); err != nil {
			return fmt.Errorf("process %d: %w", pid, err)
		}
	}
	return nil
}
