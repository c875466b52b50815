package wal_test

import (
	"errors"
	"slices"
	"testing"

	"paxos/internal/wal"
)

// FuzzSegments opens a journal of two segments with any content. It must be
// refused, or be a journal: what it replays it replays again, also behind a
// batch that was added.
func FuzzSegments(f *testing.F) {
	disk := newDisk(f)
	j, _ := mustOpen(f, disk, small(true))
	put(f, j, 1, 2, 300)
	one := imageOf(f, disk)
	f.Add(one[segment(1)], []byte{})
	f.Add(one[segment(1)], one[segment(2)])
	put(f, j, 1200)
	put(f, j, 1200)
	put(f, j, 0)
	two := imageOf(f, disk)
	f.Add(two[segment(1)], two[segment(2)])
	f.Add(zeroed(two[segment(1)], 4), two[segment(2)])
	f.Add(two[segment(1)], zeroed(two[segment(2)], 3))
	f.Add(two[segment(1)], zeroed(two[segment(2)], 1))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		disk := newDisk(t)
		must(t, disk.Put(dir+"/"+segment(1), first))
		if len(second) > 0 {
			must(t, disk.Put(dir+"/"+segment(2), second))
		}
		j, got, err := read(disk, small(false))
		if err != nil {
			var damage *wal.DamageError
			var foreign *wal.ForeignError
			if !errors.As(err, &damage) && !errors.As(err, &foreign) {
				t.Fatalf("neither a journal nor refused: %v", err)
			}
			return
		}
		want := append(slices.Clone(got), put(t, j, 77)...)
		_, got = mustOpen(t, disk, small(false))
		same(t, got, want)
	})
}

// FuzzIdentity reads an identity file with any content.
func FuzzIdentity(f *testing.F) {
	disk := newDisk(f)
	must(f, wal.WriteIdentity(disk, dir, someone))
	f.Add(imageOf(f, disk)["identity"])
	f.Add(identityFile("{\"format\": 1}\n"))
	f.Add([]byte("crc32c 00000000\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		disk := newDisk(t)
		must(t, disk.Put(dir+"/identity", text))
		stored, found, err := wal.ReadIdentity(disk, dir)
		if err != nil {
			wantDamage(t, err, "/identity")
			return
		}
		if !found {
			t.Fatal("a file that is there was taken for none")
		}
		must(t, wal.WriteIdentity(disk, dir, stored))
		if again := imageOf(t, disk)["identity"]; string(again) != string(text) {
			t.Fatalf("%q was taken for %q", text, again)
		}
	})
}
