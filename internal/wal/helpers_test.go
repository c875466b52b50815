package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

const dir = "/data"

var bind = wal.Binding{Cluster: paxos.ClusterID{1, 2, 3}, Store: 0xfeed}

// small makes segments of one header and seven sectors.
func small(create bool) wal.Options {
	return wal.Options{SegmentBytes: 8 * wal.SectorBytes, Create: create, Inline: true}
}

// record is what a test appends and finds again.
func record(kind byte, payload []byte) string { return fmt.Sprintf("%d:%s", kind, payload) }

// body gives n bytes that differ with the seed and are never zero.
func body(seed, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + (seed*7+i)%26)
	}
	return b
}

func read(fs wal.FS, opts wal.Options) (*wal.Journal, []string, error) {
	var got []string
	j, err := wal.Open(fs, dir, bind, opts, func(kind byte, payload []byte) error {
		got = append(got, record(kind, payload))
		return nil
	})
	return j, got, err
}

func mustOpen(t testing.TB, fs wal.FS, opts wal.Options) (*wal.Journal, []string) {
	t.Helper()
	j, got, err := read(fs, opts)
	if err != nil {
		t.Fatal(err)
	}
	return j, got
}

// put appends and syncs one batch with a record per size, and gives the records.
func put(t testing.TB, j *wal.Journal, sizes ...int) (all []string) {
	t.Helper()
	for i, n := range sizes {
		seed := int(j.Position().Batch)*31 + i
		kind, payload := byte(seed%5), body(seed, n)
		j.Append(kind, payload)
		all = append(all, record(kind, payload))
	}
	must(t, j.Sync())
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %d records, want %d:\n got %.300q\nwant %.300q", len(got), len(want), got, want)
	}
}

// wantDamage checks that err is damage, in the given file, and says so to a reader.
func wantDamage(t testing.TB, err error, file string) {
	t.Helper()
	var damage *wal.DamageError
	if !errors.As(err, &damage) {
		t.Fatalf("got %v, want damage in %s", err, file)
	}
	for _, part := range []string{file, "is damaged at byte", "must not vote"} {
		if !strings.Contains(err.Error(), part) {
			t.Fatalf("%q does not say %q", err, part)
		}
	}
}

// image is the files of a directory.
type image map[string][]byte

func imageOf(t testing.TB, disk *memfs.Disk) image {
	t.Helper()
	im := image{}
	for _, name := range disk.Files() {
		content, err := disk.Content(name)
		must(t, err)
		im[filepath.Base(name)] = content
	}
	return im
}

// with gives the image with one file replaced, or removed if content is nil.
func (im image) with(name string, content []byte) image {
	out := image{}
	for n, c := range im {
		if n != name {
			out[n] = c
		}
	}
	if content != nil {
		out[name] = content
	}
	return out
}

func (im image) disk(t testing.TB) *memfs.Disk {
	t.Helper()
	disk := newDisk(t)
	for name, content := range im {
		must(t, disk.Put(filepath.Join(dir, name), content))
	}
	return disk
}

func newDisk(t testing.TB) *memfs.Disk {
	t.Helper()
	disk := memfs.New()
	must(t, disk.Mkdir(dir))
	must(t, disk.SyncDir("/"))
	return disk
}

func segment(n int) string { return fmt.Sprintf("%016x.wal", n) }

// zeroed gives a copy of a file in which one sector was never written.
func zeroed(content []byte, sector int) []byte {
	out := bytes.Clone(content)
	clear(out[sector*wal.SectorBytes:][:wal.SectorBytes])
	return out
}
