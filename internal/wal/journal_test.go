package wal_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

func TestWhatWasSyncedIsReplayed(t *testing.T) {
	cases := map[string][][]int{
		"nothing":                    {},
		"one empty record":           {{0}},
		"many records in a batch":    {{1, 0, 3, 500, 2}},
		"a body filled to the brim":  {{504 - 40 - 9}, {1008 - 40 - 9}, {504 - 40 - 9 + 1}},
		"a record over two sectors":  {{700}, {700}},
		"rolls":                      {{900}, {900}, {900}, {900}, {900}, {900}, {900}, {900}, {900}},
		"a segment filled exactly":   {{6*504 - 49}, {1}, {6*504 - 49}, {6*504 - 49}},
		"larger than a segment":      {{1}, {20_000}, {1}, {9_000, 9_000}, {5}},
		"larger than all, and first": {{50_000}, {1}},
	}
	for name, batches := range cases {
		t.Run(name, func(t *testing.T) {
			disk := newDisk(t)
			j, want := mustOpen(t, disk, small(true))
			for i, sizes := range batches {
				want = append(want, put(t, j, sizes...)...)
				if i%2 == 1 { // Opened again at every other batch.
					must(t, j.Close())
					disk.Crash(memfs.Lose)
					var got []string
					j, got = mustOpen(t, disk, small(false))
					same(t, got, want)
				}
			}
			disk.Crash(memfs.Lose)
			_, got := mustOpen(t, disk, small(false))
			same(t, got, want)
		})
	}
}

func TestOnTheMachinesOwnDisk(t *testing.T) {
	opts := wal.Options{SegmentBytes: 64 << 10, AllowUnsafeFS: true, Create: true}
	path := filepath.Join(t.TempDir(), "journal")
	var want, got []string
	open := func() *wal.Journal {
		got = nil
		j, err := wal.Open(wal.OS(), path, bind, opts, func(kind byte, payload []byte) error {
			got = append(got, record(kind, payload))
			return nil
		})
		must(t, err)
		same(t, got, want)
		return j
	}
	j := open()
	for range 3 {
		for range 20 {
			want = append(want, put(t, j, 3000, 5000)...)
		}
		must(t, j.Close())
		j = open()
	}
	if s := j.Stats(); s.Segments < 8 || s.DiskBytes != s.Segments*opts.SegmentBytes {
		t.Errorf("after about 480 kB in segments of 64 KiB: %+v", s)
	}
	must(t, j.Close())
}

func TestADirectoryBecomesAJournalOnlyOnRequest(t *testing.T) {
	disk := memfs.New()
	_, _, err := read(disk, small(false))
	wantDamage(t, err, dir)
	must(t, disk.Mkdir(dir))
	must(t, disk.Put(dir+"/"+segment(1)+".tmp", []byte("left by a crash")))
	_, _, err = read(disk, small(false))
	wantDamage(t, err, dir)
	if found, err := wal.Exists(disk, dir); found || err != nil {
		t.Errorf("Exists without segments: %v, %v", found, err)
	}
	j, _ := mustOpen(t, disk, small(true))
	must(t, j.Close())
	if found, err := wal.Exists(disk, dir); !found || err != nil {
		t.Errorf("Exists with a segment: %v, %v", found, err)
	}
	if files := disk.Files(); !slices.Equal(files, []string{dir + "/" + segment(1)}) {
		t.Errorf("files: %q", files)
	}
}

