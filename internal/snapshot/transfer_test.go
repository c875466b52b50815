package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"paxos/internal/snapshot"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

const transferSize = 2*snapshot.ChunkBytes + 123

// giver is another learner's keeper with snapshots of these slots.
func giver(t testing.TB, size int, slots ...paxos.Slot) *snapshot.Keeper {
	t.Helper()
	k, _ := open(t, newDisk(t))
	for _, slot := range slots {
		mustSave(t, k, stateAt(slot, size))
	}
	return k
}

// fetch brings a snapshot from one keeper to the other, from next on, at most so
// many parts; it gives what the last of them was answered with.
func fetch(t testing.TB, from, to *snapshot.Keeper, slot paxos.Slot, next paxos.Number, parts int) (w paxos.PartWritten, s paxos.SnapshotSaved) {
	t.Helper()
	for ; parts > 0 && w.State == nil && w.Damaged == ""; parts-- {
		p := part(t, from, slot, next)
		w, s = mustWrite(t, to, p)
		slot, next = p.Slot, w.Next
	}
	return w, s
}

func TestASnapshotIsTakenFromAnotherLearner(t *testing.T) {
	from, disk := giver(t, transferSize, 10, 20), newDisk(t)
	to, _ := open(t, disk)
	w, saved := fetch(t, from, to, 0, 0, 99)
	if !same(w.State, stateAt(20, transferSize)) || w.Next != 0 || saved.Slot != 20 || saved.Previous != 0 || saved.Digest != part(t, from, 0, 0).Digest {
		t.Fatalf("next %d, damaged %q, %+v", w.Next, w.Damaged, saved)
	}
	disk.Crash(memfs.Lose)
	to, found := open(t, disk)
	if found.Kept != saved || !same(found.State, stateAt(20, transferSize)) || len(disk.Files()) != 1 {
		t.Fatalf("found %+v in %q", found.Kept, disk.Files())
	}
	// What was taken can be given.
	third, _ := open(t, newDisk(t))
	if w, _ := fetch(t, to, third, 20, 0, 99); !same(w.State, stateAt(20, transferSize)) {
		t.Fatalf("handed on: %q", w.Damaged)
	}
}

func TestPartsAreThoseOfTheSlotThatWasAskedForOrOfTheNewest(t *testing.T) {
	empty, _ := open(t, newDisk(t))
	if p := part(t, empty, 0, 0); p.Slot != 0 || p.Size != 0 || p.Bytes != nil {
		t.Fatalf("from nothing: %+v", p)
	}
	from := giver(t, transferSize, 10, 20, 30)
	for _, c := range []struct {
		slot, want     paxos.Slot
		offset, wantAt paxos.Number
	}{{0, 30, 0, 0}, {20, 20, 0, 0}, {20, 20, 5, 5}, {10, 30, 5, 0}, {40, 30, 5, 0}, {0, 30, 5, 0}} {
		p := part(t, from, c.slot, c.offset)
		if p.Slot != c.want || p.Offset != c.wantAt || len(p.Bytes) != snapshot.PartBytes {
			t.Errorf("slot %d from byte %d: slot %d from byte %d, %d bytes", c.slot, c.offset, p.Slot, p.Offset, len(p.Bytes))
		}
	}
	size := part(t, from, 30, 0).Size
	for _, offset := range []paxos.Number{size, size + 1, 1<<64 - 1} {
		if p := part(t, from, 30, offset); p.Offset != size || len(p.Bytes) != 0 {
			t.Errorf("from byte %d of %d: %d bytes from %d on", offset, size, len(p.Bytes), p.Offset)
		}
	}
	if p := part(t, from, 30, size-3); len(p.Bytes) != 3 {
		t.Errorf("the end has %d bytes", len(p.Bytes))
	}
}

