// Package lossfs mounts a disk that forgets, so that real processes can lose
// power: what internal/wal/memfs is to a program's own code, this is to any
// program, by way of FUSE (https://docs.kernel.org/filesystems/fuse/fuse.html).
// A disk's files live in this process's memory, in a memfs.Disk, which keeps
// apart what was written and what was synced and makes operations fail on
// demand; here are added a switch for its power, and syncs that take their time.
//
// The kernel keeps no pages and no names of such a disk: each read and write of
// a process comes here, and so does each sync. A write that fails after its
// first bytes is told as a kernel tells it: the bytes first, the error to
// whoever goes on.
//
// The power fails in three steps, since a process that waits for a disk cannot
// be killed: Cut (nothing is answered any more), kill all processes, Refuse
// (those that waited may end), and when they are gone, Crash: the disk is as
// after the failure, and answers again.
//
// It is no general file system: one program's data directory, without links,
// permissions or renames between directories. The one file that is ever
// truncated, LOCK, is not kept over a crash. Faults are drawn, and processes
// killed, by test/chaos, the only user.
package lossfs
