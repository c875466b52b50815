package wal_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"paxos/internal/wal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The files in testdata/v1 are what format version 1 is. As long as a version
// is written, it is written so, byte for byte; as long as it is read, these are.
func TestTheFormatIsTheOneOnRecord(t *testing.T) {
	disk := newDisk(t)
	must(t, wal.WriteIdentity(disk, dir, someone))
	j, want := mustOpen(t, disk, small(true))
	for _, sizes := range [][]int{{0, 1, 40}, {1300}, {1300}} {
		want = append(want, put(t, j, sizes...)...)
	}
	written := imageOf(t, disk)
	recorded := image{}
	for name, content := range written {
		path := filepath.Join("testdata", "v1", name)
		if *update {
			must(t, os.WriteFile(path, content, 0o600))
		}
		golden, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Equal(golden, content) {
			t.Errorf("%s is written otherwise than on record", name)
		}
		recorded[name] = golden
	}
	_, got := mustOpen(t, recorded.disk(t), small(false))
	same(t, got, want)
}

// Two journals of one store that went different ways: a disk that was put back
// in time, say. No sector of one may pass for one of the other.
func TestASectorOfAnotherPastIsDamage(t *testing.T) {
	past := func(first byte) []byte {
		disk := newDisk(t)
		j, _ := mustOpen(t, disk, small(true))
		for i, n := range []int{10, 900, 20} {
			payload := body(i, n)
			if i < 2 {
				payload[n-1] = first
			}
			j.Append(1, payload)
			must(t, j.Sync())
		}
		return imageOf(t, disk)[segment(1)]
	}
	one, other := past('x'), past('y')
	for from := 1; from <= 4; from++ {
		for to := from + 1; to <= 5; to++ {
			mixed := bytes.Clone(one)
			copy(mixed[from*512:to*512], other[from*512:to*512])
			// The second batch is sectors 2 and 3, of which the first holds
			// the header and so the sum of all.
			if from == 1 && to == 5 || bytes.Equal(mixed, one) {
				continue
			}
			_, _, err := read(image{segment(1): mixed, segment(2): fresh(t, 2)}.disk(t), small(false))
			wantDamage(t, err, segment(1))
		}
	}
	for sector := 1; sector <= 4; sector++ { // And of the same, elsewhere.
		for to := 1; to <= 5; to++ {
			mixed := bytes.Clone(one)
			copy(mixed[to*512:][:512], one[sector*512:])
			if sector != to {
				_, _, err := read(image{segment(1): mixed, segment(2): fresh(t, 2)}.disk(t), small(false))
				wantDamage(t, err, segment(1))
			}
		}
	}
}

// What follows a torn batch shows that it was not the last: it is not cut.
func TestATornBatchThatIsNotTheLastIsDamage(t *testing.T) {
	w := newWalk(t)
	next := bytes.Clone(w.im[segment(3)])
	for sector := w.from; sector < w.to; sector++ {
		torn := w.im.with(segment(2), zeroed(w.im[segment(2)], sector))
		for at := w.to; at < 8; at++ { // In the same segment…
			behind := bytes.Clone(torn[segment(2)])
			copy(behind[at*512:][:512], w.im[segment(2)][w.from*512:])
			_, _, err := w.open(t, torn.with(segment(2), behind).disk(t), segment(2))
			if sector == w.from && err == nil {
				continue // Nothing tells it from a torn batch whose first sector is missing.
			}
			wantDamage(t, err, segment(2))
		}
		for at := 1; at < 8; at++ { // …or in the next one.
			behind := bytes.Clone(next)
			copy(behind[at*512:][:512], w.im[segment(2)][w.from*512:])
			_, _, err := w.open(t, torn.with(segment(3), behind).disk(t), segment(3))
			wantDamage(t, err, segment(3))
		}
	}
}
