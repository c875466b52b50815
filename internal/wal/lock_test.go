package wal_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"paxos/internal/wal"
)

const lockVariable = "WAL_TEST_LOCK"

// TestMain lets the test binary be the second process: it tries to take the
// directory that the variable names and says what came of it.
func TestMain(m *testing.M) {
	if dir := os.Getenv(lockVariable); dir != "" {
		_, err := wal.Lock(dir, "acceptor9")
		fmt.Print(err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func fromAnotherProcess(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	second := exec.Command(self)
	second.Env = append(os.Environ(), lockVariable+"="+dir)
	out, err := second.CombinedOutput()
	must(t, err)
	return string(out)
}

func TestASecondProcessHearsWhoHoldsTheDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "on", "the", "way")
	first, err := wal.Lock(path, "acceptor1")
	must(t, err)
	said := fromAnotherProcess(t, path)
	for _, part := range []string{path, "acceptor1", fmt.Sprintf("process %d on", os.Getpid()), "must never share"} {
		if !strings.Contains(said, part) {
			t.Errorf("%q does not say %q", said, part)
		}
	}
	if strings.Contains(said, "acceptor9") {
		t.Errorf("%q: the second one has written into the lock", said)
	}
	must(t, first.Unlock())
	if said := fromAnotherProcess(t, path); said != "<nil>" {
		t.Errorf("a free directory: %s", said)
	}
	// The second process has ended without a word, and its lock with it.
	again, err := wal.Lock(path, "acceptor1")
	must(t, err)
	var held *wal.HeldError
	if _, err := wal.Lock(path, "acceptor2"); !errors.As(err, &held) || !strings.HasPrefix(held.Holder, "acceptor1 ") {
		t.Errorf("within one process: %v", err)
	}
	must(t, again.Unlock())
}

func TestADirectoryThatCannotBeMadeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := wal.Lock(filepath.Join(file, "data"), "acceptor1"); err == nil {
		t.Error("a directory was made inside a file")
	}
}

func TestAFileSystemInMemoryIsRefused(t *testing.T) {
	const memory = "/dev/shm"
	if _, err := os.Stat(memory); runtime.GOOS != "linux" || err != nil {
		t.Skip("no tmpfs at a known place")
	}
	var unsafe *wal.UnsafeFileSystemError
	err := wal.CheckFileSystem(memory)
	if !errors.As(err, &unsafe) || unsafe.Kind != "tmpfs" || !strings.Contains(err.Error(), "--allow-unsafe-filesystem") {
		t.Fatalf("got %v", err)
	}
	path, err := os.MkdirTemp(memory, "wal")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(path) })
	if _, err := wal.Open(wal.OS(), path, bind, wal.Options{Create: true}, nil); !errors.As(err, &unsafe) {
		t.Errorf("Open: %v", err)
	}
	j, err := wal.Open(wal.OS(), path, bind, wal.Options{Create: true, AllowUnsafeFS: true, SegmentBytes: 4096}, nil)
	must(t, err)
	must(t, j.Close())
}
