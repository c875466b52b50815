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
