package wal_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

var errDisk = syscall.EIO

// failAt makes the n-th operation from now fail, and no other; a write that
// fails has written its first half.
func failAt(disk *memfs.Disk, n int) {
	failing := disk.Ops() + n
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.N == failing {
			return &memfs.Fault{Err: errDisk, Short: op.Size / 2}
		}
		return nil
	})
}

// Whichever operation fails first, the journal says so from then on and leaves
// the disk alone.
func TestTheFirstFailureIsFinal(t *testing.T) {
	kinds := map[memfs.Kind]bool{}
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	total := disk.Ops()
	must(t, work(j))
	total = disk.Ops() - total
	for n := 1; n <= total; n++ {
		disk := newDisk(t)
		j, _ := mustOpen(t, disk, small(true))
		var kind memfs.Kind
		failing := disk.Ops() + n
		disk.Inject(func(op memfs.Op) *memfs.Fault {
			if op.N != failing {
				return nil
			}
			kind = op.Kind
			return &memfs.Fault{Err: syscall.ENOSPC, Short: op.Size / 2}
		})
		err := work(j)
		if err == nil && n > total-6 {
			continue // The segment after the last, which nobody has asked for.
		}
		kinds[kind] = true
		ops := disk.Ops()
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) {
			t.Fatalf("operation %d (%s): %v", n, kind, err)
		}
		j.Append(1, []byte("more"))
		for range 2 {
			if again := j.Sync(); again != err {
				t.Fatalf("operation %d (%s): first %v, then %v", n, kind, err, again)
			}
			if again := j.DropBefore(9); again != err {
				t.Fatalf("operation %d (%s): first %v, then %v", n, kind, err, again)
			}
		}
		if disk.Ops() != ops {
			t.Fatalf("operation %d (%s): the disk was touched after it had failed", n, kind)
		}
		must(t, j.Close())
	}
	for _, kind := range []memfs.Kind{memfs.CreateOp, memfs.RenameOp, memfs.RemoveOp, memfs.SyncDirOp, memfs.WriteOp, memfs.SyncOp, memfs.SyncDataOp} {
		if !kinds[kind] {
			t.Errorf("no %s was made to fail", kind)
		}
	}
}

// work makes a journal do everything that it can do to a disk. A preparation
// that fails shows at the roll, so it ends with one.
func work(j *wal.Journal) error {
	for _, n := range []int{10, 1400, 1400, 6000, 10} {
		j.Append(1, body(n, n))
		if err := j.Sync(); err != nil {
			return err
		}
	}
	if err := j.DropBefore(j.Position().Segment); err != nil {
		return err
	}
	j.Append(1, body(1, 9000))
	return j.Sync()
}

// A preparation that failed ends the journal at the next Sync, although
// nothing rests on its segment yet. It is not tried again.
func TestAFailedPreparationEndsTheJournal(t *testing.T) {
	for _, kind := range []memfs.Kind{memfs.CreateOp, memfs.WriteOp, memfs.SyncOp, memfs.RenameOp, memfs.SyncDirOp} {
		disk := newDisk(t)
		j, _ := mustOpen(t, disk, small(true))
		failed := 0
		disk.Inject(func(op memfs.Op) *memfs.Fault {
			if op.Kind == kind && strings.HasPrefix(op.Name, dir) && (kind == memfs.SyncDirOp || strings.Contains(op.Name, segment(2))) {
				failed++
				return &memfs.Fault{Err: errDisk}
			}
			return nil
		})
		want := put(t, j, 1000)
		j.Append(0, body(0, 1000))
		if err := j.Sync(); !errors.Is(err, errDisk) || failed != 1 {
			t.Errorf("%s: got %v after %d failures", kind, err, failed)
		}
		disk.Crash(memfs.Lose)
		_, got := mustOpen(t, disk, small(false))
		same(t, got, want)
	}
}

func TestOpenReportsWhatTheDiskSays(t *testing.T) {
	l := &life{disk: newDisk(t)}
	must(t, l.live(t, [][]int{{1400}, {1400}, {1400}, {1400}}))
	// A torn batch, an interrupted drop and a leftover make Open do all it can.
	im := imageOf(t, l.disk)
	im[segment(3)+".tmp"] = []byte("x")
	torn := im[segment(2)]
	for n := 1; ; n++ {
		disk := im.with(segment(2), zeroed(torn, 5)).disk(t)
		failAt(disk, n)
		j, _, err := read(disk, small(true))
		if err == nil {
			must(t, j.Close())
			break
		}
		if !errors.Is(err, errDisk) {
			t.Fatalf("operation %d: %v", n, err)
		}
	}
}

func TestAnEndlessBatchFailsTheJournal(t *testing.T) {
	j, _ := mustOpen(t, newDisk(t), small(true))
	// Pages that are never touched cost nothing.
	payload, err := syscall.Mmap(-1, 0, wal.MaxBatchBytes, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	must(t, err)
	defer func() { must(t, syscall.Munmap(payload)) }()
	j.Append(1, payload)
	if err := j.Sync(); err == nil || !strings.Contains(err.Error(), "between two syncs") {
		t.Errorf("got %v", err)
	}
}

// A torn batch stands alone in segment 2 while segment 1 still has room. The
// process that zeroes it dies before the sync, the next one finds an empty
// segment and appends to the first: what is read as empty must be empty.
func TestAnEmptySegmentIsEmptyOnDisk(t *testing.T) {
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	want := put(t, j, 900)
	put(t, j, 2500)
	if j.Position().Segment != 2 {
		t.Fatalf("position: %+v", j.Position())
	}
	im := imageOf(t, disk).with(segment(3), nil)
	disk = im.with(segment(2), zeroed(im[segment(2)], 2)).disk(t)
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.Kind == memfs.SyncDataOp && strings.HasSuffix(op.Name, segment(2)) {
			return &memfs.Fault{Err: errPower}
		}
		return nil
	})
	// Killed, not failed: the pages stay dirty, which a failed sync ends. So
	// the zeros are written once more, as the dead process had done.
	if _, _, err := read(disk, small(false)); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	disk.Kill()
	f, err := disk.Open(dir + "/" + segment(2))
	must(t, err)
	_, err = f.WriteAt(make([]byte, 7*wal.SectorBytes), wal.SectorBytes)
	must(t, err)
	disk.Kill()
	j, got := mustOpen(t, disk, small(false))
	same(t, got, want)
	want = append(want, put(t, j, 40)...)
	if j.Position().Segment != 1 {
		t.Fatalf("position: %+v", j.Position())
	}
	disk.Crash(memfs.Lose)
	_, got = mustOpen(t, disk, small(false))
	same(t, got, want)
}
