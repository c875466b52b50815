package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"paxos/internal/snapshot"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

func TestTheLastTwoAreKeptAndTheNewestIsFound(t *testing.T) {
	disk := newDisk(t)
	k, found := open(t, disk)
	if found.State != nil || found.Kept != (paxos.SnapshotSaved{}) {
		t.Fatalf("an empty disk has %+v", found)
	}
	var last paxos.SnapshotSaved
	for slot := paxos.Slot(10); slot <= 50; slot += 10 {
		previous := last.Slot
		last = mustSave(t, k, stateAt(slot, 3000))
		if last.Slot != slot || last.Previous != previous || last.Digest == (paxos.Digest{}) {
			t.Fatalf("slot %d: %+v", slot, last)
		}
	}
	if got := files(disk, ""); len(got) != 2 {
		t.Fatalf("the files are %q", got)
	}
	disk.Crash(memfs.Lose)
	k, found = open(t, disk)
	if found.Kept != last || !same(found.State, stateAt(50, 3000)) || len(found.Damaged) != 0 {
		t.Fatalf("found %+v, saved %+v", found, last)
	}
	if s := k.Stats(); s.Last != 50 || s.Previous != 40 || s.LastBytes < 3000 || s.DiskBytes != 2*s.LastBytes {
		t.Fatalf("%+v", s)
	}
}

func TestAStateOfAnySizeIsReadBackAsItWasWritten(t *testing.T) {
	for _, size := range []int{0, 1, 511, snapshot.ChunkBytes - 17, snapshot.ChunkBytes - 16, snapshot.ChunkBytes - 15, 9*snapshot.ChunkBytes + 5} {
		disk := newDisk(t)
		k, _ := open(t, disk)
		mustSave(t, k, stateAt(7, size))
		if _, found := open(t, disk); !same(found.State, stateAt(7, size)) {
			t.Errorf("%d bytes were not read back", size)
		}
	}
}

func TestTwoLearnersWriteTheSameBytes(t *testing.T) {
	var first []byte
	for _, piece := range []int{0, 1000, 7, snapshot.ChunkBytes + 1} {
		disk := newDisk(t)
		k, _ := open(t, disk)
		if piece == 7 {
			mustSave(t, k, stateAt(5, 100)) // what was before is of no matter
		}
		s := stateAt(9, 2*snapshot.ChunkBytes+99)
		s.piece = piece
		mustSave(t, k, s)
		content, err := disk.Content(dir + "/0000000000000009.snapshot")
		must(t, err)
		if first == nil {
			first = content
		}
		if !bytes.Equal(content, first) {
			t.Errorf("in pieces of %d the file is another", piece)
		}
	}
}

func TestWhatIsNotNewerChangesNothing(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	mustSave(t, k, stateAt(10, 100))
	want := mustSave(t, k, stateAt(20, 100))
	for _, slot := range []paxos.Slot{5, 10, 20} {
		if got := mustSave(t, k, stateAt(slot, 100)); got != want {
			t.Errorf("slot %d: %+v", slot, got)
		}
	}
}

