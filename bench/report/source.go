package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Source says where figures come from: nobody could repeat them otherwise.
type Source struct {
	Command string  `json:"command"`
	Commit  string  `json:"commit"`
	Date    string  `json:"date"`
	Machine Machine `json:"machine"`
}

// Machine is what the figures are of, besides the program.
type Machine struct {
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Disk   string `json:"file_system"`
}

// String is the machine in a line.
func (m Machine) String() string {
	return fmt.Sprintf("%d cores, %s of memory, %s, %s, %s", m.Cores, m.Memory, m.Disk, m.Kernel, m.Go)
}

// ThisMachine describes the machine, with the disk that dir is on.
func ThisMachine(dir string) (Machine, error) {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Memory: "?", Kernel: "?"}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = runtime.GOOS + " " + strings.TrimSpace(string(release))
	}
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		if fields := strings.Fields(string(info)); len(fields) > 1 && fields[0] == "MemTotal:" {
			if kb, err := strconv.Atoi(fields[1]); err == nil {
				m.Memory = fmt.Sprintf("%.0f GiB", float64(kb)/(1<<20))
			}
		}
	}
	disk, err := FileSystem(dir)
	m.Disk = disk
	return m, err
}

// ErrNoDisk means that a directory is in memory: nothing there is durable.
var ErrNoDisk = errors.New("no disk")

// FileSystem names what a directory is on. One that is only in memory is
// ErrNoDisk.
func FileSystem(dir string) (string, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	switch uint32(st.Type) {
	case 0x01021994, 0x858458f6:
		return "", fmt.Errorf("%s is on a file system in memory (%w): what is measured is mostly what a disk does; give -dir a directory on one", dir, ErrNoDisk)
	case 0xef53:
		return "ext4", nil
	case 0x58465342:
		return "xfs", nil
	case 0x9123683e:
		return "btrfs", nil
	case 0x794c7630:
		return "overlayfs", nil
	case 0x2fc12fc1:
		return "zfs", nil
	}
	return fmt.Sprintf("file system %#x", uint32(st.Type)), nil
}

// File is all that was measured, by row.
type File struct {
	Rows []Comparison `json:"rows"`
}

// Read reads a file; one that is missing is empty.
func Read(path string) (f File, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("%s is no file of the bench: %w", path, err)
	}
	return f, nil
}

// Put replaces the row of that name, or adds it.
func (f *File) Put(c Comparison) {
	if i := slices.IndexFunc(f.Rows, func(o Comparison) bool { return o.Name == c.Name }); i >= 0 {
		f.Rows[i] = c
		return
	}
	f.Rows = append(f.Rows, c)
}

// Write writes it, whole or not at all.
func (f File) Write(path string) error {
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	return Replace(path, append(text, '\n'))
}

// Replace gives a file another content in one step.
func Replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(aside.Name()) }() // it is gone when all went well
	_, err = aside.Write(content)
	if err := errors.Join(err, aside.Chmod(0o644), aside.Close()); err != nil {
		return err
	}
	return os.Rename(aside.Name(), path)
}
