package node

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"paxos/internal/snapshot"
	"paxos/internal/wal"
	"paxos/paxos"
)

// LearnerDisk is the data directory of a learner: the identity file, and the
// snapshots, which its Keeper keeps.
type LearnerDisk struct {
	Keeper *snapshot.Keeper

	fs     wal.FS
	dir    string
	mu     sync.Mutex // the keeper and the service both bind it to a cluster
	stored wal.Stored
}

// LearnerOptions say whose disk it should be, and how its snapshots are read.
type LearnerOptions struct {
	Node          paxos.NodeID
	Configuration paxos.Configuration
	// FreshStore is random bits drawn for this start, used if the directory
	// has no store yet.
	FreshStore paxos.StoreID
	// Decode, Room and Sizes are those of snapshot.Options.
	Decode func(io.Reader) (paxos.State, error)
	Room   func() (int64, error)
	Sizes  snapshot.Sizes
}

// emptied is what a person can do about a learner's disk that is of no use.
const emptied = "a learner's directory may be emptied: it gets everything again from the other learners, or from the acceptors as far as they have it"

// OpenLearnerDisk reads the data directory of a learner. A disk of another
// node, of other acceptors, or damaged, is refused: the error says what is
// wrong in a sentence, and the process must end.
func OpenLearnerDisk(fsys wal.FS, dir string, opts LearnerOptions) (*LearnerDisk, snapshot.Found, error) {
	d := &LearnerDisk{fs: fsys, dir: dir}
	if err := d.identify(opts); err != nil {
		return nil, snapshot.Found{}, err
	}
	keeper, found, err := snapshot.Open(snapshot.Options{
		FS: fsys, Dir: dir, Cluster: d.stored.Cluster, Bind: d.Adopt, Config: opts.Configuration.Stamp(), Decode: opts.Decode, Room: opts.Room, Sizes: opts.Sizes,
	})
	if err != nil {
		return nil, found, err
	}
	d.Keeper = keeper
	return d, found, nil
}

// identify reads who the disk is, or makes it somebody's.
func (d *LearnerDisk) identify(opts LearnerOptions) error {
	stored, found, err := wal.ReadIdentity(d.fs, d.dir)
	var damage *wal.DamageError
	switch {
	case errors.As(err, &damage):
		return fmt.Errorf("%s is damaged at byte %d: %s; %s", damage.File, damage.Offset, damage.Reason, emptied)
	case err != nil:
		return err
	case found && stored.Node != opts.Node:
		return fmt.Errorf("the disk in %s belongs to %s, this is %s", d.dir, stored.Node, opts.Node)
	case found && stored.Config.Stamp() != opts.Configuration.Stamp():
		return fmt.Errorf("the disk in %s was made for the acceptors %v, the configuration says %v", d.dir, stored.Config.Acceptors, opts.Configuration.Acceptors)
	}
	if !found {
		if err := d.checkBlank(); err != nil {
			return err
		}
		stored.Identity = paxos.Identity{Node: opts.Node, Store: opts.FreshStore, Config: opts.Configuration}
	}
	stored.Starts++
	d.stored = stored
	return d.write()
}

// checkBlank refuses a directory without an identity that is not empty.
func (d *LearnerDisk) checkBlank() error {
	journal, err := wal.Exists(d.fs, d.dir)
	var damage *wal.DamageError
	if err != nil && !errors.As(err, &damage) {
		return err
	}
	if journal || damage != nil {
		return fmt.Errorf("%s holds an acceptor's journal, and this is a learner", d.dir)
	}
	snapshots, err := snapshot.Exists(d.fs, d.dir)
	if err == nil && snapshots {
		err = fmt.Errorf("%s holds snapshots but no identity: the disk is damaged; %s", d.dir, emptied)
	}
	return err
}

func (d *LearnerDisk) write() error {
	if err := wal.WriteIdentity(d.fs, d.dir, d.stored); err != nil {
		return fmt.Errorf("identity in %s: %w", d.dir, err)
	}
	return nil
}

// Adopt binds the disk to a cluster, durably, the first time; afterwards it
// refuses every other one. Any goroutine may call it.
func (d *LearnerDisk) Adopt(cluster paxos.ClusterID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch d.stored.Cluster {
	case cluster:
		return nil
	case paxos.ClusterID{}:
		d.stored.Cluster, d.stored.Standing = cluster, paxos.Member
		return d.write()
	}
	return fmt.Errorf("the disk in %s belongs to cluster %s, the acceptors to cluster %s; %s", d.dir, d.stored.Cluster, cluster, emptied)
}

// Cluster is whose disk it is, zero if that is not known yet.
func (d *LearnerDisk) Cluster() paxos.ClusterID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stored.Cluster
}

// Store is the identity of the disk itself.
func (d *LearnerDisk) Store() paxos.StoreID { return d.stored.Store }

// Starts counts the starts of the learner with this disk.
func (d *LearnerDisk) Starts() uint64 { return d.stored.Starts }

// Close lets go of the files. What was saved is durable already.
func (d *LearnerDisk) Close() error { return d.Keeper.Close() }
