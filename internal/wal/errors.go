package wal

import (
	"errors"
	"fmt"
	"path/filepath"

	"paxos/paxos"
)

// ErrClosed is what a closed journal answers.
var ErrClosed = errors.New("the journal is closed")

// DamageError says that a file is not as this package left it, so that what
// the acceptor promised may be lost. Whoever receives it must not vote.
type DamageError struct {
	File   string
	Offset int64 // in bytes, where the first thing that is wrong begins
	Reason string
}

// Error names the file and the place, and says what is wrong and what it means.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s: this acceptor may have forgotten what it promised and must not vote",
		e.File, e.Offset, e.Reason)
}

// ForeignError says that a segment is sound but was written for another store.
type ForeignError struct {
	File string
	Want Binding // the store that was opened
	Have Binding // the store that the segment names
}

// Error says which store the segment belongs to and which one was expected.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s belongs to store %s of cluster %s, not to store %s of cluster %s: this acceptor must not vote with another's journal",
		e.File, e.Have.Store, e.Have.Cluster, e.Want.Store, e.Want.Cluster)
}

// HeldError says that another process holds the data directory.
type HeldError struct {
	Dir    string
	Holder string // as written by the holder: node id, process id, host
}

// Error says who holds the directory.
func (e *HeldError) Error() string {
	return fmt.Sprintf("data directory %s is held by %s: two processes must never share one", e.Dir, e.Holder)
}

// UnsafeFileSystemError says that a directory would not outlive the machine, or the container.
type UnsafeFileSystemError struct {
	Dir  string
	Kind string // "tmpfs", "ramfs", "overlayfs"
}

// Error says what is wrong with the file system and how to use it all the same.
func (e *UnsafeFileSystemError) Error() string {
	return fmt.Sprintf("data directory %s is on %s, which forgets what it was told when the pod or the machine goes: "+
		"mount a volume there, or accept the loss with --allow-unsafe-filesystem", e.Dir, e.Kind)
}

// ReplayError carries what the replay callback said about a sound record.
type ReplayError struct {
	File   string
	Offset int64 // in bytes, where the record begins
	Err    error
}

// Error names the record's place and the callback's reason.
func (e *ReplayError) Error() string {
	return fmt.Sprintf("%s: record at byte %d: %v", e.File, e.Offset, e.Err)
}

// Unwrap gives the callback's error.
func (e *ReplayError) Unwrap() error { return e.Err }

// Binding ties a journal to its store: it stands in every segment and is part
// of every checksum.
type Binding struct {
	Cluster paxos.ClusterID
	Store   paxos.StoreID
}

func damage(file string, offset int64, format string, args ...any) error {
	return &DamageError{File: filepath.Clean(file), Offset: offset, Reason: fmt.Sprintf(format, args...)}
}