func TestATransferGoesOnFromAnotherLearnerAfterARestart(t *testing.T) {
	first, second := giver(t, transferSize, 20), giver(t, transferSize, 10, 20)
	for parts := 1; parts <= 2; parts++ {
		for name, end := range map[string]func(*memfs.Disk){
			"killed": (*memfs.Disk).Kill, "crash that keeps all": func(d *memfs.Disk) { d.Crash(memfs.Keep) }, "crash that keeps nothing": func(d *memfs.Disk) { d.Crash(memfs.Lose) },
		} {
			disk := newDisk(t)
			to, _ := open(t, disk)
			before, _ := fetch(t, first, to, 20, 0, parts)
			end(disk)
			to, found := open(t, disk)
			if found.State != nil {
				t.Fatal("half a snapshot was loaded")
			}
			// It asks for the beginning and is told where to go on.
			w, _ := fetch(t, second, to, 20, 0, 1)
			if kept := name != "crash that keeps nothing"; kept && (w.Next+snapshot.ChunkBytes < before.Next || w.Next == 0) {
				t.Fatalf("%s after %d parts: it goes on at %d, not near %d", name, parts, w.Next, before.Next)
			}
			w, saved := fetch(t, second, to, 20, w.Next, 99)
			if !same(w.State, stateAt(20, transferSize)) || saved.Slot != 20 {
				t.Fatalf("%s after %d parts: %q", name, parts, w.Damaged)
			}
			if len(disk.Files()) != 1 {
				t.Fatalf("%s after %d parts: files %q", name, parts, disk.Files())
			}
		}
	}
}

func TestEveryDamagedPartIsThrownAwayInTheEnd(t *testing.T) {
	from := giver(t, transferSize, 20)
	size := part(t, from, 0, 0).Size
	for _, at := range []paxos.Number{0, 9, 20, 45, 63, 64, 72, snapshot.PartBytes + 5, size - 49, size - 48, size - 44, size - 40, size - 1} {
		disk := newDisk(t)
		to, _ := open(t, disk)
		var w paxos.PartWritten
		var saved paxos.SnapshotSaved
		for n := 0; n < 9 && w.State == nil && w.Damaged == ""; n++ {
			p := part(t, from, 20, w.Next)
			if at >= p.Offset && at < p.Offset+paxos.Number(len(p.Bytes)) {
				p.Bytes[at-p.Offset] ^= 4
			}
			w, saved = mustWrite(t, to, p)
		}
		if w.Damaged == "" || w.State != nil || saved.Slot != 0 || len(disk.Files()) != 0 {
			t.Fatalf("byte %d of %d: %q, files %q", at, size, w.Damaged, disk.Files())
		}
		// The next attempt is not harmed by this one.
		if w, _ := fetch(t, from, to, 0, 0, 99); !same(w.State, stateAt(20, transferSize)) {
			t.Fatalf("after damage at byte %d: %q", at, w.Damaged)
		}
	}
}

func TestADamagedPartIsAskedForAgainAfterARestart(t *testing.T) {
	from, disk := giver(t, transferSize, 20), newDisk(t)
	to, _ := open(t, disk)
	mustWrite(t, to, part(t, from, 20, 0))
	p := part(t, from, 20, snapshot.PartBytes)
	p.Bytes[10] ^= 1 // the end of the first chunk
	mustWrite(t, to, p)
	disk.Kill()
	to, _ = open(t, disk)
	w, _ := fetch(t, from, to, 20, 0, 1)
	if w.Next == 0 || w.Next > 100 {
		t.Fatalf("it goes on at byte %d", w.Next)
	}
	if w, _ := fetch(t, from, to, 20, w.Next, 99); !same(w.State, stateAt(20, transferSize)) {
		t.Fatalf("%q", w.Damaged)
	}
}

// After a failed sync the system shows what was written, and no later sync
// writes it (see memfs): what a process finds of an earlier one's transfer may
// not be on the disk.
func TestWhatAFailedSyncLeftIsWrittenAgain(t *testing.T) {
	from, disk := giver(t, 5000, 20), newDisk(t)
	to, _ := open(t, disk)
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.Kind == memfs.SyncOp {
			return &memfs.Fault{Err: errPower}
		}
		return nil
	})
	if _, _, err := write(to, part(t, from, 20, 0)); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	disk.Kill()
	to, _ = open(t, disk)
	w, saved := fetch(t, from, to, 20, 0, 9)
	if saved.Slot != 20 {
		t.Fatalf("%+v", w)
	}
	disk.Crash(memfs.Lose)
	if _, found := open(t, disk); found.Kept != saved || !same(found.State, stateAt(20, 5000)) {
		t.Fatalf("what was reported as saved is gone: %+v", found)
	}
}

