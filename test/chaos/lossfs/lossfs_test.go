//go:build linux

package lossfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/test/chaos/lossfs"
)

func mount(t *testing.T) *lossfs.Disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("!!! only root can mount: that processes lose what was not synced is NOT tested")
	}
	d, err := lossfs.Mount(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// write writes a whole new file and syncs it, and its name too.
func write(t *testing.T, d *lossfs.Disk, name string, content []byte) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(d.Dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	must(t, err)
	_, err = f.WriteAt(content, 0)
	must(t, err, f.Sync(), syncDir(d))
	return f
}

func syncDir(d *lossfs.Disk) error {
	f, err := os.Open(d.Dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// fail takes the power, with nobody at work.
func fail(d *lossfs.Disk, pick func(int) int) lossfs.Loss {
	d.Cut()
	d.Refuse()
	return d.Crash(pick)
}

func sectors(first, second byte) []byte {
	return append(bytes.Repeat([]byte{first}, wal.SectorBytes), bytes.Repeat([]byte{second}, wal.SectorBytes)...)
}

func TestWhatWasNotSyncedIsLostSectorBySector(t *testing.T) {
	for name, c := range map[string]struct {
		pick func(int) int
		want []byte
	}{
		"lost": {memfs.Lose, sectors('a', 'a')},
		"kept": {memfs.Keep, sectors('b', 'b')},
		"torn": {func() func(int) int { n := 0; return func(int) int { n++; return n % 2 } }(), sectors('b', 'a')},
	} {
		d := mount(t)
		f := write(t, d, "f", sectors('a', 'a'))
		_, err := f.WriteAt(sectors('b', 'b'), 0)
		must(t, err)
		if seen, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(seen, sectors('b', 'b')) {
			t.Errorf("%s: before: %.1q, %v", name, seen, err)
		}
		must(t, f.Close())
		loss := fail(d, c.pick)
		if seen, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(seen, c.want) {
			t.Errorf("%s: %d bytes, %v", name, len(seen), err)
		}
		if loss.Lost+loss.Kept != 2 {
			t.Errorf("%s: %+v, of two sectors", name, loss)
		}
	}
}

func TestASyncKeepsContentAndADirectorysSyncKeepsNames(t *testing.T) {
	d := mount(t)
	f := write(t, d, "f", sectors('a', 'a'))
	_, err := f.WriteAt(sectors('b', 'c'), 0)
	must(t, err, syscall.Fdatasync(int(f.Fd())), os.Rename(f.Name(), f.Name()+"2"))
	info, err := f.Stat()
	if err != nil || info.Size() != 2*wal.SectorBytes {
		t.Errorf("an open file that was renamed: %v, %v", info, err)
	}
	must(t, f.Close())
	fail(d, memfs.Lose)
	if seen, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(seen, sectors('b', 'c')) {
		t.Errorf("the old name: %d bytes, %v", len(seen), err)
	}
	must(t, os.Rename(f.Name(), f.Name()+"2"), syncDir(d))
	fail(d, memfs.Lose)
	if _, err := os.Stat(f.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old name after a sync of the new: %v", err)
	}
	names, err := filepath.Glob(filepath.Join(d.Dir, "*"))
	if err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
	must(t, os.Remove(names[0]))
	fail(d, memfs.Lose)
	if _, err := os.Stat(names[0]); err != nil {
		t.Errorf("a removal that was not synced: %v", err)
	}
}

func TestOperationsFailAsTheyAreTold(t *testing.T) {
	d := mount(t)
	f := write(t, d, "f", sectors('a', 'a'))
	defer func() { _ = f.Close() }()
	d.Inject(func(op memfs.Op) *memfs.Fault {
		switch op.Kind {
		case memfs.WriteOp:
			return &memfs.Fault{Err: syscall.ENOSPC, Short: max(0, op.Size-wal.SectorBytes)}
		case memfs.SyncOp:
			return &memfs.Fault{Err: syscall.EIO}
		}
		return nil
	})
	if _, err := f.WriteAt(sectors('b', 'b'), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a short write: %v", err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a sync: %v", err)
	}
	d.Inject(nil)
	must(t, f.Sync())
	if seen, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(seen, sectors('b', 'a')) {
		t.Errorf("seen: %d bytes, %v", len(seen), err)
	}
	fail(d, memfs.Lose)
	if seen, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(seen, sectors('a', 'a')) {
		t.Errorf("a sync that failed lets the next one write: %v", err)
	}
}

func TestWithoutPowerNothingIsAnsweredUntilItIsRefused(t *testing.T) {
	d := mount(t)
	f := write(t, d, "f", sectors('a', 'a'))
	d.Cut()
	done := make(chan error, 1)
	go func() {
		_, err := f.WriteAt(sectors('b', 'b'), 0)
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("answered: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	d.Refuse()
	if err := <-done; !errors.Is(err, syscall.EIO) {
		t.Errorf("refused with %v", err)
	}
	must(t, f.Close())
	d.Crash(memfs.Keep)
	if seen, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(seen, sectors('a', 'a')) {
		t.Errorf("a write without power took effect: %v", err)
	}
}

func TestASlowSyncTakesItsTimeAndNothingElseDoes(t *testing.T) {
	d := mount(t)
	f := write(t, d, "f", sectors('a', 'a'))
	defer func() { _ = f.Close() }()
	const slow = 200 * time.Millisecond
	d.Slow(slow)
	began := time.Now()
	_, err := f.WriteAt(sectors('b', 'b'), 0)
	wrote := time.Since(began)
	must(t, err, f.Sync())
	if took := time.Since(began); took < slow || wrote >= slow {
		t.Errorf("a write took %v, and with its sync %v", wrote, took)
	}
}

// A node's own code, on such a disk: its lock, its identity, its journal.
func TestAJournalStandsOnSuchADisk(t *testing.T) {
	d := mount(t)
	fsys, bind := wal.OS(), wal.Binding{Cluster: [16]byte{1}, Store: 2}
	dir := filepath.Join(d.Dir, "journal")
	lock, err := wal.Lock(d.Dir, "acceptor1")
	must(t, err)
	var held *wal.HeldError
	if _, err := wal.Lock(d.Dir, "acceptor2"); !errors.As(err, &held) {
		t.Errorf("locked twice: %v", err)
	}
	var records []string
	open := func() *wal.Journal {
		records = nil
		j, err := wal.Open(fsys, dir, bind, wal.Options{Create: true, SegmentBytes: 4096}, func(_ byte, payload []byte) error {
			records = append(records, string(payload))
			return nil
		})
		must(t, err)
		return j
	}
	j := open()
	for range 20 {
		j.Append(1, bytes.Repeat([]byte{'x'}, 700))
		must(t, j.Sync())
	}
	j.Append(1, []byte("never synced"))
	must(t, j.Close(), lock.Unlock())
	fail(d, memfs.Lose)
	j = open()
	if len(records) != 20 {
		t.Errorf("%d records are left of 20", len(records))
	}
	must(t, j.Close())
}

// A process that has the device open keeps a dead disk, and all who wait for it.
func TestNoProcessInheritsADisk(t *testing.T) {
	mount(t)
	out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("fuse")) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestADiskThatWasTakenAwayCanBeSaved(t *testing.T) {
	d, to := mount(t), t.TempDir()
	must(t, os.Mkdir(filepath.Join(d.Dir, "sub"), 0o700))
	must(t, write(t, d, "sub/f", sectors('a', 'b')).Close(), d.Save(to))
	if saved, err := os.ReadFile(filepath.Join(to, "sub", "f")); err != nil || !bytes.Equal(saved, sectors('a', 'b')) {
		t.Errorf("%d bytes, %v", len(saved), err)
	}
}
