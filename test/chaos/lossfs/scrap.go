//go:build linux

package lossfs

import (
	"io"
	"sync"
	"time"
)

// wait is what a sync takes on a slow disk; false if the power fails meanwhile,
// so that what was to be synced is not.
func (d *Disk) wait() bool {
	if slow := time.Duration(d.slow.Load()); slow > 0 {
		<-time.After(slow)
	}
	return d.powered()
}

// scrap is a file that is not kept over a crash. It implements wal.File.
type scrap struct {
	mu   sync.Mutex
	text []byte
}

func (s *scrap) truncate(size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, make([]byte, max(0, size-len(s.text)))...)[:size]
}

// ReadAt implements wal.File.
func (s *scrap) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := copy(p, s.text[min(int(off), len(s.text)):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements wal.File.
func (s *scrap) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, make([]byte, max(0, int(off)+len(p)-len(s.text)))...)
	return copy(s.text[off:], p), nil
}

// Size implements wal.File.
func (s *scrap) Size() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.text)), nil
}

// Sync implements wal.File.
func (*scrap) Sync() error { return nil }

// SyncData implements wal.File.
func (*scrap) SyncData() error { return nil }

// Close implements wal.File.
func (*scrap) Close() error { return nil }