func TestPartsOutOfOrderAreToldWhereToGoOn(t *testing.T) {
	from := giver(t, transferSize, 20)
	to, _ := open(t, newDisk(t))
	if w, _ := mustWrite(t, to, part(t, from, 20, snapshot.PartBytes)); w.Next != 0 || w.Damaged != "" {
		t.Fatalf("it begins in the middle: %+v", w)
	}
	mustWrite(t, to, part(t, from, 20, 0))
	for _, offset := range []paxos.Number{0, 5, 2 * snapshot.PartBytes} {
		if w, _ := mustWrite(t, to, part(t, from, 20, offset)); w.Next != snapshot.PartBytes || w.Damaged != "" {
			t.Errorf("a part from byte %d on: %+v", offset, w)
		}
	}
	if w, _ := fetch(t, from, to, 20, snapshot.PartBytes, 99); !same(w.State, stateAt(20, transferSize)) {
		t.Fatalf("%q", w.Damaged)
	}
}

func TestAnotherSnapshotBeginsAnew(t *testing.T) {
	first, second, disk := giver(t, transferSize, 20), giver(t, transferSize, 30), newDisk(t)
	to, _ := open(t, disk)
	fetch(t, first, to, 20, 0, 2)
	if w, _ := mustWrite(t, to, part(t, second, 30, snapshot.PartBytes)); w.Next != 0 || len(files(disk, ".incoming")) != 1 {
		t.Fatalf("%+v, %q", w, disk.Files())
	}
	if w, _ := fetch(t, second, to, 30, 0, 99); !same(w.State, stateAt(30, transferSize)) {
		t.Fatalf("%q", w.Damaged)
	}
}

func TestWhatCannotBeASnapshotIsRefusedAtOnce(t *testing.T) {
	from := giver(t, 500, 20)
	whole := part(t, from, 20, 0)
	for want, change := range map[string]func(*paxos.SnapshotPart){
		"has 112 to 1099511627776 bytes":                     func(p *paxos.SnapshotPart) { p.Size = 1<<40 + 1 },
		"not 18446744073709551615":                           func(p *paxos.SnapshotPart) { p.Size = 1<<64 - 1 },
		"not 111":                                            func(p *paxos.SnapshotPart) { p.Size = 111 },
		"it has no snapshot":                                 func(p *paxos.SnapshotPart) { p.Slot = 0 },
		"is not in a snapshot of":                            func(p *paxos.SnapshotPart) { p.Bytes = append(p.Bytes, 1) },
		"from byte 18446744073709551615":                     func(p *paxos.SnapshotPart) { p.Offset = 1<<64 - 1 },
		"it is of slot 9, and that of slot 10 is here":       func(p *paxos.SnapshotPart) { p.Slot = 9 },
		"it has 800 bytes, and this disk has room for 700":   func(p *paxos.SnapshotPart) { p.Size = 800 },
		"it is another snapshot than its parts said":         func(p *paxos.SnapshotPart) { p.Slot = 21 },
		"byte 0: it is another snapshot than its parts said": func(p *paxos.SnapshotPart) { p.Digest[3] ^= 1 },
	} {
		disk := newDisk(t)
		o := options(disk)
		o.Room = func() (int64, error) { return 700, nil }
		to, _, err := snapshot.Open(o)
		must(t, err)
		mustSave(t, to, stateAt(10, 100))
		p := whole
		p.Bytes = bytes.Clone(p.Bytes)
		change(&p)
		w, _ := mustWrite(t, to, p)
		if !strings.Contains(w.Damaged, want) || w.State != nil || len(disk.Files()) != 1 {
			t.Errorf("%s: %q, files %q", want, w.Damaged, disk.Files())
		}
	}
}

func TestAForeignSnapshotIsThrownAway(t *testing.T) {
	for _, what := range []string{"cluster", "configuration"} {
		o := options(newDisk(t))
		m := paxos.SaveSnapshot{Cluster: cluster, Config: stamp, State: stateAt(20, 100)}
		switch what {
		case "cluster":
			m.Cluster = paxos.ClusterID{9}
			o.Cluster = m.Cluster
		case "configuration":
			m.Config.Number++
			o.Config = m.Config
		}
		from, _, err := snapshot.Open(o)
		must(t, err)
		_, err = from.Do(m)
		must(t, err)
		disk := newDisk(t)
		to, _ := open(t, disk)
		w, _ := mustWrite(t, to, part(t, from, 0, 0))
		if w.Damaged == "" || w.State != nil || len(disk.Files()) != 0 {
			t.Errorf("another %s: %q, files %q", what, w.Damaged, disk.Files())
		}
	}
}

