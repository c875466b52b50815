//go:build linux

package lossfs

import (
	"context"
	"errors"
	"io"
	"path"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"paxos/internal/wal"
)

// node is a file or a directory, as the kernel knows it.
type node struct {
	fs.Inode
	disk *Disk
	id   *ident
}

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

func (n *node) path() string {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	return n.id.path
}

// child is the node of a name in this directory.
func (n *node) child(ctx context.Context, at string, mode uint32) *fs.Inode {
	n.disk.mu.Lock()
	id := n.disk.ident(at)
	n.disk.mu.Unlock()
	return n.NewInode(ctx, &node{disk: n.disk, id: id}, fs.StableAttr{Mode: mode & syscall.S_IFMT, Ino: id.ino})
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if !n.disk.powered() {
		return nil, syscall.EIO
	}
	at := path.Join(n.path(), name)
	mode, size, err := n.disk.stat(at)
	if err != nil {
		return nil, number(err)
	}
	out.Mode, out.Size = mode, size
	return n.child(ctx, at, mode), 0
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(_ context.Context, h fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if !n.disk.powered() {
		return syscall.EIO
	}
	if open, ok := h.(*handle); ok {
		size, err := open.file.Size()
		out.Mode, out.Size = syscall.S_IFREG|0o600, uint64(size)
		return number(err)
	}
	mode, size, err := n.disk.stat(n.path())
	out.Mode, out.Size = mode, size
	return number(err)
}

// Setattr implements fs.NodeSetattrer. Only what is not kept over a crash can be
// truncated: the formats never ask for it.
func (n *node) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		s := n.disk.scrap(n.path())
		if s == nil {
			return syscall.ENOTSUP
		}
		s.truncate(int(size))
	}
	return n.Getattr(ctx, h, out)
}

// Open implements fs.NodeOpener.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if !n.disk.powered() {
		return nil, 0, syscall.EIO
	}
	at := n.path()
	if s := n.disk.scrap(at); s != nil {
		if flags&syscall.O_TRUNC != 0 {
			s.truncate(0)
		}
		return &handle{n.disk, s}, fuse.FOPEN_DIRECT_IO, 0
	}
	if flags&(syscall.O_TRUNC|syscall.O_APPEND) != 0 {
		return nil, 0, syscall.ENOTSUP
	}
	f, err := n.disk.mem.Open(at)
	if err != nil {
		return nil, 0, number(err)
	}
	return &handle{n.disk, f}, fuse.FOPEN_DIRECT_IO, 0
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if !n.disk.powered() {
		return nil, nil, 0, syscall.EIO
	}
	at := path.Join(n.path(), name)
	const mode = syscall.S_IFREG | 0o600
	out.Mode = mode
	if isLock(at) {
		s := &scrap{}
		n.disk.mu.Lock()
		n.disk.scraps[at] = s
		n.disk.mu.Unlock()
		return n.child(ctx, at, mode), &handle{n.disk, s}, fuse.FOPEN_DIRECT_IO, 0
	}
	f, err := n.disk.mem.Create(at)
	if err != nil {
		return nil, nil, 0, number(err)
	}
	return n.child(ctx, at, mode), &handle{n.disk, f}, fuse.FOPEN_DIRECT_IO, 0
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if !n.disk.powered() {
		return nil, syscall.EIO
	}
	at := path.Join(n.path(), name)
	if err := n.disk.mem.Mkdir(at); err != nil {
		return nil, number(err)
	}
	out.Mode = syscall.S_IFDIR | 0o700
	return n.child(ctx, at, out.Mode), 0
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	if !n.disk.powered() {
		return syscall.EIO
	}
	at := path.Join(n.path(), name)
	if err := n.disk.mem.Remove(at); err != nil {
		return number(err)
	}
	n.disk.moved(at, "")
	return 0
}

// Rmdir implements fs.NodeRmdirer: a directory stays.
func (n *node) Rmdir(context.Context, string) syscall.Errno { return syscall.ENOTSUP }

// Rename implements fs.NodeRenamer.
func (n *node) Rename(_ context.Context, name string, to fs.InodeEmbedder, other string, flags uint32) syscall.Errno {
	target, ok := to.(*node)
	if !ok || flags != 0 {
		return syscall.ENOTSUP
	}
	if !n.disk.powered() {
		return syscall.EIO
	}
	from, at := path.Join(n.path(), name), path.Join(target.path(), other)
	if err := n.disk.mem.Rename(from, at); err != nil {
		return number(err)
	}
	n.disk.moved(from, at)
	return 0
}

// Readdir implements fs.NodeReaddirer.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	if !n.disk.powered() {
		return nil, syscall.EIO
	}
	at := n.path()
	names, err := n.disk.mem.ReadDir(at)
	if err != nil {
		return nil, number(err)
	}
	n.disk.mu.Lock()
	for other := range n.disk.scraps {
		if path.Dir(other) == at {
			names = append(names, path.Base(other))
		}
	}
	n.disk.mu.Unlock()
	var list []fuse.DirEntry
	for _, name := range names {
		mode, _, err := n.disk.stat(path.Join(at, name))
		if err != nil {
			return nil, number(err)
		}
		list = append(list, fuse.DirEntry{Name: name, Mode: mode})
	}
	return fs.NewListDirStream(list), 0
}

// Fsync implements fs.NodeFsyncer, for directories too.
func (n *node) Fsync(_ context.Context, h fs.FileHandle, flags uint32) syscall.Errno {
	if open, ok := h.(*handle); ok {
		return open.sync(flags)
	}
	if !n.disk.powered() || !n.disk.wait() {
		return syscall.EIO
	}
	return number(n.disk.mem.SyncDir(n.path()))
}

// Statfs implements fs.NodeStatfser: there is always room. A disk that is full
// is a fault of a write.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	const block, blocks = 4096, 4 << 30 / 4096
	out.Bsize, out.Frsize, out.Blocks, out.Bfree, out.Bavail, out.NameLen = block, block, 2*blocks, blocks, blocks, 255
	return 0
}

// handle is an open file.
type handle struct {
	disk *Disk
	file wal.File
}

var (
	_ fs.FileReader   = (*handle)(nil)
	_ fs.FileWriter   = (*handle)(nil)
	_ fs.FileReleaser = (*handle)(nil)
)

// Read implements fs.FileReader.
func (h *handle) Read(_ context.Context, to []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if !h.disk.powered() {
		return nil, syscall.EIO
	}
	n, err := h.file.ReadAt(to, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, number(err)
	}
	return fuse.ReadResultData(to[:n]), 0
}

// Write implements fs.FileWriter.
func (h *handle) Write(_ context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if !h.disk.powered() {
		return 0, syscall.EIO
	}
	n, err := h.file.WriteAt(data, off)
	if n > 0 {
		return uint32(n), 0
	}
	return 0, number(err)
}

func (h *handle) sync(flags uint32) syscall.Errno {
	if !h.disk.powered() || !h.disk.wait() {
		return syscall.EIO
	}
	h.disk.syncs.Add(1)
	const dataOnly = 1 // FUSE_FSYNC_FDATASYNC
	if flags&dataOnly != 0 {
		return number(h.file.SyncData())
	}
	return number(h.file.Sync())
}

// Release implements fs.FileReleaser.
func (h *handle) Release(context.Context) syscall.Errno {
	_ = h.file.Close() // A crash may have closed it before.
	return 0
}
