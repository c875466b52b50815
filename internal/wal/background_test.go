package wal_test

import (
	"errors"
	"testing"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

func inBackground(create bool) wal.Options {
	return wal.Options{SegmentBytes: 8 * wal.SectorBytes, Create: create}
}

// With a goroutine that prepares, the journal is the same, wherever that
// goroutine is when a batch is written, a segment is full, or Close comes.
func TestPreparationInTheBackground(t *testing.T) {
	disk := newDisk(t)
	var want []string
	for life := range 40 {
		j, got := mustOpen(t, disk, inBackground(life == 0))
		same(t, got, want)
		done := make(chan struct{})
		go func() { // Stats are for other goroutines.
			defer close(done)
			for range 100 {
				_ = j.Stats()
			}
		}()
		for i := range life % 7 {
			want = append(want, put(t, j, 700*(i%3), 40)...)
		}
		<-done
		must(t, j.Close())
		disk.Crash(memfs.Lose)
	}
}

// A segment that is not ready when it is needed is waited for.
func TestARollWaitsForThePreparation(t *testing.T) {
	disk := newDisk(t)
	j, _ := mustOpen(t, disk, inBackground(true))
	release := make(chan struct{})
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.Kind == memfs.CreateOp {
			<-release
			return &memfs.Fault{Err: errDisk}
		}
		return nil
	})
	j.Append(1, nil)
	failed := make(chan error)
	go func() {
		err := j.Sync()
		if err == nil {
			j.Append(1, body(1, 3000))
			err = j.Sync()
		}
		failed <- err
	}()
	close(release)
	if err := <-failed; !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
	must(t, j.Close())
}