// TestASnapshotThatIsNotUnderstoodEndsTheNode: others know more than this
// version, and to go on without that would be to skip it.
func TestASnapshotThatIsNotUnderstoodEndsTheNode(t *testing.T) {
	from, _ := open(t, newDisk(t))
	_, err := from.Do(paxos.SaveSnapshot{Cluster: cluster, Config: stamp, State: toy{applied: 21, body: []byte("unreadable")}})
	must(t, err)
	disk := newDisk(t)
	p := part(t, from, 0, 0)
	// So does a node that is started again with it on its disk.
	for range 2 {
		to, _ := open(t, disk)
		var unknown *snapshot.UnknownError
		if w, _, err := write(to, p); !errors.As(err, &unknown) || !strings.Contains(err.Error(), errUnreadable.Error()) || w.State != nil {
			t.Fatalf("%v, %+v", err, w)
		}
		must(t, to.Close())
	}
}

func TestAnOlderTransferIsForgottenWhenANewerSnapshotIsSaved(t *testing.T) {
	from, disk := giver(t, transferSize, 20), newDisk(t)
	to, _ := open(t, disk)
	fetch(t, from, to, 20, 0, 2)
	mustSave(t, to, stateAt(25, 100))
	if got := files(disk, ".incoming"); len(got) != 0 {
		t.Fatalf("%q", got)
	}
}

// transfer opens the disk and takes the rest of a snapshot.
func transfer(disk *memfs.Disk, parts []paxos.SnapshotPart) error {
	to, _, err := snapshot.Open(options(disk))
	if err != nil {
		return err
	}
	for _, p := range parts {
		w, _, err := write(to, p)
		if err != nil || w.State != nil {
			return err
		}
		if w.Damaged != "" {
			return fmt.Errorf("damaged: %s", w.Damaged)
		}
	}
	return nil
}

func TestACrashAtAnyOperationOfATransferLosesNothingThatWasThere(t *testing.T) {
	from := giver(t, 5000, 30)
	whole := part(t, from, 30, 0)
	var parts []paxos.SnapshotPart
	for at := 0; at < len(whole.Bytes); at += 1800 {
		p := whole
		p.Offset, p.Bytes = paxos.Number(at), whole.Bytes[at:min(at+1800, len(whole.Bytes))]
		parts = append(parts, p)
	}
	crashes := 0
	for name, pick := range pickers() {
		for n := 1; ; n++ {
			disk := newDisk(t)
			k, _ := open(t, disk)
			mustSave(t, k, stateAt(10, 900))
			mustSave(t, k, stateAt(20, 900))
			cut(disk, n)
			err := transfer(disk, parts)
			if err == nil {
				break
			}
			disk.Crash(pick)
			crashes++
			what := fmt.Sprintf("crash before operation %d, %s survives", n, name)
			to, found := open(t, disk)
			old := found.Kept.Slot == 20 && found.Kept.Previous == 10 && same(found.State, stateAt(20, 900))
			taken := found.Kept.Slot == 30 && found.Kept.Previous == 20 && same(found.State, stateAt(30, 5000))
			if !old && !taken || len(found.Damaged) > 0 {
				t.Fatalf("%s: found %+v", what, found)
			}
			if taken {
				continue
			}
			if w, _ := fetch(t, from, to, 30, 0, 3); !same(w.State, stateAt(30, 5000)) {
				t.Fatalf("%s: then it cannot be taken: %+v", what, w)
			}
			disk.Crash(memfs.Lose)
			if _, found := open(t, disk); found.Kept.Slot != 30 || found.Kept.Previous != 20 {
				t.Fatalf("%s, then taken, then another: %+v", what, found.Kept)
			}
		}
	}
	if crashes < 100 {
		t.Fatalf("only %d crashes", crashes)
	}
}
