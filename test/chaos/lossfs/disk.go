//go:build linux

package lossfs

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"paxos/internal/wal/memfs"
)

// Disk is a mounted disk. It may be used from several goroutines.
type Disk struct {
	Dir string // where it is mounted

	mem   *memfs.Disk
	slow  atomic.Int64 // what every sync takes, in nanoseconds
	syncs atomic.Int64

	mu     sync.Mutex
	idents map[string]*ident // by path
	scraps map[string]*scrap // by path
	last   uint64            // the last inode number
	power  chan struct{}     // closed when those that wait may go on; nil while there is power
	dead   bool              // they, and all others, are refused then
}

// ident is what stands behind a name as long as the disk has power; a renamed
// file keeps it.
type ident struct {
	path string // "" for a file whose name is gone
	ino  uint64
}

// Mount makes an empty disk and mounts it on a directory, which is made if it is
// missing. It takes root, or the right to mount.
func Mount(dir string) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &Disk{Dir: dir, mem: memfs.New(), last: 1, idents: map[string]*ident{}, scraps: map[string]*scrap{}}
	var none time.Duration
	// Nobody may start a process meanwhile: see keep.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	_, err := fs.Mount(dir, &node{disk: d, id: &ident{path: "/", ino: 1}}, &fs.Options{
		EntryTimeout: &none, AttrTimeout: &none, NegativeTimeout: &none,
		RootStableAttr: &fs.StableAttr{Ino: 1, Mode: syscall.S_IFDIR},
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: name, Name: name, MaxWrite: 1 << 20,
			DisableXAttrs: true, DisableReadDirPlus: true, DisableSplice: true},
	})
	if err != nil {
		return nil, fmt.Errorf("mounting a disk on %s (it takes root and /dev/fuse): %w", dir, err)
	}
	return d, keep()
}

const name = "lossfs"

// keep lets no process inherit the devices by which this one serves its disks,
// which go-fuse opens for all. The kernel gives up a disk, and those who wait
// for it, only when nobody has its device open; and who waits cannot be killed.
func keep() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range open {
		fd, err := strconv.Atoi(e.Name())
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == "/dev/fuse" {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// Close takes the disk away. What still waits for it is refused. It does not
// wait for whoever has a copy of the mount (each network namespace that was
// entered meanwhile): the kernel forgets the disk with the last of them.
func (d *Disk) Close() error {
	d.Cut()
	d.Refuse()
	return syscall.Unmount(d.Dir, syscall.MNT_DETACH)
}

// Save writes what is on the disk into a directory of the machine's, to be
// looked at.
func (d *Disk) Save(dir string) error {
	var failed []error
	for _, name := range d.mem.Files() {
		content, err := d.mem.Content(name)
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(at), 0o755)
		}
		if err == nil {
			err = os.WriteFile(at, content, 0o600)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Sweep takes away disks below a directory whose process died without closing
// them: nothing answers there any more.
func Sweep(below string) error {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var failed []error
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != name || !strings.HasPrefix(fields[1], below) {
			continue
		}
		if _, err := os.Stat(fields[1]); errors.Is(err, syscall.ENOTCONN) {
			failed = append(failed, syscall.Unmount(fields[1], syscall.MNT_DETACH))
		}
	}
	return errors.Join(failed...)
}

// Inject has every operation asked about before it is done, as memfs does; nil
// lets all pass. The answer must not use the disk.
func (d *Disk) Inject(fault func(memfs.Op) *memfs.Fault) { d.mem.Inject(fault) }

// Slow makes each sync take that long from now on; 0 makes them quick again.
func (d *Disk) Slow(every time.Duration) { d.slow.Store(int64(every)) }

// Syncs is how many syncs of files there were.
func (d *Disk) Syncs() int64 { return d.syncs.Load() }

// Cut takes the power away: from now on no operation is done, and whoever asks
// for one waits.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.power == nil {
		d.power = make(chan struct{})
	}
}

// Refuse answers those that wait since Cut, and all that come until Crash, with
// an error: a process that was killed ends only when its disk has answered.
func (d *Disk) Refuse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.power != nil && !d.dead {
		d.dead = true
		close(d.power)
	}
}

// Loss is what became of the changes that were not durable in a crash: each was
// a sector, a file's length, or a name.
type Loss struct{ Lost, Kept int }

// Crash lets what was not durable survive as pick says (memfs.Disk.Crash), and
// brings the power back. No process may have the disk open.
func (d *Disk) Crash(pick func(n int) int) (loss Loss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mem.Crash(func(n int) int {
		picked := pick(n)
		if picked == 0 {
			loss.Lost++
		} else {
			loss.Kept++
		}
		return picked
	})
	clear(d.idents)
	clear(d.scraps)
	d.power, d.dead = nil, false
	d.slow.Store(0)
	return loss
}

// powered waits until the disk answers; false if it refuses.
func (d *Disk) powered() bool {
	d.mu.Lock()
	power, dead := d.power, d.dead
	d.mu.Unlock()
	if power == nil {
		return true
	}
	if !dead {
		<-power
	}
	return false
}

// ident gives what stands behind a path, a new one for a file that was not
// looked up yet. The disk must be locked.
func (d *Disk) ident(at string) *ident {
	if d.idents[at] == nil {
		d.last++
		d.idents[at] = &ident{path: at, ino: d.last}
	}
	return d.idents[at]
}

// moved gives a file's ident another path, "" when its name is taken away.
func (d *Disk) moved(from, to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if to != "" && d.idents[to] != nil {
		d.idents[to].path = ""
		delete(d.idents, to)
	}
	if id := d.idents[from]; id != nil {
		delete(d.idents, from)
		id.path = to
		if to != "" {
			d.idents[to] = id
		}
	}
}

// stat gives the mode and the size of what a path leads to.
func (d *Disk) stat(at string) (mode uint32, size uint64, err error) {
	if s := d.scrap(at); s != nil {
		n, _ := s.Size()
		return syscall.S_IFREG | 0o600, uint64(n), nil
	}
	if f, err := d.mem.Open(at); err == nil {
		n, err := f.Size()
		return syscall.S_IFREG | 0o600, uint64(n), errors.Join(err, f.Close())
	}
	if _, err := d.mem.ReadDir(at); err != nil {
		return 0, 0, err
	}
	return syscall.S_IFDIR | 0o700, 0, nil
}

// lockName is the file that a process truncates and locks: it says who runs
// here, and nothing that must survive.
const lockName = "LOCK"

func (d *Disk) scrap(at string) *scrap {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.scraps[at]
}

// number is the system's number for an error.
func number(err error) syscall.Errno {
	var n syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &n):
		return n
	case errors.Is(err, iofs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, iofs.ErrExist):
		return syscall.EEXIST
	case errors.Is(err, iofs.ErrInvalid):
		return syscall.EINVAL
	}
	return syscall.EIO
}

func isLock(at string) bool { return path.Base(at) == lockName }