func TestAForeignSnapshotEndsTheNode(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	mustSave(t, k, stateAt(10, 100))
	var foreign *snapshot.ForeignError
	for name, change := range map[string]func(*snapshot.Options){
		"cluster": func(o *snapshot.Options) { o.Cluster = paxos.ClusterID{9} }, "none yet": func(o *snapshot.Options) { o.Cluster = paxos.ClusterID{} },
		"configuration": func(o *snapshot.Options) { o.Config.Acceptors++ },
	} {
		o := options(disk)
		change(&o)
		if _, _, err := snapshot.Open(o); !errors.As(err, &foreign) || !strings.Contains(err.Error(), name) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for name, m := range map[string]paxos.SaveSnapshot{
		"cluster":       {Cluster: paxos.ClusterID{9}, Config: stamp, State: stateAt(30, 1)},
		"no cluster":    {Config: stamp, State: stateAt(30, 1)},
		"configuration": {Cluster: cluster, State: stateAt(30, 1)},
		"nothing":       {Cluster: cluster, Config: stamp, State: toy{applied: 1}},
	} {
		k, _ := open(t, disk)
		if _, err := k.Do(m); err == nil {
			t.Errorf("another %s is saved", name)
		}
	}
}

func TestTheClusterIsBoundBeforeItsFirstSnapshotIsKept(t *testing.T) {
	disk := newDisk(t)
	o := options(disk)
	o.Cluster = paxos.ClusterID{}
	var bound []paxos.ClusterID
	o.Bind = func(c paxos.ClusterID) error {
		if len(files(disk, ".snapshot")) > 0 {
			t.Error("a snapshot was kept first")
		}
		bound = append(bound, c)
		return nil
	}
	k, _, err := snapshot.Open(o)
	must(t, err)
	mustSave(t, k, stateAt(1, 10))
	mustSave(t, k, stateAt(2, 10))
	if !slices.Equal(bound, []paxos.ClusterID{cluster}) {
		t.Fatalf("bound to %v", bound)
	}
	if _, err := k.Do(paxos.SaveSnapshot{Cluster: paxos.ClusterID{9}, Config: stamp, State: stateAt(3, 10)}); err == nil {
		t.Fatal("another cluster's is saved")
	}
}

func TestAWholeSnapshotThatIsNotUnderstoodEndsTheNode(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	mustSave(t, k, stateAt(10, 100))
	mustSave(t, k, toy{applied: 21, body: []byte("unreadable")})
	var unknown *snapshot.UnknownError
	if _, _, err := snapshot.Open(options(disk)); !errors.As(err, &unknown) || !strings.Contains(err.Error(), errUnreadable.Error()) {
		t.Fatalf("%v", err)
	}
	if got := files(disk, ".damaged"); len(got) != 0 {
		t.Fatalf("it was set aside: %q", got)
	}
}

// saves are what a learner's life asks of its keeper.
var saves = []paxos.Slot{10, 20, 30, 40}

// crashSize makes a state of several sectors in one chunk.
const crashSize = 3000

// saveAll opens the disk and saves from the given one on; it tells how many
// were acknowledged.
func saveAll(disk *memfs.Disk, from int) (done int, err error) {
	k, _, err := snapshot.Open(options(disk))
	if err != nil {
		return from, err
	}
	for done = from; done < len(saves); done++ {
		if _, err := save(k, stateAt(saves[done], crashSize)); err != nil {
			return done, err
		}
	}
	return done, nil
}

// judge demands that after n saves that were acknowledged the disk holds the
// n-th or the one after it, whole, with the one before it; it tells which.
func judge(t *testing.T, disk *memfs.Disk, n int, what string) int {
	t.Helper()
	_, found, err := snapshot.Open(options(disk))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if len(found.Damaged) > 0 {
		t.Fatalf("%s: a damaged one bore the name of a whole one: %v", what, found.Damaged)
	}
	for at := n; at <= min(n+1, len(saves)); at++ {
		var last, previous paxos.Slot
		if at > 0 {
			last = saves[at-1]
		}
		if at > 1 {
			previous = saves[at-2]
		}
		if found.Kept.Slot == last && found.Kept.Previous == previous && (at == 0 || same(found.State, stateAt(last, crashSize))) {
			return at
		}
	}
	t.Fatalf("%s: after %d saves the disk holds %+v", what, n, found.Kept)
	return 0
}

func TestACrashAtAnyOperationLeavesTheOldOrTheNew(t *testing.T) {
	crashes := 0
	for name, pick := range pickers() {
		for n := 1; ; n++ {
			disk := newDisk(t)
			cut(disk, n)
			done, err := saveAll(disk, 0)
			if err == nil {
				break
			}
			disk.Crash(pick)
			crashes++
			what := fmt.Sprintf("crash before operation %d, %s survives", n, name)
			at := judge(t, disk, done, what)
			disk.Crash(memfs.Lose)
			if again := judge(t, disk, at, what+", then another"); again != at {
				t.Fatalf("%s: what was read after it did not last", what)
			}
			if done, err := saveAll(disk, at); err != nil || done != len(saves) {
				t.Fatalf("%s, then life went on: %d saves, %v", what, done, err)
			}
			judge(t, disk, len(saves), what+", then life went on")
			if got := files(disk, ""); len(got) != 2 {
				t.Fatalf("%s, then life went on: the files are %q", what, got)
			}
		}
	}
	if crashes < 200 {
		t.Fatalf("only %d crashes", crashes)
	}
}

func TestAFailedOperationIsFinal(t *testing.T) {
	for n := 1; ; n++ {
		disk := newDisk(t)
		k, _ := open(t, disk)
		at := disk.Ops() + n
		disk.Inject(func(op memfs.Op) *memfs.Fault {
			if op.N == at {
				return &memfs.Fault{Err: errPower}
			}
			return nil
		})
		_, err := save(k, stateAt(10, 3000))
		disk.Inject(nil)
		if disk.Ops() < at {
			return
		}
		if !errors.Is(err, errPower) {
			t.Fatalf("operation %d failed, and the error is %v", n, err)
		}
		ops := disk.Ops()
		if _, err := save(k, stateAt(20, 3000)); !errors.Is(err, errPower) || disk.Ops() != ops {
			t.Fatalf("after a failure at operation %d the disk is touched again: %v", n, err)
		}
		// The process ends; the disk stays as the operating system shows it.
		disk.Kill()
		_, found := open(t, disk)
		again, _ := open(t, disk)
		disk.Crash(memfs.Lose)
		_, after := open(t, disk)
		if found.Kept != after.Kept || len(after.Damaged) > 0 {
			t.Fatalf("operation %d failed: found %+v, after a crash %+v", n, found.Kept, after)
		}
		_ = again
	}
}

func TestACrashBetweenTwoChunksLeavesTheOldOne(t *testing.T) {
	old, next := stateAt(10, 100), stateAt(20, 5*snapshot.ChunkBytes+9)
	for n := 1; ; n += 2 {
		disk := newDisk(t)
		k, _ := open(t, disk)
		mustSave(t, k, old)
		cut(disk, n)
		_, err := save(k, next)
		if err == nil {
			break
		}
		disk.Crash(memfs.Keep)
		_, found := open(t, disk)
		if !same(found.State, old) && !same(found.State, next) || len(found.Damaged) > 0 {
			t.Fatalf("crash before operation %d: found %+v", n, found.Kept)
		}
	}
}

func TestALargeOneIsSyncedInPieces(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	written, most := 0, 0
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		switch op.Kind {
		case memfs.WriteOp:
			written += op.Size
			most = max(most, written)
		case memfs.SyncOp:
			written = 0
		}
		return nil
	})
	mustSave(t, k, stateAt(10, 20*snapshot.ChunkBytes))
	if most > 6<<20 || written != 0 {
		t.Fatalf("%d bytes were written between two syncs, and %d after the last", most, written)
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	mustSave(t, k, stateAt(10, 600))
	mustSave(t, k, stateAt(20, 600))
	name := dir + "/0000000000000014.snapshot"
	content, err := disk.Content(name)
	must(t, err)
	harm := func(what string, harmed []byte) {
		t.Helper()
		d := disk.Clone()
		must(t, d.Put(name, harmed))
		k, found, err := snapshot.Open(options(d))
		must(t, err)
		if found.Kept.Slot != 10 || found.Kept.Previous != 0 || !same(found.State, stateAt(10, 600)) || len(found.Damaged) != 1 {
			t.Fatalf("%s: found %+v", what, found)
		}
		if got := files(d, ".damaged"); len(got) != 1 {
			t.Fatalf("%s: it was not set aside: %q", what, d.Files())
		}
		if at%97 == 0 {
			mustSave(t, k, stateAt(20, 600)) // its place is free
			if _, found := open(t, d); found.Kept.Slot != 20 || found.Kept.Previous != 10 {
				t.Fatalf("%s: saved again, found %+v", what, found)
			}
		}
		at++
	}
	for at := range content {
		for _, bit := range []byte{1, 16, 128} {
			harmed := bytes.Clone(content)
			harmed[at] ^= bit
			harm(fmt.Sprintf("bit %x of byte %d", bit, at), harmed)
		}
		harm(fmt.Sprintf("cut at byte %d", at), content[:at])
	}
	harm("a byte more", append(bytes.Clone(content), 0))
	other, err := disk.Content(dir + "/000000000000000a.snapshot")
	must(t, err)
	harm("another's content", other)
	begin, end := 64, len(content)-48
	harm("another's chunk", slices.Concat(content[:begin], other[begin:end], content[end:]))
}

// at counts what was harmed, for samples.
var at int

func TestADamagedPreviousIsNotCounted(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	mustSave(t, k, stateAt(10, 600))
	mustSave(t, k, stateAt(20, 600))
	name := dir + "/000000000000000a.snapshot"
	content, err := disk.Content(name)
	must(t, err)
	content[300] ^= 1
	must(t, disk.Put(name, content))
	if _, found := open(t, disk); found.Kept.Slot != 20 || found.Kept.Previous != 0 || len(found.Damaged) != 1 {
		t.Fatalf("found %+v", found)
	}
}

func TestAnUnknownVersionEndsTheNode(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	mustSave(t, k, stateAt(10, 600))
	name := dir + "/000000000000000a.snapshot"
	content, err := disk.Content(name)
	must(t, err)
	must(t, disk.Put(name, snapshot.WithVersion(content, 2)))
	var unknown *snapshot.UnknownError
	if _, _, err := snapshot.Open(options(disk)); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "format version 2 is unknown") {
		t.Fatalf("%v", err)
	}
	must(t, disk.Put(name, snapshot.WithVersion(content, 1)))
	open(t, disk)
}
