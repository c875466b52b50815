package wal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is the part of a file system that this package needs, so that a simulated
// disk can stand in for a real one. Errors for a missing or an existing name
// match fs.ErrNotExist and fs.ErrExist.
//
// A name made by Create, Rename or Mkdir, and one taken away by Remove, is
// durable only after SyncDir of its directory.
type FS interface {
	// Create makes an empty file, open for reading and writing; the name must be free.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Rename gives a file another name in the same directory, atomically
	// replacing what had that name.
	Rename(from, to string) error
	// Remove takes a file's name away.
	Remove(name string) error
	// Mkdir makes one directory; its parent must exist.
	Mkdir(name string) error
	// ReadDir lists the names in a directory, sorted.
	ReadDir(dir string) ([]string, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(dir string) error
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size is the file's length in bytes.
	Size() (int64, error)
	// Sync makes content and size durable.
	Sync() error
	// SyncData makes content durable that was written within the size that
	// the last Sync made durable. It spares the file system's own journal.
	SyncData() error
}

// Forget drops a file's synced content from memory, where the file can do so:
// what is read next comes from the disk.
func Forget(f File) error {
	if f, ok := f.(interface{ Forget() error }); ok {
		return f.Forget()
	}
	return nil
}

// Space is how full a file system is, in bytes. Both are 0 where the system does
// not tell.
type Space struct {
	Used int64
	Free int64 // as far as this process may use it
}

// OS is the file system of the machine.
func OS() FS { return osFS{} }

type osFS struct{}

type osFile struct{ *os.File }

func (osFS) Create(name string) (File, error) {
	return opened(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600))
}

func (osFS) Open(name string) (File, error) { return opened(os.OpenFile(name, os.O_RDWR, 0)) }

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) Mkdir(name string) error { return os.Mkdir(name, 0o700) }

func (osFS) SyncDir(dir string) error { return syncDir(dir) }

func (osFS) CheckFileSystem(dir string) error { return CheckFileSystem(dir) }

func (osFS) ReadDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func opened(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) SyncData() error { return fdatasync(f.File) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes a directory and all that lead to it, each durable in its parent.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Also when it exists: whoever made it may have died before the sync.
	return syncDir(filepath.Dir(dir))
}
