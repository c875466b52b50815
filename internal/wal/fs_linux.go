package wal

import (
	"os"
	"syscall"
)

// From statfs(2).
var unsafeFileSystems = map[uint32]string{
	0x01021994: "tmpfs",
	0x858458f6: "ramfs",
	0x794c7630: "overlayfs",
}

// CheckFileSystem refuses, with an *UnsafeFileSystemError, a directory whose
// files live in memory or in a container's own layer.
func CheckFileSystem(dir string) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if kind, bad := unsafeFileSystems[uint32(stat.Type)]; bad {
		return &UnsafeFileSystemError{Dir: dir, Kind: kind}
	}
	return nil
}

// SpaceOf tells how full the file system is on which dir lies.
func SpaceOf(dir string) (Space, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	block := int64(stat.Bsize)
	return Space{Used: (int64(stat.Blocks) - int64(stat.Bfree)) * block, Free: int64(stat.Bavail) * block}, nil
}

// From posix_fadvise(2).
const fadviseDontNeed = 4

// Forget drops the file's synced content from memory, as far as the system can
// do without it: what is read next comes from the disk.
func (f osFile) Forget() error {
	_, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, fadviseDontNeed, 0, 0)
	// It is advice: whoever takes none, or may not, leaves the file as it is.
	switch errno {
	case 0, syscall.EINVAL, syscall.ENOSYS, syscall.ESPIPE, syscall.EPERM, syscall.EACCES, syscall.EOPNOTSUPP:
		return nil
	}
	return &os.PathError{Op: "fadvise", Path: f.Name(), Err: errno}
}

func fdatasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		// An interrupted call has reported no loss; os.File.Sync goes on likewise.
		if err != syscall.EINTR {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
