package wal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paxos/internal/wal"
)

// writtenBytes is what this process has made the file systems write.
func writtenBytes(t *testing.T) int { return ioBytes(t, "write_bytes") }

func ioBytes(t *testing.T, which string) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	must(t, err)
	_, rest, _ := strings.Cut(string(b), "\n"+which+": ")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// forgetAll leaves a directory's files on the disk alone, as a reboot does.
func forgetAll(t *testing.T, dir string) {
	t.Helper()
	files, err := wal.OS().ReadDir(dir)
	must(t, err)
	for _, name := range files {
		f, err := wal.OS().Open(filepath.Join(dir, name))
		must(t, err)
		must(t, wal.Forget(f))
		must(t, f.Close())
	}
}

// TestASmallBatchMakesTheSystemWriteLittle: of a new segment, and of one that
// was read at the start.
func TestASmallBatchMakesTheSystemWriteLittle(t *testing.T) {
	dir, err := os.MkdirTemp(".", "bench-data-") // on a disk, whatever /tmp is
	must(t, err)
	defer func() { must(t, os.RemoveAll(dir)) }()
	opts := wal.Options{Create: true, AllowUnsafeFS: true, SegmentBytes: 4 << 20, Inline: true}
	const batches = 64
	for _, when := range []string{"new", "opened again"} {
		j, err := wal.Open(wal.OS(), filepath.Join(dir, "journal"), bind, opts, func(byte, []byte) error { return nil })
		must(t, err)
		j.Append(1, body(1, 1<<20)) // to where the system's pieces are large
		must(t, j.Sync())
		before := writtenBytes(t)
		for range batches {
			j.Append(1, body(1, 100))
			must(t, j.Sync())
		}
		if each := (writtenBytes(t) - before) / batches; each == 0 || each > 8<<10 {
			t.Errorf("%s: a batch of one sector makes the system write %d bytes", when, each)
		}
		must(t, j.Close())
		opts.Create = false
		forgetAll(t, filepath.Join(dir, "journal"))
	}
}

// TestABatchMakesTheSystemReadNothing: each ends in a page that is not in memory.
func TestABatchMakesTheSystemReadNothing(t *testing.T) {
	dir, err := os.MkdirTemp(".", "bench-data-")
	must(t, err)
	defer func() { must(t, os.RemoveAll(dir)) }()
	j, err := wal.Open(wal.OS(), filepath.Join(dir, "journal"), bind, wal.Options{Create: true, AllowUnsafeFS: true, SegmentBytes: 4 << 20, Inline: true}, func(byte, []byte) error { return nil })
	must(t, err)
	before := ioBytes(t, "read_bytes")
	const batches = 64
	for range batches {
		j.Append(1, body(1, 10_000))
		must(t, j.Sync())
	}
	if read := ioBytes(t, "read_bytes") - before; read > batches*4096/2 {
		t.Errorf("%d batches made the system read %d bytes", batches, read)
	}
	must(t, j.Close())
}
