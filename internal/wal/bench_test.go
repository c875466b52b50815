package wal_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"paxos/internal/wal"
)

// BenchmarkSync is one group commit: records of 256 bytes, one Sync.
func BenchmarkSync(b *testing.B) {
	for _, records := range []int{1, 32} {
		b.Run(fmt.Sprintf("records=%d", records), func(b *testing.B) {
			opts := wal.Options{Create: true, AllowUnsafeFS: true}
			j, err := wal.Open(wal.OS(), filepath.Join(b.TempDir(), "journal"), bind, opts, nil)
			must(b, err)
			payload := body(1, 256)
			b.SetBytes(int64(records * len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				for range records {
					j.Append(1, payload)
				}
				must(b, j.Sync())
			}
			must(b, j.Close())
		})
	}
}

// BenchmarkOpen reads a journal of about 16 MB back.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal")
	opts := wal.Options{Create: true, AllowUnsafeFS: true}
	skip := func(byte, []byte) error { return nil }
	j, err := wal.Open(wal.OS(), path, bind, opts, skip)
	must(b, err)
	payload := body(1, 256)
	for range 500 {
		for range 128 {
			j.Append(1, payload)
		}
		must(b, j.Sync())
	}
	must(b, j.Close())
	b.SetBytes(500 * 128 * 256)
	for b.Loop() {
		j, err := wal.Open(wal.OS(), path, bind, opts, skip)
		must(b, err)
		must(b, j.Close())
	}
}
