// Package system says what the bench asks of a cluster that it measures: to be
// started anew on an empty directory, to be reached by users, to be stopped. Our
// own cluster is here; the peers are in bench/peers.
//
// It measures nothing: users are driven by bench/load, turns are taken and
// processes are weighed in bench/run.
package system

import (
	"context"
	"errors"
)

// System is a cluster of one kind, started anew for each turn.
type System interface {
	// Name is "paxos", "etcd", "dragonboat", "nats" or "rqlite".
	Name() string
	// Start starts real processes with their data below dir, which is empty, and
	// returns when a write has succeeded.
	Start(ctx context.Context, dir string) error
	// Processes are those of all servers: for CPU, memory and I/O.
	Processes() []int
	// Stop ends them all and waits. It may be called twice, and without Start.
	Stop() error
	// LoseLeader takes away whoever leads, without a warning: killed, or silently,
	// stopped with all its connections open.
	LoseLeader(ctx context.Context, silently bool) (pid int, err error)
	// Way is how users reach it: "http", "grpc", "stream", "native". One that it
	// does not have is ErrNot.
	Way(protocol string) (Way, error)
}

// Roled is a system whose servers do different things.
type Roled interface {
	// Roles are the processes of each kind, of those in Processes.
	Roles() map[string][]int
}

// Way makes users. It may be shared by many goroutines.
type Way interface {
	// User is the nth user; its connection is made at its first request, or here.
	User(n int) (User, error)
	// Close ends the connections of all its users.
	Close() error
}

// User asks for one thing after another, from one goroutine. An answer without
// an error is an acknowledgement: the write is durable on a quorum. What a method
// gives is valid until the user's next call.
type User interface {
	Put(ctx context.Context, key string, value []byte) error
	// Get is linearizable unless stale. A key that is not there is ErrMissing.
	Get(ctx context.Context, key string, stale bool) ([]byte, error)
	Increment(ctx context.Context, key string) error
	// PutAll is one request, atomic where the system can.
	PutAll(ctx context.Context, keys []string, values [][]byte) error
}

// Watcher is a way, or a user, that can be told of changes.
type Watcher interface {
	// Watch calls told with every value that is written to key from now on, until
	// ctx ends. It calls ready once nothing that is written later can be missed.
	Watch(ctx context.Context, key string, ready func(), told func(value []byte)) error
}

// Counters are what a system counts itself and the kernel does not tell. A
// system that has them implements Counting.
type Counters struct {
	Syncs int64 // of all processes, since they were started
}

// Counting is a system that counts its own syncs.
type Counting interface {
	Counters(ctx context.Context) (Counters, error)
}

// Electing is a system that counts its elections.
type Electing interface {
	// Elections is how many were stood in since the servers were started.
	Elections(ctx context.Context) (int64, error)
}

// Profiled is a system whose processes give CPU profiles.
type Profiled interface {
	// Profile writes one file per process into dir, of the next so many seconds.
	Profile(ctx context.Context, dir string, seconds int) error
}

var (
	// ErrNot says that a system cannot do what was asked of it.
	ErrNot = errors.New("this system cannot do that")
	// ErrMissing says that there is no such key.
	ErrMissing = errors.New("there is no such key")
)
