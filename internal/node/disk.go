package node

import (
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"

	"paxos/internal/failpoint"
	"paxos/internal/wal"
	"paxos/paxos"
)

// Disk is an acceptor's Store: the identity file and the journal in one data
// directory.
type Disk struct {
	fs      wal.FS
	dir     string
	opts    wal.Options
	starts  uint64
	journal *wal.Journal
	shown   atomic.Pointer[wal.Journal] // for Stats, from any goroutine
	held    held
	oldest  uint64 // segments before it were dropped
	failed  error
	buf     []byte
}

// Found is what OpenDisk found.
type Found struct {
	Identity paxos.Identity
	Records  []paxos.Record
	// Mute says why the disk must not vote, "" if it may.
	Mute string
}

// OpenDisk reads the data directory of an acceptor. Damage, or a directory
// that is not what it should be, is no error: the acceptor lives, and does not
// vote (Found.Mute). Errors are those after which the process must end.
func OpenDisk(fsys wal.FS, dir string, node paxos.NodeID, opts wal.Options) (*Disk, Found, error) {
	d := &Disk{fs: fsys, dir: dir, opts: opts}
	stored, found, err := wal.ReadIdentity(fsys, dir)
	if err != nil {
		return d.mute(Found{}, err)
	}
	if !found {
		return d.blank()
	}
	state := Found{Identity: stored.Identity}
	if stored.Node != node {
		// Nothing of another node's disk is touched, its start count neither.
		state.Mute = fmt.Sprintf("the disk belongs to %s, this is %s", stored.Node, node)
		return d, state, nil
	}
	stored.Starts++
	if err := wal.WriteIdentity(fsys, dir, stored); err != nil {
		return nil, Found{}, fmt.Errorf("identity in %s: %w", dir, err)
	}
	d.starts = stored.Starts
	if err := d.openJournal(stored.Identity, &state.Records); err != nil {
		return d.mute(state, err)
	}
	return d, state, nil
}

// blank is a directory without an identity; a journal in it has lost its own.
func (d *Disk) blank() (*Disk, Found, error) {
	exists, err := wal.Exists(d.fs, d.dir)
	if err != nil {
		return d.mute(Found{}, err)
	}
	if exists {
		return d, Found{Mute: fmt.Sprintf("%s holds a journal but no identity: the disk is damaged", d.dir)}, nil
	}
	return d, Found{}, nil
}

// mute turns damage into a reason not to vote, and lets other errors pass.
func (d *Disk) mute(state Found, err error) (*Disk, Found, error) {
	var damage *wal.DamageError
	var foreign *wal.ForeignError
	var replay *wal.ReplayError
	if errors.As(err, &damage) || errors.As(err, &foreign) || errors.As(err, &replay) {
		state.Mute, state.Records = err.Error(), nil
		return d, state, nil
	}
	return nil, Found{}, err
}

// openJournal opens the journal of a disk that has an identity. Only a forming
// disk may lack one: a crash came between the two.
func (d *Disk) openJournal(id paxos.Identity, records *[]paxos.Record) error {
	opts := d.opts
	opts.Create = id.Standing == paxos.Forming
	var at uint64
	opts.AtBatch = func(p wal.Position) { at = p.Segment }
	j, err := wal.Open(d.fs, d.dir, wal.Binding{Cluster: id.Cluster, Store: id.Store}, opts, func(kind byte, payload []byte) error {
		rec, err := paxos.DecodeRecord(paxos.RecordKind(kind), append([]byte(nil), payload...))
		if err == nil {
			d.held.note(at, highest(rec))
			if records != nil {
				*records = append(*records, rec)
			}
		}
		return err
	})
	if err == nil {
		d.journal = j
		d.shown.Store(j)
	}
	return err
}

// Keep implements Store. Identities go first: an acceptor is who it says
// before it says anything as such. All records of a call are synced once. When
// one of them is a FloorRecord, segments of which nothing is needed any more are
// removed afterwards.
func (d *Disk) Keep(records []paxos.Record) error {
	if d.failed == nil {
		d.failed = d.keep(records)
	}
	return d.failed
}

func (d *Disk) keep(records []paxos.Record) error {
	appended := false
	var high, floor paxos.Slot
	for _, rec := range records {
		if id, ok := rec.(paxos.IdentityRecord); ok {
			if err := d.keepIdentity(id.Identity); err != nil {
				return err
			}
			continue
		}
		if d.journal == nil {
			return fmt.Errorf("a record for %s, which has no journal", d.dir)
		}
		d.buf = paxos.AppendRecord(d.buf[:0], rec)
		d.journal.Append(byte(rec.RecordKind()), d.buf)
		appended = true
		high = max(high, highest(rec))
		if f, ok := rec.(paxos.FloorRecord); ok {
			floor = max(floor, f.Floor)
		}
	}
	if !appended {
		return nil
	}
	if floor > 0 {
		failpoint.Hit("truncate-before-sync")
	}
	if err := d.journal.Sync(); err != nil {
		return err
	}
	d.held.note(d.journal.Position().Segment, high)
	if floor > 0 {
		return d.drop(floor)
	}
	return nil
}

func (d *Disk) keepIdentity(id paxos.Identity) error {
	d.starts = max(d.starts, 1)
	if err := wal.WriteIdentity(d.fs, d.dir, wal.Stored{Starts: d.starts, Identity: id}); err != nil {
		return fmt.Errorf("identity in %s: %w", d.dir, err)
	}
	if d.journal != nil {
		return nil
	}
	return d.openJournal(id, nil)
}

// Starts counts the starts of the acceptor with this disk; 0 while it is blank.
func (d *Disk) Starts() uint64 { return d.starts }

// Stats gives the journal's figures; the zero Stats while there is none. Any
// goroutine may ask.
func (d *Disk) Stats() wal.Stats {
	if j := d.shown.Load(); j != nil {
		return j.Stats()
	}
	return wal.Stats{}
}

// Close closes the journal. What was kept is durable already.
func (d *Disk) Close() error {
	if d.journal == nil {
		return nil
	}
	if err := d.journal.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}
