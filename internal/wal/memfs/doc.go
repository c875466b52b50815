// Package memfs is a disk in memory that forgets: it keeps apart what a program
// wrote and what would survive a loss of power, and lets its user choose, write
// by write, what does survive. It also makes any operation fail on demand.
//
// It is meant for tests and for the simulator (sim), and is deterministic: the
// same calls give the same disk. It implements the FS of internal/wal, its only
// neighbour, and no more of a file system than that needs: no permissions, no
// hard links, no renames between directories.
//
// The rules of the disk, which are POSIX's at their least generous:
//
//   - A write is seen at once and is durable after a sync of its file. Until
//     then each sector of 512 bytes that was written may, after a crash, be any
//     version that was written to it since, or the old one.
//   - A name is durable after a sync of its directory. Until then each
//     creation, renaming and removal may survive a crash or not, each for
//     itself. A sync of the file does not help its name.
//   - After a sync that failed, the pages count as clean: they are read as they
//     were written, but no later sync writes them.
//   - The end of a process takes nothing away; only a crash does.
package memfs
