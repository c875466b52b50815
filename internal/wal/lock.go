package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const lockName = "LOCK"

// DirLock is the right to use a data directory. The kernel takes it back when
// the process ends, however it ends.
type DirLock struct{ file *os.File }

// Lock takes a data directory for this process, making it when it is missing.
// Who is the node's id, for the eyes of whoever comes second: a directory that
// is held gives a *HeldError that names the holder's id, process and host.
func Lock(dir string, who string) (*DirLock, error) {
	if err := makeDir(filepath.Clean(dir)); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if err := take(f, dir, who); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &DirLock{f}, nil
}

func take(f *os.File, dir, who string) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return &HeldError{Dir: dir, Holder: holder(f)}
	}
	if err != nil {
		return fmt.Errorf("data directory %s: flock: %w", dir, err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	// The file is never removed: a process waiting on the old one would not
	// see the new. Its text is a courtesy; the lock is the kernel's.
	line := fmt.Appendf(nil, "%s (process %d on host %s)\n", who, os.Getpid(), host)
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(line, 0)
	return err
}

func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 512))
	if line := strings.TrimSpace(string(text)); err == nil && line != "" {
		return line
	}
	return "another process"
}

// Unlock gives the directory back.
func (l *DirLock) Unlock() error { return l.file.Close() }