func TestAForeignSegmentIsRefused(t *testing.T) {
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	put(t, j, 1)
	for _, other := range []wal.Binding{{Cluster: bind.Cluster, Store: 1}, {Cluster: paxos.ClusterID{9}, Store: bind.Store}} {
		var foreign *wal.ForeignError
		_, err := wal.Open(disk, dir, other, small(true), nil)
		if !errors.As(err, &foreign) || foreign.Have != bind || foreign.Want != other {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(err.Error(), "000000000000feed") {
			t.Errorf("%q does not name the store", err)
		}
	}
	if _, err := wal.Open(disk, dir, wal.Binding{}, small(true), nil); err == nil {
		t.Error("a journal was bound to nothing")
	}
}

func TestTheCallersRefusalOfARecordNamesItsPlace(t *testing.T) {
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	put(t, j, 600, 10)
	before := imageOf(t, disk)
	unknown := errors.New("kind unknown")
	calls := 0
	_, err := wal.Open(disk, dir, bind, small(false), func(byte, []byte) error {
		if calls++; calls == 2 {
			return unknown
		}
		return nil
	})
	var at *wal.ReplayError
	// Header 40 and record 9+600 bytes of body make one sector and 145 bytes.
	if !errors.Is(err, unknown) || !errors.As(err, &at) || at.Offset != 512+512+8+145 || !strings.HasSuffix(at.File, segment(1)) {
		t.Fatalf("got %v (%+v)", err, at)
	}
	for name, content := range imageOf(t, disk) {
		if !bytes.Equal(content, before[name]) {
			t.Errorf("%s was changed by an Open that failed", name)
		}
	}
}

func TestDropBefore(t *testing.T) {
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	kept := map[uint64][]string{}
	for range 12 {
		got := put(t, j, 1200)
		kept[j.Position().Segment] = append(kept[j.Position().Segment], got...)
	}
	if j.Position().Segment != 6 || j.Position().Batch != 12 {
		t.Fatalf("position: %+v", j.Position())
	}
	if err := j.DropBefore(7); err == nil {
		t.Error("segments before one that keeps nothing were dropped")
	}
	must(t, j.DropBefore(1))
	j.Append(1, []byte("on the way"))
	must(t, j.DropBefore(4))
	if s := j.Stats(); s.Segments != 4 || s.DiskBytes != 4*8*512 {
		t.Errorf("4, 5, 6 and the prepared 7 are left: %+v", s)
	}
	must(t, j.DropBefore(3))
	want := slices.Concat(kept[4], kept[5], kept[6], []string{record(1, []byte("on the way"))})
	disk.Crash(memfs.Lose)
	opts := small(false)
	var positions []wal.Position
	opts.AtBatch = func(p wal.Position) { positions = append(positions, p) }
	j, got := mustOpen(t, disk, opts)
	same(t, got, want)
	if p := positions[0]; p.Segment != 4 || p.Batch != 7 || positions[len(positions)-1] != j.Position() {
		t.Errorf("positions: %+v, at the end %+v", positions, j.Position())
	}
	must(t, j.DropBefore(6))
	must(t, j.DropBefore(6))
	disk.Crash(memfs.Lose)
	if files := disk.Files(); !slices.Equal(files, []string{dir + "/" + segment(6), dir + "/" + segment(7), dir + "/" + segment(8)}) {
		t.Errorf("files: %q", files)
	}
}

// Where a crash interrupts a drop, any of the dropped segments may be left.
func TestAnInterruptedDropIsFinished(t *testing.T) {
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	for range 7 {
		put(t, j, 1200)
	}
	before := imageOf(t, disk)
	must(t, j.DropBefore(4))
	after := imageOf(t, disk)
	_, want := mustOpen(t, after.disk(t), small(false))
	for left := range 1 << 3 {
		im := after
		for number := range 3 {
			if left>>number&1 == 1 {
				im = im.with(segment(number+1), before[segment(number+1)])
			}
		}
		disk := im.disk(t)
		_, got := mustOpen(t, disk, small(false))
		same(t, got, want)
		disk.Crash(memfs.Lose)
		if files := imageOf(t, disk); len(files) != len(after) {
			t.Errorf("%03b: %d files are left of %d", left, len(files), len(after))
		}
	}
}

func TestMissingAndMisplacedSegments(t *testing.T) {
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	for range 7 {
		put(t, j, 1200)
	}
	must(t, j.DropBefore(2))
	im := imageOf(t, disk) // 2, 3 and 4 hold batches, 5 is prepared.
	put(t, j, 10)
	later := imageOf(t, disk)
	cases := []struct {
		name string
		im   image
		file string
	}{
		{"the first is missing", im.with(segment(2), nil), segment(2)},
		{"one in the middle is missing", im.with(segment(3), nil), segment(3)},
		{"the last is missing", im.with(segment(5), nil).with(segment(4), nil), "is missing"},
		{"the announced next one is missing", later.with(segment(5), nil), segment(5)},
		{"only the prepared one is left", image{segment(5): im[segment(5)]}, segment(4)},
		{"one has the name of another", im.with(segment(3), im[segment(4)]), segment(3)},
		{"one is there twice", im.with(segment(6), im[segment(4)]), segment(6)},
		{"a prepared one is in the middle", im.with(segment(5), nil).with(segment(4), im[segment(5)]), segment(4)},
		{"an empty one too many", later.with(segment(6), fresh(t, 6)), segment(5)},
		{"an older state of one", later.with(segment(4), zeroed(later[segment(4)], 1)), segment(4)},
		{"no segment's name", im.with("5.wal", im[segment(5)]), "5.wal"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(c.im.disk(t), small(true))
			wantDamage(t, err, c.file)
		})
	}
}

// fresh is an empty segment with the given number.
func fresh(t *testing.T, number int) []byte {
	t.Helper()
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	for range number - 1 {
		put(t, j, 6*504-49)
	}
	return imageOf(t, disk)[segment(number)]
}

func TestALastSegmentIsNeverLostUnnoticed(t *testing.T) {
	// The batch that fills segment 1 is the first one: it was written before
	// segment 2 existed. The link must announce it.
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, small(true))
	put(t, j, 6*504-49)
	put(t, j, 9000)
	im := imageOf(t, disk).with(segment(3), nil)
	if _, got := mustOpen(t, im.disk(t), small(false)); len(got) != 2 {
		t.Errorf("without the prepared segment: %d records", len(got))
	}
	_, _, err := read(im.with(segment(2), nil).disk(t), small(false))
	wantDamage(t, err, segment(2))
}

func TestStats(t *testing.T) {
	now := time.Unix(0, 0)
	opts := small(true)
	opts.Now = func() time.Time { now = now.Add(time.Millisecond); return now }
	var told []int
	opts.Synced = func(records int, took time.Duration) {
		if took != time.Millisecond {
			t.Errorf("a sync took %v", took)
		}
		told = append(told, records)
	}
	j, _ := mustOpen(t, newDisk(t), opts)
	put(t, j, 1, 1)
	must(t, j.Sync()) // Nothing to write.
	put(t, j, 600)
	want := wal.Stats{DiskBytes: 2 * 4096, Segments: 2, WrittenBytes: 3 * 512, Records: 3, Syncs: 2, LastSync: time.Millisecond}
	if got := j.Stats(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !slices.Equal(told, []int{2, 1}) {
		t.Errorf("the syncs are told to have had %v records", told)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, size := range []int64{-512, 512, 1536, 4095} {
		if _, _, err := read(newDisk(t), wal.Options{SegmentBytes: size, Create: true}); err == nil {
			t.Errorf("segments of %d bytes were accepted", size)
		}
	}
}

func TestAClosedJournalSaysSo(t *testing.T) {
	j, _ := mustOpen(t, newDisk(t), small(true))
	j.Append(1, nil)
	must(t, j.Close())
	j.Append(1, nil)
	for _, err := range []error{j.Sync(), j.DropBefore(2)} {
		if !errors.Is(err, wal.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
	must(t, j.Close())
}
