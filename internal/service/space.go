package service

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/paxos"
)

// How full a disk is, in percent, from which on only what frees room is taken,
// and below which everything is again; and how often one looks.
const (
	fullPercent = 90
	roomPercent = 85
	spaceEvery  = time.Second
	lockEvery   = 100 * time.Millisecond
)

// takeDirectory makes the data directory this process's own and gives its name.
func (r *running) takeDirectory(ctx context.Context) (string, error) {
	s := r.settings
	dir := filepath.Clean(s.Data)
	if err := r.lockDirectory(ctx, dir); err != nil {
		return "", err
	}
	if s.AllowUnsafe {
		return dir, nil
	}
	return dir, wal.CheckFileSystem(dir)
}

// lockDirectory takes the lock. One that another process holds may be on its way
// to be free: on Kubernetes the successor of a deleted pod starts while the old
// one ends.
func (r *running) lockDirectory(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, r.settings.LockWait)
	defer cancel()
	ticker := time.NewTicker(lockEvery)
	defer ticker.Stop()
	for told := false; ; told = true {
		lock, err := wal.Lock(dir, string(r.settings.ID))
		if !errors.As(err, new(*wal.HeldError)) || ctx.Err() != nil {
			r.lock = lock
			return err
		}
		if !told {
			r.log.Warnf("waits for at most %v: %v", r.settings.LockWait, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// space is what is known of the room on the disk.
type space struct {
	full       atomic.Bool
	used, size atomic.Int64 // as they were judged last
}

// ratio is how much of the room was used, from 0 to 1.
func (s *space) ratio() float64 { return float64(s.used.Load()) / float64(max(s.size.Load(), 1)) }

// judge reports whether the disk is full now; between the two marks it is what
// it was. A size of 0 is not known, and never full.
func (s *space) judge(used, size int64) bool {
	s.used.Store(used)
	s.size.Store(size)
	switch percent := float64(used) / float64(max(size, 1)) * 100; {
	case size <= 0 || percent < roomPercent:
		s.full.Store(false)
	case percent >= fullPercent:
		s.full.Store(true)
	}
	return s.full.Load()
}

// fullest gives the measure that is nearer to its end: the journal's limit,
// which bounds the memory as well, since an acceptor holds in it what it has
// not truncated, or the file system.
func (r *running) fullest() (used, size int64, err error) {
	used, size = r.disk.Stats().DiskBytes, r.settings.DiskLimit
	all, err := wal.SpaceOf(filepath.Clean(r.settings.Data))
	whole := all.Used + all.Free
	if err == nil && whole > 0 && (size == 0 || float64(all.Used)/float64(whole) > float64(used)/float64(size)) {
		used, size = all.Used, whole
	}
	return used, size, err
}

// watchSpace tells the acceptor, again and again, whether its disk is full.
func (r *running) watchSpace(ctx context.Context) error {
	err := every(ctx, spaceEvery, func() error {
		used, size, err := r.fullest()
		if err != nil {
			return err
		}
		before := r.space.full.Load()
		full := r.space.judge(used, size)
		if full != before {
			r.log.Warnf("the disk is full: %v (%d of %d bytes are used; full from %d %% on, until below %d %%)", full, used, size, fullPercent, roomPercent)
		}
		return r.parts.Loop.Submit(ctx, paxos.Envelope{To: r.settings.ID, Message: paxos.DiskSpace{Full: full}})
	})
	if errors.Is(err, node.ErrStopped) || ctx.Err() != nil {
		return nil
	}
	return err
}
