package snapshot

import (
	"fmt"

	"paxos/paxos"
)

// DamageError says that a file is not as it was written. Nothing of it is ever
// loaded.
type DamageError struct {
	File   string
	Offset int64 // in bytes, where the first thing that is wrong begins
	Reason string
}

// Error implements error.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
}

// UnknownError says that a file is whole and cannot be read by this version.
// A learner that finds one must stop: to go on from an older one would be to
// skip what it does not understand.
type UnknownError struct {
	File   string
	Reason string
}

// Error implements error.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s is whole and cannot be read: %s: written by a newer version?", e.File, e.Reason)
}

// ForeignError says that a file is whole and belongs to another cluster, or was
// made under another configuration.
type ForeignError struct {
	File       string
	What       string // "cluster" or "configuration"
	Have, Want string
}

// Error implements error.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s belongs to %s %s, this learner to %s", e.File, e.What, e.Have, e.Want)
}

// checkHeader compares what a file is of with what it should be of; a cluster
// that is not known yet may be any.
func checkHeader(file string, h header, cluster paxos.ClusterID, config paxos.Stamp) error {
	switch {
	case !cluster.IsZero() && h.cluster != cluster:
		return &ForeignError{file, "cluster", h.cluster.String(), cluster.String()}
	case h.config != config:
		return &ForeignError{file, "configuration", h.config.String(), config.String()}
	}
	return nil
}
